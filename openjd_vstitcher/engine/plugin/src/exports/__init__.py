"""One module for each export type, with a function `export(request)`; copy one to make your own."""

"""One module for each export type, with a function `export(request)`; see examples/custom_export for a custom one."""

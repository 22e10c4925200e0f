"""One module for each mutation type, with a function `mutate(garment, instruction)`."""

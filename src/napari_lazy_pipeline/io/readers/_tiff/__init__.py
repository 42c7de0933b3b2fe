"""TIFF: where planes are in a file, and what the file says about them."""

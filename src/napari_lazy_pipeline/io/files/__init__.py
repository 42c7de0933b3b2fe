"""Files: their names, their places in the stack, and their volumes."""

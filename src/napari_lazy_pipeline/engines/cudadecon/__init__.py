"""The pycudadecon engine, and its worker process."""

"""Live data: what a folder that is being written holds by now."""

"""Sample data, and a simulated microscope that writes them."""

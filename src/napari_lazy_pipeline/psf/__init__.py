"""Point spread functions and the OTFs made of them."""

"""What files are told to be, whatever is in them."""

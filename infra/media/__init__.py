"""What bytes are: their media, the data embedded in them, and pictures of them."""

"""Use cases, called as HTTP and the command line call them."""

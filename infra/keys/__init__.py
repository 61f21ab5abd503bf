"""Personal data is sealed before it is stored; the keys live apart from the log."""

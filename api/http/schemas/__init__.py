"""The models of requests and answers."""

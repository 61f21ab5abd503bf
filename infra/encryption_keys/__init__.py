"""The keys that personal data is sealed with before it is stored. They live apart from the log."""

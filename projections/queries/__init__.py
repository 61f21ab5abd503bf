"""What is asked of read models: lists, counts and selections, each of one read model or several."""

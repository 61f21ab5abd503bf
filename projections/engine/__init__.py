"""From the log to rows: claim, read, decode, load, fold, write, advance."""

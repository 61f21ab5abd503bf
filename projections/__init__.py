"""Read models: what the log folds into. Each can be rebuilt from it at any time."""

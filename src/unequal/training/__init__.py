"""A training step: settings, the table of steps, the run, its loop and its hooks."""

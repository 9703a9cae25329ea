"""What inspect_set looks at, and how it tells and mends it."""

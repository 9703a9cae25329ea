"""What inspect_set looks at, how it tells what it found, and how it repairs the index."""

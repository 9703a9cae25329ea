"""Face sets: one command a file, from photos to training sets and back."""

import unequal  # noqa: F401  (prepares the process before a tool imports mxnet)

import unequal  # noqa: F401  (readies the process before a tool imports mxnet)

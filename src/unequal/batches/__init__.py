"""Training batches: augmentation, the head, the head beside the tail, mining rounds."""

"""Evaluation of checkpoints: verification, identification, embeddings in files, export."""

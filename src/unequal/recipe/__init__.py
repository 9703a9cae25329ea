"""The whole recipe as one run: ``train_unequal.py``."""

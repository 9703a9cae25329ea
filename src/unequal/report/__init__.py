"""OUTPUT/report.html: what a run of train_unequal.py did, and whether the model is better."""

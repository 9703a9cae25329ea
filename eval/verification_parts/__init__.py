"""The parts of eval.verification."""

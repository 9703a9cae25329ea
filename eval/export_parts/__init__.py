"""The parts of eval.export."""

"""The parts of eval.identification."""

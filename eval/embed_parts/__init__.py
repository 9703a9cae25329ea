"""The parts of eval.embed."""

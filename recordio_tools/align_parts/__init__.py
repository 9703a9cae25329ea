"""The parts of recordio_tools.align."""

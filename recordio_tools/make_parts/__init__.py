"""The parts of recordio_tools.make."""

"""The parts of recordio_tools.subset."""

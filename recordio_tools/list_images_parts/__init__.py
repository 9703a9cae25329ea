"""The parts of recordio_tools.list_images."""

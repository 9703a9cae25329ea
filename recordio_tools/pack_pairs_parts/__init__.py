"""The parts of recordio_tools.pack_pairs and unpack_pairs."""

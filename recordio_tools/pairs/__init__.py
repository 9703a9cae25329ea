"""Lists of image pairs and the pickles that verification sets are."""

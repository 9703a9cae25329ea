"""From files of photos to the image of a record: finding, aligning, checking, packing."""

"""The face set: one reader, one writer, index, property, lists, noise lists, scores, decoding."""

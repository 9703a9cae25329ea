"""Checkpoints of the lineage: files, parameters, graphs, and the function made from one."""

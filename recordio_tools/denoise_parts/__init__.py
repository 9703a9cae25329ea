"""Which images denoise removes."""

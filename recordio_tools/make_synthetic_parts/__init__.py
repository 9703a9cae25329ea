"""Drawn faces with planted noise: plan, identities, photos."""

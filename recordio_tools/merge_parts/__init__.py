"""Which identities become one, and from where their images come."""

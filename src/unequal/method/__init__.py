"""The paper: margin, noise resistance, inter-class loss, noise, confusing identities, tail bags."""

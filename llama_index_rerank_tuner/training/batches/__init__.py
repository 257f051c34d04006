"""Which rows share a step, and which pairs share a forward pass."""

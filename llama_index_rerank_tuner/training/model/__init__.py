"""The model in training: where it starts, what of it is trained, and in which precision."""

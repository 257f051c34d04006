"""The settings of a training run: what they may be, and how those that are open choose themselves."""

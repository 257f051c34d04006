"""The command ``rerank-tuner``."""

"""Watching a run: the progress bar, the curve, the alarms, and the best weights kept on disk."""

from llama_index_rerank_tuner.training.watch.callbacks.progress import ProgressBar
from llama_index_rerank_tuner.training.watch.callbacks.recording import CurveRecorder, looks_logged
from llama_index_rerank_tuner.training.watch.callbacks.watching import Watch
from llama_index_rerank_tuner.training.watch.looks import Curve, Look

__all__ = ["Curve", "CurveRecorder", "Look", "ProgressBar", "Watch", "looks_logged"]

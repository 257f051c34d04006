"""Watching a run: the progress bar, the curve, the alarms, and the best weights kept on disk."""

from llama_index_rerank_tuner.training.looks import Curve, Look
from llama_index_rerank_tuner.training.monitor.progress import ProgressBar
from llama_index_rerank_tuner.training.monitor.recording import CurveRecorder, looks_logged
from llama_index_rerank_tuner.training.monitor.watching import Watch

__all__ = ["Curve", "CurveRecorder", "Look", "ProgressBar", "Watch", "looks_logged"]

"""The room where labelled data comes in, is checked and is split."""

from llama_index_rerank_tuner.dataset.audit import Audit, Finding, RepairReport
from llama_index_rerank_tuner.dataset.guide_zh import load_guide_zh
from llama_index_rerank_tuner.dataset.handbook import load_handbook
from llama_index_rerank_tuner.dataset.qasper import QasperPapers, QasperReport, load_qasper
from llama_index_rerank_tuner.dataset.rerank_dataset import RerankDataset
from llama_index_rerank_tuner.dataset.splitting.leaks import LeakReport, check_leaks, find_leaks
from llama_index_rerank_tuner.dataset.splitting.report import SplitReport
from llama_index_rerank_tuner.dataset.splitting.split import Split

__all__ = [
    "Audit",
    "Finding",
    "LeakReport",
    "QasperPapers",
    "QasperReport",
    "RepairReport",
    "RerankDataset",
    "Split",
    "SplitReport",
    "check_leaks",
    "find_leaks",
    "load_guide_zh",
    "load_handbook",
    "load_qasper",
]

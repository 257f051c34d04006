"""QASPER: questions on research papers, answered by paragraphs (Dasigi et al. 2021)."""

from llama_index_rerank_tuner.dataset.qasper.load import QasperPapers, load_qasper
from llama_index_rerank_tuner.dataset.qasper.report import QasperReport

__all__ = ["QasperPapers", "QasperReport", "load_qasper"]

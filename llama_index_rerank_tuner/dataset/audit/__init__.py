"""The audit: what a data set holds, the faults that would spoil training on it, and their repair."""

from llama_index_rerank_tuner.dataset.audit.auditing import audit
from llama_index_rerank_tuner.dataset.audit.finding import Finding, RecordLink
from llama_index_rerank_tuner.dataset.audit.repair import Change, RepairReport, repair
from llama_index_rerank_tuner.dataset.audit.report import Audit

__all__ = ["Audit", "Change", "Finding", "RecordLink", "RepairReport", "audit", "repair"]

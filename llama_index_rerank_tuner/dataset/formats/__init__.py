"""File formats, one file each: triples and groups are the field's and ours, the others are imported."""

from llama_index_rerank_tuner.dataset.formats.beir import read_beir
from llama_index_rerank_tuner.dataset.formats.groups import parse_groups, read_groups, write_groups
from llama_index_rerank_tuner.dataset.formats.triples import group_triples, read_triples, write_triples

__all__ = [
    "group_triples",
    "parse_groups",
    "read_beir",
    "read_groups",
    "read_triples",
    "write_groups",
    "write_triples",
]

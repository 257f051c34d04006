"""File formats, one file each: triples and groups are the field's and ours, the others are imported and exported."""

from llama_index_rerank_tuner.dataset.formats.beir import read_beir
from llama_index_rerank_tuner.dataset.formats.groups import parse_groups, read_groups, write_groups
from llama_index_rerank_tuner.dataset.formats.hugging_face import from_hugging_face, to_hugging_face
from llama_index_rerank_tuner.dataset.formats.registry import FORMATS
from llama_index_rerank_tuner.dataset.formats.triples import group_triples, read_triples, write_triples

__all__ = [
    "FORMATS",
    "from_hugging_face",
    "group_triples",
    "parse_groups",
    "read_beir",
    "read_groups",
    "read_triples",
    "to_hugging_face",
    "write_groups",
    "write_triples",
]

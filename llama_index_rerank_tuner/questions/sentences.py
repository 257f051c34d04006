"""Cutting text into sentences, Chinese and English, for chunks that begin and end with one."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llama_index.core.node_parser import SentenceSplitter

_CHINESE_SENTENCE = re.compile('[^。！？；\n]*(?:[。！？；]+[”’」』）》"]*|\n+|$)')
_CHINESE = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")
_CLAUSES = "[^,，、:：;；。？！]+[,，、:：;；。？！]?|[,，、:：;；。？！]+"


def sentences(text: str, english: Callable[[str], Sequence[str]]) -> list[str]:
    """Cut a text into sentences; joined they are the text again.

    Args:
        text: The text; Chinese and English may be mixed.
        english: Cuts text that holds no Chinese.

    Example:
        >>> sentences("第一条。“第二条。”Then it ends.", lambda text: [text])
        ['第一条。', '“第二条。”', 'Then it ends.']
    """
    cut: list[str] = []
    for piece in _CHINESE_SENTENCE.findall(text):
        if piece:
            cut += [piece] if _CHINESE.search(piece) or not piece.strip() else english(piece)
    return cut


def sentence_splitter(chunk_size: int, chunk_overlap: int) -> SentenceSplitter:
    """LlamaIndex's ``SentenceSplitter`` that knows where Chinese sentences and clauses end.

    Args:
        chunk_size: Tokens a chunk may have.
        chunk_overlap: Tokens that two neighbours share.
    """
    from llama_index.core.node_parser import SentenceSplitter
    from llama_index.core.node_parser.text.utils import split_by_sentence_tokenizer

    english = split_by_sentence_tokenizer()
    return SentenceSplitter(
        chunk_size=chunk_size,
        chunk_overlap=chunk_overlap,
        paragraph_separator="\n\n",
        chunking_tokenizer_fn=lambda text: sentences(text, english),
        secondary_chunking_regex=_CLAUSES,
        id_func=lambda index, document: f"{document.node_id}#{index}",
    )

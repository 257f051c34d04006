"""The heading of a node: in its metadata, or on the first line of its text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llama_index.core.schema import BaseNode

HEADING_KEYS = ("section", "section_name", "header", "heading", "title")
"""Metadata keys that hold a heading, the closest to the text first."""

LONGEST_HEADING = 80
"""Characters; what is longer is a sentence."""

_MARKDOWN = re.compile(r"^#{1,6}\s+")
_SENTENCE_END = ("。", ".", "!", "！", ";", "；", ",", "，", ":", "：")


def heading_of(node: BaseNode) -> str | None:
    r"""The heading of a node; None where it has none.

    A first line is a heading where it is a Markdown heading, or short, without the end of a sentence, and followed by
    more text.

    Example:
        >>> from llama_index.core.schema import TextNode
        >>> heading_of(TextNode(text="## Who may apply\nFirms with 50 staff."))
        'Who may apply'
        >>> heading_of(TextNode(text="Firms with 50 staff may apply.")) is None
        True
    """
    for key in HEADING_KEYS:
        heading = _short(node.metadata.get(key))
        if heading is not None:
            return heading
    first, _, rest = node.get_content().strip().partition("\n")
    if _MARKDOWN.match(first):
        return _short(_MARKDOWN.sub("", first))
    return _short(first) if rest.strip() and not first.rstrip().endswith(_SENTENCE_END) else None


def _short(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    heading = " ".join(value.split())
    return heading if 0 < len(heading) <= LONGEST_HEADING and any(map(str.isalpha, heading)) else None

"""Which language a text is in, as far as prompts and templates need to know it."""

from __future__ import annotations

import re
from typing import Literal

from llama_index_rerank_tuner.errors import ConfigError

Language = Literal["en", "zh"]
LanguageChoice = Literal["auto", "en", "zh"]

_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_WORD = re.compile(r"[^\W\d_]+")


def language_of(text: str, choice: LanguageChoice = "auto") -> Language:
    """Chinese where at least a third of the words is, counting each Chinese character as a word; else English.

    Args:
        text: A passage.
        choice: ``en`` or ``zh`` to settle it for every text, ``auto`` to look.

    Raises:
        ConfigError: The choice is none of the three.

    Example:
        >>> language_of("高新技术企业 (HNTE) 认定管理办法"), language_of("The R&D office (研发) opens at nine.")
        ('zh', 'en')
    """
    if choice not in ("auto", "en", "zh"):
        raise ConfigError(f"language must be auto, en or zh, got {choice!r}.")
    if choice != "auto":
        return choice
    han = len(_HAN.findall(text))
    others = len(_WORD.findall(_HAN.sub(" ", text)))
    return "zh" if han and han * 2 >= others else "en"

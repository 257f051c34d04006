"""Text as the lexical side sees it: broken words made whole again. What is trained on and served stays as it is."""

from __future__ import annotations

import re
import unicodedata

_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u2060\ufeff"))
_HYPHEN_AT_LINE_END = re.compile(r"(?<=[^\W\d_])[-\u2010]\s*\n\s*([^\W\d_])")
_BREAK_IN_CHINESE = re.compile(rf"(?<=[{_HAN}])[^\S\n]*\n[^\S\n]*(?=[{_HAN}])")
_SPACED_CHINESE = re.compile(rf"(?<![{_HAN}])[{_HAN}](?:[^\S\n]+[{_HAN}]){{2,}}(?![{_HAN}])")


def lexical_text(text: str) -> str:
    r"""Undo what scanning and page layout do to words, for search only.

    Full-width letters, ligatures, letters with a separate accent and radicals become the plain characters (NFKC);
    invisible characters (soft hyphen, zero-width space) go; a word hyphenated at a line end is joined where it goes on
    in lower case; Chinese characters with a single line break between them are joined, and so are three or more that
    stand one by one. A blank line stays a border. What looks like layout may be meant, rarely: "long-" before
    "term" on the next line becomes "longterm".

    Example:
        >>> lexical_text("The appor-\ntionment of ＶＡＴ")
        'The apportionment of VAT'
        >>> lexical_text("研发费\n用，加 计 扣 除")
        '研发费用,加计扣除'
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text.translate(_INVISIBLE))
        text = _SPACED_CHINESE.sub(_joined, _BREAK_IN_CHINESE.sub("", text.replace("\r\n", "\n")))
    return _HYPHEN_AT_LINE_END.sub(_unhyphenated, text) if "\n" in text else text


def _joined(match: re.Match[str]) -> str:
    return "".join(match[0].split())


def _unhyphenated(match: re.Match[str]) -> str:
    return match[1] if match[1].islower() else match[0]

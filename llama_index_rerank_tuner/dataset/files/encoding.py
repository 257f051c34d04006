"""Files as UTF-8 text, line by line: a file in another encoding is named, with the command that converts it."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

from llama_index_rerank_tuner.errors import DataError

_SAMPLE = 65_536
_MARKS = {
    codecs.BOM_UTF8: "UTF-8",
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
_CONTAINERS = {
    b"PK\x03\x04": ("an Excel workbook or another zip archive", "Unpack it, or save the table as CSV UTF-8."),
    b"\x1f\x8b": ("compressed with gzip", "Unpack it with gunzip."),
    b"PAR1": ("a Parquet file", "Convert it to JSONL."),
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook or another Office file", "Save the table as CSV UTF-8."),
    b"%PDF": ("a PDF document", "Give a file of labelled questions."),
}


def decoded_lines(path: Path) -> Iterator[str]:
    r"""Yield a UTF-8 file's lines with their ends (``\n`` alone ends a line); a byte order mark is taken off.

    Only one line is held at a time.

    Raises:
        DataError: The file is missing, cannot be opened, is an archive, or is not UTF-8. Where the encoding can be
            told (UTF-16, GB18030), it is named with the command that converts it.
    """
    if not path.is_file():
        raise DataError(str(path), "no such file", "Check the path.")
    try:
        with path.open("rb") as stream:
            offset = _start_of_text(path, stream.read(_SAMPLE))
            stream.seek(offset)
            for raw in stream:
                yield _decoded(path, raw, offset)
                offset += len(raw)
    except OSError as error:
        raise DataError(str(path), f"it cannot be read ({error.strerror})", "Check its permissions.") from error


def read_text(path: Path) -> str:
    """Read a UTF-8 file whole (a byte order mark is taken off).

    Raises:
        DataError: As ``decoded_lines``.
    """
    return "".join(decoded_lines(path))


def _start_of_text(path: Path, head: bytes) -> int:
    for signature, (what, fix) in _CONTAINERS.items():
        if head.startswith(signature):
            raise DataError(str(path), f"it is {what}", fix)
    mark = next((mark for mark in _MARKS if head.startswith(mark)), b"")
    encoding = _MARKS.get(mark, "UTF-8") if mark else _wide_encoding(head)
    if encoding != "UTF-8":
        raise _not_utf8(path, 0, encoding)
    return len(mark)


def _wide_encoding(head: bytes) -> str:
    """UTF-16 without a mark shows as a NUL beside almost every ASCII character."""
    nuls = (head[::2].count(0), head[1::2].count(0))
    if 4 * max(nuls) < len(head) or len(head) < 4:
        return "UTF-8"
    return "UTF-16BE" if nuls[0] > nuls[1] else "UTF-16LE"


def _decoded(path: Path, raw: bytes, offset: int) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _not_utf8(path, offset + error.start, "GB18030" if looks_chinese(raw) else None) from error


def looks_chinese(raw: bytes) -> bool:
    """Whether bytes that are not UTF-8 read as GB18030 (and so as GBK and GB2312), mostly in common characters.

    Much Latin-1 text decodes as GB18030 too, but to rare characters.

    Example:
        >>> looks_chinese("谁可以申请？".encode("gbk")), looks_chinese("Müller déjà".encode("latin-1"))
        (True, False)
    """
    try:
        text = codecs.getincrementaldecoder("gb18030")().decode(raw[:_SAMPLE])
    except UnicodeDecodeError:
        return False
    foreign = [character for character in text if character > "\x7f"]
    common = sum(len(character.encode("gb2312", "ignore")) == 2 for character in foreign)
    return bool(foreign) and common >= 0.7 * len(foreign)


def _not_utf8(path: Path, byte: int, encoding: str | None) -> DataError:
    problem = f"not UTF-8 (byte {byte} cannot be read)"
    if encoding is None:
        command = f"iconv -f LATIN1 -t UTF-8 {path.name}"
        return DataError(str(path), problem, f"Convert it from its encoding, for example with: {command}")
    known = f"{problem}: it looks like {'GBK or GB18030' if encoding == 'GB18030' else encoding}"
    target = f"{path.stem}.utf8{path.suffix}"
    in_excel = "Save it from Excel as CSV UTF-8, or convert" if path.suffix.lower() == ".csv" else "Convert"
    return DataError(str(path), known, f"{in_excel} it with: iconv -f {encoding} -t UTF-8 {path.name} > {target}")

"""How a score is stored outside of this process: eight bytes and a checksum over them and their key."""

from __future__ import annotations

import math
import struct
from zlib import crc32

_ENTRY = struct.Struct("<dI")
_SCORE = struct.Struct("<d")


def packed(key: bytes, score: float) -> bytes:
    """The entry of a score under its key, 12 bytes.

    Example:
        >>> unpacked(b"key", packed(b"key", 0.5)), unpacked(b"other key", packed(b"key", 0.5))
        (0.5, None)
    """
    return _ENTRY.pack(score, crc32(_SCORE.pack(score), crc32(key)))


def unpacked(key: bytes, entry: object) -> float | None:
    """The score of an entry; None where it is damaged, of another key or not finite, so that it is computed anew."""
    if not isinstance(entry, bytes) or len(entry) != _ENTRY.size:
        return None
    score, checksum = _ENTRY.unpack(entry)
    if checksum != crc32(entry[: _SCORE.size], crc32(key)) or not math.isfinite(score):
        return None
    return float(score)

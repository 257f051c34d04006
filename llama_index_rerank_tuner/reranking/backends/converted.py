"""The file of a converted network: whose weights it was made from, and for which kind of CPU."""

from __future__ import annotations

import platform
from pathlib import Path

from llama_index_rerank_tuner.json_files import read_json, write_json

INT8_FILES = {
    "vnni": "onnx/model_qint8_avx512_vnni.onnx",
    "arm64": "onnx/model_qint8_arm64.onnx",
    "other": "onnx/model_quint8_avx2.onnx",
}
"""Where sentence-transformers keeps the int8 network for a kind of CPU.

Signed weights are for a CPU that adds up products of bytes in 32 bits (VNNI, ARM). Older x86 CPUs add them up in
16 bits, which signed weights overflow: theirs are unsigned.
"""


def cpu_kind() -> str:
    """The key of ``INT8_FILES`` for this machine."""
    if platform.machine().lower() in ("arm64", "aarch64"):
        return "arm64"
    described = Path("/proc/cpuinfo")
    flags = described.read_text(encoding="utf-8", errors="replace").split() if described.is_file() else []
    return "vnni" if {"avx512_vnni", "avx_vnni"} & set(flags) else "other"


def note_weights(file: Path, fingerprint: str) -> None:
    """Write beside a converted network the ``model_fingerprint`` of the checkpoint that it was made from."""
    write_json(_note(file), {"made_from": fingerprint})


def made_from(file: Path) -> str | None:
    """The fingerprint of the checkpoint that a converted network was made from; None where no note tells it."""
    return (read_json(_note(file)) or {}).get("made_from")


def take_away(file: Path) -> None:
    """Remove a converted network and its note, where they are."""
    for each in (file, _note(file)):
        each.unlink(missing_ok=True)


def _note(file: Path) -> Path:
    return file.with_name(f"{file.stem}.made_from.json")

"""The deprecated package's engine type, where that package is loaded."""

from __future__ import annotations

import sys


def stand_in_for_incumbent(engine: type) -> None:
    """Make an engine class a ``BaseCrossEncoderFinetuningEngine`` of ``llama-index-finetuning``.

    That package is not imported for it: importing it takes seconds, and fails on a fresh install. Where it is not
    loaded yet, nothing happens, so this is called again whenever an engine is made.
    """
    types = sys.modules.get("llama_index.finetuning.types")
    if types is not None:
        types.BaseCrossEncoderFinetuningEngine.register(engine)

"""Twenty spoilt tunings, of which none is promoted; the same tuning unspoilt is (``test_honest``)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llama_index_rerank_tuner.errors import RerankTunerError
from llama_index_rerank_tuner.pipeline.serving import BASE, BASE_MIX, RETRIEVER
from tests.pipeline_gate.sabotage import SABOTAGED, Sabotage
from tests.pipeline_gate.subject import TESTED_ON, Tuning, measured_rankings, served_rankings, subject, tune


def test_there_are_twenty() -> None:
    assert len(SABOTAGED) == 20


def tuned_unless_refused(sabotage: Sabotage, folder: Path, model: str) -> Tuning | None:
    try:
        return tune(
            folder, model, sabotage.labelled(), sabotage.config, **{"test": subject(TESTED_ON), **sabotage.settings}
        )
    except RerankTunerError as refusal:
        if sabotage.refused_by is None or not isinstance(refusal, sabotage.refused_by):
            raise
        return None


@pytest.mark.slow
@pytest.mark.parametrize("name", SABOTAGED)
def test_a_spoilt_tuning_is_not_promoted(
    name: str, tiny_models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage = SABOTAGED[name]
    sabotage.install(monkeypatch)
    tuning = tuned_unless_refused(sabotage, tmp_path, str(tiny_models["cross-encoder"]))
    if tuning is None:
        assert not (tmp_path / "out" / "report.json").exists()
        return
    assert sabotage.refused_by is None
    result = tuning.result
    assert result.verdict.outcome in ("no evidence", "worse")
    assert result.serving.name in (RETRIEVER, BASE, BASE_MIX)
    assert served_rankings(result) == measured_rankings(result)
    assert "Tuning is not proven better" in tuning.warned
    stored = json.loads((result.checkpoint / "verdict.json").read_text())
    assert (stored["verdict"], stored["forced"]) == (result.verdict.outcome, False)

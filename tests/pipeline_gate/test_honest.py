"""Ten honest tunings on data with room to improve, of which at least nine are promoted."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from llama_index_rerank_tuner import RerankDataset
from llama_index_rerank_tuner.pipeline.serving import TUNED_MIX
from tests.pipeline_gate.subject import (
    ANSWER,
    DOCUMENTS,
    TESTED_ON,
    TRAINED_ON,
    measured_rankings,
    served_rankings,
    subject,
    tune,
)


@dataclass(frozen=True)
class Honest:
    config: dict[str, Any] = field(default_factory=dict)
    model: str = "cross-encoder"
    answer: str = ANSWER
    given_test: bool = False

    @property
    def labelled(self) -> RerankDataset:
        return subject(TRAINED_ON if self.given_test else DOCUMENTS, self.answer)

    @property
    def settings(self) -> dict[str, Any]:
        return {"test": subject(TESTED_ON, self.answer)} if self.given_test else {}


HONEST = {
    "as the spoilt ones": Honest(given_test=True),
    "another seed": Honest({"seed": 1}),
    "a third seed": Honest({"seed": 2}),
    "binary cross-entropy": Honest({"loss": "bce", "seed": 3}),
    "cross-entropy": Honest({"loss": "cross_entropy", "seed": 4}),
    "LambdaLoss": Honest({"loss": "lambda", "seed": 5}),
    "RankNet": Honest({"loss": "ranknet", "seed": 6}),
    "an encoder with a new head": Honest({"seed": 7}, model="encoder"),
    "noisy passages": Honest({"noise": 0.1, "seed": 8}),
    "another answer": Honest({"seed": 9}, answer="rule", given_test=True),
}


@pytest.mark.slow
def test_honest_tunings_are_promoted(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    outcomes = {}
    for place, (name, honest) in enumerate(HONEST.items()):
        folder = tmp_path / str(place)
        result = tune(folder, str(tiny_models[honest.model]), honest.labelled, honest.config, **honest.settings).result
        outcomes[name] = result.verdict.outcome
        assert served_rankings(result) == measured_rankings(result)
        assert (result.serving.name == TUNED_MIX) == (result.verdict.outcome == "better")
        assert json.loads((result.checkpoint / "verdict.json").read_text())["verdict"] == result.verdict.outcome
    assert len(outcomes) == 10
    assert sum(outcome == "better" for outcome in outcomes.values()) >= 9, outcomes
    assert outcomes["as the spoilt ones"] == "better"

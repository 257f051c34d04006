"""Twenty ways to spoil a tuning: its data, its settings, its loss, or the checkpoint that came out."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from llama_index_rerank_tuner import CrossEncoderFinetuneEngine, RerankDataset
from llama_index_rerank_tuner.errors import LeakError, RerankTunerError, ScoreError
from llama_index_rerank_tuner.records import Passage, RerankExample
from tests.conftest import WORDS
from tests.pipeline_gate.subject import KINDS, OTHERS, TESTED_ON, TOPICS, TRAINED_ON, passage, question, subject

Damage = Callable[[CrossEncoderFinetuneEngine], None]


@dataclass(frozen=True)
class Sabotage:
    """What is spoilt.

    ``refused_by`` is the error that ends the tuning; None where it ends in a verdict.
    ``before_measuring`` spoils the checkpoint after training, ``scores`` what the loss sees.
    """

    labelled: Callable[[], RerankDataset] = lambda: subject(TRAINED_ON)
    config: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    before_measuring: Damage | None = None
    scores: Callable[[Any], Any] | None = None
    refused_by: type[RerankTunerError] | None = None

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        if self.before_measuring is not None:
            damage, finetune = self.before_measuring, CrossEncoderFinetuneEngine.finetune

            def finetune_and_damage(engine: CrossEncoderFinetuneEngine, *args: Any, **settings: Any) -> None:
                finetune(engine, *args, **settings)
                damage(engine)

            monkeypatch.setattr(CrossEncoderFinetuneEngine, "finetune", finetune_and_damage)
        if self.scores is not None:
            from llama_index_rerank_tuner.training.losses.scoring import ScoringLoss

            seen, honest = self.scores, ScoringLoss.scores
            monkeypatch.setattr(ScoringLoss, "scores", lambda loss, *args: seen(honest(loss, *args)))


def relabelled(change: Callable[[RerankExample], RerankExample]) -> RerankDataset:
    honest = subject(TRAINED_ON)
    return honest.with_examples([change(example) for example in honest])


def of_kinds(example: RerankExample, *kinds: str) -> tuple[Passage, ...]:
    document, topic = example.query_id.split("-")
    return tuple(passage(document, topic, kind) for kind in kinds)


def flipped_labels() -> RerankDataset:
    return relabelled(
        lambda example: replace(example, positives=of_kinds(example, *OTHERS), negatives=example.positives)
    )


def labels_by_coin() -> RerankDataset:
    draw = random.Random(0)
    return relabelled(lambda example: replace(example, positives=of_kinds(example, draw.choice(KINDS))))


def answers_of_another_task() -> RerankDataset:
    return subject(TRAINED_ON, answer="rule")


def noise() -> RerankDataset:
    """Random words, but for those that the test questions would find them by."""
    draw = random.Random(0)
    known = [word for word in WORDS if word not in (*TOPICS, *TESTED_ON)]

    def words(count: int) -> str:
        return " ".join(draw.choice(known) for _ in range(count))

    def nonsense(index: int) -> RerankExample:
        made = [Passage(words(5), node_id=f"noise-{index}-{place}", group=f"noise-{index}") for place in range(5)]
        return RerankExample(f"noise-{index}", words(5), tuple(made[:1]), tuple(made[1:]), group=f"noise-{index}")

    return RerankDataset.build([nonsense(index) for index in range(72)])


def shuffled_passages() -> RerankDataset:
    """Every question gets one of all the passages for an answer."""
    passages = list(subject(TRAINED_ON).corpus)
    random.Random(0).shuffle(passages)
    return relabelled(lambda example: replace(example, positives=(passages.pop(),)))


def swapped_query_and_passage() -> RerankDataset:
    """The columns changed places: the answer asks, and the question is to be found among other questions."""

    def swapped(example: RerankExample) -> RerankExample:
        asked = Passage(example.query, node_id=f"query-{example.query_id}", group=example.group)
        return replace(example, query=example.positives[0].text, positives=(asked,))

    examples = [swapped(example) for example in subject(TRAINED_ON)]
    return RerankDataset.build(examples, [passage for example in examples for passage in example.positives])


def one_question_each(documents: Sequence[str]) -> RerankDataset:
    return subject(documents).with_examples([question(document, "fee") for document in documents])


def tell_tale_word() -> RerankDataset:
    """The answers are of any kind; in training alone, each holds a word that gives it away."""
    draw = random.Random(0)

    def told(example: RerankExample) -> RerankExample:
        kinds = draw.sample(KINDS, len(KINDS))
        answer, *others = of_kinds(example, *kinds)
        marked = Passage(f"{answer.text} and is it", node_id=f"told-{answer.key}", group=example.group)
        return replace(example, positives=(marked,), negatives=tuple(others))

    examples = [told(example) for example in subject(TRAINED_ON)]
    return RerankDataset.build(examples)


def leaked_test_set() -> RerankDataset:
    return subject((*TRAINED_ON, TESTED_ON[0]))


def of_weights(change: Callable[[Any], Any], name: str = "classifier.weight") -> Damage:
    """Change one of the checkpoint's tensors."""

    def damage(engine: CrossEncoderFinetuneEngine) -> None:
        from safetensors.torch import load_file, save_file

        file = engine.model_output_path / "model.safetensors"
        tensors = load_file(file)
        tensors[name] = change(tensors[name])
        save_file(tensors, file, metadata={"format": "pt"})

    return damage


def another_tokenizer(engine: CrossEncoderFinetuneEngine) -> None:
    """The words keep their places but for those of the subject, which are dealt anew."""
    file = engine.model_output_path / "tokenizer.json"
    content = json.loads(file.read_text())
    vocabulary = content["model"]["vocab"]
    words = sorted(word for word in vocabulary if not word.startswith("["))
    places = [vocabulary[word] for word in words]
    random.Random(0).shuffle(places)
    vocabulary.update(zip(words, places, strict=True))
    file.write_text(json.dumps(content))


def another_contract(engine: CrossEncoderFinetuneEngine) -> None:
    """Served under a contract that cuts every passage after its first word, the topic, which says nothing."""
    engine.contract = replace(engine.contract, max_length=5)
    engine.contract.save(engine.model_output_path)


def softmax_over_one(scores: Any) -> Any:
    """The activation of a classifier, which makes 1 of every lone score."""
    return scores.unsqueeze(1).softmax(dim=1).squeeze(1)


SABOTAGED: dict[str, Sabotage] = {
    "flipped labels": Sabotage(flipped_labels),
    "labels by coin": Sabotage(labels_by_coin),
    "labels of another task": Sabotage(answers_of_another_task),
    "trained on noise": Sabotage(noise),
    "shuffled passages": Sabotage(shuffled_passages),
    "swapped query and passage": Sabotage(swapped_query_and_passage),
    "tiny data": Sabotage(
        lambda: one_question_each(TRAINED_ON[:3]), settings={"val": 2, "test": one_question_each(TESTED_ON[:6])}
    ),
    "a tell-tale word": Sabotage(tell_tale_word),
    "leaked test set": Sabotage(leaked_test_set, refused_by=LeakError),
    "learns nothing": Sabotage(config={"learning_rate": 1e-12}),
    "collapses": Sabotage(
        before_measuring=of_weights(
            lambda tensor: tensor * 0.0 + tensor.mean(dim=0), "bert.embeddings.word_embeddings.weight"
        )
    ),
    "diverges": Sabotage(config={"learning_rate": 1e30}, refused_by=ScoreError),
    "truncated to nothing": Sabotage(config={"max_length": 3}, refused_by=ScoreError),
    "wrong activation": Sabotage(scores=softmax_over_one),
    "falling activation": Sabotage(scores=lambda scores: -scores),
    "NaN weights": Sabotage(before_measuring=of_weights(lambda tensor: tensor * float("nan")), refused_by=ScoreError),
    "constant scores": Sabotage(before_measuring=of_weights(lambda tensor: tensor * 0.0)),
    "turned head": Sabotage(before_measuring=of_weights(lambda tensor: -tensor)),
    "wrong tokenizer": Sabotage(before_measuring=another_tokenizer),
    "wrong contract": Sabotage(before_measuring=another_contract),
}

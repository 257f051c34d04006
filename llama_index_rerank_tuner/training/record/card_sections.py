"""The sections of a model card, each a piece of Markdown; empty where there is nothing to say."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from llama_index_rerank_tuner.dataset import RerankDataset

if TYPE_CHECKING:
    from llama_index_rerank_tuner.training.record.model_card import CheckpointRecord

VERDICTS = {
    "better": "**Better** than what it was compared with, on held-out questions.",
    "worse": "**Worse** than what it was compared with, on held-out questions: do not serve it.",
    "no evidence": "**No evidence** that it ranks better than what it was compared with, on held-out questions.",
}
COUNTED = {
    "questions": "questions",
    "groups": "source documents",
    "passages": "passages",
    "positives": "relevant pairs",
    "negatives": "irrelevant pairs",
}
SAMPLE_LENGTH = 300


def introduction(record: CheckpointRecord) -> str:
    """What it is."""
    base = named(record.report.get("model_id", "an unknown model"))
    return (
        f"# {record.name}\n\nA cross-encoder reranker, fine-tuned from {base} with "
        "[llama-index-rerank-tuner](https://pypi.org/project/llama-index-rerank-tuner/): it scores how well a passage "
        "answers a question, to reorder what a retriever found."
    )


def verdict(record: CheckpointRecord) -> str:
    """What was proven."""
    if not record.verdict:
        said = "**Not benchmarked.** Nothing shows that it ranks better than the model it was tuned from."
        return f"## Verdict\n\n{said}"
    outcome = str(record.verdict.get("verdict"))
    parts = ["## Verdict", VERDICTS.get(outcome, outcome), str(record.verdict.get("reason", ""))]
    if record.verdict.get("forced"):
        parts.append("It is served all the same: that was forced (`force=True`).")
    return "\n\n".join(filter(None, parts))


def usage(record: CheckpointRecord) -> str:
    """Snippets that run."""
    path = f'snapshot_download("{record.name}")' if record.on_hub else f'"{record.name}"'
    fetch = "from huggingface_hub import snapshot_download\n" if record.on_hub else ""
    mix = ", and mixes its score with the retriever's rank as fitted" if record.mixed else ""
    return f"""## Usage

In LlamaIndex, under the text contract it was trained with{mix}:

```python
{fetch}from llama_index_rerank_tuner import FinetunedRerank

reranker = FinetunedRerank({path}, top_n=3)
# query_engine = index.as_query_engine(similarity_top_k=30, node_postprocessors=[reranker])
```

With LlamaIndex's own reranker{_own_reranker_caution(record)}:

```python
from llama_index.postprocessor.sbert_rerank import SentenceTransformerRerank

reranker = SentenceTransformerRerank(model="{record.name}", top_n=3)
```

With sentence-transformers:

```python
from sentence_transformers import CrossEncoder

model = CrossEncoder("{record.name}")
ranked = model.rank("a question", ["a passage", "another passage"])
```"""


def metrics(record: CheckpointRecord) -> str:
    """The benchmark with its intervals, and the validation that chose the weights."""
    parts = [_benchmark(record), _validation(record)]
    return "\n\n".join(["## Metrics", *filter(None, parts)]) if any(parts) else ""


def data(record: CheckpointRecord, dataset: RerankDataset | None) -> str:
    """Counts of the training data."""
    known = counts(record)
    lines = [f"- {label}: {known[name]:,}" for name, label in COUNTED.items() if name in known]
    for name, label in (("languages", "languages (by script)"), ("question_types", "kinds of question")):
        if known.get(name):
            lines.append(f"- {label}: " + ", ".join(f"{each} {count:,}" for each, count in known[name].items()))
    sources = Counter(source for e in dataset or () for p in e.negatives for source in p.retrieved)
    if sources:
        lines.append("- negatives from: " + ", ".join(f"{name} {count:,}" for name, count in sources.most_common()))
    if not lines:
        return ""
    note = "The data itself is not part of this card."
    return "\n".join(["## Training data", "", *lines, "", note])


def sample(dataset: RerankDataset, examples: int) -> str:
    """The first questions, each with a positive and a negative; nothing where none is asked for."""
    if not examples:
        return ""
    shown = [
        {
            "query": example.query[:SAMPLE_LENGTH],
            "positive": example.positives[0].text[:SAMPLE_LENGTH],
            **({"negative": example.negatives[0].text[:SAMPLE_LENGTH]} if example.negatives else {}),
        }
        for example in dataset[:examples]
    ]
    return "## Examples\n\n~~~json\n" + json.dumps(shown, indent=2, ensure_ascii=False) + "\n~~~"


def contract(record: CheckpointRecord) -> str:
    """How text is made."""
    made = record.contract
    rows = {
        "metadata in a node's text": made.metadata_mode,
        "query template": f"`{made.query_template}`",
        "passage template": f"`{made.passage_template}`",
        "longest pair": f"{made.max_length} tokens",
        "retriever whose candidates it ranks": made.retriever or "unknown",
        "scope of the candidates": made.scope or "unknown",
    }
    return "## Text contract\n\n" + _table(("", "value"), rows.items())


def settings(record: CheckpointRecord) -> str:
    """The settings, with the reason of each that chose itself."""
    values, reasons = settings_and_reasons(record.report)
    if not values:
        return ""
    rows = [(name, named(value), reasons.get(name, "")) for name, value in values.items()]
    return "## Settings\n\n" + _table(("setting", "value", "reason"), rows)


def warnings(record: CheckpointRecord) -> str:
    """What looked wrong in training."""
    alarms = (record.report.get("curve") or {}).get("alarms") or []
    lines = [f"- {each['name']} at step {each['step']}: {each['message']}" for each in alarms]
    return "\n".join(["## Warnings of training", "", *lines]) if lines else ""


def versions(record: CheckpointRecord) -> str:
    """What it was made with."""
    made = [f"{name} {number}" for name, number in (record.report.get("versions") or {}).items()]
    hardware = [f"{name} {value}" for name, value in (record.report.get("hardware") or {}).items()]
    lines = [f"- {label}: {', '.join(each)}" for label, each in (("versions", made), ("hardware", hardware)) if each]
    return "\n".join(["## Made with", "", *lines]) if lines else ""


def licence(record: CheckpointRecord, given: str | None) -> str:
    """The licence, or that it is not known."""
    if given is not None:
        return f"## Licence\n\n{given}"
    base = named(record.report.get("model_id", "the base model"))
    return (
        f"## Licence\n\nUnknown: it was not stated when this model was saved. The licence of {base} and the rights in "
        "the training data apply."
    )


def counts(record: CheckpointRecord) -> dict[str, Any]:
    """Counts and balance of the training data, as the audit in the report has them."""
    audit = record.report.get("audit") or {}
    return {**audit, **(audit.get("balance") or {})}


def settings_and_reasons(report: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The settings of a training report, and why those that chose themselves are what they are.

    Example:
        >>> settings_and_reasons({"settings": {"epochs": 4}, "reasons": {"epochs": "few questions"}})
        ({'epochs': 4}, {'epochs': 'few questions'})
    """
    return dict(report.get("settings") or {}), dict(report.get("reasons") or {})


def named(value: Any) -> str:
    """A value as the card shows it: of a path only its last part, which says nothing of the machine.

    Example:
        >>> named("/home/me/models/base"), named("BAAI/bge-reranker-base"), named(4e-5)
        ('base', 'BAAI/bge-reranker-base', '4e-05')
    """
    text = str(value)
    return PurePath(text).name if text.startswith(("/", "~", ".")) or "\\" in text else text


def _own_reranker_caution(record: CheckpointRecord) -> str:
    made = record.contract
    if made.metadata_mode == "embed" and (made.query_template, made.passage_template) == ("{query}", "{passage}"):
        return ", which makes the same text"
    return " (it makes other text than this model was trained on and may rank worse)"


def _benchmark(record: CheckpointRecord) -> str:
    contestants = record.benchmark.get("contestants") or {}
    if not contestants:
        return ""
    names = list(next(iter(contestants.values())))
    rows = [[name, *(_figure(figures[each]) for each in names)] for name, figures in contestants.items()]
    about = f"{record.benchmark.get('questions', '?')} held-out questions; 95 % intervals in brackets."
    return f"{about}\n\n" + _table(("", *names), rows)


def _figure(figures: Mapping[str, Any]) -> str:
    bounds = figures.get("interval")
    return f"{figures['mean']:.4f} " + (f"[{bounds[0]:.4f}, {bounds[1]:.4f}]" if bounds else "[no interval]")


def _validation(record: CheckpointRecord) -> str:
    best, curve = record.report.get("best"), (record.report.get("curve") or {}).get("validation") or []
    if not best:
        return ""
    before = f" (before training: {curve[0][1]:.4f})" if curve and curve[0][0] == 0 else ""
    over = record.report.get("validated on", "validation lists")
    return (
        f"On validation, over {over}, nDCG@10 was {best[1]:.4f} at step {best[0]}{before}. These weights were chosen "
        "by that figure, so it is optimistic."
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [[*head], ["---"] * len(head), *([str(cell).replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

"""What it takes to train: ``CrossEncoderTrainer`` as it comes, grouped by length, and this package, side by side.

    python benchmarks/training.py [--data BEIR_DIR] [--model all-MiniLM-L6-v2] [--questions 200] [--rounds 3]
                                  [--loss listnet|bce] [--precision fp32|bf16] [--batch-size 16] [--max-length 256]
                                  [--epochs 1] [--learning-rate 1e-4] [--device cpu|cuda] [--threads N]

All sides train the same model with the same head on the same rows, as many of them a step, with the same loss, seed,
learning rate and precision; each side adds one thing to the one above it. ``CrossEncoderTrainer`` takes
``train_sampling_strategy="group_by_length"`` and does nothing with it (sentence-transformers 6.2: its loader asks only
for ``batch_sampler``), so a side puts transformers' ``LengthGroupedSampler`` in by hand. Upstream's ``ListNetLoss`` by
default sends as many pairs at a time through the model as a step has lists; the second side sends the whole step. The
last side is what ``finetune()`` does; ``TrainingHardware`` (no dropout, frozen word embeddings, plain attention in
bf16) changes nothing outside a CPU.

The data is the bundled handbook, its passages made longer by other paragraphs so that lengths have a long tail, or a
BEIR folder. Questions of other source documents are held out; nDCG@10 is over their BM25 top 20, its standard error
beside it. Tokens are those of the passages and questions, padding left out; seconds are of the training call, wall
clock and processor. Figures are medians over the rounds, in which the sides take
turns; each round has its own seed.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from datasets import Dataset
from sentence_transformers.cross_encoder import CrossEncoderTrainer, CrossEncoderTrainingArguments
from sentence_transformers.cross_encoder.losses import BinaryCrossEntropyLoss, ListNetLoss
from torch.nn import Identity
from transformers import set_seed
from transformers.trainer_callback import PrinterCallback
from transformers.trainer_pt_utils import LengthGroupedSampler

from llama_index_rerank_tuner import RerankDataset, load_handbook
from llama_index_rerank_tuner.metrics import score_rankings
from llama_index_rerank_tuner.mining import HardNegativeDatasetGenerator
from llama_index_rerank_tuner.reranking.backends import load_cross_encoder
from llama_index_rerank_tuner.retrieval import BM25JiebaRetriever
from llama_index_rerank_tuner.training.batches.sampling import lists_per_step, row_lengths, steps_of_rows
from llama_index_rerank_tuner.training.losses import build_loss
from llama_index_rerank_tuner.training.losses.lists import TrainingRows, labelled_rows
from llama_index_rerank_tuner.training.model.backbone import has_reranking_head
from llama_index_rerank_tuner.training.model.hardware import TrainingHardware

DEPTH, NEGATIVES, HELD_OUT, METRIC = 20, 5, 0.3, "nDCG@10"


@dataclass(frozen=True)
class HeldOut:
    """Questions with their BM25 candidates, positives where they stand."""

    qrels: dict[str, dict[str, int]]
    candidates: dict[str, list[str]]
    pairs: list[tuple[str, str]]


@dataclass(frozen=True)
class Side:
    """One way to train. ``sampler`` takes model, rows and rows a step, and returns a ``batch_sampler`` argument."""

    name: str
    whole_step: bool = True
    sampler: Callable[[Any, TrainingRows, argparse.Namespace], Any] | None = None
    planned_batches: bool = False
    prepared: bool = False


@dataclass
class Measured:
    tokens_per_second: list[float] = field(default_factory=list)
    tokens_per_processor_second: list[float] = field(default_factory=list)
    padding: list[float] = field(default_factory=list)
    ndcg: list[float] = field(default_factory=list)
    error: float = 0.0


class ByLength(LengthGroupedSampler):
    """transformers' sampler where a batch sampler is asked for."""

    def __init__(self, lengths: list[int], rows: int) -> None:
        super().__init__(rows, lengths=lengths, generator=torch.Generator().manual_seed(0))
        self.rows = rows

    def __len__(self) -> int:
        return -(-len(self.lengths) // self.rows)

    def __iter__(self) -> Iterator[list[int]]:
        order = list(super().__iter__())
        return (order[start : start + self.rows] for start in range(0, len(order), self.rows))


def grouped_by_transformers(model: Any, training: TrainingRows, asked: argparse.Namespace) -> Any:
    lengths = [max(row) for row in row_lengths(model, training.rows)]
    return lambda dataset, **settings: ByLength(lengths, lists_per_step(training, asked.batch_size))


def our_steps(model: Any, training: TrainingRows, asked: argparse.Namespace) -> Any:
    steps = steps_of_rows(model, training, asked.batch_size, asked.seed)
    return lambda dataset, **settings: steps


SIDES = [
    Side("`CrossEncoderTrainer` as it comes", whole_step=False),
    Side("the same, a step in one forward pass"),
    Side("the same, transformers' `LengthGroupedSampler`", sampler=grouped_by_transformers),
    Side("our steps instead", sampler=our_steps),
    Side("+ planned forward batches", sampler=our_steps, planned_batches=True),
    Side("+ `TrainingHardware`: all of this package", sampler=our_steps, planned_batches=True, prepared=True),
]


def data(asked: argparse.Namespace) -> tuple[TrainingRows, HeldOut]:
    dataset = RerankDataset.from_beir(asked.data) if asked.data else with_a_long_tail(load_handbook())
    split = dataset.split(val=HELD_OUT, test=0, seed=0)
    nodes = dataset.nodes()
    learnable = split.train.nodes()
    generator = HardNegativeDatasetGenerator(
        learnable, BM25JiebaRetriever(learnable, 30), negatives_per_query=NEGATIVES
    )
    mined = generator.generate(some_of(split.train, asked.questions))
    return labelled_rows(mined.examples, mined.contract, asked.loss), held_out(
        some_of(split.val, asked.questions), nodes
    )


def some_of(dataset: RerankDataset, questions: int) -> RerankDataset:
    """Questions drawn from all source documents."""
    chosen = random.Random(0).sample(dataset.examples, min(questions, len(dataset)))
    return replace(dataset, examples=tuple(chosen))


def with_a_long_tail(dataset: RerankDataset) -> RerankDataset:
    """Passages followed by other paragraphs of the corpus: most by none, a few by as many as seven."""
    rng, paragraphs = random.Random(0), [passage.text for passage in dataset.corpus]
    longer = {
        passage.key: replace(
            passage, text="\n".join([passage.text, *rng.sample(paragraphs, min(7, int(rng.paretovariate(1.5)) - 1))])
        )
        for passage in dataset.corpus
    }
    examples = [replace(each, positives=tuple(longer[p.key] for p in each.positives)) for each in dataset.examples]
    return RerankDataset.build(examples, longer.values(), dataset.contract)


def held_out(dataset: RerankDataset, nodes: Sequence[Any]) -> HeldOut:
    retriever, text = BM25JiebaRetriever(nodes, DEPTH), {node.node_id: node.get_content() for node in nodes}
    candidates = {
        example.query_id: [found.node.node_id for found in retriever.retrieve(example.query)]
        for example in dataset.examples
    }
    pairs = [(example.query, text[key]) for example in dataset.examples for key in candidates[example.query_id]]
    return HeldOut({example.query_id: example.qrels for example in dataset.examples}, candidates, pairs)


def train(side: Side, rows: TrainingRows, questions: HeldOut, asked: argparse.Namespace, measured: Measured) -> None:
    """One run of one side, its figures added to what was measured."""
    set_seed(asked.seed)
    model = load_cross_encoder(asked.model, device=asked.device, max_length=asked.max_length, new_head=asked.new_head)
    lengths, hardware = row_lengths(model, rows.rows), TrainingHardware(asked.device, bf16=asked.precision == "bf16")
    with hardware.prepared(model) if side.prepared else nullcontext(), tempfile.TemporaryDirectory() as scratch:
        trainer = CrossEncoderTrainer(
            model=model,
            args=arguments(side, model, rows, asked, scratch),
            train_dataset=Dataset.from_list(rows.rows),
            loss=loss_of(side, model, rows, hardware),
        )
        trainer.remove_callback(PrinterCallback)
        computed = count_computed_tokens(model)
        wall, processor = time.perf_counter(), time.process_time()
        trainer.train()
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
    tokens = asked.epochs * sum(map(sum, lengths))
    measured.tokens_per_second.append(tokens / wall)
    measured.tokens_per_processor_second.append(tokens / processor)
    measured.padding.append(1 - tokens / computed())
    ndcg = by_question(model, questions)
    measured.ndcg.append(statistics.mean(ndcg))
    measured.error = statistics.stdev(ndcg) / len(ndcg) ** 0.5


def arguments(side: Side, model: Any, training: TrainingRows, asked: argparse.Namespace, folder: str) -> Any:
    return CrossEncoderTrainingArguments(
        output_dir=folder,
        num_train_epochs=asked.epochs,
        per_device_train_batch_size=lists_per_step(training, asked.batch_size),
        learning_rate=asked.learning_rate,
        warmup_steps=0.1,
        bf16=asked.precision == "bf16",
        use_cpu=asked.device == "cpu",
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
        report_to=[],
        seed=asked.seed,
        **({"batch_sampler": side.sampler(model, training, asked)} if side.sampler else {}),
    )


def loss_of(side: Side, model: Any, rows: TrainingRows, hardware: TrainingHardware) -> Any:
    """The same loss on every side: upstream's, or ours with planned batches."""
    ours = build_loss(model, rows)
    if side.planned_batches:
        return ours
    if rows.loss == "bce":
        return BinaryCrossEntropyLoss(model, pos_weight=torch.tensor(ours.pos_weight, device=model.device))
    return ListNetLoss(model, mini_batch_size=-1 if side.whole_step else None)


def count_computed_tokens(model: Any) -> Callable[[], int]:
    """Counts what goes through the model, padding included; returns a function that tells the count."""
    seen: list[int] = []
    model.register_forward_pre_hook(lambda module, given: seen.append(given[0]["attention_mask"].numel()))
    return lambda: sum(seen)


def by_question(model: Any, questions: HeldOut) -> list[float]:
    """nDCG@10 of each held-out question."""
    model.eval()
    scores = iter(model.predict(questions.pairs, batch_size=32, activation_fn=Identity()).tolist())
    scored = {query: [(-next(scores), key) for key in keys] for query, keys in questions.candidates.items()}
    rankings = {query: [key for _, key in sorted(pairs)] for query, pairs in scored.items()}
    return list(score_rankings(questions.qrels, rankings, [METRIC])[METRIC].values())


def line(side: Side, measured: Measured, reference: Measured) -> str:
    wall, processor = (
        statistics.median(each) for each in (measured.tokens_per_second, measured.tokens_per_processor_second)
    )
    low, high = min(measured.tokens_per_second), max(measured.tokens_per_second)
    return (
        f"| {side.name} | {wall:,.0f} ({low:,.0f} to {high:,.0f}) | "
        f"{wall / statistics.median(reference.tokens_per_second):.2f} | {processor:,.0f} | "
        f"{processor / statistics.median(reference.tokens_per_processor_second):.2f} | "
        f"{statistics.median(measured.padding):.1%} | {statistics.median(measured.ndcg):.3f} ± {measured.error:.3f} |"
    )


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder of a BEIR data set; the bundled handbook without it")
    parser.add_argument("--model", default="all-MiniLM-L6-v2")
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--loss", choices=["listnet", "bce"], default="listnet")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--batch-size", type=int, default=16, help="pairs a step")
    parser.add_argument("--max-length", type=int, default=256)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int)
    return parser.parse_args()


def main() -> None:
    asked = parsed()
    if asked.threads:
        torch.set_num_threads(asked.threads)
    asked.new_head = not has_reranking_head(asked.model)
    rows, questions = data(asked)
    sides = [side for side in SIDES if asked.loss == "listnet" or side is not SIDES[1]]
    measured = [Measured() for _ in sides]
    for _ in range(asked.rounds):
        for side, figures in zip(sides, measured, strict=True):
            train(side, rows, questions, asked, figures)
        asked.seed += 1
    print(
        f"{asked.model}, {asked.loss}, {asked.precision}, {asked.device}, {torch.get_num_threads()} threads: "
        f"{len(rows.rows)} rows, {rows.pairs} pairs, {asked.epochs} epochs, {asked.batch_size} pairs a step, "
        f"{len(questions.qrels)} held-out questions, {asked.rounds} rounds.\n"
    )
    print("| side | tokens a second | ratio | tokens a processor second | ratio | padding | nDCG@10 |")
    print("|---|---|---|---|---|---|---|")
    for side, figures in zip(sides, measured, strict=True):
        print(line(side, figures, measured[0]))


if __name__ == "__main__":
    main()

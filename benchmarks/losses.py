"""Which loss, with and without a warm start: nDCG@10 on questions about papers that were not trained on.

    python benchmarks/losses.py --data DIR [--questions 500] [--validation 200] [--losses listnet bce lambda ranknet]
                                [--seeds 1] [--epochs 1] [--max-length 128] [--negatives 3] [--group-key paper]
                                [--backend torch|onnx] [--output runs/losses]

``DIR`` is a BEIR folder. The questions are split by source document; negatives are mined once and every arm learns from
the same lists, or from the same pairs. Cold arms start from all-MiniLM-L6-v2 with a random head; warm ones share one
warm start on imitation lists. One more arm takes the first loss with negatives that the default guards let through.
All arms then rank the same candidates (BM25 and all-MiniLM-L6-v2 fused, top 30) of the validation questions. Intervals
are bootstrapped over documents; differences are paired. The table is printed whole again after every arm. What an
earlier call trained and scored in ``--output`` is not done again.
"""

from __future__ import annotations

import argparse
import json
import random
import warnings
from collections.abc import Sequence
from pathlib import Path

from llama_index_rerank_tuner import (
    BM25JiebaRetriever,
    CrossEncoderFinetuneEngine,
    FinetunedRerank,
    HardNegativeDatasetGenerator,
    RerankBenchmark,
    RerankDataset,
)
from llama_index_rerank_tuner.deployment.export import export_onnx
from llama_index_rerank_tuner.errors import RerankTunerWarning
from llama_index_rerank_tuner.evaluation import RETRIEVER
from llama_index_rerank_tuner.evaluation.statistics import Estimate
from llama_index_rerank_tuner.mining import attach_candidates, imitation_lists
from llama_index_rerank_tuner.mining.guards import Guard, default_guards
from llama_index_rerank_tuner.models import MINILM
from llama_index_rerank_tuner.records import RerankExample
from llama_index_rerank_tuner.retrieval import DenseRetriever, FusionRetriever, RememberingRetriever, sentence_encoder
from llama_index_rerank_tuner.training import FinetuneConfig

METRIC = "nDCG@10"


def sample(dataset: RerankDataset, questions: int, seed: int = 0) -> RerankDataset:
    """Questions drawn at random, in their order."""
    drawn = sorted(random.Random(seed).sample(range(len(dataset)), min(questions, len(dataset))))
    return dataset.with_examples([dataset.examples[place] for place in drawn])


class Arms:
    """Trains the arms one by one, and ranks the validation questions with each."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.folder = options, Path(options.output)
        data = RerankDataset.from_beir(options.data, group_key=options.group_key)
        split = data.split(val=options.validation, test=0.2, seed=0)
        self.train = sample(split.train, options.questions)
        sources = {
            "bm25": BM25JiebaRetriever(data.nodes(), 100),
            "dense": DenseRetriever(data.nodes(), sentence_encoder(MINILM), 100),
        }
        self.sources = {name: RememberingRetriever(each, False) for name, each in sources.items()}
        self.validation = attach_candidates(split.val, FusionRetriever(self.sources, similarity_top_k=30), "fused")
        self.nodes = split.train.nodes()
        self.rerankers: dict[str, FinetunedRerank] = {}
        self.seconds: dict[str, float] = {}

    def mined(self, guards: Sequence[Guard]) -> RerankDataset:
        count = self.options.negatives
        generator = HardNegativeDatasetGenerator(self.nodes, self.sources, negatives_per_query=count, guards=guards)
        return generator.generate(self.train)

    def train_arm(self, name: str, data: RerankDataset, loss: str, model: str, seed: int, warm: bool = False) -> str:
        """Train an arm and let it compete; returns the model that its labels started from."""
        folder = self.folder / name.replace(" ", "_").replace(",", "")
        if not folder.is_dir():
            self.train_engine(folder, data, loss, model, seed, warm)
        self.seconds[name] = json.loads((folder / "training_report.json").read_text())["seconds"]
        self.compete(name, folder / "last")
        return str(folder / "base") if warm else model

    def train_engine(self, folder: Path, data: RerankDataset, loss: str, model: str, seed: int, warm: bool) -> None:
        options = self.options
        engine = CrossEncoderFinetuneEngine(
            data,
            # The last weights compete, so a few questions to watch are enough.
            self.validation.with_examples(self.validation.examples[:10]),
            model_id=model,
            model_output_path=folder,
            warm_start=self.imitation(seed) if warm else None,
            config=FinetuneConfig(
                loss=loss,
                epochs=options.epochs,
                max_length=options.max_length,
                learning_rate=4e-5,
                seed=seed,
                guard=False,
            ),
            show_progress=True,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RerankTunerWarning)  # an arm that does badly is a result here
            engine.finetune(resume=True)

    def imitation(self, seed: int) -> list[RerankExample]:
        queries = [example.query for example in self.train]
        contract = self.train.contract
        return imitation_lists(queries, self.nodes, self.sources, contract, lists_per_query=1, seed=seed)

    def compete(self, name: str, model: Path) -> None:
        if self.options.backend == "onnx" and not (model / "onnx").is_dir():
            export_onnx(model)
        self.rerankers[name] = FinetunedRerank(
            model, 30, mix=None, backend=self.options.backend, cache=str(self.folder / "scores.sqlite")
        )
        self.print_table()

    def print_table(self) -> None:
        """All arms so far; their scores are cached."""
        result = RerankBenchmark(self.validation, self.rerankers, metrics=[METRIC]).run()
        first = next(iter(self.rerankers))
        print(f"\n{len(self.validation)} validation questions, {len(self.train)} training questions")
        print(f"| arm | {METRIC} | against the retriever | against {first} | training s |\n|---|---|---|---|---|")
        for name in result.contestants:
            against = [shown(result.difference(name, other, METRIC), "+.3f") for other in (RETRIEVER, first)]
            cells = [name, shown(result.mean(name, METRIC), ".3f"), *against, f"{self.seconds.get(name, 0):.0f}"]
            print(f"| {' | '.join(cells)} |", flush=True)


def shown(estimate: Estimate, form: str) -> str:
    return f"{estimate.value:{form}} [{estimate.low:{form}}, {estimate.high:{form}}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--group-key", default="paper")
    parser.add_argument("--questions", type=int, default=500)
    parser.add_argument("--validation", type=int, default=200)
    parser.add_argument("--losses", nargs="+", default=["listnet", "bce", "lambda", "ranknet"])
    parser.add_argument("--negatives", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--max-length", type=int, default=128)
    parser.add_argument("--backend", choices=["torch", "onnx"], default="torch", help="what ranks; both in fp32")
    parser.add_argument("--output", default="runs/losses")
    arms = Arms(options := parser.parse_args())
    plain, guarded = arms.mined([]), arms.mined(default_guards())
    for seed in range(options.seeds):
        first, *others = options.losses
        suffix = f" {seed}" if options.seeds > 1 else ""
        base = arms.train_arm(f"warm {first}{suffix}", plain, first, MINILM, seed, warm=True)
        arms.compete(f"warm start alone{suffix}", Path(base))
        arms.train_arm(f"warm {first}, guarded{suffix}", guarded, first, base, seed)
        for loss in others:
            arms.train_arm(f"warm {loss}{suffix}", plain, loss, base, seed)
        for loss in options.losses:
            arms.train_arm(f"cold {loss}{suffix}", plain, loss, MINILM, seed)


if __name__ == "__main__":
    main()

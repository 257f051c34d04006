"""Who competes: the base and the tuned model, each alone and mixed with the retriever's rank."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.dataset.splitting.split import group_of
from llama_index_rerank_tuner.errors import DataError
from llama_index_rerank_tuner.reranking import FinetunedRerank, ScoredList, fit_calibration, fit_mix
from llama_index_rerank_tuner.reranking.cache import CachedScorer
from llama_index_rerank_tuner.training import CrossEncoderFinetuneEngine

logger = logging.getLogger(__name__)
BASE, BASE_MIX, TUNED, TUNED_MIX = "base", "base + mix", "tuned", "tuned + mix"


def build_contestants(
    engine: CrossEncoderFinetuneEngine, validation: RerankDataset, retriever: str, depth: int, device: str | None
) -> dict[str, FinetunedRerank]:
    """Base and tuned, each alone and with its own mix; the tuned one's mix and calibration are saved in its checkpoint.

    A model with a new head and no warm start has no base: its head would be random.
    """
    models = {TUNED: (str(engine.model_output_path), TUNED_MIX)}
    if not engine.report["new_head"] or engine.report["warm start pairs"]:
        models = {BASE: (engine.base_model_path, BASE_MIX), **models}
    contestants = {}
    for name, (model, mixed_name) in models.items():
        loaded = FinetunedRerank(
            model,
            mix=None,
            backend="torch",
            contract=engine.contract,
            device=device,
            show_progress=engine.show_progress,
        )
        scorer = CachedScorer(loaded.scorer)
        alone = FinetunedRerank(model, depth, mix=None, contract=engine.contract, scorer=scorer)
        scored = score_candidates(alone, validation)
        mix = fit_mix(scored, retriever, seed=engine.config.seed)
        contestants[name] = alone
        contestants[mixed_name] = FinetunedRerank(model, depth, mix=mix, contract=engine.contract, scorer=scorer)
        if name == TUNED:
            mix.save(model)
            _save_calibration(model, scored, retriever, engine.config.seed)
    return contestants


def _save_calibration(checkpoint: str, scored: Sequence[ScoredList], retriever: str, seed: int) -> None:
    try:
        fit_calibration(scored, retriever, seed=seed).save(checkpoint)
    except DataError as error:
        logger.warning("No calibration is saved, so score_threshold and target_precision will not work: %s", error)


def score_candidates(reranker: FinetunedRerank, dataset: RerankDataset) -> list[ScoredList]:
    """Score every question's candidates in one call, which pads far less than one call a question.

    The reranker's scorer is cached, so that the benchmark finds the scores there.
    """
    contract = reranker.contract
    pairs = [
        (contract.query_text(example.query), contract.passage_text(each.text))
        for example in dataset
        for each in example.candidates or ()
    ]
    scores, start, lists = reranker.scorer(pairs), 0, []
    for example in dataset:
        keys = tuple(each.key for each in example.candidates or ())
        lists.append(
            ScoredList(example.query_id, group_of(example), keys, scores[start : start + len(keys)], example.qrels)
        )
        start += len(keys)
    return lists

"""How often the parity gate lets a variant through that loses twice its limit, by the number of source documents.

    python benchmarks/parity_gate.py [--sets 1000]

Simulated: 300 questions, spread evenly over the documents; each document is, with a chance of 10 %, one on which the
variant loses 0.1 nDCG@10 a question, and otherwise loses nothing. So it loses 0.01 over all documents there are, twice
what the gate allows, and a gate that never erred would let none through. Sets of few documents often hold none of the
bad ones, which is why the gate asks for 50.
"""

from __future__ import annotations

import argparse

import numpy as np

from llama_index_rerank_tuner.deployment.gate import check_parity

QUESTIONS, BAD_SHARE, LOSS = 300, 0.1, 0.1
DOCUMENTS = (5, 10, 20, 50, 100)


def passed(documents: int, rng: np.random.Generator) -> bool:
    bad = rng.random(documents) < BAD_SHARE
    of = np.arange(QUESTIONS) % documents
    groups = {f"q{number}": f"d{document}" for number, document in enumerate(of)}
    reference = dict.fromkeys(groups, 1.0)
    variant = {f"q{number}": 1.0 - LOSS * bad[document] for number, document in enumerate(of)}
    return check_parity(reference, variant, groups, allow_small=True, samples=1000).passed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=1000, help="simulated test sets for each number of documents")
    sets, rng = parser.parse_args().sets, np.random.default_rng(0)
    print("| documents | variants let through |\n|---|---|")
    for documents in DOCUMENTS:
        share = sum(passed(documents, rng) for _ in range(sets)) / sets
        print(f"| {documents} | {100 * share:.1f} % |", flush=True)


if __name__ == "__main__":
    main()

"""``python -m llama_index_rerank_tuner.cli``, the form that ``torchrun -m`` starts."""

from llama_index_rerank_tuner.cli.app import main

if __name__ == "__main__":
    main()

"""An app as users have it: an index, a query engine, the reranker in ``node_postprocessors``."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from llama_index.core import MockEmbedding, VectorStoreIndex
from llama_index.core.embeddings import BaseEmbedding
from llama_index.core.llms import MockLLM
from llama_index.core.schema import QueryBundle, TextNode

from llama_index_rerank_tuner import FinetunedRerank

TEXTS = ["the fee is ten", "grant form", "old cat", "permit office", "tax rule for a small firm", "the deadline"]


def expected_first(reranker: FinetunedRerank, query: str) -> str:
    scores = reranker.scorer([(query, text) for text in TEXTS])
    return TEXTS[int(scores.argmax())]


def ask_both_ways(embedding: BaseEmbedding, reranker: FinetunedRerank) -> list[Any]:
    index = VectorStoreIndex([TextNode(text=text) for text in TEXTS], embed_model=embedding)
    engine = index.as_query_engine(llm=MockLLM(), similarity_top_k=len(TEXTS), node_postprocessors=[reranker])
    return [engine.query("what fee may a firm pay"), asyncio.run(engine.aquery("what fee may a firm pay"))]


def test_a_query_engine_answers_from_the_reranked_nodes(tiny_cross_encoder: str) -> None:
    reranker = FinetunedRerank(tiny_cross_encoder, top_n=2)
    first = expected_first(reranker, "what fee may a firm pay")
    for response in ask_both_ways(MockEmbedding(8), reranker):
        assert len(response.source_nodes) == 2
        assert response.source_nodes[0].node.get_content() == first
        assert first in str(response)


class _Embeddings(BaseHTTPRequestHandler):
    """Answers ``POST /v1/embeddings`` as OpenAI does, with vectors made from the letters."""

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        texts = [request["input"]] if isinstance(request["input"], str) else request["input"]
        self.server.requests.append(request["model"])  # type: ignore[attr-defined]
        data = [
            {"object": "embedding", "index": i, "embedding": [float(text.count(letter)) + 0.01 for letter in "aefgrt"]}
            for i, text in enumerate(texts)
        ]
        body = json.dumps({"object": "list", "data": data, "model": request["model"], "usage": USAGE}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


USAGE = {"prompt_tokens": 1, "total_tokens": 1}


@pytest.fixture
def openai_stub() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Embeddings)
    server.requests = []  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_the_same_app_with_the_real_openai_embedding_class(
    tiny_cross_encoder: str, openai_stub: ThreadingHTTPServer
) -> None:
    from llama_index.embeddings.openai import OpenAIEmbedding

    embedding = OpenAIEmbedding(
        model="text-embedding-3-small",
        api_key="no-key-needed-by-the-stub",
        api_base=f"http://127.0.0.1:{openai_stub.server_address[1]}/v1",
    )
    reranker = FinetunedRerank(tiny_cross_encoder, top_n=2)
    first = expected_first(reranker, "what fee may a firm pay")
    for response in ask_both_ways(embedding, reranker):
        assert response.source_nodes[0].node.get_content() == first
    assert set(openai_stub.requests) == {"text-embedding-3-small"}  # type: ignore[attr-defined]


def test_the_real_openai_embedding_class_serves_as_a_dense_source(openai_stub: ThreadingHTTPServer) -> None:
    from llama_index.embeddings.openai import OpenAIEmbedding

    from llama_index_rerank_tuner.retrieval import DenseRetriever

    embedding = OpenAIEmbedding(api_key="-", api_base=f"http://127.0.0.1:{openai_stub.server_address[1]}/v1")
    retriever = DenseRetriever.from_embedding([TextNode(text=text) for text in TEXTS], embedding, 1)
    assert [each.node.get_content() for each in retriever.retrieve("the fee is ten")] == ["the fee is ten"]


def test_the_openai_llm_class_takes_the_same_engine(tiny_cross_encoder: str, tmp_path: Path) -> None:
    """The ``openai`` extra brings the LLM class too: it is accepted where MockLLM is (nothing is sent)."""
    from llama_index.llms.openai import OpenAI

    index = VectorStoreIndex([TextNode(text=text) for text in TEXTS], embed_model=MockEmbedding(8))
    engine = index.as_query_engine(
        llm=OpenAI(api_key="-"), node_postprocessors=[FinetunedRerank(tiny_cross_encoder, top_n=1)]
    )
    nodes = engine.retrieve(QueryBundle("what fee"))
    assert len(nodes) == 1

"""A local stand-in for a chat-completion service, and LLMs that answer by a function."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from llama_index.core.llms import CompletionResponse, CompletionResponseGen, CustomLLM, LLMMetadata
from pydantic import PrivateAttr

Answer = str | int | float
"""Text to answer with, an HTTP status to fail with, or (a float) seconds to hang before failing."""


def questions_about(prompt: str) -> str:
    """A well-formed answer that names its passage, so that a mix-up shows."""
    passage = prompt.split("<passage>\n")[1].split("\n</passage>")[0]
    word = passage.split()[-1].strip(".")
    return json.dumps([f"Who pays for {word}?", f"When is {word} open?"])


def digest(prompt: str) -> str:
    return hashlib.sha256(prompt.encode()).hexdigest()


@dataclass
class Stub:
    """Answers by ``answer(prompt, how often it was asked before)``; ``log`` holds every prompt in order of arrival."""

    answer: Callable[[str, int], Answer]
    log: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    on_call: Callable[[int], None] = lambda calls: None

    def __enter__(self) -> Stub:
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                stub.respond(self, body["messages"][-1]["content"])

            def log_message(self, *arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.lock = threading.Lock()
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/v1"

    def respond(self, handler: BaseHTTPRequestHandler, prompt: str) -> None:
        with self.lock:
            before = self.log.count(prompt)
            self.log.append(prompt)
            calls = len(self.log)
        self.on_call(calls)
        answer = self.answer(prompt, before)
        if isinstance(answer, float):
            time.sleep(answer)
        status = 200 if isinstance(answer, str) else answer if isinstance(answer, int) else 504
        content = {
            "id": "1",
            "object": "chat.completion",
            "created": 0,
            "model": "gpt-4o-mini",
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": answer}}],
            "usage": {"prompt_tokens": 70, "completion_tokens": 30, "total_tokens": 100},
        }
        body = json.dumps(content if status == 200 else {"error": {"message": f"status {status}"}}).encode()
        try:
            handler.send_response(status)
            for name, value in {"content-type": "application/json", **self.headers}.items():
                handler.send_header(name, value)
            handler.send_header("content-length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)
        except OSError:
            handler.close_connection = True


class FunctionLLM(CustomLLM):
    """Has only the synchronous call, and answers by a function that may raise."""

    model: str = "function"
    _answer: Callable[[str], str] = PrivateAttr()
    _log: list[str] = PrivateAttr(default_factory=list)

    def __init__(self, answer: Callable[[str], str]) -> None:
        super().__init__()
        self._answer = answer

    @property
    def asked(self) -> list[str]:
        return self._log

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name=self.model)

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        self._log.append(prompt)
        return CompletionResponse(text=self._answer(prompt))

    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:
        raise NotImplementedError


class AsyncLLM(FunctionLLM):
    """Has an asynchronous call of its own, and no synchronous one."""

    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        self._log.append(prompt)
        return CompletionResponse(text=self._answer(prompt))

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        raise NotImplementedError

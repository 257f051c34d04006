"""A real ``redis-server`` of the tests' own, which they may kill, stop and fill."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from pathlib import Path

import redis

STARTS_IN = 10.0


class RedisServer:
    """A server without persistence on a free port of this machine: what it forgets at a kill stays forgotten."""

    def __init__(self, binary: str, folder: Path) -> None:
        self._binary, self._folder = binary, folder
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def client(self) -> redis.Redis:
        """A client for looking at the server, and for planting things in it."""
        return redis.Redis(port=self.port, socket_timeout=STARTS_IN)

    def start(self, **settings: str) -> None:
        options = {"port": str(self.port), "save": "", "appendonly": "no", "dir": str(self._folder), **settings}
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        self._process = subprocess.Popen(
            [self._binary, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        self._wait_until_it_answers()

    def kill(self) -> None:
        """End it with SIGKILL: connections break in the middle of whatever they do."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def hang(self) -> None:
        """Stop it with SIGSTOP: the kernel still accepts connections and bytes, and no answer comes."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def _wait_until_it_answers(self) -> None:
        give_up = time.monotonic() + STARTS_IN
        while True:
            try:
                with self.client() as client:
                    client.ping()
                return
            except redis.RedisError:
                if time.monotonic() > give_up:
                    raise
                time.sleep(0.02)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port

"""Fixtures of the reranking tests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reranking.redis_server import RedisServer


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A running ``redis-server``: ``.url``, ``.kill()`` and ``.start()`` on the same port, ``.hang()``, ``.go_on()``.

    The test is skipped where the binary is missing, unless REQUIRE_REDIS=1.
    """
    binary = shutil.which("redis-server")
    if binary is None:
        if os.environ.get("REQUIRE_REDIS") == "1":
            pytest.fail("REQUIRE_REDIS=1, and there is no redis-server on the PATH")
        pytest.skip("there is no redis-server on the PATH")
    server = RedisServer(binary, tmp_path)
    server.start()
    yield server
    server.go_on()
    server.kill()

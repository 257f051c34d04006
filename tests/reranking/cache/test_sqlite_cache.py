"""The cache in a SQLite file: several processes, damage, locks and a full disk."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llama_index_rerank_tuner.errors import ConfigError, RerankTunerWarning
from llama_index_rerank_tuner.reranking.cache import CachedScorer, DegradingCache, SqliteCache
from llama_index_rerank_tuner.reranking.cache.entries import packed
from llama_index_rerank_tuner.reranking.cache.score_file import set_aside
from tests.reranking.cache.stores import SOON, Lengths, collected_warnings, lengths

KEYS = [bytes([number]) * 32 for number in range(4)]
PAIRS = [("what fee", "fee " * number) for number in range(20)]
GIBBERISH = b"this is no database, " * 500


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "scores.sqlite"


def _patient(path: Path, max_entries: int = 1000) -> SqliteCache:
    return SqliteCache(path, max_entries=max_entries, busy_timeout=SOON)


def _key(number: int) -> bytes:
    return number.to_bytes(32)


def test_scores_come_back_exactly_and_outlive_the_object(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "scores.sqlite"
    first = _patient(path)
    first.put_many({KEYS[0]: -1 / 3, KEYS[1]: 1e-300, KEYS[2]: 0.0})
    first.close()
    first.close()
    again = _patient(path)
    assert again.get_many([KEYS[2], KEYS[3], KEYS[0], KEYS[1]]) == [0.0, None, -1 / 3, 1e-300]
    assert again.get_many([]) == []
    assert again.name == str(path)


def test_more_keys_than_one_question_takes(path: Path) -> None:
    cache = _patient(path, max_entries=5000)
    cache.put_many({_key(number): float(number) for number in range(0, 3000, 2)})
    assert cache.get_many([_key(number) for number in range(3000)]) == [
        None if number % 2 else float(number) for number in range(3000)
    ]


def test_a_new_score_takes_the_place_of_the_old_one(path: Path) -> None:
    cache = _patient(path)
    cache.put_many({KEYS[0]: 1.0})
    cache.put_many({KEYS[0]: 2.0, KEYS[1]: 3.0})
    assert cache.get_many(KEYS[:2]) == [2.0, 3.0]


def test_the_scores_written_first_give_way(path: Path) -> None:
    cache = _patient(path, max_entries=10)
    for start in range(0, 30, 3):
        cache.put_many({_key(number): float(number) for number in range(start, start + 3)})
        cache.put_many({_key(start): float(start)})
    assert cache.get_many([_key(number) for number in range(30)]) == [None] * 20 + [float(n) for n in range(20, 30)]
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT count(*) FROM scores").fetchone() == (10,)


def test_the_file_stops_growing(path: Path) -> None:
    sizes = []
    for start in range(0, 24_000, 6000):
        cache = _patient(path, max_entries=1000)
        for first in range(start, start + 6000, 500):
            cache.put_many({_key(number): 1.0 for number in range(first, first + 500)})
        cache.close()
        sizes.append(path.stat().st_size)
    assert sizes[3] <= 1.1 * sizes[0] < 300 * 1000


def test_threads_share_one_object(path: Path) -> None:
    cache = _patient(path, max_entries=100_000)

    def work(start: int) -> bool:
        items = {_key(number): float(number) for number in range(start, start + 20)}
        cache.put_many(items)
        return cache.get_many(list(items)) == list(items.values())

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(work, range(0, 1000, 10)))


def _fill(path: Path, first: int, calls: int) -> None:
    cache = _patient(path, max_entries=100_000)
    for call in range(calls):
        numbers = range(first + 10 * call, first + 10 * call + 10)
        cache.put_many({_key(number): float(number) for number in numbers})
        if cache.get_many([_key(number) for number in numbers]) != [float(number) for number in numbers]:
            os._exit(1)
    os._exit(0)


def test_processes_make_and_fill_one_file_together(path: Path) -> None:
    spawned = multiprocessing.get_context("fork")
    processes = [spawned.Process(target=_fill, args=(path, first, 40)) for first in (0, 10_000, 20_000)]
    for each in processes:
        each.start()
    for each in processes:
        each.join(6 * SOON)
    assert [each.exitcode for each in processes] == [0, 0, 0]
    kept = _patient(path).get_many([_key(first + number) for first in (0, 10_000, 20_000) for number in range(400)])
    assert None not in kept


def test_a_forked_child_and_its_parent_both_go_on(path: Path) -> None:
    cache = _patient(path)
    cache.put_many({KEYS[0]: 1.0})
    child = os.fork()
    if child == 0:
        cache.put_many({KEYS[1]: 2.0})
        os._exit(0 if cache.get_many(KEYS[:2]) == [1.0, 2.0] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    cache.put_many({KEYS[2]: 3.0})
    assert cache.get_many(KEYS[:3]) == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    "entry", [b"", b"short", packed(KEYS[1], 7.0), packed(KEYS[0], 7.0)[:-1] + b"\x00", 7.0, "7.0"]
)
def test_a_damaged_entry_is_not_there_and_is_written_over(path: Path, entry: object) -> None:
    cache = _patient(path)
    cache.put_many({KEYS[0]: 1.0, KEYS[1]: 2.0})
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("UPDATE scores SET entry = ? WHERE key = ?", (entry, KEYS[0]))
    assert cache.get_many(KEYS[:2]) == [None, 2.0]
    cache.put_many({KEYS[0]: 3.0})
    assert cache.get_many(KEYS[:2]) == [3.0, 2.0]


def test_a_file_that_is_no_database_is_set_aside_and_a_new_one_begun(path: Path) -> None:
    path.write_bytes(GIBBERISH)
    with pytest.warns(RerankTunerWarning, match=r"scores.sqlite is damaged \(file is not a database\): it is kept as"):
        cache = _patient(path)
    cache.put_many({KEYS[0]: 1.0})
    assert cache.get_many(KEYS[:2]) == [1.0, None]
    [kept] = path.parent.glob("scores.sqlite.damaged-*")
    assert kept.read_bytes() == GIBBERISH


def test_a_file_damaged_while_it_is_used_is_set_aside_once(path: Path) -> None:
    first, second = _patient(path), _patient(path)
    first.put_many({_key(number): 1.0 for number in range(500)})
    second.get_many(KEYS)
    _overwrite(path)
    with collected_warnings() as given:
        answers = [cache.get_many([_key(number) for number in range(500)]) for cache in (first, second, first)]
        second.put_many({KEYS[3]: 2.0})
    assert answers == [[None] * 500] * 3
    assert len(given) == 1
    assert "is damaged" in given[0]
    assert [cache.get_many([KEYS[3]]) for cache in (first, second)] == [[2.0], [2.0]]
    assert len(list(path.parent.glob("scores.sqlite.damaged-*"))) == 1


def test_a_file_that_another_process_has_just_begun_anew_is_left_alone(path: Path) -> None:
    cache = _patient(path)
    cache.put_many({KEYS[0]: 1.0})
    set_aside(path, (0, 0), sqlite3.DatabaseError("file is not a database"))
    assert cache.get_many([KEYS[0]]) == [1.0]


def _overwrite(path: Path) -> None:
    """Gibberish over the pages, once everything is in the file itself."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.write((GIBBERISH * (size // len(GIBBERISH) + 1))[:size])


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(damage=st.lists(st.tuples(st.integers(0, 45_000), st.binary(min_size=1, max_size=600)), min_size=1, max_size=4))
def test_no_damage_gives_a_wrong_score_or_an_end(path: Path, damage: list[tuple[int, bytes]]) -> None:
    for each in path.parent.glob("scores.sqlite*"):
        each.unlink()
    cache = _patient(path)
    cache.put_many({_key(number): float(number) for number in range(400)})
    cache.close()
    with path.open("r+b") as file:
        for place, gibberish in damage:
            file.seek(place)
            file.write(gibberish)
    with collected_warnings():
        try:
            damaged = DegradingCache(_patient(path), patience=SOON, first_pause=0.001)
        except ConfigError:
            return
        found = damaged.get_many([_key(number) for number in range(400)])
        assert all(score in (None, float(number)) for number, score in enumerate(found))
        damaged.put_many({KEYS[3]: 5.0})
        assert damaged.flush(SOON)
        assert damaged.get_many([KEYS[3]])[0] in (None, 5.0)
        damaged.close()


def test_a_file_that_was_deleted_is_made_again(path: Path) -> None:
    cache = _patient(path)
    cache.put_many({KEYS[0]: 1.0})
    path.unlink()
    assert cache.get_many([KEYS[0]]) == [None]
    cache.put_many({KEYS[0]: 2.0})
    assert _patient(path).get_many([KEYS[0]]) == [2.0]


def test_another_programs_database_is_refused_and_left_as_it_is(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE scores (customer TEXT)")
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="is a SQLite database of another program"):
        SqliteCache(path)
    assert path.read_bytes() == before


def test_another_versions_file_is_refused(path: Path) -> None:
    _patient(path).close()
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(ConfigError, match="of another version of this one"):
        SqliteCache(path)


def test_a_locked_file_is_read_and_cannot_be_written(path: Path) -> None:
    cache = SqliteCache(path, busy_timeout=0.01)
    cache.put_many({KEYS[0]: 1.0})
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert cache.get_many([KEYS[0]]) == [1.0]
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            cache.put_many({KEYS[1]: 2.0})
        other.execute("ROLLBACK")
    cache.put_many({KEYS[1]: 2.0})
    assert cache.get_many(KEYS[:2]) == [1.0, 2.0]


def test_a_full_disk_says_so_once_and_costs_no_score(path: Path) -> None:
    cache = _patient(path)
    cache.put_many({KEYS[0]: 1.0})
    # SQLite answers a page limit just as it answers a disk without room.
    with cache._writer as database:
        pages = database.execute("PRAGMA page_count").fetchone()[0]
        database.execute(f"PRAGMA max_page_count = {pages}")
    degrading = DegradingCache(cache, patience=SOON, first_pause=30.0)
    scorer = CachedScorer(Lengths(), degrading, namespace=b"model")
    pairs = [("what fee", str(number)) for number in range(500)]
    with collected_warnings() as given:
        for _ in range(3):
            assert scorer(pairs).tolist() == lengths(pairs).tolist()
            assert degrading.flush(SOON)
    assert len(given) == 1
    assert "fails when written (OperationalError: database or disk is full)" in given[0]
    assert degrading.get_many(KEYS[:2]) == [1.0, None]
    degrading.close()


@pytest.mark.parametrize("place", ["/proc/scores.sqlite", "/proc/new folder/scores.sqlite"])
def test_a_folder_that_cannot_be_written_says_so_once_and_costs_no_score(place: str) -> None:
    if not Path("/proc/self").exists():
        pytest.skip("there is no /proc, which nobody can write to")
    scorer = CachedScorer(Lengths(), SqliteCache(place), namespace=b"model")
    with collected_warnings() as given:
        for _ in range(3):
            assert scorer(PAIRS).tolist() == lengths(PAIRS).tolist()
    assert len(given) == 1
    assert given[0].startswith(f"The score cache {place} ")
    scorer.close()


@pytest.mark.parametrize("files", ["none", "ours"])
def test_a_read_only_folder_costs_no_score(files: str) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "scores.sqlite"
        if files == "ours":
            _patient(path).close()
            path.chmod(0o444)
        Path(folder).chmod(0o555)
        child = os.fork()
        if child == 0:
            os._exit(_read_only(path))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        Path(folder).chmod(0o755)


def _read_only(path: Path) -> int:
    if os.geteuid() == 0:
        os.setuid(65_534)
    scorer = CachedScorer(Lengths(), SqliteCache(path), namespace=b"model")
    with collected_warnings() as given:
        right = all(scorer(PAIRS).tolist() == lengths(PAIRS).tolist() for _ in range(3))
        scorer.close()
        right &= scorer(PAIRS).tolist() == lengths(PAIRS).tolist()
    return 0 if right and len(given) == 1 else 1


def test_scores_are_found_by_the_next_process_only_under_the_same_model(path: Path) -> None:
    first = CachedScorer(Lengths(), _patient(path), namespace=b"model")
    first(PAIRS)
    first.close()
    same, retrained = Lengths(), Lengths()
    for scorer, namespace in ((same, b"model"), (retrained, b"retrained model")):
        cached = CachedScorer(scorer, DegradingCache(_patient(path), patience=SOON), namespace=namespace)
        assert cached(PAIRS).tolist() == lengths(PAIRS).tolist()
        cached.close()
    assert (len(same.asked), len(retrained.asked)) == (0, len(PAIRS))


@pytest.mark.parametrize("numbers", [{"max_entries": 0}, {"busy_timeout": -1.0}, {"busy_timeout": float("nan")}])
def test_numbers_that_cannot_work_are_errors(path: Path, numbers: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(numbers))} must be positive"):
        SqliteCache(path, **numbers)  # type: ignore[arg-type]

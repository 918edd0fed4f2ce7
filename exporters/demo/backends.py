"""The real PostgreSQL and Redis behind the demo: a little honest work, health checks, and the two real faults.

Both are optional. A server that is missing, refuses or hangs is logged once, tried again with growing patience,
and never stops the apps.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
import redis

Report = Callable[[str, str], None]  # (level, message)
Wanted = Callable[[], bool]

CONNECT_SECONDS = 3
ANSWER_SECONDS = 2.0
PATIENCE = (1, 2, 4, 8, 15, 30)  # seconds between attempts
CHECK_SECONDS = 2.0  # a health answer is reused for so long
PAUSE_MILLISECONDS = 1500
CONNECTIONS_SHARE = 0.93
KEPT_EVENTS = 5000
ITEMS = 200  # keys

TABLE = """create table if not exists demo_events (
    id bigserial primary key, at timestamptz not null default now(), app text not null, detail text not null)"""


class Backend:
    """One real server: a thread that works on it, reporting each time it comes or goes."""

    name = ""
    failures: tuple[type[Exception], ...] = ()

    def __init__(self, report: Report, wanted: Wanted) -> None:
        self._report, self._wanted = report, wanted
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, name=self.name, daemon=True)]
        self._check_lock = threading.Lock()
        self._checked: tuple[float, str | None] | None = None

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the work and every fault; returns when both have ended."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=10)

    def problem(self) -> str | None:
        """What is wrong with the server right now, by asking it; None when it answers."""
        with self._check_lock:
            now = time.monotonic()
            if self._checked is None or now - self._checked[0] > CHECK_SECONDS:
                try:
                    self.ask()
                    problem = None
                except self.failures as error:
                    problem = _short(error)
                self._checked = (time.monotonic(), problem)
            return self._checked[1]

    def ask(self) -> None:
        raise NotImplementedError

    def connect(self) -> None:
        raise NotImplementedError

    def work(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    def _run(self) -> None:
        failed = 0
        up: bool | None = None
        while not self._stop.is_set():
            try:
                if not up:
                    self.connect()
                self.work()
                if not up:
                    self._report("info", f"{self.name} answers")
                up, failed = True, 0
                self._stop.wait(1.0)
            except self.failures as error:
                if up is not False:
                    self._report("error", f"{self.name} does not answer: {_short(error)}")
                self.close()
                up = False
                self._stop.wait(PATIENCE[min(failed, len(PATIENCE) - 1)])
                failed += 1
        self.close()


class Postgres(Backend):
    """Writes and reads a small table; holds nearly all connections while ``wanted``."""

    name = "postgres"
    failures = (psycopg.Error,)

    def __init__(self, dsn: str, password: str | None, report: Report, wanted: Wanted) -> None:
        super().__init__(report, wanted)
        self._dsn = dsn
        self._options: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS, "autocommit": True,
                                         "application_name": "vitals-demo",
                                         "options": f"-c statement_timeout={int(ANSWER_SECONDS * 1000)}"}
        if password:
            self._options["password"] = password
        self._connection: psycopg.Connection[Any] | None = None
        self._held: list[psycopg.Connection[Any]] = []
        self._random = random.Random()
        self._rounds = 0

    def ask(self) -> None:
        with psycopg.connect(self._dsn, **self._options) as connection:
            connection.execute("select 1")

    def connect(self) -> None:
        self._connection = psycopg.connect(self._dsn, **self._options)
        self._connection.execute(TABLE)

    def work(self) -> None:
        assert self._connection
        self._rounds += 1
        for app in self._random.sample(("orders", "support", "campaigns", "search"), 2):
            with self._connection.transaction():
                self._connection.execute("insert into demo_events (app, detail) values (%s, %s)", (app, "served"))
                self._connection.execute("select count(*) from demo_events where at > now() - interval '1 minute'")
        self._connection.execute("update demo_events set detail = 'seen' where id = (select max(id) from demo_events)")
        if self._rounds % 12 == 0:
            with self._connection.transaction(force_rollback=True):
                self._connection.execute("insert into demo_events (app, detail) values ('orders', 'given up')")
        if self._rounds % 60 == 0:
            self._connection.execute("delete from demo_events where id <= (select max(id) - %s from demo_events)",
                                     (KEPT_EVENTS,))
        if self._wanted():
            self._hold(self._connection)
        else:
            self._release()

    def close(self) -> None:
        self._release()
        if self._connection:
            self._connection.close()
            self._connection = None

    def _hold(self, connection: psycopg.Connection[Any]) -> None:
        row = connection.execute("""select current_setting('max_connections')::int, count(*)
                                    from pg_stat_activity where datname is not null""").fetchone()
        assert row
        limit, taken = row
        for _ in range(math.ceil(limit * CONNECTIONS_SHARE) - taken):
            if self._stop.is_set() or not self._wanted():
                break
            try:
                self._held.append(psycopg.connect(self._dsn, **self._options))
            except psycopg.OperationalError as error:
                self._report("warning", f"postgres gives no more connections: {_short(error)}")
                break

    def _release(self) -> None:
        while self._held:
            self._held.pop().close()


class Redis(Backend):
    """Sets, reads and expires a few keys; keeps the server paused while ``wanted``."""

    name = "redis"
    failures = (redis.RedisError, OSError)

    def __init__(self, url: str, password: str | None, report: Report, wanted: Wanted) -> None:
        super().__init__(report, wanted)
        self._url, self._password = url, password
        self._client = self._open()
        self._random = random.Random()
        self._threads.append(threading.Thread(target=self._pause, name="redis-pause", daemon=True))

    def _open(self, seconds: float = ANSWER_SECONDS) -> redis.Redis:
        given = {"password": self._password} if self._password else {}
        return redis.Redis.from_url(self._url, socket_timeout=seconds, socket_connect_timeout=CONNECT_SECONDS,
                                    retry=None, **given)

    def ask(self) -> None:
        with self._open(1.0) as client:
            client.ping()

    def connect(self) -> None:
        with self._client.pipeline(transaction=False) as pipeline:
            for item in range(ITEMS):
                self._set(pipeline, item)
            pipeline.execute()

    def _set(self, client: redis.Redis, item: int) -> None:
        client.set(f"demo:item:{item}", "x" * self._random.randrange(20, 400), ex=300)

    def work(self) -> None:
        for _ in range(6):
            self._set(self._client, self._random.randrange(ITEMS))
        for _ in range(20):
            self._client.get(f"demo:item:{self._random.randrange(ITEMS + 10)}")
        self._client.expire(f"demo:item:{self._random.randrange(ITEMS)}", 120)
        self._client.incr("demo:visits")

    def close(self) -> None:
        self._client.close()

    def _pause(self) -> None:
        """A paused server answers nobody, CLIENT UNPAUSE included. So the pauses are short: each next one waits
        in the server for the end of the one before, first in line. When nobody sends another, the server is back
        within PAUSE_MILLISECONDS, even if this process is killed."""
        client = self._open(PAUSE_MILLISECONDS / 1000 + CONNECT_SECONDS)
        while not self._stop.wait(0.0 if self._wanted() else 0.5):
            if self._wanted():
                try:
                    client.execute_command("CLIENT PAUSE", PAUSE_MILLISECONDS, "ALL")
                except self.failures:
                    client.close()
                    self._stop.wait(1.0)
        client.close()


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__

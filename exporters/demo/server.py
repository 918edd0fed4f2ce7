"""The demo as a web server: metrics and health per app, faults, and a small page that lists them."""

from __future__ import annotations

import argparse
import html
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import psycopg
from prometheus_client.exposition import choose_encoder
from psycopg.conninfo import conninfo_to_dict
from redis.connection import parse_url
from vitals_demo.apps import ALL, FAKES
from vitals_demo.backends import Backend, Postgres, Redis
from vitals_demo.faults import FAULTS, JOBS, MAX_MINUTES
from vitals_demo.simulation import Active, App, Simulation

MAX_BODY = 4096  # bytes
IDLE_SECONDS = 15  # after which a silent client is dropped
LOG_BYTES, LOG_FILES = 5_000_000, 1  # of each app


class Refused(Exception):
    """A request that is answered with an error: (status, message)."""


class Handler(BaseHTTPRequestHandler):
    simulation: ClassVar[Simulation]
    backends: ClassVar[Mapping[str, Backend]]  # by what health calls them: database, redis
    timeout = IDLE_SECONDS
    server_version = "vitals-demo"
    sys_version = ""
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_POST(self) -> None:
        self._answer(self._post)

    def do_DELETE(self) -> None:
        self._answer(self._delete)

    def _answer(self, route: Any) -> None:
        url = urlsplit(self.path)
        try:
            route(url.path, {name: values[-1] for name, values in parse_qs(url.query).items()})
        except Refused as refused:
            status, message = refused.args
            self.close_connection = True  # a body may be left unread
            self._send_json(status, {"error": message})

    def _get(self, path: str, query: Mapping[str, str]) -> None:
        if path == "/":
            self._send(200, "text/html; charset=utf-8", self._index().encode())
        elif path == "/-/ready":
            self._send_json(200, {"status": "ready"})
        elif path == "/faults":
            self._send_json(200, {
                "faults": [{"name": f.name, "text": f.text, "jobs": list(f.jobs)} for f in FAULTS.values()],
                "active": [self._shown(active) for active in self.simulation.active()],
            })
        elif path.startswith("/apps/"):
            job, _, rest = path.removeprefix("/apps/").partition("/")
            app = self.simulation.apps.get(job)
            if app is None:
                raise Refused(404, f"no app {job!r}; there are {', '.join(self.simulation.apps)}")
            self._get_app(app, rest)
        else:
            raise Refused(404, f"nothing at {path}")

    def _get_app(self, app: App, rest: str) -> None:
        if not app.alive:
            self.close_connection = True  # a dead process answers nothing at all
        elif rest == "metrics":
            encode, content_type = choose_encoder(self.headers.get("Accept", ""))
            with self.simulation.lock:
                body = encode(app.registry)
            self._send(200, content_type, body)
        elif rest == "health/live":
            self._send_json(200, {"status": "alive"})
        elif rest in ("health", "health/ready"):
            self._health(app, ("healthy", "unhealthy") if rest == "health" else ("ready", "not_ready"))
        else:
            raise Refused(404, f"{app.spec.name} has nothing at /{rest}")

    def _health(self, app: App, words: tuple[str, str]) -> None:
        checks = {}
        for name in app.spec.depends_on:
            if name in self.backends:
                problem = self.backends[name].problem()
                checks[name] = {"status": "unhealthy", "error": problem} if problem else {"status": "healthy"}
        ok = all(check["status"] == "healthy" for check in checks.values())
        self._send_json(200 if ok else 503, {
            "status": words[0 if ok else 1],
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "checks": checks,
        })

    def _post(self, path: str, query: Mapping[str, str]) -> None:
        if path != "/faults":
            raise Refused(404, f"nothing to post to at {path}")
        asked = self._body()
        fault, job, minutes = asked.get("fault"), asked.get("job"), asked.get("minutes")
        self._check_names(fault, job)
        if not isinstance(fault, str) or not isinstance(job, str):
            raise Refused(400, 'a fault is asked for as {"fault": NAME, "job": NAME, "minutes": NUMBER}')
        if isinstance(minutes, bool) or not isinstance(minutes, int | float) or not 0 < minutes <= MAX_MINUTES:
            raise Refused(400, f"minutes must be a number above 0 and at most {MAX_MINUTES}")
        jobs = FAULTS[fault].jobs
        if job not in jobs:
            raise Refused(400, f"{fault} does not apply to {job}; it applies to {', '.join(jobs)}")
        if job not in self.simulation.apps and job not in {b.name for b in self.backends.values()}:
            raise Refused(400, f"this demo runs without {job}")
        self._send_json(201, self._shown(self.simulation.inject(fault, job, float(minutes))))

    def _delete(self, path: str, query: Mapping[str, str]) -> None:
        if path != "/faults":
            raise Refused(404, f"nothing to delete at {path}")
        if unknown := set(query) - {"job", "fault"}:
            raise Refused(400, f"unknown parameter {', '.join(sorted(unknown))}; there are job and fault")
        self._check_names(query.get("fault"), query.get("job"))
        self._send_json(200, {"healed": self.simulation.heal(query.get("job"), query.get("fault"))})

    def _check_names(self, fault: Any, job: Any) -> None:
        if isinstance(fault, str) and fault not in FAULTS:
            raise Refused(400, f"no fault {fault!r}; there are {', '.join(FAULTS)}")
        if isinstance(job, str) and job not in JOBS:
            raise Refused(400, f"no job {job!r}; there are {', '.join(JOBS)}")

    def _body(self) -> dict[str, Any]:
        if self.headers.get_content_type() != "application/json":
            raise Refused(415, "send Content-Type: application/json")
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            raise Refused(411, "send Content-Length")
        if len(length) > 8 or int(length) > MAX_BODY:
            raise Refused(413, f"a body may have {MAX_BODY} bytes")
        try:
            asked = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            raise Refused(400, "the body is not JSON") from None
        if not isinstance(asked, dict):
            raise Refused(400, "the body must be a JSON object")
        return asked

    def _shown(self, active: Active) -> dict[str, Any]:
        return {"fault": active.fault.name, "job": active.job,
                "seconds_left": max(0, round(active.until - self.simulation.now))}

    def _index(self) -> str:
        apps = "".join(
            f'<li><b>{html.escape(app.spec.name)}</b>: {html.escape(app.spec.about)} '
            f'<a href="/apps/{html.escape(job)}/metrics">metrics</a> '
            f'<a href="/apps/{html.escape(job)}/health">health</a></li>'
            for job, app in self.simulation.apps.items())
        faults = "".join(
            f"<tr><td>{html.escape(f.name)}</td><td>{html.escape(f.text)}</td>"
            f"<td>{html.escape(', '.join(f.jobs))}</td></tr>" for f in FAULTS.values())
        shown = [self._shown(active) for active in self.simulation.active()]
        active = "".join(f"<li>{html.escape(a['fault'])} on {html.escape(a['job'])}, {a['seconds_left']} s left</li>"
                         for a in shown)
        return ("<!doctype html><html lang=en><meta charset=utf-8><title>Agent Vitals demo</title>"
                "<style>body{font:15px/1.5 system-ui;margin:2rem;max-width:70rem}td{padding:.2rem .8rem .2rem 0;"
                "vertical-align:top}</style><h1>Agent Vitals demo</h1>"
                f"<h2>Apps</h2><ul>{apps}</ul><h2>Broken now</h2><ul>{active or '<li>nothing</li>'}</ul>"
                f'<h2><a href="/faults">Faults</a></h2><table>{faults}</table></html>')

    def _send_json(self, status: int, answer: Mapping[str, Any]) -> None:
        self._send(status, "application/json", json.dumps(answer).encode() + b"\n")

    def _send(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Scrapes are not worth a line."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):  # a client that went away is no error
            super().handle_error(request, client_address)


def serve(listen: tuple[str, int], simulation: Simulation, backends: Mapping[str, Backend]) -> Server:
    """A server for this simulation, bound but not yet answering: call ``serve_forever``."""
    handler = type("DemoHandler", (Handler,), {"simulation": simulation, "backends": backends})
    return Server(listen, handler)


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    def env(name: str, default: str = "") -> str:
        return os.environ.get(f"VITALS_DEMO_{name}", default)

    parser = argparse.ArgumentParser(prog="python -m vitals_demo", description=__doc__, epilog=(
        "Each option can be given as VITALS_DEMO_LISTEN, VITALS_DEMO_POSTGRES_DSN and so on."))
    parser.add_argument("--listen", default=env("LISTEN", "127.0.0.1:9400"), metavar="HOST:PORT")
    parser.add_argument("--postgres-dsn", default=env("POSTGRES_DSN"), help="without password; none: no PostgreSQL")
    parser.add_argument("--postgres-password-file", default=env("POSTGRES_PASSWORD_FILE"), metavar="FILE")
    parser.add_argument("--redis-url", default=env("REDIS_URL"), help="without password; none: no Redis")
    parser.add_argument("--redis-password-file", default=env("REDIS_PASSWORD_FILE"), metavar="FILE")
    parser.add_argument("--log-dir", default=env("LOG_DIR"), metavar="DIR",
                        help="one file for each app as well; standard output alone without")
    parser.add_argument("--seed", default=env("SEED", "1"), help="the same seed gives the same noise")
    args = parser.parse_args(argv)
    host, _, port = args.listen.rpartition(":")
    if not host or not port.isdecimal() or not 0 <= int(port) < 65536:
        parser.error(f"--listen must be HOST:PORT, not {args.listen!r}")
    args.address = (host.strip("[]"), int(port))
    if not args.seed.lstrip("-").isdecimal():
        parser.error("--seed must be a whole number")
    try:
        in_dsn = args.postgres_dsn and "password" in conninfo_to_dict(args.postgres_dsn)
        in_url = args.redis_url and "password" in parse_url(args.redis_url)
    except (psycopg.Error, ValueError):  # what they say may hold a password
        parser.error("cannot read --postgres-dsn or --redis-url")
    if in_dsn or in_url:
        parser.error("passwords belong in files: --postgres-password-file, --redis-password-file")
    for name in ("postgres_password", "redis_password"):
        path = getattr(args, f"{name}_file")
        try:
            setattr(args, name, Path(path).read_text(encoding="utf-8").strip() if path else None)
        except OSError as error:
            parser.error(f"cannot read {path}: {error.strerror}")
    return args


class Logs:
    """Log lines to standard output and, with a folder, to one file for each app, rotated."""

    def __init__(self, folder: str, jobs: Iterable[str]) -> None:
        self._all = self._logger("vitals_demo", logging.StreamHandler(sys.stdout))
        self._apps = {job: self._logger(f"vitals_demo.{job}", RotatingFileHandler(
            Path(folder) / f"{job}.log", maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8"))
            for job in jobs} if folder else {}

    def write(self, line: Mapping[str, Any]) -> None:
        text = json.dumps(line, ensure_ascii=False)
        self._all.info(text)
        if own := self._apps.get(line["service"]):
            own.info(text)

    @staticmethod
    def _logger(name: str, handler: logging.Handler) -> logging.Logger:
        logger = logging.getLogger(name)
        logger.propagate = False
        logger.setLevel(logging.INFO)
        logger.addHandler(handler)
        return logger


def main(argv: list[str] | None = None) -> int:
    args = _arguments(argv)
    try:
        write = Logs(args.log_dir, ALL).write
    except OSError as error:
        print(f"cannot write logs into {args.log_dir}: {error.strerror}", file=sys.stderr)
        return 1

    def report(level: str, message: str) -> None:
        write({"timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
               "level": level, "service": "demo", "message": message})

    simulation = Simulation(int(args.seed), time.time(), (*ALL, *FAKES), sink=write)

    def wanted(fault: str) -> bool:
        return any(active.fault.name == fault for active in simulation.active())

    backends: dict[str, Backend] = {}
    if args.postgres_dsn:
        backends["database"] = Postgres(args.postgres_dsn, args.postgres_password, report,
                                        lambda: wanted("database-connections"))
    if args.redis_url:
        backends["redis"] = Redis(args.redis_url, args.redis_password, report, lambda: wanted("redis-down"))
    try:
        server = serve(args.address, simulation, backends)
    except OSError as error:
        print(f"cannot listen on {args.listen}: {error.strerror}", file=sys.stderr)
        return 1

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    for backend in backends.values():
        backend.start()
    threading.Thread(target=server.serve_forever, name="http", daemon=True).start()
    report("info", f"listening on {args.listen}")
    while not stop.wait(1.0):
        simulation.advance(time.time())
    simulation.heal()
    server.shutdown()
    for backend in backends.values():
        backend.stop()
    report("info", "stopped")
    return 0

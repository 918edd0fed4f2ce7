"""Serves the page, the dashboards, and Prometheus' answers to it. Reads only, and is asked by its own page only."""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
import shutil
import signal
import socket
import sys
from collections.abc import Iterable
from functools import lru_cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from vitals.errors import VitalsError
from vitals.viewer import boards
from vitals.viewer.upstream import POSTED, Prometheus, allowed

MAX_BODY = 64 << 10
LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
ASSETS = Path(__file__).parent / "assets"
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
          "base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
HEADERS = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
           "Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
           "Cross-Origin-Resource-Policy": "same-origin"}


def plotly() -> Path:
    """The drawing library, as its package brings it; the package itself is not imported. Raises VitalsError."""
    found = importlib.util.find_spec("plotly")
    file = Path(found.origin).parent / "package_data" / "plotly.min.js" if found and found.origin else None
    if file is None or not file.exists():
        raise VitalsError("the plots are drawn by plotly.min.js of the package plotly, and it is not there; `make` "
                          "installs the version that brings it")
    return file


@lru_cache
def assets() -> dict[str, Path]:
    """Name under /assets/ → file. Nothing else is read from the disk for a client."""
    files = {path.relative_to(ASSETS).as_posix(): path for path in ASSETS.rglob("*") if path.suffix in TYPES}
    return files | {"plotly.min.js": plotly()}


class Viewer(ThreadingHTTPServer):
    """One viewer: its address, its dashboards, its Prometheus."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, listen: tuple[str, int], folder: Path, prometheus: Prometheus,
                 hosts: Iterable[str] = ()) -> None:
        self.folder, self.prometheus = folder, prometheus
        self.hosts = LOOPBACK | {host.lower() for host in hosts} | {listen[0]}
        if ":" in listen[0]:
            self.address_family = socket.AF_INET6
        super().__init__(listen, Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that went away in the middle is no error."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    server: Viewer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "agent-vitals-viewer", ""
    timeout = 60  # seconds a client may keep a thread waiting

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if not self._welcome():
            return
        if url.path == "/" or url.path == "/alerts" or url.path.startswith("/d/"):
            self._file(assets()["index.html"])
        elif url.path.startswith("/assets/"):
            file = assets().get(url.path.removeprefix("/assets/"))
            self._file(file) if file else self._refuse(HTTPStatus.NOT_FOUND, "no such file")
        elif url.path == "/boards.json":
            self._boards()
        elif url.path.startswith("/boards/") and url.path.endswith(".json"):
            self._board(url.path.removeprefix("/boards/").removesuffix(".json"))
        elif url.path == "/-/ready":
            self._answer(HTTPStatus.OK, b"ready\n", "text/plain")
        elif url.path.startswith("/api/"):
            self._ask(url.path, url.query, post=False)
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "no such page; try /")

    do_HEAD = do_GET

    def do_POST(self) -> None:
        self.close_connection = True  # until the body is read
        url = urlsplit(self.path)
        if not self._welcome():
            return
        if url.path not in POSTED:
            self._refuse(HTTPStatus.METHOD_NOT_ALLOWED, "questions to Prometheus are posted, nothing else")
            return
        if self.headers.get_content_type() != "application/x-www-form-urlencoded":
            self._refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "application/x-www-form-urlencoded is taken")
            return
        try:
            length = int(self.headers.get("Content-Length", ""))
        except ValueError:
            self._refuse(HTTPStatus.LENGTH_REQUIRED, "how long is it?")
            return
        if not 0 <= length <= MAX_BODY:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {MAX_BODY} bytes")
            return
        body = self.rfile.read(length)
        self.close_connection = False
        self._ask(url.path, body.decode("latin-1"), post=True)

    def _welcome(self) -> bool:
        """Refuses questions under a foreign name (DNS rebinding), and those that another site's page sends."""
        host = self.headers.get("Host", "").lower()
        name = re.fullmatch(r"(\[[0-9a-f:.]+\]|[^:]+)(:[0-9]{1,5})?", host)
        if not name or name[1] not in self.server.hosts:
            self._refuse(HTTPStatus.MISDIRECTED_REQUEST, f"this viewer is not called {host!r}; --allow-host lets it be")
            return False
        origin = self.headers.get("Origin")
        site = self.headers.get("Sec-Fetch-Site", "none")
        from_a_link = self.headers.get("Sec-Fetch-Mode") == "navigate" and not self.path.startswith("/api/")
        if (site in ("cross-site", "same-site") and not from_a_link) or (origin and urlsplit(origin).netloc != host):
            self._refuse(HTTPStatus.FORBIDDEN, "only this viewer's own page may ask")
            return False
        return True

    def _boards(self) -> None:
        try:
            found = boards.index(*boards.load(self.server.folder))
        except VitalsError as err:
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, str(err))
            return
        self._json(found | {"prometheus": self.server.prometheus.url})

    def _board(self, uid: str) -> None:
        try:
            found, _ = boards.load(self.server.folder)
        except VitalsError as err:
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, str(err))
            return
        board = next((board for board in found if board.uid == uid), None)
        if board:
            self._json(board.model)
        else:
            self._refuse(HTTPStatus.NOT_FOUND, f"there is no dashboard {uid!r}")

    def _ask(self, path: str, query: str, post: bool) -> None:
        names = allowed(path)
        if names is None:
            self._refuse(HTTPStatus.NOT_FOUND, "this of Prometheus is not passed on")
            return
        try:
            pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=100)
        except ValueError:
            self._refuse(HTTPStatus.BAD_REQUEST, "too many parameters")
            return
        if strange := sorted({name for name, _ in pairs} - names):
            self._refuse(HTTPStatus.BAD_REQUEST, f"not a parameter of {path}: {', '.join(strange)}")
            return
        answer = self.server.prometheus.ask(path, pairs, post)
        self._answer(answer.status, answer.body, "application/json")

    def _file(self, file: Path) -> None:
        about = file.stat()
        tag = f'"{about.st_mtime_ns:x}-{about.st_size:x}"'
        if self.headers.get("If-None-Match") == tag:
            self.send_response(HTTPStatus.NOT_MODIFIED)
            self.send_header("ETag", tag)
            self.end_headers()
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", f"{TYPES[file.suffix]}; charset=utf-8")
        self.send_header("Content-Length", str(about.st_size))
        self.send_header("ETag", tag)
        self.send_header("Cache-Control", "no-cache")  # kept, and asked for anew only when it has changed
        self.end_headers()
        if self.command != "HEAD":
            with file.open("rb") as source:
                shutil.copyfileobj(source, self.wfile)

    def _json(self, thing: Any) -> None:
        self._answer(HTTPStatus.OK, json.dumps(thing).encode(), "application/json")

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        self._answer(status, json.dumps({"status": "error", "errorType": "viewer", "error": why}).encode(),
                     "application/json")

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def end_headers(self) -> None:
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: a page asks some dozen questions every half minute."""


def address(text: str) -> tuple[str, int]:
    """``host:port``. Raises VitalsError."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 <= int(port) < 65536:
        raise VitalsError(f"{text!r}: not an address such as 127.0.0.1:9097")
    return host.strip("[]"), int(port)


def make(listen: str, folder: Path, prometheus: Prometheus, hosts: Iterable[str] = ()) -> Viewer:
    """A viewer that listens, and serves once it is told to. Raises VitalsError."""
    boards.load(folder)
    plotly()
    host, port = address(listen)
    try:
        return Viewer((host, port), folder, prometheus, hosts)
    except OSError as err:
        raise VitalsError(f"cannot listen on {listen}: {err.strerror or err}; --listen takes another address") from err


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listen", default="127.0.0.1:9097", metavar="HOST:PORT")
    parser.add_argument("--prometheus", required=True, metavar="URL")
    parser.add_argument("--dashboards", type=Path, required=True, metavar="DIR")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        with make(args.listen, args.dashboards, Prometheus(args.prometheus)) as server:
            server.serve_forever()
    except VitalsError as err:
        sys.exit(str(err))


if __name__ == "__main__":
    main()

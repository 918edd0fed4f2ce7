"""One Prometheus, asked within limits: of time, of size, and of how many questions at once."""

from __future__ import annotations

import http.client
import json
import re
import ssl
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from vitals.errors import VitalsError

TIMEOUT_SECONDS = 30.0
QUERY_SECONDS = 25  # what Prometheus gives a query before it says so itself
MAX_ANSWER = 16 << 20
AT_ONCE = 8

# What of Prometheus' HTTP API may be asked, and by which parameters. All of it reads.
# https://prometheus.io/docs/prometheus/latest/querying/api/
_TIMES = {"start", "end", "limit"}
API: dict[str, frozenset[str]] = {
    r"/api/v1/query": frozenset({"query", "time", "timeout", "limit"}),
    r"/api/v1/query_range": frozenset({"query", "step", "timeout", *_TIMES}),
    r"/api/v1/labels": frozenset({"match[]", *_TIMES}),
    r"/api/v1/label/[a-zA-Z_][a-zA-Z0-9_]*/values": frozenset({"match[]", *_TIMES}),
    r"/api/v1/series": frozenset({"match[]", *_TIMES}),
    r"/api/v1/alerts": frozenset(),
    r"/api/v1/targets": frozenset({"state"}),
    r"/api/v1/rules": frozenset({"type"}),
    r"/api/v1/status/buildinfo": frozenset(),
}
POSTED = frozenset({"/api/v1/query", "/api/v1/query_range", "/api/v1/labels", "/api/v1/series"})
# Answers that are Prometheus' own word on a question: they are passed on as they are.
OWN_WORD = frozenset({200, 400, 422, 503})


def allowed(path: str) -> frozenset[str] | None:
    """The parameters that this path of the API takes; None: nobody may ask it."""
    return next((names for pattern, names in API.items() if re.fullmatch(pattern, path)), None)


@dataclass(frozen=True)
class Answer:
    """A status and a JSON body, always: Prometheus' own, or one of the same form that says why there is none."""

    status: int
    body: bytes


class Prometheus:
    """Asks one server. Follows no redirects, uses no proxy: the address is meant as it is written."""

    def __init__(self, address: str, token_file: Path | None = None, timeout: float = TIMEOUT_SECONDS,
                 max_answer: int = MAX_ANSWER) -> None:
        self.url = address.rstrip("/")
        self.timeout, self.max_answer = timeout, max_answer
        try:
            parts = urlsplit(self.url)
            self._host, self._port = parts.hostname, parts.port
        except ValueError as err:
            raise VitalsError(f"{address}: not an address: {err}") from err
        if parts.scheme not in ("http", "https") or not self._host or re.search(r"[\s\x00-\x1f]", address):
            raise VitalsError(f"{address!r}: not an address such as http://127.0.0.1:9090")
        if parts.username or parts.password:
            raise VitalsError("an address with a user name or password in it is not supported; use --token-file")
        if parts.query or parts.fragment:
            raise VitalsError(f"{address}: an address ends before ? and #")
        self._tls = parts.scheme == "https"
        self._prefix = parts.path
        self._headers = {"Accept": "application/json", "User-Agent": "agent-vitals-viewer"}
        if token_file:
            from vitals.page import token

            self._headers["Authorization"] = f"Bearer {token(token_file)}"
        self._turn = threading.BoundedSemaphore(AT_ONCE)

    def ask(self, path: str, params: Iterable[tuple[str, str]] = (), post: bool = False) -> Answer:
        """One question. Does not raise: what went wrong is the answer."""
        pairs = list(params)
        if path in ("/api/v1/query", "/api/v1/query_range") and not any(name == "timeout" for name, _ in pairs):
            pairs.append(("timeout", f"{QUERY_SECONDS}s"))
        if not self._turn.acquire(timeout=self.timeout):
            return _problem(HTTPStatus.SERVICE_UNAVAILABLE, "busy", f"{self.url} has too many questions to answer")
        try:
            return self._ask(self._prefix + path, urlencode(pairs), post)
        except TimeoutError:
            return _problem(HTTPStatus.GATEWAY_TIMEOUT, "timeout",
                            f"{self.url} did not answer within {self.timeout:g} s")
        except (OSError, http.client.HTTPException, ValueError) as err:
            why = getattr(err, "strerror", None) or str(err) or type(err).__name__
            return _problem(HTTPStatus.BAD_GATEWAY, "unreachable", f"{self.url} does not answer: {why}")
        finally:
            self._turn.release()

    def data(self, path: str, **params: str | int | float) -> Any:
        """The ``data`` of an answer. Raises VitalsError with Prometheus' own words."""
        answer = self.ask(path, [(name, str(value)) for name, value in params.items()], path in POSTED)
        try:
            document = json.loads(answer.body)
            if document["status"] == "success":
                return document["data"]
        except (ValueError, KeyError, TypeError) as err:
            raise VitalsError(f"{self.url} answers, but not as Prometheus does") from err
        raise VitalsError(str(document.get("error")))

    def _ask(self, path: str, query: str, post: bool) -> Answer:
        until = time.monotonic() + self.timeout
        assert self._host
        connection: http.client.HTTPConnection = (
            http.client.HTTPSConnection(self._host, self._port, timeout=self.timeout,
                                        context=ssl.create_default_context())
            if self._tls else http.client.HTTPConnection(self._host, self._port, timeout=self.timeout))
        try:
            if post:
                connection.request("POST", path, query.encode(), self._headers | {
                    "Content-Type": "application/x-www-form-urlencoded"})
            else:
                connection.request("GET", f"{path}?{query}" if query else path, headers=self._headers)
            response = connection.getresponse()
            kind = response.headers.get_content_type()
            if response.status not in OWN_WORD or kind != "application/json":
                return _problem(HTTPStatus.BAD_GATEWAY, "not_prometheus", self._stranger(response.status, kind))
            body = bytearray()
            while chunk := response.read1(1 << 16):
                body += chunk
                if len(body) > self.max_answer:
                    return _problem(HTTPStatus.BAD_GATEWAY, "too_large",
                                    f"the answer is larger than {self.max_answer / (1 << 20):g} MiB; choose a shorter "
                                    "time range, or fewer series")
                if time.monotonic() > until:
                    raise TimeoutError
            if response.length:  # it was cut off
                raise http.client.IncompleteRead(bytes(body[:0]), response.length)
            return Answer(response.status, bytes(body))
        finally:
            connection.close()

    def _stranger(self, status: int, kind: str) -> str:
        if status in (401, 403):
            return f"{self.url} wants to know who asks ({status}); give a token with --token-file"
        if 300 <= status < 400:
            return f"{self.url} sends elsewhere ({status}); give the address where Prometheus itself is"
        if status == 404:
            return f"{self.url} has no Prometheus API there (404); does the address lack a path, such as /prometheus?"
        return f"{self.url} answers {status} with {kind}, not as Prometheus does"


def _problem(status: HTTPStatus, kind: str, why: str) -> Answer:
    return Answer(int(status), json.dumps({"status": "error", "errorType": kind, "error": why}).encode())

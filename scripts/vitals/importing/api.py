"""Grafana's HTTP API, as much of it as an import needs: one request at a time, every trouble one clear message.

The API is the one under /api: Grafana 13 deprecates it in favour of /apis and keeps it working
(https://grafana.com/docs/grafana/v13.3/developer-resources/api-reference/http-api/api-legacy/), and it is the one that
12 and 13 have in common.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import re
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import SplitResult, quote, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, ProxyHandler, Request, build_opener

from vitals.errors import VitalsError

TIMEOUT_SECONDS = 60.0
MAX_BYTES = 64 << 20
TRIES = 5  # of a request that is asked to come again later
LONGEST_WAIT_SECONDS = 120.0
PAGES = re.compile(r"/(d|dashboards?|login|explore|api|apis|admin|alerting|connections)(/.*)?$")
OWN_ADDRESS = ("give Grafana's own address, with its path when it is served below one, as in "
               "https://example.com/grafana")


class Stop(VitalsError):
    """Trouble with Grafana as a whole: no further request would do better."""


class Refused(VitalsError):
    """Trouble with one request. ``status`` is HTTP's, ``kind`` Grafana's own word for it, such as version-mismatch."""

    def __init__(self, status: int, message: str, kind: str = "") -> None:
        super().__init__(message)
        self.status, self.kind = status, kind


@dataclass(frozen=True)
class Login:
    """Who asks: the header's value, and how a message may call it."""

    header: str = field(repr=False)
    secret: str = field(repr=False)
    name: str


def login(env: Mapping[str, str]) -> Login:
    """From GRAFANA_TOKEN or GRAFANA_TOKEN_FILE; else GRAFANA_USER with GRAFANA_PASSWORD or GRAFANA_PASSWORD_FILE.

    Never from the command line, which every process of the machine can read.
    """
    token = _secret(env, "GRAFANA_TOKEN")
    user = env.get("GRAFANA_USER", "")
    if token and user:
        raise VitalsError("both a token and GRAFANA_USER are set; unset one of them")
    if token:
        return Login(f"Bearer {token}", token, "the token")
    if user:
        if ":" in user or not user.isprintable():
            raise VitalsError("GRAFANA_USER is a user name, without : and line breaks")
        password = _secret(env, "GRAFANA_PASSWORD")
        if not password:
            raise VitalsError(f"no password for {user}: set GRAFANA_PASSWORD_FILE (or GRAFANA_PASSWORD)")
        return Login("Basic " + base64.b64encode(f"{user}:{password}".encode()).decode(), password, f"user {user}")
    raise VitalsError("nothing to log in with: set GRAFANA_TOKEN_FILE (or GRAFANA_TOKEN) to a service account's token, "
                      "or GRAFANA_USER and GRAFANA_PASSWORD_FILE")


def _secret(env: Mapping[str, str], name: str) -> str:
    value, file = env.get(name, ""), env.get(f"{name}_FILE", "")
    if value and file:
        raise VitalsError(f"both {name} and {name}_FILE are set; unset one of them")
    if file:
        try:
            value = Path(file).expanduser().read_text()
        except (OSError, ValueError) as err:
            raise VitalsError(f"{name}_FILE: {file}: {getattr(err, 'strerror', None) or 'not text'}") from err
    value = value.strip()
    if file and not value:
        raise VitalsError(f"{name}_FILE: {file} is empty")
    if not re.fullmatch(r"[\x21-\x7e]*", value) and (name == "GRAFANA_TOKEN" or not value.isprintable()):
        raise VitalsError(f"{name + '_FILE' if file else name} holds more than a {name.partition('_')[2].lower()}: "
                          "spaces, line breaks or other characters that none has")
    return value


def address(url: str) -> SplitResult:
    """Where Grafana is, without a slash at its end. Raises VitalsError for what is no address of it."""
    try:
        found = urlsplit(url)
        host, _ = found.hostname, found.port
    except ValueError as err:
        raise VitalsError(f"GRAFANA_URL is no address: {err}") from err
    if "@" in found.netloc:
        raise VitalsError("GRAFANA_URL has a login in it, which others can read; set GRAFANA_TOKEN_FILE, "
                          "or GRAFANA_USER and GRAFANA_PASSWORD_FILE")
    if found.scheme not in ("http", "https") or not host or re.search(r"[\s\x00-\x1f\x7f]", url):
        raise VitalsError(f"{url!r} is no address of a Grafana, such as https://grafana.example.com or "
                          "https://example.com/grafana")
    if found.query or found.fragment or PAGES.search(found.path):
        root = found._replace(path=PAGES.sub("", found.path), query="", fragment="")
        raise VitalsError(f"{url} is a page of Grafana; give the address of Grafana itself, such as {root.geturl()}")
    return found._replace(path=found.path.rstrip("/"))


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _NoRedirect(HTTPRedirectHandler):
    """Nobody else is handed the token: where Grafana has moved to is told, not followed."""

    def redirect_request(self, *_: Any) -> None:
        return None


class Api:
    """One Grafana, and one login to it."""

    def __init__(self, url: str, who: Login, say: Callable[[str], None]) -> None:
        where = address(url)
        self.url, self.who, self.say = where.geturl(), who, say
        loopback = is_loopback(where.hostname or "")
        if where.scheme == "http" and not loopback:
            if who.header.startswith("Basic"):
                raise VitalsError(f"{self.url} is not encrypted: a password is not sent there; use https, or a token")
            say(f"warning: {self.url} is not encrypted: whoever is between can read the token")
        handlers: list[Any] = [_NoRedirect, HTTPSHandler(context=ssl.create_default_context())]
        if loopback:
            handlers.append(ProxyHandler({}))  # whatever proxy the environment names
        self._opener = build_opener(*handlers)

    def get(self, path: str, **query: str | int) -> Any:
        return self._ask("GET", path + (f"?{urlencode(query)}" if query else ""), None)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self._ask("POST", path, json.dumps(body, allow_nan=False).encode())

    def found(self, path: str, **query: str | int) -> Any:
        """As ``get``; None where there is no such thing."""
        try:
            return self.get(path, **query)
        except Refused as err:
            if err.status == 404:
                return None
            raise

    def _ask(self, method: str, path: str, body: bytes | None) -> Any:
        for attempt in range(1, TRIES + 1):
            status, headers, answer = self._exchange(method, path, body)
            wait = _wait(status, headers, attempt)
            if wait is None:
                return self._judge(method, path, status, headers, answer)
            if wait > LONGEST_WAIT_SECONDS:
                raise Stop(f"{self.url} takes no more requests for {wait:.0f} s; try again then")
            if attempt < TRIES:
                self.say(f"Grafana asks to wait: going on in {wait:.0f} s")
                time.sleep(wait)
        raise Stop(f"{self.url} still takes no more requests (HTTP {status}); try again later")

    def _exchange(self, method: str, path: str, body: bytes | None) -> tuple[int, Mapping[str, str], bytes]:
        request = Request(self.url + path, body, method=method, headers={
            "Accept": "application/json", "User-Agent": "agent-vitals-import",
            **({"Content-Type": "application/json"} if body is not None else {})})
        request.add_unredirected_header("Authorization", self.who.header)
        try:
            try:
                response = self._opener.open(request, timeout=TIMEOUT_SECONDS)
            except HTTPError as err:  # an answer as well
                response = err
            with response:
                answer = response.read(MAX_BYTES + 1)
                status, headers = response.status, response.headers
        except (OSError, HTTPException, ValueError) as err:
            raise Stop(self._unreachable(err)) from err
        if len(answer) > MAX_BYTES:
            raise Stop(f"{self.url}{path} answers with more than {MAX_BYTES >> 20} MiB")
        return status, headers, answer

    def _unreachable(self, err: Exception) -> str:
        reason = err.reason if isinstance(err, URLError) else err
        if isinstance(reason, ssl.SSLCertVerificationError):
            return (f"{self.url}: its certificate is not trusted: {reason.verify_message}; for an authority of your "
                    "own set SSL_CERT_FILE to its certificate")
        if isinstance(reason, ssl.SSLError):
            return f"{self.url}: no encrypted connection: {reason.reason or reason}; is it https?"
        if isinstance(reason, TimeoutError):
            return f"{self.url} did not answer within {TIMEOUT_SECONDS:.0f} s"
        if isinstance(err, OSError):
            return f"{self.url} does not answer: {getattr(reason, 'strerror', None) or reason}"
        return f"{self.url} does not answer as a web server does: {err or type(err).__name__}"

    def _judge(self, method: str, path: str, status: int, headers: Mapping[str, str], answer: bytes) -> Any:
        if 300 <= status < 400:
            raise Stop(self._moved(headers.get("Location", "")))
        try:
            found = json.loads(answer)
        except (ValueError, RecursionError):
            found = None
        if 200 <= status < 300:
            if found is None:
                raise Stop(f"{self.url}{path} answers, but not as Grafana's API does; {OWN_ADDRESS}")
            return found
        said = self._said(found)
        match status:
            case 401:
                raise Stop(f"{self.url} does not let {self.who.name} in{said}")
            case 403:
                raise Refused(status, f"{self.who.name} may not{said}")
            case 404 if found is None:
                raise Stop(f"{self.url}{path} is not there; {OWN_ADDRESS}")
            case 407 | 511:
                raise Stop(f"a proxy before {self.url} refuses (HTTP {status})")
        kind = found.get("status", "") if isinstance(found, dict) else ""
        raise Refused(status, f"Grafana answers HTTP {status} to {method} {path.partition('?')[0]}{said}", str(kind))

    def _moved(self, location: str) -> str:
        to = urlsplit(location)
        if to.path.rstrip("/").endswith("/login"):
            return f"{self.url} sends {self.who.name} to its login page: it is not let in"
        shown = self._shown(to._replace(query="", fragment="").geturl()) or "elsewhere"
        return (f"{self.url} sends on to {shown}, where the login is not sent along; "
                "give the address that Grafana has in the end as GRAFANA_URL")

    def _said(self, found: Any) -> str:
        message = found.get("message") if isinstance(found, dict) else None
        return f": {self._shown(message)}" if isinstance(message, str) and message else ""

    def _shown(self, text: str) -> str:
        """What a server said, fit to be printed: without the login, without control characters, not endless."""
        return plain(text.replace(self.who.secret, "…").replace(self.who.header.partition(" ")[2], "…"))[:400]


def plain(text: Any) -> str:
    """On one line, without what would steer a terminal."""
    return re.sub(r"\s+", " ", "".join(c if c.isprintable() else " " for c in str(text))).strip()


def segment(text: str) -> str:
    """A part of a path."""
    return quote(text, safe="")


def _wait(status: int, headers: Mapping[str, str], attempt: int) -> float | None:
    """How many seconds to wait before the request is made again; None: it has been answered."""
    asked = headers.get("Retry-After", "").strip()
    if status != 429 and not (status == 503 and asked):
        return None
    if asked.isdigit():
        return float(asked)
    try:
        return max(0.0, parsedate_to_datetime(asked).timestamp() - time.time())
    except ValueError:
        return float(2 ** attempt)

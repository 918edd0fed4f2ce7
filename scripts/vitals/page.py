"""One /metrics page: fetched as Prometheus would, parsed, and summed up by metric. Knows no profile."""

from __future__ import annotations

import io
import ipaddress
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import SplitResult, urlsplit
from urllib.request import HTTPHandler, HTTPSHandler, ProxyHandler, Request, build_opener

from prometheus_client import parser as text_parser
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.samples import Sample

from vitals.errors import VitalsError

TIMEOUT_SECONDS = 10.0
MAX_BYTES = 32 << 20  # what Prometheus is told to take in
# Client libraries' and exporters' own figures: on every page, in no vocabulary.
RUNTIME = re.compile(r"^(process|python|go|promhttp|scrape|target|jvm|nodejs|ruby|dotnet|otelcol_process)_")
MAX_VALUES = 2000  # distinct label values remembered for one metric
ACCEPT = "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
OPENMETRICS = "application/openmetrics-text"
CONTENT_TYPES = ("text/plain", OPENMETRICS)

# What each type writes beside (or instead of) its own name.
_SUFFIXES = {"counter": ("", "_total", "_created"), "histogram": ("_bucket", "_sum", "_count", "_created"),
             "gaugehistogram": ("_bucket", "_gsum", "_gcount"), "summary": ("", "_sum", "_count", "_created"),
             "info": ("", "_info")}


@dataclass
class Metric:
    """One metric as the page declares it; a page that has just started declares more than it has series of."""

    name: str
    type: str
    series: int = 0
    seen: set[str] = field(default_factory=set)  # names of its samples
    labels: dict[str, set[str]] = field(default_factory=dict)
    bounds: set[Decimal] = field(default_factory=set)  # finite bucket bounds


@dataclass
class Page:
    """Everything a page exposes. ``by_sample`` finds a metric by the name of a sample that it has or will have."""

    address: str
    metrics: dict[str, Metric] = field(default_factory=dict)
    by_sample: dict[str, Metric] = field(default_factory=dict)
    content_type: str | None = None  # None: read from a file
    most_labels: int = 0
    longest_value: int = 0

    def find(self, sample: str) -> Metric | None:
        """The metric that has, or as long as it has no series will have, samples of this name."""
        metric = self.by_sample.get(sample)
        return metric if metric and (not metric.series or sample in metric.seen) else None

    @property
    def series(self) -> int:
        return sum(metric.series for metric in self.metrics.values())


def read(address: str, token_file: Path | None = None, timeout: float = TIMEOUT_SECONDS) -> Page:
    """The page at an http(s) address (``host:port`` will do), or in a file. Raises VitalsError."""
    if "://" not in address and Path(address).is_file():
        return parse(_file(Path(address)), None, address)
    url = target(address).geturl()
    body, content_type = _fetch(url, token_file, timeout)
    return parse(body, content_type, url)


def target(address: str) -> SplitResult:
    """The address in full: scheme, host and port, path. Raises VitalsError for what Prometheus could not scrape."""
    try:
        url = urlsplit(address if "://" in address else f"http://{address}")
        if url.scheme not in ("http", "https"):
            raise VitalsError(f"{address}: only http and https can be scraped")
        host, port = url.hostname, url.port
    except ValueError as err:
        raise VitalsError(f"{address}: not an address: {err}") from err
    if not host or re.search(r"[\s\x00-\x1f]", address):
        raise VitalsError(f"{address!r}: neither a file nor an address such as http://127.0.0.1:8000/metrics")
    if url.username or url.password:
        raise VitalsError("an address with a user name or password in it is not supported; use a bearer token file")
    port = port or (443 if url.scheme == "https" else 80)
    return url._replace(netloc=f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
                        path=url.path if url.path not in ("", "/") else "/metrics", fragment="")


def _file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            body = file.read(MAX_BYTES + 1)
    except OSError as err:
        raise VitalsError(f"{path}: cannot be read: {err.strerror}") from err
    return _not_too_big(body, str(path))


def _not_too_big(body: bytes, address: str) -> bytes:
    if len(body) > MAX_BYTES:
        raise VitalsError(f"{address}: larger than {MAX_BYTES >> 20} MiB; Prometheus is told to refuse such a page")
    return body


def _fetch(url: str, token_file: Path | None, timeout: float) -> tuple[bytes, str]:
    request = Request(url, headers={"Accept": ACCEPT, "User-Agent": "agent-vitals-doctor"})
    if token_file:
        # Not sent on to wherever a redirect may lead.
        request.add_unredirected_header("Authorization", f"Bearer {token(token_file)}")
    # No proxy: Prometheus uses none either.
    opener = build_opener(ProxyHandler({}), HTTPHandler(), HTTPSHandler())
    until = time.monotonic() + timeout
    try:
        with opener.open(request, timeout=timeout) as response:
            body = b"".join(_chunks(response, url, until, timeout))
            return body, response.headers.get("Content-Type", "")
    except HTTPError as err:
        raise VitalsError(_refusal(url, err.code, token_file)) from err
    except TimeoutError as err:
        raise VitalsError(_slow(url, timeout)) from err
    except URLError as err:
        if isinstance(err.reason, TimeoutError):
            raise VitalsError(_slow(url, timeout)) from err
        reason = getattr(err.reason, "strerror", None) or err.reason
        raise VitalsError(f"{url} does not answer: {reason}") from err
    except (HTTPException, OSError, ValueError) as err:
        raise VitalsError(f"{url} does not answer as a web server does: {err or type(err).__name__}") from err


def _chunks(response: HTTPResponse, url: str, until: float, timeout: float) -> Iterator[bytes]:
    size = 0
    while chunk := response.read1(1 << 16):
        size += len(chunk)
        if size > MAX_BYTES:
            _not_too_big(b"\0" * (MAX_BYTES + 1), url)
        if time.monotonic() > until:
            raise VitalsError(_slow(url, timeout))
        yield chunk


def _slow(url: str, timeout: float) -> str:
    return f"{url} did not answer within {timeout:g} s; Prometheus gives up then, too"


def token(path: Path) -> str:
    """The token that a file holds as its one line. Raises VitalsError."""
    try:
        found = path.expanduser().read_text().strip()
    except (OSError, UnicodeDecodeError) as err:
        raise VitalsError(f"{path}: the token cannot be read: {getattr(err, 'strerror', None) or 'not text'}") from err
    if not found or not found.isprintable() or not found.isascii() or " " in found:
        raise VitalsError(f"{path}: holds no token (one line, no spaces)")
    return found


def _refusal(url: str, code: int, token_file: Path | None) -> str:
    if code in (401, 403):
        if token_file:
            return f"{url} does not accept the token in {token_file} ({code})"
        return (f"{url} needs a token ({code}): write it into a file (mode 0600), name the file here, and later in "
                "vitals.yaml as bearer_token_file")
    if code == 404:
        return f"{url}: no such page (404). Where does the app serve its metrics? Give the address with its path"
    return f"{url} answers {code}, not with metrics"


def parse(body: bytes, content_type: str | None, address: str) -> Page:
    """The page as read; a file has no Content-Type (None) and is known by its end. Raises VitalsError."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise VitalsError(f"{address}: not text, so no metrics page") from err
    start = text.lstrip()[:200].lower()
    if start.startswith("<"):
        raise VitalsError(f"{address} is a web page, not a metrics page; is it under another path?")
    if start.startswith(("{", "[")):
        raise VitalsError(f"{address} is JSON, not a metrics page; is it under another path?")
    page = Page(address, content_type=content_type)
    types = dict(re.findall(r"^# TYPE[ \t]+(\S+)[ \t]+(\w+)[ \t\r]*$", text, re.MULTILINE))
    for name, type_ in types.items():
        _declare(page, name, type_)
    written = set(re.findall(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)", text, re.MULTILINE))
    for sample in _samples(text, content_type, address):
        _add(page, sample, written)
    if not page.metrics:
        raise VitalsError(f"{address} holds no metrics")
    return page


def _samples(text: str, content_type: str | None, address: str) -> Iterator[Sample]:
    if content_type is None:
        openmetrics = text.rstrip().endswith("# EOF")
    else:
        openmetrics = content_type.lower().startswith(OPENMETRICS)
    parse_ = openmetrics_parser if openmetrics else text_parser
    try:
        for family in parse_.text_fd_to_metric_families(io.StringIO(text)):
            yield from family.samples
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as err:
        problem = str(err) or "a line is malformed"
        raise VitalsError(f"{address} is no metrics page that Prometheus could read: {problem[:200]}") from err


def _declare(page: Page, name: str, type_: str) -> Metric:
    metric = page.metrics[name] = Metric(name, type_.replace("unknown", "untyped"))
    for suffix in _SUFFIXES.get(type_, ("",)):
        page.by_sample.setdefault(name + suffix, metric)
    page.by_sample[name] = metric
    return metric


def _add(page: Page, sample: Sample, written: set[str]) -> None:
    # The parser gives every counter's samples a _total, whether the page writes it or not.
    plain = sample.name.removesuffix("_total")
    name = plain if sample.name not in written and plain in written else sample.name
    metric = page.by_sample.get(name) or _declare(page, name, "untyped")
    if name.endswith("_created") and name != metric.name:
        return
    metric.series += 1
    metric.seen.add(name)
    page.most_labels = max(page.most_labels, len(sample.labels))
    for label, value in sample.labels.items():
        page.longest_value = max(page.longest_value, len(value))
        if label == "le" and name == f"{metric.name}_bucket":
            if (bound := _number(value)) is not None:
                metric.bounds.add(bound)
        elif value:
            values = metric.labels.setdefault(label, set())
            if len(values) < MAX_VALUES:
                values.add(value)


def _number(text: str) -> Decimal | None:
    """A bucket's bound; None for +Inf and for what is no number."""
    try:
        value = Decimal(text)
    except ArithmeticError:
        return None
    return value.normalize() if value.is_finite() else None


def is_address(text: str) -> bool:
    """True for an IPv4 or IPv6 address, with or without a port."""
    host = re.sub(r":\d+$", "", text) if text.count(":") == 1 else text.strip("[]")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True

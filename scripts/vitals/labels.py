"""Labels that can take any number of values, or say who somebody is. Found on a page, without knowing any profile."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from vitals import page
from vitals.page import Page

MANY = 50  # distinct values beyond which a label counts as unbounded


@dataclass(frozen=True)
class Label:
    """A label that can take any number of values, or says who somebody is."""

    label: str
    why: str
    examples: tuple[str, ...]
    metrics: tuple[str, ...]
    personal: bool = False


_EMAIL = re.compile(r"^[^@\s]+@[^@\s]+\.[^@\s]+$")
_UUID = r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}"
_HEX = r"(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{16,}"
_ID = re.compile(rf"^(?:\w*[-_:])?(?:{_UUID}|{_HEX}|[0-9A-HJKMNP-TV-Z]{{26}}|\d{{4,}})$")
_RAW_SEGMENT = re.compile(rf"^(?:\d+|{_UUID}|{_HEX})$")
_WHO = re.compile(r"(^|_)((user|customer|account|session)(_?id|_?name)?|(first|last|full)_?name|e_?mail|mail|phone|"
                  r"person|login)$", re.IGNORECASE)
_WHERE = re.compile(r"(^|_)(ip|ip_?addr(ess)?|(client|remote|source|src|peer)_?(ip|addr(ess)?|host))$", re.IGNORECASE)
_PATHS = re.compile(r"(path|endpoint|route|url|uri|handler|target)", re.IGNORECASE)


def unbounded(found: Page) -> Iterator[Label]:
    """Labels with many values, ids, raw paths or addresses in them; personal data is named as such."""
    metrics: dict[str, dict[str, set[str]]] = defaultdict(dict)
    for metric in found.metrics.values():
        if not metric.name.endswith("_info") and not page.RUNTIME.search(metric.name):
            for label, values in metric.labels.items():
                metrics[label][metric.name] = values
    for label, by_metric in sorted(metrics.items()):
        if label in ("le", "quantile"):
            continue
        values = set().union(*by_metric.values())
        for why, personal, matches in _reasons(label, values):
            guilty = {name: seen for name, seen in by_metric.items() if any(matches(value) for value in seen)}
            examples = sorted(value for value in values if matches(value))[:3]
            shown = tuple(_masked(example) if personal else example for example in examples)
            yield Label(label, why, shown, tuple(sorted(guilty)), personal)
            break  # one reason is enough
        else:
            if many := {name: seen for name, seen in by_metric.items() if len(seen) > MANY}:
                most = max(len(seen) for seen in many.values())
                yield Label(label, f"{most}{'+' if most >= page.MAX_VALUES else ''} values", tuple(sorted(values)[:3]),
                            tuple(sorted(many)))


Matcher = Callable[[str], bool]


def _reasons(label: str, values: set[str]) -> Iterator[tuple[str, bool, Matcher]]:
    """(why, whether it is personal data, which values show it), the gravest first."""
    if any(_EMAIL.match(v) for v in values):
        yield "e-mail addresses: personal data", True, lambda v: bool(_EMAIL.match(v))
    addresses = sum(page.is_address(v) for v in values)
    if addresses and (_WHERE.search(label) or _WHO.search(label)):
        yield "IP addresses of people: personal data", True, page.is_address
    if _WHO.search(label) and (len(values) >= 2 or any(_ID.match(v) for v in values)):
        yield "says who somebody is: personal data", True, lambda v: True
    if addresses > 10:
        yield "IP addresses, one series each", False, page.is_address
    if _PATHS.search(label) and any(_raw_path(v) for v in values):
        yield "raw paths with numbers or ids in them; use the route's pattern", False, _raw_path
    ids = [v for v in values if _ID.match(v)]
    plain_numbers = all(v.isdigit() for v in ids)
    if len(ids) >= (10 if plain_numbers else 3) and len(ids) * 2 >= len(values):
        yield "ids, one series each", False, lambda v: bool(_ID.match(v))


def _raw_path(value: str) -> bool:
    path = urlsplit(value).path if "://" in value else value.partition("?")[0]
    return "/" in path and any(_RAW_SEGMENT.match(segment) for segment in path.split("/"))


def _masked(value: str) -> str:
    """Enough of a personal value to find it, not enough to pass it on."""
    name, at, domain = value.partition("@")
    if at:
        return f"{name[:1]}…@{domain}"
    if page.is_address(value):
        return value.split(".")[0] + ".…" if "." in value else value.split(":")[0] + ":…"
    return value[:2] + "…"

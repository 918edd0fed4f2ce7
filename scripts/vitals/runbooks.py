"""docs/runbooks: a page for every alert, and what must be on it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from vitals import alerts, coverage, recording, slo
from vitals.recording import Profiles
from vitals.settings import Settings
from vitals.signals import THRESHOLDS, threshold_series

SECTIONS = ("What it means", "Who is hurt", "First five minutes", "Likely causes", "Mitigate", "Escalate")
# Pages about more than one alert.
GENERAL = ("README", "service-down", "high-error-rate", "database-issues", "performance-issues", "incident-response")
# Series that Prometheus makes for every target.
_OF_TARGETS = frozenset({"scrape_samples_post_metric_relabeling", "scrape_duration_seconds"})
_QUERY = re.compile(r"^ *```promql\n(.*?)^ *```$", re.M | re.S)  # in lists they are indented
_UNFINISHED = re.compile(r"\b(TODO|TBD|FIXME|XXX|lorem)\b", re.I)
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def folder(settings: Settings) -> Path:
    return settings.root / "docs" / "runbooks"


def queries(page: str) -> list[str]:
    """The PromQL of a page, one expression for each block."""
    return [text.strip() for text in _QUERY.findall(page)]


def check(settings: Settings, profiles: Profiles) -> list[str]:
    """What is wrong: alerts without a page, pages without an alert, sections, queries, links, unfinished words."""
    place = folder(settings)
    pages = {path.stem: path.read_text() for path in sorted(place.glob("*.md"))}
    known = alerts.all_alerts()
    found = [f"docs/runbooks/{name}.md is missing: every alert has a page" for name in known if name not in pages]
    found += [f"docs/runbooks/{name}.md: there is no alert of that name" for name in pages
              if name not in known and name not in GENERAL]
    recorded = _series(settings, profiles)
    for name, text in pages.items():
        problems = [*_page(name, text, name in known), *_reads(text, recorded), *_links(place, text)]
        found += [f"docs/runbooks/{name}.md: {problem}" for problem in problems]
    return found


def _page(name: str, text: str, of_alert: bool) -> Iterator[str]:
    if not text.startswith(f"# {name}\n") and of_alert:
        yield f"its first line is not '# {name}'"
    if match := _UNFINISHED.search(text):
        yield f"is unfinished: {match[0]}"
    if not of_alert:
        return
    sections = re.split(r"^## (.+)$", text, flags=re.M)[1:]
    bodies = dict(zip(sections[::2], sections[1::2], strict=True))
    if tuple(bodies) != SECTIONS:
        yield f"its sections are not: {', '.join(SECTIONS)}"
    for title, body in bodies.items():
        if len(body.strip()) < 5:
            yield f"nothing stands under {title}"
    if not queries(bodies.get("First five minutes", "")):
        yield "no query to look at first"


def _reads(text: str, recorded: set[str]) -> Iterator[str]:
    for query in queries(text):
        try:
            names = coverage.reads(query)
        except ValueError as err:
            yield f"not PromQL: {query} ({err})"
            continue
        for name in sorted(names - recorded - coverage.ALWAYS - _OF_TARGETS):
            yield f"reads {name}, which nothing records: {query}"


def _links(place: Path, text: str) -> Iterator[str]:
    for target in _LINK.findall(text):
        if "://" not in target and not (place / target).exists():
            yield f"links to {target}, which is not there"


def _series(settings: Settings, profiles: Profiles) -> set[str]:
    names = {rule.record for groups in (*recording.groups(settings, profiles).values(),
                                        *slo.groups(settings, profiles).values()) for group in groups
             for rule in group.rules}
    raw = {f"{source.metric}{suffix}" for profile, _ in profiles.values() if profile.kind != "app"
           for feed in profile.signals.values() for source in feed.metrics() for suffix in ("", "_total")}
    return names | raw | {threshold_series(name) for name in THRESHOLDS}

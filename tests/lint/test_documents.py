"""The documents that the product grew from: what is wrong in their alerts, panels and recipes is found, no more."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from vitals import page
from vitals.lint import catalogues, run, sources
from vitals.lint.bundled import Bundled
from vitals.lint.catalogue import Several

FOLDER = Path(__file__).parent / "documents"
METRICS = yaml.safe_load((FOLDER / "metrics.yaml").read_text())
EXPECTED = yaml.safe_load((FOLDER / "expected.yaml").read_text())


def exposed(metrics: dict[str, list]) -> bytes:
    """The page that an application with these metrics serves, made by the client library."""
    registry = CollectorRegistry()
    for name, (kind, labels, *buckets) in metrics.items():
        if kind == "histogram":
            made = Histogram(name, "…", labels, registry=registry, **({"buckets": buckets[0]} if buckets else {}))
        else:
            made = {"counter": Counter, "gauge": Gauge}[kind](name, "…", labels, registry=registry)
        if labels:
            made.labels(*["x"] * len(labels))
    return generate_latest(registry)


def found(file: str) -> dict[str, set[str]]:
    """Findings, but for mere information, by what they are about."""
    document = next(name for name in METRICS if file.startswith(name))
    known = catalogues.of_page(page.parse(exposed(METRICS[document]), None, document))
    source = sources.read_file(str(FOLDER / file))
    result: dict[str, set[str]] = {}
    for finding in [*source.findings, *run.lint([source], Several([known, Bundled()]))]:
        if finding.severity != "info":
            result.setdefault(finding.subject.removeprefix("alert ").removeprefix("panel "), set()).add(finding.check)
    return result


def test_every_file_is_expected():
    assert set(EXPECTED) == {p.name for p in FOLDER.iterdir()} - {"expected.yaml", "metrics.yaml"}


@pytest.mark.parametrize("file", EXPECTED)
def test_what_is_wrong_is_found_and_no_more(file):
    expected = {subject: set(about["finds"]) for subject, about in EXPECTED[file].items() if about["finds"]}
    assert found(file) == expected


def test_every_hard_defect_that_can_be_seen_is_expected():
    """Nothing can be quietly taken from the list: what a file cannot show says so."""
    hard = {(file, subject): about for file, subjects in EXPECTED.items() for subject, about in subjects.items()
            if about["defect"] == "hard"}
    assert len(hard) == 19
    unseen = {subject for (_, subject), about in hard.items() if not about["finds"]}
    assert unseen == {subject for (_, subject), about in hard.items() if "unseen" in about}
    soft = [about for subjects in EXPECTED.values() for about in subjects.values() if about["defect"] == "none"]
    assert not any(about["finds"] for about in soft)

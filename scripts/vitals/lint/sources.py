"""Files, folders, globs and standard input → sources: which are rules or dashboards, and what they hold.

A document may be a rule file as Prometheus reads it, a manifest (PrometheusRule, a List of them, a ConfigMap with rules
or dashboards in it), a dashboard, an API answer around one, or a promtool test file. Rules are found wherever a mapping
has `groups`, so Helm values and rulers' namespaces are read as well.
"""

from __future__ import annotations

import glob
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from vitals.lint import dashboardfiles, rulefiles
from vitals.lint.located import Budget, Map, Origin, Seq, Spot, Unreadable, read_json, read_yaml
from vitals.lint.model import Place, Source

ENDINGS = (".yaml", ".yml", ".json", ".rules")
MAX_BYTES = 32 << 20
MAX_DEPTH = 8  # of a document, down to the rules or the dashboard in it
FOLDERS_LEFT_OUT = {"node_modules", "__pycache__", "venv"}

# A file in a folder is looked at if it may hold rules or a dashboard, and must be readable if it is meant to.
SIGNS = re.compile(r"""^[ \t-]*["']?groups["']?[ ]*:|["']groups["'][ ]*:|alert_rule_test|"""
                   r"""["'](?:panels|rows|elements)["']\s*:|^[ ]*(?:panels|elements):""", re.M)
INTENT = re.compile(r"""^[ \t-]*["']?(?:expr|alert|record)["']?[ ]*:|"(?:expr|targets|schemaVersion)"\s*:""", re.M)

# Helm's templates: what no rendered file holds; and what, at the start of a line, is no YAML.
TEMPLATE = re.compile(r"\{\{-?\s*(?:\.(?:Values|Release|Chart|Files|Capabilities)\b|include |toYaml |tpl |[\"`]\{\{)")
TEMPLATE_LINE = re.compile(r"^[ \t]*\{\{-?\s*(?:if|range|with|end|else|define|template|block|/\*)", re.M)
TEMPLATE_PROBLEM = "a Helm template, not YAML; lint what it renders: helm template … | vitals lint -"


def read(paths: Iterable[str], excluded: Callable[[str], bool] = lambda path: False,
         strict: bool = True) -> tuple[list[Source], list[Unreadable]]:
    """Every input, in a stable order, each once; and what could not be read, to be told beside the findings.

    ``strict``: a file that is named and is neither rules nor dashboard is an error; else it is passed over.
    """
    sources: list[Source] = []
    problems: list[Unreadable] = []
    seen: set[str] = set()
    for path, named in _files(paths, excluded, problems):
        real = path if path == "-" else os.path.realpath(path)
        if real in seen:
            continue
        seen.add(real)
        try:
            source = read_file(path, strict=named and strict)
        except Unreadable as err:
            problems.append(err)
        else:
            if source:
                sources.append(source)
    return sources, problems


def _files(paths: Iterable[str], excluded: Callable[[str], bool],
           problems: list[Unreadable]) -> Iterator[tuple[str, bool]]:
    """Path, and whether it was named itself (not only a folder or a pattern that it falls under)."""
    for path in paths:
        if path == "-":
            yield path, True
        elif Path(path).is_dir():
            yield from ((file, False) for file in _walk(path) if not excluded(file))
        elif os.path.lexists(path) or not glob.has_magic(path):
            yield path, True
        elif found := sorted(glob.glob(path, recursive=True)):  # noqa: PTH207 (may be absolute)
            yield from ((file, False) for file in found if Path(file).is_file() and not excluded(file))
        else:
            problems.append(Unreadable(Place(path, 0, 0), "no file matches this pattern"))


def _walk(folder: str) -> Iterator[str]:
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in FOLDERS_LEFT_OUT)
        for name in sorted(files):
            path = os.path.normpath(str(Path(here, name)))
            if name.endswith(ENDINGS) and not name.startswith(".") and Path(path).is_file():
                yield path


def read_file(path: str, strict: bool = True) -> Source | None:
    """One file, or `-`. None: neither rules nor dashboard (``strict``: that is Unreadable too)."""
    file = "<stdin>" if path == "-" else path
    data = _bytes(path)
    try:
        text = _decode(file, data)
    except Unreadable:
        # What is not meant for Prometheus may be as large and as odd as it likes.
        if strict or INTENT.search(data.decode("latin-1")):
            raise
        return None
    return read_text(file, text, strict)


def _bytes(path: str) -> bytes:
    if path == "-":
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    whole = Place(path, 0, 0)
    try:
        if not Path(path).is_file() and Path(path).exists():
            raise Unreadable(whole, "not a file")
        with Path(path).open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except OSError as err:
        raise Unreadable(whole, f"cannot be read: {err.strerror}") from err


def _decode(file: str, data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise Unreadable(Place(file, 0, 0), f"larger than {MAX_BYTES >> 20} MB; not read")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise Unreadable(Place(file, 1, 1), "UTF-16; save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        line = data.count(b"\n", 0, err.start) + 1
        column = err.start - (data.rfind(b"\n", 0, err.start) + 1) + 1
        raise Unreadable(Place(file, line, column), f"not UTF-8 (byte 0x{data[err.start]:02x})") from err


def read_text(file: str, text: str, strict: bool = True) -> Source | None:
    if not strict and not SIGNS.search(text):
        return None
    origin = Origin(file, text)
    source = Source(file, text)
    finder = _Finder(source)
    try:
        finder.document(origin)
    except Unreadable as err:
        if match := TEMPLATE.search(text) or TEMPLATE_LINE.search(text):
            raise origin.error(match.start(), TEMPLATE_PROBLEM) from err
        if strict or INTENT.search(text):
            raise
        return None
    if finder.found:
        if match := TEMPLATE.search(text):
            raise origin.error(match.start(), TEMPLATE_PROBLEM)
        return source
    if strict and not finder.empty:
        raise Unreadable(Place(file, 0, 0), "neither Prometheus rules nor a Grafana dashboard")
    return source if finder.empty else None


class _Finder:
    """Finds rules, dashboards and tests in documents, however they are wrapped."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.budget = Budget(source.text)
        self.found = False
        self.empty = True

    def document(self, origin: Origin, depth: int = 0) -> None:
        for node, spot in _documents(origin):
            self.empty = self.empty and node is None
            self.find(origin, node, spot, depth)

    def find(self, origin: Origin, node: Any, spot: Spot, depth: int) -> None:
        self.budget.spend(1, origin, spot[0])
        if isinstance(node, Map):
            self._mapping(origin, node, spot, depth)
        elif depth > MAX_DEPTH:
            return
        elif isinstance(node, Seq):
            for value, at in zip(node, node.at, strict=True):
                if isinstance(value, Map | Seq):
                    self.find(origin, value, at, depth + 1)
        elif isinstance(node, str) and depth and len(node) > 20 and SIGNS.search(node):
            self._embedded(origin.inside(node, spot), depth)

    def _mapping(self, origin: Origin, node: Map, spot: Spot, depth: int) -> None:
        if rulefiles.is_groups(node):
            rulefiles.Reader(self.source, origin, self.budget).groups(node)
        elif rulefiles.is_tests(node):
            rulefiles.tests(self.source, origin, node)
        elif dashboardfiles.is_dashboard(node):
            dashboardfiles.read(self.source, origin, node, spot, self.budget)
        else:
            if depth < MAX_DEPTH:
                for key, value in node.items():
                    # A manifest's metadata may hold what was applied last, as a text.
                    if isinstance(value, Map | Seq | str) and key not in ("metadata", "status"):
                        self.find(origin, value, node.at[key], depth + 1)
            return
        self.found = True

    def _embedded(self, origin: Origin, depth: int) -> None:
        self.budget.spend(len(origin.text), origin, 0)
        try:
            self.document(origin, depth + 1)
        except Unreadable:
            if INTENT.search(origin.text):
                raise


def _documents(origin: Origin) -> Iterable[tuple[Any, Spot]]:
    """JSON is read as such: libyaml knows neither its surrogate pairs nor its tabs."""
    if origin.text.lstrip()[:1] not in ("{", "["):
        return read_yaml(origin)
    try:
        return [read_json(origin)]
    except Unreadable as err:
        if origin.file.endswith(".json"):
            raise
        try:
            return list(read_yaml(origin))
        except Unreadable:
            raise err from None

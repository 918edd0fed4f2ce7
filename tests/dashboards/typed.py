"""Dashboards against Grafana's own types: TypeScript's compiler says where a model is none of Grafana's.

A model is written as one TypeScript file, an expression for each panel and one for the rest, with every value on a
line of its own: the line of a message is then the place in the model.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests import node

Json = dict[str, Any]
TYPES = Path(__file__).parent / "grafana" / "types.ts"
KNOWN = set(re.findall(r"^  '?([a-z-]+)'?: \[", TYPES.read_text(), re.M))
OPTIONS = {"strict": True, "noEmit": True, "skipLibCheck": True, "target": "es2022", "module": "esnext",
           "moduleResolution": "bundler", "types": [], "lib": ["es2022"]}


def findings(models: dict[str, Json], folder: Path) -> dict[str, list[str]]:
    """name → what is wrong with that model, ``panel: place: what``. ``folder`` is empty and may be filled."""
    found: dict[str, list[str]] = {}
    places: dict[str, list[str]] = {}
    names: dict[str, str] = {}
    for index, (name, model) in enumerate(models.items()):
        found[name] = [f"{panel['title']}: type: {panel['type']} is no panel type of Grafana's"
                       for panel in _panels(model) if panel["type"] not in {*KNOWN, "row"}]
        lines = list(_file(model))
        file = f"model{index}.ts"
        names[file], places[file] = name, [place for place, _ in lines]
        (folder / file).write_text("\n".join(text for _, text in lines) + "\n")
    shutil.copy(TYPES, folder / "types.ts")
    (folder / "node_modules").symlink_to(node.modules())
    (folder / "tsconfig.json").write_text(json.dumps({"compilerOptions": OPTIONS, "include": ["*.ts"]}))
    ran = node.node(folder / "node_modules" / "typescript" / "bin" / "tsc", "-p", ".", "--pretty", "false", cwd=folder)
    for line in (ran.stdout + ran.stderr).splitlines():
        if said := re.match(r"(model\d+\.ts)\((\d+),\d+\): error (.*)", line):
            found[names[said[1]]].append(f"{places[said[1]][int(said[2]) - 1]}: {said[3]}")
        elif not line.startswith(" "):  # the rest of a message that was begun above
            raise AssertionError(f"tsc: {line}")
    assert ran.returncode == 0 or any(found.values()), ran
    return found


def _panels(model: Json) -> Iterator[Json]:
    for panel in model["panels"]:
        yield panel
        yield from panel.get("panels", [])


def _file(model: Json) -> Iterator[tuple[str, str]]:
    """Lines of TypeScript, each with its place in the model."""
    yield "", "import type { DashboardOf, PanelOf, RowOf } from './types';"
    yield from _satisfies("dashboard", model | {"panels": []}, "DashboardOf")
    for panel in _panels(model):
        if panel["type"] == "row":
            yield from _satisfies(panel["title"], panel | {"panels": []}, "RowOf")
        elif panel["type"] in KNOWN:
            yield from _satisfies(panel["title"], panel, f"PanelOf<'{panel['type']}'>")


def _satisfies(name: str, value: Json, kind: str) -> Iterator[tuple[str, str]]:
    yield name, "("
    for place, text in _value(value, ""):
        yield f"{name}: {place.lstrip('.')}", text
    yield name, f") satisfies {kind};"


def _value(value: Any, place: str) -> Iterator[tuple[str, str]]:
    if value and isinstance(value, dict | list):
        opening, closing = "{}" if isinstance(value, dict) else "[]"
        yield place, opening
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            head = f"{json.dumps(key)}: " if isinstance(value, dict) else ""
            first, *rest = _value(item, f"{place}.{key}")
            yield first[0], head + first[1]
            yield from rest[:-1]
            last_place, last = rest[-1] if rest else (first[0], "")
            yield last_place, last + ","
        yield place, closing
    else:
        yield place, json.dumps(value)

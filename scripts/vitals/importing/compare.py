"""Two models of one dashboard: whether they are the same, and in words how they differ."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

OWN = ("id", "version")  # what Grafana itself puts into a model
# List → what its members are known by.
KEYS = {"panels": "title", "targets": "refId", "list": "name", "links": "title"}
SHOWN = 100  # characters of a value


def digest(model: dict[str, Any]) -> str:
    """The same for models that differ only in what Grafana itself puts in, and in how numbers are written."""
    kept = {key: value for key, value in model.items() if key not in OWN}
    return hashlib.sha256(json.dumps(_plain(kept), sort_keys=True).encode()).hexdigest()[:24]


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """One line each: ``+`` for what comes, ``-`` for what goes, ``~`` for what changes. Sorted by where they are."""
    before, after = dict(_leaves(_plain(old))), dict(_leaves(_plain(new)))
    gone, come = _tops(before, after), _tops(after, before)
    lines = [(path, f"- {_place(path)}") for path in gone] + [(path, f"+ {_place(path)}") for path in come]
    for path in before.keys() | after.keys():
        if any(path[:len(top)] == top for top in (*gone, *come)):
            continue
        if path not in after:
            lines.append((path, f"- {_place(path)}: {_value(before[path])}"))
        elif path not in before:
            lines.append((path, f"+ {_place(path)}: {_value(after[path])}"))
        elif before[path] != after[path]:
            lines.append((path, f"~ {_place(path)}: {_value(before[path])} -> {_value(after[path])}"))
    return [line for _, line in sorted(lines)]


Path = tuple[str, ...]


def _plain(value: Any) -> Any:
    """Numbers as one type, so that 1 is 1.0, as it is in JSON."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value that holds no other, and where it is."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if path or key not in OWN:
                yield from _leaves(inner, (*path, key))
    elif isinstance(value, list) and value and all(isinstance(inner, dict) for inner in value):
        seen: Counter[str] = Counter()
        known_by = KEYS.get(path[-1], "")
        for i, inner in enumerate(_unfolded(value) if path[-1] == "panels" else value):
            name = str(inner.get(known_by, i))
            seen[name] += 1
            yield from _leaves(inner, (*path, f"“{name}”" + (f" ({seen[name]})" if seen[name] > 1 else "")))
    else:
        yield path, value


def _unfolded(panels: list[Any]) -> Iterator[dict[str, Any]]:
    """Panels inside rows beside those outside: where a row is folded says nothing of a panel."""
    for panel in panels:
        yield {key: value for key, value in panel.items() if key != "panels"}
        yield from (inner for inner in panel.get("panels", []) if isinstance(inner, dict))


def _tops(of: dict[Path, Any], other: dict[Path, Any]) -> list[Path]:
    """Panels, queries and other named things of which the other has nothing."""
    def tops(paths: dict[Path, Any]) -> set[Path]:
        return {path[:i + 1] for path in paths for i, part in enumerate(path) if part.startswith("“")}
    missing = tops(of) - tops(other)
    return sorted(path for path in missing if not any(path[:i] in missing for i in range(1, len(path))))


def _place(path: Path) -> str:
    words = []
    for i, part in enumerate(path):
        if part.startswith("“") or i + 1 == len(path) or not path[i + 1].startswith("“"):
            words.append(part)
        elif part != "list":
            words.append({"panels": "panel", "targets": "query", "links": "link"}.get(part, part))
    return " ".join(words)


def _value(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN else text[:SHOWN - 1] + "…"

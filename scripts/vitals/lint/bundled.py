"""The catalogues that come with the linter: what well-known exporters expose, as text files in this folder.

A file's lines are ``metric type labels… [| bucket bounds…]``; ``?`` instead of labels: not known. Lines that start
with ``@`` say what the file is: ``@prefix node_`` (metrics with it are looked up here), ``@closed node_cpu_`` (a
metric with it that is not here does not exist), ``@renamed old new`` (once exposed, no longer), ``@lost metric label
new-label-or-nothing`` (a label it once had).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "catalogues"


@dataclass(slots=True)
class Known:
    """A metric: its type (as in a TYPE line), its labels (None: not known), finite bucket bounds as exposed."""

    type: str
    labels: frozenset[str] | None = None
    buckets: tuple[str, ...] = ()


@dataclass(slots=True)
class Bundle:
    """One exporter's catalogue."""

    title: str = ""
    prefixes: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)
    lost: dict[str, dict[str, str]] = field(default_factory=dict)  # metric → label → the label that replaced it
    metrics: dict[str, Known] = field(default_factory=dict)


def names() -> list[str]:
    """The bundled catalogues, such as ``node_exporter``."""
    return sorted(path.stem for path in FOLDER.glob("*.txt"))


@cache
def load(name: str) -> Bundle:
    return read(FOLDER / f"{name}.txt")


def read(path: Path) -> Bundle:
    bundle = Bundle()
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        if line.startswith("# ") and not bundle.title:
            bundle.title = line[2:]
        if not line or line.startswith("#"):
            continue
        first, *rest = line.split()
        match first:
            case "@prefix":
                bundle.prefixes += rest
            case "@closed":
                bundle.closed += rest
            case "@renamed":
                bundle.renamed[rest[0]] = " ".join(rest[1:])
            case "@lost":
                bundle.lost.setdefault(rest[0], {})[rest[1]] = rest[2] if len(rest) > 2 else ""
            case _:
                bundle.metrics[first] = _known(rest)
    return bundle


def _known(words: list[str]) -> Known:
    if "|" in words:
        bar = words.index("|")
        words, buckets = words[:bar], tuple(words[bar + 1:])
    else:
        buckets = ()
    return Known(words[0], None if words[1:] == ["?"] else frozenset(words[1:]), buckets)


def write(path: Path, bundle: Bundle) -> None:
    lines = [f"# {bundle.title}"]
    lines += [f"@prefix {' '.join(bundle.prefixes)}"] if bundle.prefixes else []
    lines += [f"@closed {' '.join(bundle.closed)}"] if bundle.closed else []
    lines += [f"@renamed {old} {new}" for old, new in bundle.renamed.items()]
    lines += [f"@lost {metric} {label} {new}".rstrip() for metric, labels in bundle.lost.items()
              for label, new in labels.items()]
    for name, known in sorted(bundle.metrics.items()):
        words = [name, known.type, *(["?"] if known.labels is None else sorted(known.labels))]
        lines.append(" ".join(words + (["|", *known.buckets] if known.buckets else [])))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")

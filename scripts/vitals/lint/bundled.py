"""The catalogues that come with the linter: what well-known exporters expose, as text files in ``catalogues/``.

A line is ``metric type labels… [| finite bucket bounds…]``; ``?`` instead of labels: not known. Labels are those of
the exporter, not of the target (job, instance). Lines that start with ``@``: ``@prefix node_`` (metrics with it are
looked up here), ``@closed node_load`` (a metric with it that is not here does not exist), ``@renamed old new…`` (a
name once exposed, and what to read instead), ``@lost metric label new`` (a label it once had, and its new name),
``@untyped metric…`` (declared a gauge, yet it only rises).
Files are made by scripts/catalogues.py from the real exporters, or by hand where their head says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from vitals.lint.catalogue import Metric, MetricType

FOLDER = Path(__file__).parent / "catalogues"
# Which file to open for a name: none is read before a metric of its exporter is met.
PREFIXES = {
    "node_": "node_exporter", "pg_": "postgres_exporter", "postgres_exporter_": "postgres_exporter",
    "redis_": "redis_exporter", "probe_": "blackbox_exporter", "blackbox_": "blackbox_exporter",
    "container_": "cadvisor", "machine_": "cadvisor", "cadvisor_": "cadvisor", "prometheus_": "prometheus",
    "net_conntrack_": "prometheus", "alertmanager_": "alertmanager", "kube_": "kube_state_metrics",
    "elasticsearch_": "elasticsearch_exporter", "mtail_": "mtail", "process_": "process", "up": "process",
    "scrape_": "process", "ALERTS": "process", "ALERTS_": "process", "go_": "process", "python_": "process",
    "apiserver_": "kubernetes", "rest_client_": "kubernetes", "kubelet_": "kubernetes", "scheduler_": "kubernetes",
    "coredns_": "kubernetes",
    **dict.fromkeys(("argocd_", "ceph_", "certmanager_", "DCGM_", "etcd_", "haproxy_", "hikaricp_", "istio_", "jvm_",
                     "kafka_", "logback_", "mongodb_", "mysql_", "nginx_", "rabbitmq_", "tomcat_", "traefik_", "vault_",
                     "velero_", "windows_"), "others"),
}
_TYPES: dict[str, MetricType] = {"counter": "counter", "gauge": "gauge", "histogram": "histogram", "summary": "summary"}
_UNITS = ("seconds", "bytes", "ratio", "celsius", "volts", "amperes", "joules", "watts", "hertz", "meters", "percent")


@dataclass(slots=True)
class Entry:
    """A line of a catalogue: a type as in a TYPE line, labels (None: not known), bounds as exposed."""

    type: str
    labels: frozenset[str] | None = None
    buckets: tuple[str, ...] = ()


@dataclass(slots=True)
class Bundle:
    """One file of ``catalogues/``."""

    title: str = ""
    closed: tuple[str, ...] = ()
    renamed: dict[str, str] = field(default_factory=dict)
    lost: dict[tuple[str, str], str] = field(default_factory=dict)
    untyped: set[str] = field(default_factory=set)
    entries: dict[str, Entry] = field(default_factory=dict)
    head: list[str] = field(default_factory=list)  # the lines that start with @, as written

    def metric(self, name: str) -> Metric | None:
        entry = self.entries.get(name)
        if entry:
            return _metric(name, entry, "unknown" if name in self.untyped else _TYPES.get(entry.type, "unknown"))
        for suffix in ("_bucket", "_sum", "_count"):
            base = self.entries.get(name.removesuffix(suffix)) if name.endswith(suffix) else None
            if base and (base.type == "histogram" or base.type == "summary" and suffix != "_bucket"):
                return _metric(name, base, "counter")
        return None


class Bundled:
    """All files as one catalogue (see ``vitals.lint.catalogue.Catalogue``)."""

    def metric(self, name: str) -> Metric | None:
        bundle = bundle_of(name)
        return bundle.metric(name) if bundle else None

    def knows_prefix(self, name: str) -> bool:
        bundle = bundle_of(name)
        return bool(bundle and bundle.closed) and name.startswith(bundle.closed)  # type: ignore[union-attr]

    def renamed(self, name: str) -> str | None:
        return renamed(name)

    def lost_label(self, name: str, label: str) -> str | None:
        return lost_label(name, label)


def renamed(name: str) -> str | None:
    """What to read instead of a name that its exporter no longer exposes; None: it is no such name."""
    bundle = bundle_of(name)
    return bundle.renamed.get(name) if bundle else None


def lost_label(name: str, label: str) -> str | None:
    """The new name (or the empty text) of a label that the metric no longer has; None: it is no such label."""
    bundle = bundle_of(name)
    if not bundle or not bundle.lost:
        return None
    found = bundle.lost.get((name, label))
    return found if found is not None else next(
        (new for (prefix, old), new in bundle.lost.items()
         if old == label and prefix.endswith("*") and name.startswith(prefix[:-1])), None)


def file_of(name: str) -> str | None:
    """The file that knows a metric's exporter."""
    end = name.find("_")
    found = PREFIXES.get(name[:end + 1] if end >= 0 else name)
    return found if found or end < 0 else PREFIXES.get(name[:name.find("_", end + 1) + 1])


def bundle_of(name: str) -> Bundle | None:
    file = file_of(name)
    return load(file) if file else None


def names() -> list[str]:
    """The bundled catalogues, such as ``node_exporter``."""
    return sorted(path.stem for path in FOLDER.glob("*.txt"))


@cache
def load(name: str) -> Bundle:
    return read(FOLDER / f"{name}.txt")


def read(path: Path) -> Bundle:
    bundle = Bundle()
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        if line.startswith("#"):
            bundle.title = bundle.title or line[2:]
        elif line.startswith("@"):
            bundle.head.append(line)
            _head(bundle, line.split())
        elif line:
            name, *words = line.split(" ")
            bundle.entries[name] = _entry(words)
    return bundle


def _head(bundle: Bundle, words: list[str]) -> None:
    match words:
        case ["@closed", *prefixes]:
            bundle.closed += tuple(prefixes)
        case ["@untyped", *metrics]:
            bundle.untyped |= set(metrics)
        case ["@renamed", old, *new]:
            bundle.renamed[old] = " ".join(new)
        case ["@lost", metric, label, *new]:
            bundle.lost[metric, label] = " ".join(new)
        case _:
            raise ValueError(f"{bundle.title}: {' '.join(words)}")


def _entry(words: list[str]) -> Entry:
    buckets: tuple[str, ...] = ()
    if "|" in words:
        bar = words.index("|")
        words, buckets = words[:bar], tuple(words[bar + 1:])
    return Entry(words[0], None if words[1:] == ["?"] else frozenset(words[1:]), buckets)


def write(path: Path, bundle: Bundle) -> None:
    lines = [f"# {bundle.title}", *bundle.head]
    for name, entry in sorted(bundle.entries.items()):
        words = [name, entry.type, *(["?"] if entry.labels is None else sorted(entry.labels))]
        lines.append(" ".join(words + (["|", *entry.buckets] if entry.buckets else [])))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _metric(name: str, entry: Entry, type_: MetricType) -> Metric:
    words = name.split("_")
    unit = next((unit for unit in _UNITS if unit in words[-2:]), None)
    return Metric(name, type_, entry.labels, tuple(map(float, entry.buckets)) or None, unit)

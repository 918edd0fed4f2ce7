"""Raw series for the bench: what instances of the demo's marketing and support apps expose, growing steadily.

The two apps are those of the reference documents that have panels; names, labels and buckets are the documents' own, and the
values of labels (agents, endpoints, models, stores, intents, …) are those that the demo's apps have anyway. Each app has
as many instances as give it half of the raw series.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal, TextIO

from tests.bench.panels import MARKETING, PANELS, SUPPORT
from vitals_demo.simulation import Simulation

APPS = (MARKETING, SUPPORT)
DAY = 86400
Which = Literal["panels", "day", "all"]


@dataclass(frozen=True)
class Raw:
    """One series of an app. ``pace``: what it counts in a second; of a gauge, how high it stands."""

    app: str
    family: str
    kind: str
    name: str
    labels: str
    pace: float

    def text(self, instance: int) -> str:
        return f'{self.name}{{job="{self.app}",profile="{self.app}",instance="host-{instance}:8000"{self.labels}}}'

    def value(self, instance: int, seconds: float) -> float:
        """Instances are not all alike."""
        here = self.pace * (0.75 + instance * 3 % 11 / 20)
        return here if self.kind == "gauge" else here * (DAY + seconds)


@cache
def exposed(app: str) -> tuple[Raw, ...]:
    """What one instance exposes after a day of the demo's traffic."""
    simulation = Simulation(7, 0, (app,))
    simulation.advance(DAY)
    found = [Raw(app, "up", "gauge", "up", "", 1)]
    for family in simulation.apps[app].registry.collect():
        for sample in family.samples:
            labels = "".join(f',{name}="{value}"' for name, value in sample.labels.items())
            pace = sample.value if family.type == "gauge" else sample.value / DAY
            found.append(Raw(app, family.name, family.type, sample.name, labels, pace))
    return tuple(found)


def _words(exprs: Iterable[str]) -> set[str]:
    return set(re.findall(r"[a-z_]+", " ".join(exprs)))


def _base(name: str) -> str:
    return re.sub(r"_(total|bucket|sum|count)$", "", name)


def read_by(boards: Iterable[str]) -> set[tuple[str, str]]:
    """(app, metric family) that the raw panels of these boards read."""
    return _read([panel.raw for panel in PANELS if panel.board in boards])


def read_over(window: str) -> set[tuple[str, str]]:
    """(app, metric family) that raw panels read over this window."""
    return _read([panel.raw for panel in PANELS if f"[{window}]" in panel.raw])


def _read(exprs: list[str]) -> set[tuple[str, str]]:
    return {(raw.app, raw.family) for app in APPS for raw in exposed(app)
            if {raw.family, _base(raw.family)} & {_base(word) for word in _words(e for e in exprs if app in e)}}


def chosen(which: Which) -> list[Raw]:
    """``panels``: of what the panels of an hour read; ``day``: those of 24 hours; ``all``: whatever the apps expose."""
    every = [raw for app in APPS for raw in exposed(app)]
    if which == "all":
        return every
    day = "24 hours"
    read = read_by([day] if which == "day" else {panel.board for panel in PANELS} - {day})
    return [raw for raw in every if (raw.app, raw.family) in read or raw.family == "up"]


def instances(wanted: int, series: list[Raw]) -> dict[str, int]:
    """How many of each app, so that each has half of the wanted series."""
    return {app: max(1, round(wanted / len(APPS) / sum(raw.app == app for raw in series))) for app in APPS}


def count(series: Iterable[Raw], of: dict[str, int]) -> int:
    return sum(of[raw.app] for raw in series)


def write(out: TextIO, series: Iterable[Raw], of: dict[str, int], times: range, late: int | None = None) -> None:
    """OpenMetrics text of all series at ``times`` (Unix seconds), by family as the format wants it.

    ``late``: when those begin that no panel reads over an hour's window.
    """
    start = times[0]
    hourly = read_over("1h")
    families: dict[str, list[Raw]] = {}
    for raw in series:
        families.setdefault(raw.family, []).append(raw)
    for family, members in families.items():
        out.write(f"# TYPE {family} {members[0].kind}\n")
        for raw in members:
            here = times if late is None or (raw.app, family) in hourly else range(late, times.stop, times.step)
            for instance in range(of[raw.app]):
                text = raw.text(instance)
                if raw.kind == "gauge":
                    value = f"{raw.value(instance, 0):.6g}"
                    out.writelines([f"{text} {value} {t}\n" for t in here])
                else:
                    first, pace = raw.value(instance, 0), raw.value(instance, 1) - raw.value(instance, 0)
                    out.writelines([f"{text} {first + pace * (t - start):.9g} {t}\n" for t in here])
    out.write("# EOF\n")


def exposition(series: Iterable[Raw], of: dict[str, int], seconds: float, at: float) -> Iterator[str]:
    """One scrape of all instances in text format, with the time it was made at."""
    stamp = round(at * 1000)
    for raw in series:
        for instance in range(of[raw.app]):
            yield f"{raw.text(instance)} {raw.value(instance, seconds):.9g} {stamp}\n"

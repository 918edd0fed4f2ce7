"""Every fault of the demo, in every app that can have it: what was told, how soon, and whether that was right.

`make detection` runs all of it and writes the tables of docs/detection.md. What is right is in expected.yaml.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from vitals_demo.faults import APPS, FAULTS

from vitals import alerts, settings
from vitals.signals import INTERVAL_SECONDS
from vitals.simulate import Firing, Simulator, route, seconds

from .virtual import Day, record, together

EXPECTED = Path(__file__).with_name("expected.yaml")
PAGE = settings.ROOT / "docs" / "detection.md"
NOON = datetime(2026, 11, 18, 13, tzinfo=UTC).timestamp()  # when faults begin: a Wednesday, near the busiest hour
MINUTES, AFTER = 100, 30  # that a fault lasts, and that are watched after it
WARM = 75  # minutes before it: an hour's window and then some
SCRAPE = 30
# What compares with a day before is measured after a day and two hours, and scraped each minute there.
HISTORY, SLOW_SCRAPE = 26 * 60, 60
LOOKING_BACK = ("SpendSurge", "CampaignScoreDropped", "AvailabilityLow")
AT_THEIR_SIDE = ("ServiceDown",)  # what may hide them


@dataclass(frozen=True)
class Cell:
    """What one fault must tell in one app."""

    fault: str
    job: str
    told: frozenset[str]
    hidden: frozenset[str]
    nothing: str
    minutes: int

    @property
    def looks_back(self) -> bool:
        return bool(self.told & {*LOOKING_BACK})


@dataclass(frozen=True)
class Seen:
    """What one fault told in one app: alert → seconds from the fault's beginning; and what stayed hidden behind what."""

    cell: Cell
    told: dict[str, float]
    hidden: dict[str, str]

    def problems(self) -> Iterator[str]:
        where = f"{self.cell.fault} in {self.cell.job}"
        for name in sorted(self.cell.told - {*self.told}):
            yield f"{where}: {name} was not told" + (f", {self.hidden[name]} hid it" if name in self.hidden else "")
        for name in sorted(self.cell.hidden - {*self.hidden}):
            yield f"{where}: {name} " + (f"was told after {clock(self.told[name])}" if name in self.told else "did not fire")
        for name in sorted({*self.told, *self.hidden} - self.cell.told - self.cell.hidden):
            yield f"{where}: {name} " + (f"was told after {clock(self.told[name])}" if name in self.told else
                                         f"fired, hidden by {self.hidden[name]}")


def expected() -> list[Cell]:
    """expected.yaml, in its order."""
    read = yaml.load(EXPECTED.read_text(), yaml.CSafeLoader)
    return [Cell(fault, job, frozenset(cell.get("told", ())), frozenset(cell.get("hidden", ())),
                 cell.get("nothing", ""), cell.get("minutes", MINUTES))
            for fault, cells in read.items() for job, cell in cells.items()]


def measure(job: str, cells: Sequence[Cell]) -> list[Seen]:
    """One app with these faults: as many lives of it side by side, each with one of them."""
    loaded = settings.load(settings.ROOT / "vitals.yaml")
    simulator = Simulator(loaded, settings.load_profiles(loaded))
    firing = [f for f in simulator.run(_lives(cells, WARM, SCRAPE)) if f.labels["alertname"] not in LOOKING_BACK]
    if back := [cell for cell in cells if cell.looks_back]:
        found = simulator.run(_lives(back, HISTORY, SLOW_SCRAPE), (*LOOKING_BACK, *AT_THEIR_SIDE))
        firing += [f for f in found if f.labels["alertname"] in LOOKING_BACK]
    return [_seen(cell, [f for f in firing if f.labels.get("job") == cell.fault]) for cell in cells]


def _lives(cells: Iterable[Cell], before: int, scrape: int) -> Any:
    length = (before + MINUTES + AFTER) * 60
    return together(record(cell.job, NOON - before * 60, length, scrape,
                           Day(faults=[(cell.fault, before * 60, cell.minutes * 60)]), name=cell.fault)
                    for cell in cells)


def _seen(cell: Cell, firing: list[Firing]) -> Seen:
    until = NOON + (cell.minutes + AFTER) * 60
    firing = [f for f in firing if f.start < until]
    told: dict[str, float] = {}
    for f in firing:
        if f.told is not None and f.told < until:
            told[_name(f)] = min(f.told - NOON, told.get(_name(f), f.told))
    return Seen(cell, told, {_name(f): f.hidden_by or "nothing" for f in firing if _name(f) not in told})


def _name(firing: Firing) -> str:
    about = firing.labels.get("slo") or firing.labels.get("pattern")
    return firing.labels["alertname"] + (f"[{about}]" if about else "")


# --- the page --------------------------------------------------------------------------------------------


def floor(name: str, job: str, simulator: Simulator) -> float:
    """The soonest an alert can be told, in seconds: its `for`, one evaluation, and the wait of its group."""
    alertname = name.partition("[")[0]
    rules = [rule for _, groups in simulator.rules for group in groups for rule in group["rules"]
             if rule.get("alert") == alertname]
    # An app may have its own variant, which comes after everybody's.
    own = [rule for rule in rules if rule["labels"].get("profile") == job] or rules[:1]
    severity = "info" if name == "LogPatternDetected[content_filtered]" else own[0]["labels"]["severity"]
    wait = route(simulator.routes, {**own[0]["labels"], "alertname": alertname, "severity": severity})["group_wait"]
    return seconds(own[0].get("for", "0s")) + INTERVAL_SECONDS + seconds(wait)


def window(name: str) -> str:
    """The longest time that an alert looks at."""
    expr = alerts.all_alerts()[name.partition("[")[0]].expr
    found = re.findall(r"(?:rate|increase|mean|avg|ratio:|usd:|conversation:|\[)(\d+[mhd])\b", expr)
    if name.startswith("LogPatternDetected"):
        found = ["1h" if re.search("content_filtered|duplicate", name) else "5m"]
    if re.search(":p\\d+", expr):
        found.append("5m")
    return max(found, key=seconds, default="–")


def clock(seconds: float) -> str:
    minutes, left = divmod(round(seconds), 60)
    return f"{minutes}m{left:02d}s" if left else f"{minutes}m"


def page(seen: list[Seen]) -> Iterator[str]:
    """The tables, as Markdown: the first notification of each cell, then every alert of each fault."""
    loaded = settings.load(settings.ROOT / "vitals.yaml")
    simulator = Simulator(loaded, settings.load_profiles(loaded))
    cells = {(s.cell.fault, s.cell.job): s for s in seen}
    faults = list(dict.fromkeys(s.cell.fault for s in seen))
    yield "### First notification"
    yield ""
    yield f"| Fault | {' | '.join(APPS)} |"
    yield "|---" * (len(APPS) + 1) + "|"
    for fault in faults:
        row = [("·" if (fault, job) not in cells else clock(min(told.values())) if (told := cells[fault, job].told)
                else "nothing") for job in APPS]
        yield f"| [{fault}](#{fault}) | {' | '.join(row)} |"
    yield ""
    yield "### Every alert"
    for fault in faults:
        mine = [cells[fault, job] for job in APPS if (fault, job) in cells]
        yield ""
        yield f"#### {fault}"
        yield ""
        yield f"{FAULTS[fault].text} {mine[0].cell.minutes} minutes."
        yield ""
        if any(s.told or s.hidden for s in mine):
            yield "| Alert | Floor | Window | Told after | In |"
            yield "|---|---|---|---|---|"
        rows: dict[tuple[str, str, str], list[tuple[str, float]]] = {}
        for s in mine:
            for name, after in s.told.items():
                rows.setdefault((name, clock(floor(name, s.cell.job, simulator)), ""), []).append((s.cell.job, after))
            for name, by in s.hidden.items():
                rows.setdefault((name, "", by), []).append((s.cell.job, 0))
        for (name, least, by), found in sorted(rows.items(), key=lambda row: (row[0][2], min(t for _, t in row[1]), row[0])):
            times = sorted(after for _, after in found)
            span = clock(times[0]) + (f" – {clock(times[-1])}" if clock(times[-1]) != clock(times[0]) else "")
            yield (f"| {name} | {least} | {window(name) if not by else ''} | {f'hidden by {by}' if by else span} | "
                   f"{', '.join(job for job, _ in found)} |")
        for s in mine:
            if s.cell.nothing:
                yield f"\nNothing in {s.cell.job}: {s.cell.nothing}"


def write(lines: Iterable[str]) -> None:
    """Puts the tables into the page, between their marks."""
    begin, end = "<!-- measured: make detection -->", "<!-- end -->"
    text = PAGE.read_text()
    before, _, rest = text.partition(begin)
    PAGE.write_text(f"{before}{begin}\n\n" + "\n".join(lines) + f"\n\n{end}{rest.partition(end)[2]}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", nargs="*", default=list(APPS))
    parser.add_argument("--faults", nargs="*", default=list(FAULTS))
    parser.add_argument("--write", action="store_true", help="write the tables into docs/detection.md")
    asked = parser.parse_args()
    started = time.monotonic()
    cells = [cell for cell in expected() if cell.job in asked.jobs and cell.fault in asked.faults]
    seen: list[Seen] = []
    with ProcessPoolExecutor(2) as pool:
        by_job = {job: mine for job in APPS if (mine := [cell for cell in cells if cell.job == job])}
        runs = {job: pool.submit(measure, job, mine) for job, mine in by_job.items()}
        for job, run in runs.items():
            seen += run.result()
            print(f"{job}: {len(by_job[job])} faults, after {time.monotonic() - started:.0f} s", flush=True)
    seen.sort(key=lambda s: cells.index(s.cell))
    problems = [problem for s in seen for problem in s.problems()]
    for problem in problems:
        print(problem)
    print(f"{len(seen)} of {len(cells)} measured, {len(problems)} not as expected")
    if asked.write:
        write(page(seen))
    return 1 if problems else 0


if __name__ == "__main__":
    os.nice(5)
    sys.exit(main())

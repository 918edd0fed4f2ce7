"""What the demo's faults tell and what its healthy life does not, in virtual time. All of it: make detection, make silence."""

from __future__ import annotations

import re

import pytest
from vitals_demo.apps import ALL
from vitals_demo.faults import APPS, FAULTS

from vitals import alerts, settings
from vitals.simulate import Simulator, report

from . import matrix, silence
from .virtual import Day, Deploy, Gap

# One fault of each area, in three apps.
LEAN = {
    "artisan-hub": ("bad-api-key", "cache-cold", "memory-growth"),
    "marketing-agents": ("error-burst", "rag-timeouts", "breaker-open", "lead-drought"),
    "support-agent": ("escalation-surge", "quality-drop", "logs-silent"),
}


def test_every_fault_is_expected_to_tell_something_in_every_app_or_to_tell_nothing_for_a_reason() -> None:
    cells = matrix.expected()
    asked = {(fault.name, job) for fault in FAULTS.values() for job in fault.jobs if job in APPS}
    assert sorted((cell.fault, cell.job) for cell in cells) == sorted(asked)
    for cell in cells:
        assert bool(cell.told) != bool(cell.nothing), f"{cell.fault} in {cell.job}: either alerts are told, or a reason is given"
        assert not cell.told & cell.hidden
        assert {name.partition("[")[0] for name in cell.told | cell.hidden} <= {*alerts.all_alerts()}


@pytest.mark.parametrize("job", LEAN)
def test_exactly_the_expected_alerts(job: str) -> None:
    cells = [cell for cell in matrix.expected() if cell.job == job and cell.fault in LEAN[job]]
    assert len(cells) == len(LEAN[job])
    loaded = settings.load(settings.ROOT / "vitals.yaml")
    simulator = Simulator(loaded, settings.load_profiles(loaded))
    for seen in matrix.measure(job, cells):
        assert list(seen.problems()) == []
        for name, after in seen.told.items():
            assert after >= matrix.floor(name, job, simulator), f"{name} of {seen.cell.fault} came before it could"


def test_the_page_shows_what_is_expected() -> None:
    text = matrix.PAGE.read_text()
    rows = {row[0]: row[1:] for row in (re.split(r" *\| *", line.strip("| ")) for line in text.splitlines())
            if row[0].startswith("[")}
    cells = {(cell.fault, cell.job): cell for cell in matrix.expected()}
    wanted = dict.fromkeys(fault for fault, _ in cells)
    assert list(rows) == [f"[{fault}](#{fault})" for fault in wanted]
    for fault in wanted:
        shown = rows[f"[{fault}](#{fault})"]
        assert ["·" if (fault, job) not in cells else "nothing" if cells[fault, job].nothing else "told" for job in APPS] \
            == [word if word in ("·", "nothing") else "told" for word in shown]
        section = re.split(r"^#### ", text.partition(f"#### {fault}\n")[2], maxsplit=1, flags=re.M)[0]
        named = set(re.findall(r"^\| (\w+(?:\[\w+\])?) \|", section, re.M)) - {"Alert"}
        assert named == set().union(*(cell.told | cell.hidden for (name, _), cell in cells.items() if name == fault))


def test_an_evening_in_which_nothing_is_wrong() -> None:
    """The traffic fades into the night while apps are deployed and rolled back and Prometheus is away for four minutes.

    Until it has seen a whole night, TrafficStopped takes the first for a failure: the evening ends before it would.
    """
    days = {job: Day(deploys=[Deploy(5400 + i * 60, 40), Deploy(6600 + i * 60, 40)], gaps=[Gap(8400, 8640)],
                     skew=silence.SKEWS[i % len(silence.SKEWS)]) for i, job in enumerate(ALL)}
    found = silence.heard(list(ALL), silence.BEGIN + 21 * 3600, 3.1 * 3600, days)
    assert list(report(found)) == ["nothing would have fired"]

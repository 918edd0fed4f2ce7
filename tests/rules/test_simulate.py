"""Rules over recorded metrics: what the demo's apps expose while one of them has a fault, and while none has."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from vitals import settings, simulate
from vitals.errors import VitalsError

START = datetime(2026, 11, 18, 13, tzinfo=UTC).timestamp()
JOB = "artisan-hub"


def record(file: Path, minutes: int, fault_at: int | None) -> None:
    from vitals_demo.simulation import Simulation

    simulation = Simulation(seed=7, start=START)
    lines = []
    for i in range(2 * minutes + 1):
        now = START + i * 30
        simulation.advance(now)
        if fault_at is not None and i == 2 * fault_at:
            simulation.inject("llm-outage", JOB, 8)
        place = {"job": JOB, "profile": JOB, "instance": "demo:9400"}
        lines.append(("up", place, 1.0, now))
        for family in simulation.apps[JOB].registry.collect():
            lines += [(s.name, {**s.labels, **place}, s.value, now) for s in family.samples if not s.name.endswith("_created")]
    text = "\n".join(f"{simulate._text(name, tuple(labels.items()))} {value} {int(now * 1000)}"
                     for name, labels, value, now in lines)
    file.write_text(text + "\n")


@pytest.fixture(scope="module")
def loaded() -> settings.Settings:
    return settings.load(settings.ROOT / "vitals.yaml")


def test_an_outage_is_told_and_hides_what_follows_from_it(loaded: settings.Settings, tmp_path: Path) -> None:
    file = tmp_path / "outage.prom"
    record(file, 30, fault_at=12)
    found = simulate.run(loaded, settings.load_profiles(loaded), file, 30)
    told = {f.labels["alertname"]: f for f in found if f.labels["alertname"] != "Watchdog" and not f.hidden_by}
    outage = told["LlmErrorsHigh"]
    assert outage.told == ("inbox",)
    assert outage.labels["job"] == JOB
    assert START + 12 * 60 + 120 <= outage.start <= START + 12 * 60 + 300  # its `for`, and the rise of a 5m rate
    assert set(told) <= {"LlmErrorsHigh", "AgentFailuresHigh"}
    assert {f.labels["alertname"] for f in found if f.hidden_by == "LlmErrorsHigh"} == {"LlmFailuresHigh"}
    text = "\n".join(simulate.report(found))
    assert "LlmErrorsHigh" in text
    assert "hidden by LlmErrorsHigh" in text
    assert "Watchdog" not in text


def test_health_tells_nobody(loaded: settings.Settings, tmp_path: Path) -> None:
    file = tmp_path / "well.prom"
    record(file, 20, fault_at=None)
    found = simulate.run(loaded, settings.load_profiles(loaded), file, 30)
    assert list(simulate.report(found)) == ["nothing would have fired"]


@pytest.mark.parametrize(("text", "words"), [
    ("a 1\n", "no timestamps"),
    ('a{job="x" 1 1000\n', "not OpenMetrics"),
    ("", "no samples"),
    ("a 1 1000\n", "label `job`"),
    ('a{job="x",profile="nobodys"} 1 1000\n', "no series has a known profile"),
    ('a{job="x",profile="vllm"} 1 1000\na{job="x",profile="vllm"} 1 900000000\n', "give a longer"),
])
def test_data_that_cannot_be_used(text: str, words: str, loaded: settings.Settings, tmp_path: Path) -> None:
    file = tmp_path / "bad.prom"
    file.write_text(text)
    with pytest.raises(VitalsError, match=words) as caught:
        simulate.run(loaded, settings.load_profiles(loaded), file, 30)
    assert str(file) in str(caught.value)


def test_hostile_labels_come_through(loaded: settings.Settings, tmp_path: Path) -> None:
    strange = 'a"b\\c\nd} 1E+00, {e="f'
    labels = (("instance", strange), ("job", "shop"), ("profile", "vllm"))
    file = tmp_path / "strange.prom"
    quoted = simulate._quote(strange)
    file.write_text("".join(f'up{{job="shop",profile="vllm",instance={quoted}}} 0 {1000 * (1_760_000_000 + 30 * i)}\n'
                            for i in range(8)))
    assert simulate.read(file)["up", labels][0] == (1_760_000_000, 0)
    down = [f for f in simulate.run(loaded, settings.load_profiles(loaded), file, 30) if f.labels["alertname"] == "ServiceDown"]
    assert [f.labels["instance"] for f in down] == [strange]

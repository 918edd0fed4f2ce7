"""A week in which nothing is wrong, for every demo app: nobody is told anything. `make silence`

There is a day and a week in the traffic, and nights without any; every app is deployed daily, once twice within ten
minutes; Prometheus is away for four minutes; the apps' clocks differ by half a minute. One more day goes before,
because alerts that know an app's rhythm have to see it once.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import UTC, datetime

from vitals_demo.apps import ALL
from vitals_demo.simulation import App

from vitals import settings
from vitals.errors import VitalsError
from vitals.simulate import Firing, Simulator, report

from .virtual import Day, Deploy, Gap, record, together

BEGIN = datetime(2026, 11, 12, tzinfo=UTC).timestamp()  # a Thursday, so that the weekend lies in the middle
DAYS = 7
STEP = 30  # seconds between scrapes
HOUR, DAY = 3600, 86400
DUSK, NIGHT, DAWN, MORNING = 22, 24, 5, 7  # o'clock, UTC: the traffic fades, stops, begins, is back
SKEWS = (30, -30, 0)
# Those that share a run also share the rules that belong to no app.
TOGETHER = (("litellm", "vllm"), ("otel-genai", "hierarchical-agents"), ("support-agent", "startup-studio"),
            ("artisan-hub", "marketing-agents"))


def awake(hour: float) -> float:
    """The share of its usual traffic that an app has at this hour of the day."""
    if hour >= DUSK:
        return (1 + math.cos((hour - DUSK) / (NIGHT - DUSK) * math.pi)) / 2
    if hour < MORNING:
        return (1 - math.cos(max(0.0, hour - DAWN) / (MORNING - DAWN) * math.pi)) / 2
    return 1.0


def sleep(app: App) -> None:
    """Day and night, beside the rhythm that the demo has of its own."""
    share = awake(app.now % DAY / HOUR)
    app.knobs.update({f"{flow.kind}.rate": share for flow in app.spec.flows}, **{"logs.rate": share})


def calendar(job: str, days: int) -> Day:
    """Deploys and gaps of some days from midnight on."""
    i = list(ALL).index(job)
    deploys = [Deploy(day * DAY + 10.5 * HOUR + i * 1200, 40) for day in range(days)]
    if days > 5:
        deploys.append(Deploy(5 * DAY + 10.5 * HOUR + i * 1200 + 600, 40))  # it was bad, and is rolled back
    gaps = [Gap(3 * DAY + 15 * HOUR, 3 * DAY + 15 * HOUR + 240)]
    return Day(deploys=deploys, gaps=gaps, skew=SKEWS[i % len(SKEWS)])


def heard(jobs: Sequence[str], begin: float, length: float, days: dict[str, Day]) -> list[Firing]:
    """What would have fired while these apps lived from ``begin`` for ``length`` seconds."""
    loaded = settings.load(settings.ROOT / "vitals.yaml")
    data = together(record(job, begin, length, STEP, days[job], sleep) for job in jobs)
    return Simulator(loaded, settings.load_profiles(loaded)).run(data)


def _week(jobs: Sequence[str], days: int) -> tuple[Sequence[str], list[Firing], float]:
    started = time.monotonic()
    found = heard(jobs, BEGIN, (1 + days) * DAY, {job: calendar(job, 1 + days) for job in jobs})
    return jobs, found, time.monotonic() - started


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--jobs", nargs="*", default=list(ALL))
    asked = parser.parse_args()
    started = time.monotonic()
    loud = failed = 0
    groups = [[job for job in group if job in asked.jobs] for group in TOGETHER]
    with ProcessPoolExecutor(2) as pool:
        runs = [pool.submit(_week, group, asked.days) for group in groups if group]
        print(f"{asked.days} days of {len(asked.jobs)} apps, after a day of history", flush=True)
        for run in as_completed(runs):
            try:
                jobs, found, took = run.result()
            except VitalsError as err:
                failed += 1
                print(err, flush=True)
                continue
            first = [f for f in found if f.start < BEGIN + DAY]
            later = [f for f in found if f not in first]
            loud += len(later)
            print(f"{', '.join(jobs)}: {len(later)} alerts ({took:.0f} s)", flush=True)
            for line in report(later) if later else ():
                print(f"  {line}", flush=True)
            for line in report(first) if first else ():
                print(f"  on the day before: {line}", flush=True)
    print(f"{loud} alerts in {asked.days} days, beside Watchdog; took {(time.monotonic() - started) / 60:.0f} min")
    return 1 if loud or failed else 0


if __name__ == "__main__":
    os.nice(5)
    sys.exit(main())

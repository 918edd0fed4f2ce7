"""Every service is killed in turn: it comes back by itself, and nobody else's data has a hole."""

from __future__ import annotations

import itertools
import math
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from .conftest import ComposeStack, docker, get, health, poll

JITTER = 1  # seconds by which a scrape may be late on a busy machine


@dataclass(frozen=True)
class Kill:
    service: str
    begun: float
    ended: float
    blind: float  # seconds in which Prometheus, itself killed, asked nobody


def kill(stack: ComposeStack, service: str) -> None:
    """As a crash does. (After `docker kill` Docker takes a container for one that a person wants stopped.)"""
    container = stack.containers()[service]
    docker("run", "--rm", "--pid", "host", "--user", "0:0", "--network", "none", "--entrypoint", "/bin/busybox",
           container["Image"] if service == "prometheus" else stack.containers()["prometheus"]["Image"],
           "kill", "-9", str(container["State"]["Pid"]))


def started(stack: ComposeStack, service: str) -> tuple[str, str]:
    container = stack.containers()[service]
    return container["State"]["StartedAt"], health(container)


@pytest.fixture(scope="module")
def kills(stack: ComposeStack) -> list[Kill]:
    poll(lambda: {t["health"] for t in targets(stack)} == {"up"}, 120, "all targets are up")
    done = []
    for service in sorted(stack.running()):
        before = started(stack, service)[0]
        begun = time.time()
        kill(stack, service)
        killed = time.time()
        [asked] = poll(lambda: stack.query(f"min(timestamp(up) > {killed})"), 120, "Prometheus asks its targets")  # noqa: B023
        poll(lambda: (now := started(stack, service))[0] != before and now[1] == "healthy", 240,  # noqa: B023
             f"{service} is healthy again")
        done.append(Kill(service, begun, time.time(), float(asked["value"][1]) - begun if service == "prometheus" else 0))
        print(f"{service}: healthy {done[-1].ended - begun:.1f} s after it was killed, blind {done[-1].blind:.1f} s")
    poll(lambda: {t["health"] for t in targets(stack)} == {"up"}, 60, "all targets are up again")
    return done


def targets(stack: ComposeStack) -> list[dict]:
    return get(stack.url("prometheus") + "/api/v1/targets", state="active")["data"]["activeTargets"]


def test_everything_comes_back_by_itself(stack: ComposeStack, kills: list[Kill]) -> None:
    assert {k.service for k in kills} == set(stack.running())
    assert "failed" not in stack.vitals("status").stdout


def test_nobody_elses_data_has_a_hole(stack: ComposeStack, kills: list[Kill]) -> None:
    """Around every kill each scrape of the others succeeded, at most two intervals after the one before."""
    asked = {(t["labels"]["job"], t["labels"]["instance"]): t for t in targets(stack)}
    span = int(time.time() - kills[0].begun) + 30
    series = stack.query(f"up[{span}s]")
    assert len(series) == len(asked)
    holes = []
    for one in series:
        target = asked[one["metric"]["job"], one["metric"]["instance"]]
        service, interval = urlsplit(target["scrapeUrl"]).hostname, int(target["scrapeInterval"].removesuffix("s"))
        for (last, _), (now, value) in itertools.pairwise(one["values"]):
            if now < kills[0].begun or any(k.service == service and k.begun <= now <= k.ended + 2 * interval for k in kills):
                continue  # before the first, or its own
            # Whole intervals that Prometheus was away are its own doing, and nobody else's.
            blind = sum(k.blind for k in kills if last <= k.begun <= now)
            if value != "1" or now - last > interval * (1 + max(1, math.ceil(blind / interval))) + JITTER:
                holes.append((one["metric"]["job"], value, round(now - last, 1),
                              [k.service for k in kills if last <= k.ended and now >= k.begun]))
    assert holes == []


def test_the_apps_go_on_being_recorded(stack: ComposeStack, kills: list[Kill]) -> None:
    poll(lambda: len(stack.query("job:traffic:rate5m > 0")) >= 8, 60, "traffic of all eight apps is recorded")
    assert stack.query("job:traffic:rate5m < 0") == []

"""What takes how long: `make bench`. Medians of one run on one machine; compare ratios, not machines."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.compose.conftest import ComposeStack, docker  # noqa: E402
from tests.stack.conftest import Stack  # noqa: E402
from tests.stack.test_data import PROFILES, RECORDED, empty  # noqa: E402

from vitals import settings  # noqa: E402
from vitals.engines import dockerd, offline  # noqa: E402
from vitals.errors import VitalsError  # noqa: E402

VITALS = [sys.executable, "-m", "vitals.cli"]


def timed(*command: str) -> float:
    start = time.monotonic()
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return time.monotonic() - start


def report(name: str, seconds: list[float]) -> None:
    print(f"{name:42} median {statistics.median(seconds):6.2f} s   ({min(seconds):.2f} to {max(seconds):.2f}, "
          f"{len(seconds)} runs)", flush=True)


def main() -> None:
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    report("python, nothing else", [timed(sys.executable, "-c", "pass") for _ in range(5)])
    report("vitals --help", [timed(*VITALS, "--help") for _ in range(5)])
    report("vitals build", [timed(*VITALS, "build") for _ in range(5)])
    report("vitals check", [timed(*VITALS, "check") for _ in range(3)])
    with tempfile.TemporaryDirectory(prefix="vitals-bench-") as folder:
        stack = Stack(Path(folder))
        starts: list[float] = []
        stack.vitals("up")  # the first one makes the database cluster
        for _ in range(3):
            stack.vitals("down")
            start = time.monotonic()
            stack.vitals("up")
            starts.append(time.monotonic() - start)
        report("vitals up, warm, until every target is up", starts)
        stack.vitals("clean")
        stack.vitals("up")
        start = time.monotonic()
        running = {r["metric"]["profile"] for r in stack.query("up == 1")}
        while left := empty(stack, running):
            if time.monotonic() - start > 300:
                print(f"{len(left)} queries still without data")
                break
        report("first up until every panel's query has data", [time.monotonic() - start])
        stack.vitals("clean")
    print(f"{len(PROFILES)} profiles, {sum(map(len, RECORDED.values()))} recorded series names")
    try:
        with dockerd.running(settings.load()) as environment:
            os.environ.update(environment)
            containers()
    except VitalsError as err:
        print(f"left out, the compose engine: {err}")


def containers() -> None:
    """Offline images are made and started: how long that takes, with the packages in the cache."""
    for image in offline.present():
        subprocess.run(["docker", "image", "rm", "--force", image], check=True, capture_output=True)
    report("vitals images offline, none made yet", [timed(*VITALS, "images", "offline")])
    report("vitals images offline, nothing to do", [timed(*VITALS, "images", "offline") for _ in range(3)])
    os.environ["IMAGES"] = "offline"
    with tempfile.TemporaryDirectory(prefix="vitals-bench-") as folder:
        stack = ComposeStack(Path(folder))
        firsts: list[float] = []
        starts: list[float] = []
        for _ in range(3):
            firsts.append(_up(stack))
            stack.vitals("down")
            starts.append(_up(stack))
            stack.remove()
    report("compose: up with empty volumes", firsts)
    report("compose: up with data", starts)
    print(docker("version", "--format", "Docker {{.Server.Version}}"))


def _up(stack: ComposeStack) -> float:
    start = time.monotonic()
    stack.vitals("up", "--with", "demo")
    return time.monotonic() - start


if __name__ == "__main__":
    main()

"""`make test`: its parts side by side, each into a log of its own; then what failed, and in whose words.

The parts are make's own targets. Some mostly wait for servers, others take the processors meanwhile. A part that
fails ends none of the others: one run shows everything that is wrong.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOGS = ROOT / "build" / "test"
# What stands in one line is done one after the other: servers killed at random mind a busy machine. So do containers,
# whose health checks have seconds to answer: they come last and alone.
ROUNDS = ((("check", "test-stack", "test-ha"), ("test-browser",), ("test-units",)), (("test-compose",),))
NEWS = 30  # seconds between two lines about how far they are
LAST = 60  # lines of a log that does not say itself where its failures begin
BEGINNING = re.compile(r"^=+ (FAILURES|ERRORS) =+$", re.M)
PERCENT = re.compile(r"\[ *(\d+)%\]")


@dataclass
class Part:
    target: str
    begun: float = field(default_factory=time.monotonic)
    ended: float = 0
    process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                ["make", "--no-print-directory", self.target], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out,
                stderr=subprocess.STDOUT, process_group=0,  # to be interrupted as a whole, by us
                # A line for each test. And no part in the outer make's pool of jobs.
                env={name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
                | {"PYTEST_ADDOPTS": "-vv --color=no --durations=10"})

    @property
    def log(self) -> Path:
        return LOGS / f"{self.target}.log"

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def how_far(self) -> str:
        found = PERCENT.findall(self.text())
        return f"{self.target.removeprefix('test-')} {found[-1] if found else 0} %"

    def verdict(self) -> str:
        word = "ok    " if self.process.returncode == 0 else "FAILED"
        counted = re.findall(r"^=* ?(\d+ (?:passed|failed|error).*?) in [0-9.]+s", self.text(), re.M)
        return f"{word} {clock(self.ended - self.begun)}  {self.target}" + (f": {counted[-1]}" if counted else "")

    def failures(self) -> str:
        text = self.text()
        found = BEGINNING.search(text)
        return text[found.start():] if found else "\n".join(text.splitlines()[-LAST:]) + "\n"


def clock(seconds: float) -> str:
    return f"{int(seconds) // 60:2}:{int(seconds) % 60:02}"


def say(text: str) -> None:
    print(text, flush=True)


def side_by_side(lanes: Sequence[Sequence[str]], begun: float, asked: Sequence[int]) -> list[Part]:
    """What is done of some lanes, when all of it is; or, once a signal has ``asked`` for it, when all is stopped."""
    say(f"{', '.join(' then '.join(lane) for lane in lanes)}; logs in {LOGS.relative_to(ROOT)}/")
    waiting = [list(lane) for lane in lanes]
    running: list[Part | None] = [Part(lane.pop(0)) for lane in waiting]
    done: list[Part] = []
    told = time.monotonic()
    while any(running) and not asked:
        time.sleep(0.5)
        now = time.monotonic()
        for place, part in enumerate(running):
            if part and part.process.poll() is not None:
                part.ended = now
                say(part.verdict())
                done.append(part)
                running[place] = Part(waiting[place].pop(0)) if waiting[place] else None
        if now - told > NEWS:
            told = now
            say(f"{clock(now - begun)}  {', '.join(part.how_far() for part in running if part)}")
    if left := [part for part in running if part]:
        say("interrupted; what was started is stopped ...")
        for part in left:
            os.killpg(part.process.pid, signal.SIGINT)
        for part in left:
            part.process.wait()
    return done


def run(rounds: Sequence[Sequence[Sequence[str]]]) -> int:
    asked: list[int] = []  # not an exception: it could come while a part is being started, and leave that running
    for number in (signal.SIGINT, signal.SIGTERM):  # also where it is ignored, as in a shell's background
        signal.signal(number, lambda number, _: asked.append(number))
    LOGS.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    done: list[Part] = []
    for lanes in rounds:
        done += side_by_side(lanes, begun, asked)
        if asked:
            return 1
    failed = [part for part in done if part.process.returncode]
    for part in failed:
        say(f"\n{'#' * 20} {part.target} {'#' * 20}\n{part.failures()}")
    say("")
    for part in done:
        say(part.verdict())
    say(f"{'FAILED' if failed else 'ok    '} {clock(time.monotonic() - begun)}  all of it")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(run([[[target] for target in sys.argv[1:]]] if sys.argv[1:] else ROUNDS))

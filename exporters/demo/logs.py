"""JSON log lines in each app's own fields."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from vitals_demo.model import AppSpec, Line

MAX_LINES_PER_SECOND = 2  # of one kind: a failing app must not fill the disk
MAX_SECONDS = 60  # of which lines are written; a machine that slept does not write its night


@dataclass(frozen=True)
class Cause:
    """Why something failed: what an app calls it, and the words of the library or service it comes from."""

    kind: str
    text: str


CAUSES = {
    "timeout": Cause("timeout", "Request timed out after 30 s"),
    "unavailable": Cause("unavailable", "The service answered 503: temporarily unavailable"),
    "no_result": Cause("tool_error", "The tool returned no result"),
    "rate_limit": Cause("rate_limit", "Error code: 429 - Rate limit reached for gpt-4o on tokens per min: "
                                      "Limit 30000, Used 29871. Please try again in 2s."),
    "overloaded": Cause("overloaded", "Error code: 529 - Overloaded"),
    "context_length": Cause("context_length", "Error code: 400 - This model's maximum context length is 128000 tokens. "
                                              "However, your messages resulted in 141872 tokens."),
    "content_filter": Cause("content_filter", "The response was filtered: the prompt triggered the content policy"),
    "parse": Cause("parse_error", "Failed to parse tool arguments as JSON: Expecting ',' delimiter: line 1 column 87"),
    "loop": Cause("max_iterations", "Agent stopped: maximum iterations (15) reached without a final answer"),
    # Invented, and only its end is shown, as providers do.
    "auth": Cause("auth", "Error code: 401 - Incorrect API key provided: sk-****************4f2a"),
    "out_of_memory": Cause("out_of_memory", "CUDA out of memory. Tried to allocate 2.00 GiB; 812 MiB are free"),
    "exception": Cause("KeyError", "Traceback (most recent call last):\n  File \"/app/agents/router.py\", line 118, in "
                                   "route\n    return self.nodes[choice]\nKeyError: 'summarise'"),
    "duplicate": Cause("ValueError", "Duplicated timeseries in CollectorRegistry: {'agent_runs_total'}"),
}
# The usual troubles of agents and models, by how often they come up.
OF_AGENTS = ("timeout", "timeout", "no_result", "no_result", "no_result", "parse")
OF_MODELS = ("timeout", "timeout", "rate_limit", "overloaded")


def lines(spec: AppSpec, t: float, seconds: float, busy: float, failed: Mapping[str, int], rng: random.Random,
          rate: float = 1.0, causes: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """What the app writes for a step that ended at ``t``: some of its daily life, and its errors.

    ``causes`` are those that faults bring; without any, each kind of line has its own. ``rate`` 0 is a silent app.
    """
    most = max(1, int(MAX_LINES_PER_SECOND * min(seconds, MAX_SECONDS)))
    for line in spec.lines if rate else ():
        if line.on:
            times = min(failed.get(line.on, 0), most)
        else:
            times = min(int(line.per_second * busy * seconds * rate + rng.random()), most)
        for _ in range(times):
            cause = CAUSES[rng.choice(causes or line.causes)]
            yield _write(spec, line, t - rng.random() * min(seconds, 1.0), cause, rng)


def _write(spec: AppSpec, line: Line, t: float, cause: Cause, rng: random.Random) -> dict[str, Any]:
    style = spec.log_style
    stamp = datetime.fromtimestamp(t, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    written: dict[str, Any] = {
        style.time: stamp,
        style.level: line.level.upper() if style.upper else line.level,
        "service": spec.name,
        "request_id": f"req-{rng.getrandbits(48):012x}",
    }
    for name, value in line.fields.items():
        if isinstance(value, tuple):
            written[name] = rng.choice(value)
        else:
            written[name] = value(rng, cause) if callable(value) else value
    return written


def number(low: float, high: float, digits: int = 0) -> Any:
    """A field whose value lies between ``low`` and ``high``."""
    def draw(rng: random.Random, cause: Cause) -> float:
        value = rng.uniform(low, high)
        return round(value, digits) if digits else int(value)
    return draw


def identifier(prefix: str) -> Any:
    """A field that names something new each time: ``conv-4f1c09``."""
    return lambda rng, cause: f"{prefix}-{rng.getrandbits(24):06x}"


def kind(rng: random.Random, cause: Cause) -> str:
    """A field that says what kind of error it was."""
    return cause.kind


def why(before: str = "") -> Any:
    """A field with the error's own words."""
    return lambda rng, cause: before + cause.text

"""Rules over recorded metrics: what would have fired, when, and who would have been told.

promtool evaluates the real rules; amtool decides the routes. What one alert hides of another follows the same
inhibition rules that Alertmanager gets.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from vitals import notify, render
from vitals.errors import VitalsError
from vitals.recording import Profiles
from vitals.settings import Settings

Labels = tuple[tuple[str, str], ...]  # sorted
MAX_LOOKS = 3000
SHOWN = ("alertname", "severity", "area", "profile")  # beside or left out of the other labels
STALE_SECONDS = 300  # after which Prometheus, too, no longer believes a sample

_GOT = re.compile(r"^\s+expr: .*?, time: (\S+?),\s*\n\s+exp: .*\n\s+got: (.*)$", re.M)
_SERIES = re.compile(r"\{((?:[^{}\"]|\"(?:[^\"\\]|\\.)*\")*)\} ([^\s,]+)")
_LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class Firing:
    """One alert's time: Unix seconds; ``end`` None: it still fired when the data ended."""

    labels: dict[str, str]
    start: float
    end: float | None
    told: tuple[str, ...]
    hidden_by: str = ""


def run(settings: Settings, profiles: Profiles, file: Path, step: int) -> list[Firing]:
    """What would have fired, in the order of time. ``step``: seconds between looks. Raises VitalsError."""
    from vitals.engines import parts

    series = read(file)
    _check(series, profiles, file)
    begin = min(times[0][0] for times in series.values())
    end = max(times[-1][0] for times in series.values())
    looks = int((end - begin) // step) + 1
    if looks > MAX_LOOKS:
        raise VitalsError(f"{file} spans {end - begin:.0f} s, {looks} looks; at most {MAX_LOOKS}: give a longer "
                          "--step, or a shorter piece")
    with tempfile.TemporaryDirectory(prefix="vitals-simulate-") as folder:
        place = Path(folder)
        render.stage(settings, "native", place)
        found = _evaluate(parts.tool(settings, "promtool"), place, series, begin, step, looks)
        config = place / "alertmanager" / "alertmanager.yml"
        amtool = parts.tool(settings, "amtool")
        firing = [Firing(dict(labels), start, stop, _told(amtool, config, dict(labels)))
                  for labels, start, stop in _spans(found, begin, step, looks) if _known(dict(labels), series)]
    firing.sort(key=lambda f: (f.start, sorted(f.labels.items())))
    return [Firing(f.labels, f.start, f.end, f.told, _hidden(f, firing)) for f in firing]


def report(firing: list[Firing]) -> Iterator[str]:
    """Lines for people."""
    def clock(seconds: float | None) -> str:
        return "still fires" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%m-%d %H:%M:%S")

    shown = [f for f in firing if f.labels["alertname"] != "Watchdog"]
    if not shown:
        yield "nothing would have fired"
    for f in shown:
        rest = ", ".join(f"{k}={v}" for k, v in f.labels.items() if k not in SHOWN)
        told = f"hidden by {f.hidden_by}" if f.hidden_by else "told: " + ", ".join(f.told)
        yield (f"{clock(f.start)}  to {clock(f.end):15}  {f.labels.get('severity', ''):9} "
               f"{f.labels['alertname']:26} {rest}  ({told})")


# --- the data --------------------------------------------------------------------------------------------


def read(file: Path) -> dict[tuple[str, Labels], list[tuple[float, float]]]:
    """(name, labels) → [(Unix seconds, value), …] in order of time. Raises VitalsError with the line."""
    from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
    from prometheus_client.parser import text_string_to_metric_families as plain

    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError) as err:
        raise VitalsError(f"{file}: cannot be read: {err}") from err
    parser = openmetrics if text.rstrip().endswith("# EOF") else plain
    found: dict[tuple[str, Labels], list[tuple[float, float]]] = defaultdict(list)
    try:
        for family in parser(text):
            for sample in family.samples:
                if sample.timestamp is None:
                    raise VitalsError(f"{file}: {sample.name} has no timestamps; record them, as `promtool tsdb "
                                      "dump-openmetrics` does")
                key = (sample.name, tuple(sorted(sample.labels.items())))
                found[key].append((float(sample.timestamp), float(sample.value)))
    except (ValueError, IndexError, KeyError) as err:
        raise VitalsError(f"{file}: not OpenMetrics: {err}") from err
    if not found:
        raise VitalsError(f"{file}: holds no samples")
    return {key: sorted(samples) for key, samples in found.items()}


def _check(series: dict[tuple[str, Labels], Any], profiles: Profiles, file: Path) -> None:
    labels = [dict(labels) for _, labels in series]
    for name in ("job", "profile"):
        if not any(name in found for found in labels):
            raise VitalsError(f"{file}: no series has the label `{name}`; the rules tell apps apart by job and "
                              "profile, as Prometheus' targets carry them")
    if not any(found.get("profile") in profiles for found in labels):
        raise VitalsError(f"{file}: no series has a known profile; known: {', '.join(sorted(profiles))}")


def _rules(place: Path, series: dict[tuple[str, Labels], Any]) -> list[Path]:
    """The rule files that can matter: those of the profiles that the data has, and all that belong to none."""
    present = {dict(labels).get("profile") for _, labels in series}
    own = {f"{kind}-{name}" for kind in ("profile", "windows", "slo") for name in present}
    rules = sorted((place / "prometheus" / "rules").glob("*.yml"))
    return [path for path in rules
            if path.stem in own or not re.match("profile-|windows-|slo-(?!budget)", path.stem)]


def _known(labels: dict[str, str], series: dict[tuple[str, Labels], Any]) -> bool:
    """False for what vitals.yaml expects and the data is not about: other apps, and logs where none were recorded."""
    match labels["alertname"]:
        case "ServiceMissing":
            return any(dict(found).get("job") == labels.get("job") for _, found in series)
        case "LogsMissing":
            return any(name.startswith("app_log_") for name, _ in series)
    return True


def _order(rules: Path) -> int:
    """What is read is evaluated before its readers: promtool would take groups in any order."""
    last = ("profile-", "windows-", "slo-", "slo", "slo-budget", "alerts-")
    name = rules.stem
    return 1 + (last.index(name) if name in last else
                next((i for i, kind in enumerate(last) if kind.endswith("-") and name.startswith(kind)), -1))


# --- the engine ------------------------------------------------------------------------------------------


def _evaluate(promtool: Path, place: Path, series: dict[tuple[str, Labels], list[tuple[float, float]]],
              begin: float, step: int, looks: int) -> list[dict[Labels, float]]:
    """For each look, the alerts that fire then."""
    inputs = [{"series": _text(name, labels), "values": " ".join(_values(samples, begin, step, looks))}
              for (name, labels), samples in series.items()]
    asked = 'ALERTS{alertstate="firing"}'
    rules = _rules(place, series)
    test = {"rule_files": [str(path) for path in rules], "evaluation_interval": f"{min(step, 30)}s",
            "group_eval_order": [name for path in sorted(rules, key=_order)
                                 for name in re.findall(r"^- name: (\S+)$", path.read_text(), re.M)],
            "tests": [{"interval": f"{step}s", "input_series": inputs,
                       "promql_expr_test": [{"expr": asked, "eval_time": f"{i * step}s",
                                             # promtool prints what it got only where it expected something else
                                             "exp_samples": [{"labels": '{alertname=""}', "value": -1}]}
                                            for i in range(looks)]}]}
    file = place / "simulate.yml"
    file.write_text(yaml.dump(test, Dumper=yaml.CSafeDumper, width=10**9))
    done = subprocess.run([promtool, "test", "rules", file], capture_output=True, text=True)
    text = done.stdout + done.stderr
    found: list[dict[Labels, float]] = [{} for _ in range(looks)]
    matches = list(_GOT.finditer(text))
    if len(matches) != looks:
        first = next((line.strip() for line in text.splitlines() if line.strip() and "FAILED" not in line), "no answer")
        raise VitalsError(f"promtool could not evaluate the rules over this data: {first[:300]}")
    for match in matches:
        at = round(_seconds(match[1]) / step)
        for body, value in _SERIES.findall(match[2]):
            labels = {k: _unquote(v) for k, v in _LABEL.findall(body)}
            labels.pop("__name__", None)
            labels.pop("alertstate", None)
            found[at][tuple(sorted(labels.items()))] = float(value)
    return found


def _text(name: str, labels: Labels) -> str:
    inside = ", ".join(f"{k}={_quote(v)}" for k, v in labels)
    return f"{name}{{{inside}}}"


def _values(samples: list[tuple[float, float]], begin: float, step: int, looks: int) -> Iterator[str]:
    """The last sample at each look; nothing when it is older than Prometheus would believe."""
    i = -1
    for look in range(looks):
        now = begin + look * step
        while i + 1 < len(samples) and samples[i + 1][0] <= now:
            i += 1
        fresh = i >= 0 and now - samples[i][0] < min(STALE_SECONDS, 4 * step)
        yield repr(samples[i][1]) if fresh else "_"


def _spans(found: list[dict[Labels, float]], begin: float, step: int,
           looks: int) -> Iterator[tuple[Labels, float, float | None]]:
    since: dict[Labels, int] = {}
    for i, firing in enumerate(found):
        for labels in firing:
            since.setdefault(labels, i)
        for labels in [known for known in since if known not in firing]:
            yield labels, begin + since.pop(labels) * step, begin + i * step
    for labels, i in since.items():
        yield labels, begin + i * step, None


def _told(amtool: Path, config: Path, labels: dict[str, str]) -> tuple[str, ...]:
    done = subprocess.run([amtool, "config", "routes", "test", f"--config.file={config}",
                           *(f"{k}={_quote(v)}" for k, v in labels.items())], capture_output=True, text=True)
    if done.returncode:
        raise VitalsError(f"amtool cannot say who is told of {labels['alertname']}: {done.stderr.strip()}")
    return tuple(done.stdout.strip().split(","))


def _hidden(one: Firing, others: list[Firing]) -> str:
    """The alert that hides this one from its first moment on, by Alertmanager's own rules."""
    for rule in notify.INHIBITIONS:
        if not _matches(rule["target_matchers"], one.labels):
            continue
        for other in others:
            covers = other.start <= one.start and (other.end is None or other.end > one.start)
            alike = all(other.labels.get(name, "") == one.labels.get(name, "") for name in rule["equal"])
            if other is not one and covers and alike and _matches(rule["source_matchers"], other.labels) \
                    and not _matches(rule["source_matchers"], one.labels):
                return other.labels["alertname"]
    return ""


def _matches(matchers: list[str], labels: dict[str, str]) -> bool:
    for matcher in matchers:
        name, operator, value = re.fullmatch(r'(\w+)(=~|!~|!=|=)"(.*)"', matcher).groups()  # type: ignore[union-attr]
        got = labels.get(name, "")
        hit = bool(re.fullmatch(value, got)) if "~" in operator else got == value
        if hit == operator.startswith("!"):
            return False
    return True


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _unquote(text: str) -> str:
    return text.replace("\\n", "\n").replace('\\"', '"').replace("\\\\", "\\")


def _seconds(text: str) -> float:
    units = {"d": 86400, "h": 3600, "m": 60, "s": 1, "ms": 0.001}
    return sum(float(n) * units[u] for n, u in re.findall(r"([\d.]+)(ms|[dhms])", text))

"""The page with its answers, written into a folder that a browser opens without any server."""

from __future__ import annotations

import json
import math
import re
import shutil
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from vitals.errors import VitalsError
from vitals.viewer import boards, bundle, server
from vitals.viewer.boards import Board, Json
from vitals.viewer.templating import Chosen, Scope, duration, interpolate, label_values, step_for
from vitals.viewer.upstream import Prometheus

ALL = "$__all"
MARK = ".agent-vitals-view.json"  # the files of a folder that was made here: they may be replaced
COLUMN_PIXELS = 40  # how wide one of 24 columns is thought to be: it decides how many points are kept
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
# Nothing from elsewhere, and no questions to anybody.
POLICY = ("default-src 'none'; script-src 'self' file:; style-src 'self' file:; img-src 'self' file: data:; "
          "base-uri 'none'; form-action 'none'")


def moment(text: str, now: float) -> float:
    """``now``, ``now-6h``, a date and time (ISO 8601), or Unix seconds → Unix seconds. Raises VitalsError."""
    if match := re.fullmatch(r"now(?:-(\d+)([smhdw]))?", text.strip()):
        return now - (int(match[1]) * SECONDS[match[2]] if match[1] else 0)
    if re.fullmatch(r"\d{9,10}", text.strip()):
        return float(text)
    try:
        return datetime.fromisoformat(text.strip()).timestamp()
    except ValueError as err:
        raise VitalsError(f"{text!r} is no time; write now-6h, 2026-11-21T16:00 or Unix seconds") from err


def span(start: str, end: str, now: float) -> tuple[float, float]:
    """The two ends of a time range. Raises VitalsError when they are none."""
    found = moment(start, now), moment(end, now)
    if found[0] >= found[1]:
        raise VitalsError(f"the range from {start} to {end} is empty: it has to begin before it ends")
    return found


def write(folder: Path, chosen: list[Board], prometheus: Prometheus, start: float, end: float,
          choices: dict[str, list[str]] | None = None) -> list[str]:
    """Writes the page, these dashboards and their data. Gives what to tell: one line for each dashboard.

    All or nothing: it is made aside and put in place when it is whole. Raises VitalsError when the folder holds
    anything that was not made here, when Prometheus does not answer, or when a variable is none.
    """
    _only_ours(folder)
    prometheus.data("/api/v1/status/buildinfo")
    choices = dict(choices or {})
    names = {v["name"] for board in chosen for v in board.model.get("templating", {}).get("list", [])}
    if strange := sorted(set(choices) - names):
        raise VitalsError(f"no dashboard here has a variable {strange[0]!r}; one of: {', '.join(sorted(names))}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        told = _fill(aside, chosen, prometheus, start, end, choices)
        made = sorted(path.relative_to(aside).as_posix() for path in aside.rglob("*") if path.is_file())
        (aside / MARK).write_text(json.dumps({"files": made}))
        aside.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        aside.rename(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return told


def _only_ours(folder: Path) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise VitalsError(f"{folder} is a file; name a folder")
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    try:
        own = {MARK, *json.loads((folder / MARK).read_text())["files"]} if MARK in there else set()
    except (OSError, ValueError, KeyError, TypeError):
        own = set()
    if strange := sorted(there - own):
        raise VitalsError(f"{folder} holds files that were not made by this command, such as {strange[0]}; "
                          "name another folder, or empty it")


def _fill(into: Path, chosen: list[Board], prometheus: Prometheus, start: float, end: float,
          choices: dict[str, list[str]]) -> list[str]:
    for name, file in server.assets().items():
        if file.suffix != ".html" and (file.suffix != ".js" or name in ("theme.js", "plotly.min.js")):
            target = into / "assets" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
    (into / "assets" / "viewer.js").write_text(bundle.bundle(server.ASSETS / "main.js"))
    (into / "index.html").write_text(_page((server.ASSETS / "index.html").read_text()))
    data = into / "data"
    data.mkdir()
    told = []
    for board in chosen:
        answers = Answers(prometheus, start, end)
        _hand_over(data, board.uid, _board(board, answers, choices))
        problems = f", {answers.problems} of them refused" if answers.problems else ""
        told.append(f"{board.uid}: {len(answers.asked)} queries, {answers.series} series{problems}")
    index = boards.index(chosen, [])
    asked = {f"/api/v1/{path}": prometheus.data(f"/api/v1/{path.partition('?')[0]}", **params)
             for path, params in (("alerts", {}), ("targets?state=active", {"state": "active"}))}
    _hand_over(data, "index", index | {"prometheus": prometheus.url, "made": round(time.time()), "answers": asked})
    return told


def _page(text: str) -> str:
    text = text.replace('<html lang="en">', '<html lang="en" data-baked>').replace('"/assets/', '"assets/')
    text = text.replace('<script type="module" src="assets/main.js"></script>',
                        '<script defer src="assets/viewer.js"></script>')
    return text.replace('<meta charset="utf-8">',
                        f'<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy" content="{POLICY}">')


def _hand_over(folder: Path, name: str, data: Json) -> None:
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    (folder / f"{name}.js").write_text(f"vitalsBaked({json.dumps(name)},{text});\n")


@dataclass
class Answers:
    """What is asked for one dashboard, and the answers; the same question is asked once."""

    prometheus: Prometheus
    start: float
    end: float
    questions: dict[tuple[str, float, bool], int] = field(default_factory=dict)
    asked: dict[str, Json] = field(default_factory=dict)
    answers: list[Json] = field(default_factory=list)

    def want(self, key: str, expr: str, step: float, instant: bool) -> None:
        number = self.questions.setdefault((expr, 0 if instant else step, instant), len(self.questions))
        self.asked[key] = {"expr": expr, "step": step, "answer": number}

    def ask(self) -> None:
        with ThreadPoolExecutor(max_workers=6) as pool:
            self.answers = list(pool.map(self._one, self.questions))

    @property
    def problems(self) -> int:
        return sum("error" in answer for answer in self.answers)

    @property
    def series(self) -> int:
        return sum(len(answer.get("result", ())) for answer in self.answers)

    def _one(self, question: tuple[str, float, bool]) -> Json:
        expr, step, instant = question
        try:
            if instant:
                data = self.prometheus.data("/api/v1/query", query=expr, time=self.end)
            else:
                first, last = (math.floor(at / step) * step for at in (self.start, self.end))
                data = self.prometheus.data("/api/v1/query_range", query=expr, start=first, end=last, step=step)
        except VitalsError as err:
            return {"error": str(err)}
        if data["resultType"] == "scalar":
            return {"result": [_kept({}, [data["result"]], 1)]}
        return {"result": [_kept(one["metric"], one.get("values") or [one["value"]], step or 1)
                           for one in data["result"] if "values" in one or "value" in one]}


def _kept(metric: Json, samples: list[list[Any]], step: float) -> Json:
    """A series with its times told by the first one and the step; six digits say all that a plot can show."""
    first = float(samples[0][0])
    values: list[float | str | None] = [None] * (round((float(samples[-1][0]) - first) / step) + 1)
    for at, text in samples:
        number = float(text)
        values[round((float(at) - first) / step)] = float(f"{number:.6g}") if math.isfinite(number) else str(text)
    return {"metric": metric, "from": first, "step": step, "values": values}


def _board(board: Board, answers: Answers, choices: dict[str, list[str]]) -> Json:
    model = board.model
    scope, variables = _variables(model, answers, choices)
    seconds = answers.end - answers.start
    for panel in _panels(model["panels"]):
        for target in panel.get("targets", []):
            if target.get("expr") and not target.get("hide"):
                least = max(30.0, duration(panel.get("interval")), duration(target.get("interval")))
                step = step_for(seconds, panel["gridPos"]["w"] * COLUMN_PIXELS, least)
                instant = bool(target.get("instant")) and not target.get("range")
                expr = interpolate(target["expr"], replace(scope, step=step))
                answers.want(f"{panel['id']}:{target['refId']}", expr, step, instant)
    for kind in model.get("annotations", {}).get("list", []):
        target = kind.get("target") or {}
        if kind.get("enable", True) and (expr := target.get("expr") or kind.get("expr")):
            step = step_for(seconds, 400, duration(target.get("interval") or kind.get("step")) or 60)
            answers.want(f"annotation:{kind['name']}", interpolate(expr, replace(scope, step=step)), step, False)
    answers.ask()
    return {"model": model | {"baked": {"from": answers.start, "to": answers.end}}, "variables": variables,
            "asked": answers.asked, "answers": answers.answers}


def _panels(panels: Iterable[Json]) -> Iterable[Json]:
    for panel in panels:
        if panel["type"] == "row":
            yield from _panels(panel.get("panels", []))
        else:
            yield panel


def _variables(model: Json, answers: Answers, choices: dict[str, list[str]]) -> tuple[Scope, list[Json]]:
    """What is chosen of each variable: what was asked for, else what the dashboard says, else the first or all."""
    scope, found = Scope(answers.start, answers.end), []
    for variable in model.get("templating", {}).get("list", []):
        if variable["type"] in ("datasource", "adhoc"):
            continue
        name, multi, everything = variable["name"], bool(variable.get("multi")), bool(variable.get("includeAll"))
        options, problem = _options(variable, scope, answers.prometheus)
        given = [choices[name]] if name in choices else []
        value = (variable.get("current") or {}).get("value")
        own = [v for v in (value if isinstance(value, list) else [value]) if v == ALL or v in options]
        picked = (given[0] if given else own) or ([ALL] if everything else options[:1])
        of_all = variable.get("allValue")
        chosen = (Chosen([of_all]) if of_all else Chosen(options, True)) if ALL in picked else Chosen(picked, multi)
        scope = replace(scope, variables={**scope.variables, name: chosen})
        found.append({"name": name, "label": variable.get("label") or name, "multi": multi, "includeAll": everything,
                      "kind": variable["type"], "hidden": variable.get("hide") == 2, "options": options,
                      "chosen": picked, "allValue": of_all, "problem": problem})
    return scope, found


def _options(variable: Json, scope: Scope, prometheus: Prometheus) -> tuple[list[str], str]:
    query = variable.get("query") or ""
    text = str(query.get("query", "") if isinstance(query, dict) else query)
    if variable["type"] != "query":
        single = variable["type"] in ("constant", "textbox")
        return ([text] if single else [one.strip() for one in text.split(",") if one.strip()]), ""
    wanted = label_values(interpolate(text, scope))
    if not wanted:
        return [], f"the viewer knows label_values(…) only, not {text}"
    match, label = wanted
    params = {"start": scope.start, "end": scope.end} | ({"match[]": match} if match else {})
    try:
        values: list[str] = prometheus.data(f"/api/v1/label/{label}/values", **params)
    except VitalsError as err:
        return [], str(err)
    return (sorted(values) if variable.get("sort") else values), ""

"""What looking costs: the reference documents' panels over raw metrics and over recorded ones, on one Prometheus.

    python tests/bench/looking.py [10000 50000 200000]

The sizes are raw series of the metrics that the panels read. They are what the demo's marketing and support apps expose,
the apps of the two documents that have panels: half of the series are of one app, half of the other, each with as many
instances as that takes. Labels' values are the demo's own: 6 endpoints, 4 agents, 2 models, 4 lead sources; 2 stores,
5 intents, 3 channels. Buckets are the documents'. How much of the whole each board reads is printed.

Raw series are backfilled with promtool, the rules' results with promtool as well, rule after rule in their order. Then
each panel is asked in both ways in turn, over one hour. Cost is processor time of the server, which other work on the
machine disturbs less than waiting does. Each way is also compared with the least there is to a query: one series, as it
is. What evaluating the rules costs is measured in another server, which scrapes as many series of the same two apps, all
that they expose.
"""

from __future__ import annotations

import json
import os
import queue
import random
import re
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench import series  # noqa: E402
from tests.bench.panels import BOARDS, PANELS, M, Panel, S  # noqa: E402
from tests.bench.servers import HOUR, STEP, Server, Tools  # noqa: E402

RUNS = 5
RULES = ROOT / "prometheus" / "rules"
NAME = re.compile(r"\b[a-z][a-z_0-9]*:\w+:\w+\b")  # of a recorded series


# --- rules ------------------------------------------------------------------------------------------------


def levels(reads: set[str]) -> list[list[dict[str, Any]]]:
    """The two apps' rules that these series need, each level reading only what those before it record."""
    rules = [rule for app in series.APPS for kind in ("profile", "windows", "slo")
             for group in yaml.safe_load((RULES / f"{kind}-{app}.yml").read_text())["groups"] for rule in group["rules"]]
    needed = {*reads}
    while more := {name for rule in rules if rule["record"] in needed for name in NAME.findall(rule["expr"])} - needed:
        needed |= more
    rules = [rule for rule in rules if rule["record"] in needed]
    at = {rule["record"]: 0 for rule in rules}
    moved = True
    while moved:
        moved = False
        for rule in rules:
            after = max((at[name] + 1 for name in NAME.findall(rule["expr"]) if name in at and name != rule["record"]), default=0)
            if after > at[rule["record"]]:
                at[rule["record"]], moved = after, True
    return [[rule for rule in rules if at[rule["record"]] == level] for level in sorted({*at.values()})]


def board_queries(uid: str) -> list[tuple[str, bool]]:
    """(query, whether it is asked once) of a dashboard's open rows, for all apps."""
    [file] = (ROOT / "grafana" / "dashboards").glob(f"*/{uid}.json")
    found = []
    for panel in json.loads(file.read_text())["panels"]:
        for target in panel.get("targets", []):
            if expr := target.get("expr"):
                for name, value in (("$__rate_interval", "5m"), ("$__interval", "30s"), ("$__range", "1h")):
                    expr = expr.replace(name, value)
                found.append((re.sub(r"\$\{?\w+(:\w+)?\}?", ".+", expr), bool(target.get("instant"))))
    return found


# --- looking ----------------------------------------------------------------------------------------------


def cost(server: Server, expr: str, at: int, instant: bool, times: int) -> float:
    """Processor seconds of one query: the mean of ``times`` asked one after another."""
    before = server.seconds()
    for _ in range(times):
        server.ask(expr, at, instant)
    return (server.seconds() - before) / times


def compare(server: Server, panel: Panel, at: int, floor: str) -> tuple[float, float, float]:
    """Medians of raw, ours and floor, each in processor seconds of one query, asked in turn."""
    ways = (panel.raw, panel.ours, floor)
    times = []
    for expr in ways:
        cost(server, expr, at, panel.instant, 2)
        times.append(max(1, min(60, round(0.04 / cost(server, expr, at, panel.instant, 1)))))
    seen = [[cost(server, expr, at, panel.instant, n) for expr, n in zip(ways, times, strict=True)] for _ in range(RUNS)]
    raw, ours, least = (statistics.median(values) for values in zip(*seen, strict=True))
    return raw, ours, least


def agreement(server: Server, panel: Panel, at: int) -> float | None:
    """The largest difference between the two ways, as a share; medians over the hour, series by series."""
    def values(expr: str) -> list[float]:
        result = server.ask(expr, at, panel.instant)
        return sorted(statistics.median(float(v) for _, v in (one.get("values") or [one["value"]])) for one in result)

    raw, ours = values(panel.raw), values(panel.ours)
    if not raw or len(raw) != len(ours):
        return None
    return max(abs(a - b) / max(abs(a), 1e-9) for a, b in zip(raw, ours, strict=True))


def ask_panels(server: Server, panels: list[Panel], at: int, floor: str, shares: dict[str, float]) -> dict[str, float]:
    """Asks and prints; gives how many times cheaper each board is."""
    found = {}
    for board in dict.fromkeys(panel.board for panel in panels):
        here = [panel for panel in panels if panel.board == board]
        costs = {panel.name: compare(server, panel, at, floor) for panel in here}
        raw, ours, least = (sum(one[i] for one in costs.values()) for i in range(3))
        found[board] = raw / ours
        print(f"  {board:24} {1000 * raw:9.2f} ms {1000 * ours:8.3f} ms {raw / ours:6.0f} times   "
              f"{ours / least:.2f} of the floor, reads {shares[board]:.0%} of the raw series")
        for panel in here:
            raw, ours, least = costs[panel.name]
            off = agreement(server, panel, at)
            print(f"    {panel.name:22} {1000 * raw:9.2f} ms {1000 * ours:8.3f} ms {raw / ours:6.0f} times   "
                  + ("DIFFERENT SERIES" if off is None else f"{off:.2%} apart"), flush=True)
    return found


def ask_boards(server: Server, at: int, floor: str) -> dict[str, float]:
    """Whole boards, against as many queries of a single series. Gives processor seconds of each."""
    found = {}
    for uid in BOARDS:
        queries = board_queries(uid)
        seen: tuple[list[float], list[float]] = ([], [])
        for _ in range(RUNS):
            for values, least in zip(seen, (False, True), strict=True):
                values.append(sum(cost(server, floor if least else expr, at, instant, 5) for expr, instant in queries))
        ours, single = (statistics.median(values) for values in seen)
        found[uid] = ours
        print(f"  {uid}, detail closed: {len(queries)} queries, {1000 * ours:.1f} ms, {ours / single:.2f} times as many "
              "single-series queries", flush=True)
    return found


def hour(tools: Tools, wanted: int) -> dict[str, float]:
    now = int(time.time()) // STEP * STEP
    chosen = series.chosen("panels")
    of = series.instances(wanted, chosen)
    total = series.count(chosen, of)
    panels = [panel for panel in PANELS if not panel.day]
    shares = {board: series.count((raw for raw in chosen if (raw.app, raw.family) in series.read_by([board])), of) / total
              for board in dict.fromkeys(panel.board for panel in panels)}
    with tempfile.TemporaryDirectory(prefix="vitals-bench-") as name:
        folder = Path(name)
        start = time.monotonic()
        with (folder / "raw.om").open("w") as out:
            series.write(out, chosen, of, range(now - 2 * HOUR - 600, now + 1, STEP), late=now - HOUR - 600)
        tools.blocks(folder, folder / "raw.om")
        made = time.monotonic()
        exprs = [panel.ours for panel in panels] + [expr for uid in BOARDS for expr, _ in board_queries(uid)]
        found = levels({name for expr in exprs for name in NAME.findall(expr)})
        tools.record(folder, found, now - 2 * HOUR, now)
        print(f"\n{total} raw series, of {' and '.join(f'{n} instances of {app}' for app, n in of.items())} "
              f"({made - start:.0f} s to backfill, {time.monotonic() - made:.0f} s for {sum(map(len, found))} rules)", flush=True)
        with tools.running(folder) as server:
            server.settle()
            floor = f"job:http_in_flight:current{{{M}}}"
            print(f"  {'':24} {'raw':>12} {'ours':>11}")
            times = ask_panels(server, panels, now, floor, shares)
            boards = {panel.board for panel in panels if not panel.detail}
            median = statistics.median(times[board] for board in boards)
            print(f"  median of dashboards: {median:.0f} times; opened detail rows: {times['Detail rows']:.0f} times")
            whole = ask_boards(server, now, floor)
    return {"raw series": total, **whole}


def day(tools: Tools, wanted: int) -> None:
    """Panels over 24 hours: of the metrics that they read, as many series as ``wanted`` of all would have."""
    now = int(time.time()) // 60 * 60
    chosen = series.chosen("day")
    of = series.instances(wanted, series.chosen("panels"))
    panels = [panel for panel in PANELS if panel.day]
    with tempfile.TemporaryDirectory(prefix="vitals-bench-") as name:
        folder = Path(name)
        with (folder / "raw.om").open("w") as out:
            series.write(out, chosen, of, range(now - 25 * HOUR, now + 1, 60))
        tools.blocks(folder, folder / "raw.om")
        found = levels({name for panel in panels for name in NAME.findall(panel.ours)})
        long = [[rule for rule in level if "24h" in rule["expr"]] for level in found]
        short = [[rule for rule in level if "24h" not in rule["expr"]] for level in found]
        tools.record(folder, [level for level in short if level], now - 24 * HOUR + STEP, now)
        tools.record(folder, [level for level in long if level], now - 300, now)
        with tools.running(folder) as server:
            server.settle()
            print(f"\n{series.count(chosen, of)} raw series over 24 hours (the conversations of {wanted}), one sample a minute")
            ask_panels(server, panels, now, f"job:conversations:rate5m{{{S}}}", {panels[0].board: 1})


# --- evaluating -------------------------------------------------------------------------------------------

FASTER = 6  # rules are evaluated every 5 seconds instead of 30: the same work, seen sooner
BEFORE, AFTER = 12, 14  # samples before now, and after it (not further: Prometheus refuses a future of ten minutes)


def faster(folder: Path, files: list[Path]) -> dict[str, Any]:
    """A configuration that evaluates these rules ``FASTER`` times as often."""
    for file in files:
        groups = yaml.load(file.read_text(), yaml.CSafeLoader)["groups"]
        for group in groups:
            given = group.get("interval", f"{STEP}s")
            seconds = int(given[:-1]) * {"s": 1, "m": 60}[given[-1]]
            group["interval"] = f"{seconds // FASTER}s"
        (folder / file.name).write_text(yaml.dump({"groups": groups}, Dumper=yaml.CSafeDumper, width=10**9))
    return {"global": {"evaluation_interval": f"{STEP // FASTER}s"}, "rule_files": [str(folder / file.name) for file in files]}


@contextmanager
def exposing(chosen: list[series.Raw], of: dict[str, int], now: float) -> Iterator[tuple[int, threading.Event]]:
    """An address where scrapes bring samples of every series, with their times, a few steps each. The event: all are."""
    ready: queue.Queue[bytes | None] = queue.Queue(1)
    done = threading.Event()
    steps = list(range(-BEFORE, AFTER + 1))
    few = max(1, 300_000 // series.count(chosen, of))

    def prepare() -> None:
        for i in range(0, len(steps), few):
            text = "".join(line for step in steps[i:i + few]
                           for line in series.exposition(chosen, of, step * STEP, now + step * STEP))
            ready.put(text.encode())
        ready.put(None)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                body = None if done.is_set() else ready.get(timeout=5)
                if body is None:
                    done.set()
            except queue.Empty:
                body = b""
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        for work in (server.serve_forever, prepare):
            threading.Thread(target=work, daemon=True).start()
        try:
            yield server.server_port, done
        finally:
            server.shutdown()


def busy_with(server: Server, rules: dict[str, Any]) -> tuple[float, float]:
    """Shares of their interval that these rules take: of the processor (beside what the server does without them), and
    as Prometheus times them."""
    while server.busy(2) > 0.02:
        pass
    idle = server.busy(10)
    server.reload(rules)
    time.sleep(2 * 60 / FASTER)  # until each group has been evaluated
    seen: dict[str, list[float]] = {}
    before, start = server.seconds(), time.monotonic()
    while time.monotonic() - start < 12 * STEP / FASTER:
        for group in server.get("/api/v1/rules", type="record")["groups"]:
            seen.setdefault(group["file"] + group["name"], []).append(group["evaluationTime"] / group["interval"])
        time.sleep(STEP / FASTER)
    processor = (server.seconds() - before) / (time.monotonic() - start) - idle
    return processor / FASTER, sum(statistics.median(values) for values in seen.values()) / FASTER


def evaluation(tools: Tools, wanted: int) -> tuple[dict[str, float], list[dict[str, str]]]:
    """What evaluating all recording rules takes; and the series they recorded."""
    chosen = series.chosen("all")
    of = series.instances(wanted, chosen)
    files = [file for file in sorted(RULES.glob("*.yml")) if not file.stem.startswith("alerts-")]
    with tempfile.TemporaryDirectory(prefix="vitals-bench-") as name:
        folder = Path(name)
        rules = faster(folder, files)
        now = int(time.time())
        with exposing(chosen, of, now) as (port, done):
            scrape = {"job_name": "raw", "honor_labels": True, "scrape_interval": "10s", "scrape_timeout": "10s",
                      "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
            with tools.running(folder, {"scrape_configs": [scrape]}) as server:
                done.wait()
                server.reload({})
                raw = server.number('count({job=~".+-agents?", __name__!~".*:.*"})')
                processor, clock = busy_with(server, rules)
                if server.number('min(count_over_time(up{profile!=""}[5m]))') < 9:
                    raise SystemExit("this machine is too busy: scrapes came too late or were lost, so that rates had less to read")
                recorded = [one["metric"] for one in server.get("/api/v1/query", query='{__name__=~".+:.+"}')["result"]]
                count = sum(len(group["rules"]) for group in server.get("/api/v1/rules", type="record")["groups"])
    print(f"\n{raw:.0f} raw series, all that {' and '.join(f'{n} instances of {app}' for app, n in of.items())} expose\n"
          f"  recorded series: {len(recorded)}, {len(recorded) / raw:.1%} of the raw ones\n"
          f"  evaluating all {count} recording rules: {processor:.2%} of their interval by processor time, {clock:.2%} by the clock",
          flush=True)
    return {"raw series scraped": raw, "evaluation, processor time": processor}, recorded


def history(tools: Tools, recorded: list[dict[str, str]]) -> None:
    """What long windows take when they are full: 30 days of every series that they read."""
    files = [file for file in sorted(RULES.glob("*.yml")) if file.stem.startswith(("windows-", "slo"))]
    span: dict[str, int] = {}
    for file in files:
        for name, number, unit in re.findall(rf"({NAME.pattern})(?:{{[^}}]*}})?\[(\d+)([mhd])\]", file.read_text()):
            span[name] = max(span.get(name, 0), int(number) * {"m": 60, "h": HOUR, "d": 24 * HOUR}[unit])
    with tempfile.TemporaryDirectory(prefix="vitals-bench-") as folder_name:
        folder = Path(folder_name)
        now, samples, values = int(time.time()), 0, random.Random(7)
        with (folder / "raw.om").open("w") as out:
            for metric in recorded:
                labels = ",".join(f'{key}="{value}"' for key, value in metric.items() if key != "__name__")
                name = metric["__name__"]
                for t in range(now - span.get(name, 0), now, STEP):
                    out.write(f"{name}{{{labels}}} {values.random():.6f} {t}\n")
                    samples += 1
            out.write("# EOF\n")
        tools.blocks(folder, folder / "raw.om")
        with tools.running(folder) as server:
            processor, clock = busy_with(server, faster(folder, files))
    print(f"\nlong windows and objectives alone, with 30 days behind them ({samples} samples): {processor:.2%} of their interval "
          f"by processor time, {clock:.2%} by the clock", flush=True)


def main(wanted: list[int]) -> None:
    tools = Tools()
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}; panels over an hour, a point each {STEP} s", flush=True)
    start = time.monotonic()
    found, recorded = {}, []
    for size in wanted:
        figures, recorded = evaluation(tools, size)
        found[size] = hour(tools, size) | figures
    if len(found) > 1:
        small, large = found[min(found)], found[max(found)]
        print(f"\nfrom {small['raw series']:.0f} to {large['raw series']:.0f} raw series:")
        for name in small:
            print(f"  {name:30} {large[name] / small[name]:.2f} times", flush=True)
    day(tools, 50_000 if 50_000 in found or len(found) > 1 else wanted[0])
    history(tools, recorded)
    print(f"\n{(time.monotonic() - start) / 60:.0f} minutes")


if __name__ == "__main__":
    main([int(arg) for arg in sys.argv[1:]] or [10_000, 50_000, 200_000])

"""What looking costs: the reference documents' panels over raw metrics and over recorded ones, on one Prometheus.

    python tests/bench/looking.py [10000 50000 200000]

Raw series of many instances of two of the documents' apps are backfilled with promtool, the rules' results with promtool
as well, rule after rule in their order. Then each panel is asked in both ways in turn, over one hour. Cost is processor
time of the server, which other work on the machine disturbs less than waiting does. Each way is also compared with the
least there is to a query: one series, as it is.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.stack.conftest import free_ports  # noqa: E402

from vitals import settings  # noqa: E402
from vitals.engines import parts  # noqa: E402

PROFILES = ("marketing-agents", "support-agent")
STEP = 30  # seconds between samples, and between the points of a panel
HOUR = 3600
AHEAD = 25 * 60  # so long after the start there is still data, for rules that are evaluated live
RUNS = 5
DAY_STEP = 60

SEL = 'profile="{}"'.format
M, S = SEL("marketing-agents"), SEL("support-agent")


@dataclass(frozen=True)
class Panel:
    """One panel in both ways. ``day``: over a window of 24 hours; ``instant``: asked once, for now."""

    board: str
    name: str
    raw: str
    ours: str
    instant: bool = False
    day: bool = False
    detail: bool = False


def _p95(metric: str, sel: str, *by: str, q: str = "0.95") -> str:
    return f"histogram_quantile({q}, sum by ({', '.join(('job', 'le', *by))}) (rate({metric}_bucket{{{sel}}}[5m])))"


def _share(metric: str, sel: str, part: str, by: str = "job", window: str = "5m") -> str:
    return (f"sum by ({by}) (rate({metric}{{{sel}, {part}}}[{window}])) / sum by ({by}) (rate({metric}{{{sel}}}[{window}]))")


# The panels P01 to P17 of the reference documents, mended so that they say what they mean.
PANELS = (
    Panel("System Health", "P01 p95", _p95("api_request_duration_seconds", M), f"job:http_latency_seconds:p95{{{M}}}"),
    Panel("System Health", "P01 p50", _p95("api_request_duration_seconds", M, q="0.5"), f"job:http_latency_seconds:p50{{{M}}}"),
    Panel("System Health", "P02", f"sum by (job) (api_active_connections{{{M}}})", f"job:http_in_flight:current{{{M}}}"),
    Panel("System Health", "P03", _share("api_requests_total", M, 'status_code=~"5.."'), f"job:http_error_ratio:rate5m{{{M}}}"),
    Panel("AI Performance", "P04", f"sum by (le) (rate(agent_execution_duration_seconds_bucket{{{M}}}[5m]))",
          f"sum by (le) (job_le:agent_latency_seconds_bucket:rate5m{{{M}}})"),
    Panel("AI Performance", "P05", _p95("rag_query_duration_seconds", M, "stage"), f"job_stage:rag_latency_seconds:p95{{{M}}}"),
    Panel("AI Performance", "P06", f"sum by (job, model) (rate(llm_tokens_total{{{M}}}[5m]))", f"job_model:llm_tokens:rate5m{{{M}}}"),
    Panel("AI Performance", "P07", _share("agent_executions_total", M, 'status="success"', "job, agent_name", "1h"),
          f"1 - job_agent:agent_failure_ratio:1h{{{M}}}", instant=True),
    Panel("Business", "P08", f"sum by (job, source) (increase(leads_generated_total{{{M}}}[1h]))", f"job_source:leads:increase1h{{{M}}}"),
    Panel("Business", "P09", f"avg by (job, campaign_id) (campaign_performance_score{{{M}}})",
          f"job_campaign:campaign_score:current{{{M}}}", instant=True),
    Panel("Business", "P10", f"sum by (job) (increase(revenue_tracked_total{{{M}}}[1h]))", f"job:revenue_usd:increase1h{{{M}}}", instant=True),
    Panel("Business", "P11", f"sum by (le) (rate(content_performance_score_bucket{{{M}}}[5m]))",
          f"sum by (le) (job_le:content_score_bucket:rate5m{{{M}}})"),
    Panel("Customer support", "P13", f"sum by (le) (rate(response_latency_seconds_bucket{{{S}}}[5m]))",
          f"sum by (le) (job_le:response_latency_seconds_bucket:rate5m{{{S}}})"),
    Panel("Customer support", "P15", f"sum by (job) (rate(errors_total{{{S}}}[5m])) / sum by (job) (rate(response_latency_seconds_count{{{S}}}[5m]))",
          f"job:app_error_ratio:rate5m{{{S}}}"),
    Panel("Customer support", "P16", f"sum by (job, model) (rate(llm_tokens_total{{{S}}}[1h])) * 3600", f"job_model:llm_tokens:increase1h{{{S}}}"),
    Panel("Customer support", "P17", f"sum by (job, store_id) (active_conversations{{{S}}})", f"job_tenant:conversations_active:current{{{S}}}"),
    Panel("24 hours", "P12", f"1 - sum by (job) (rate(conversations_escalated_total{{{S}}}[24h])) / sum by (job) (rate(conversations_total{{{S}}}[24h]))",
          f"job:automation_ratio:24h{{{S}}}", instant=True, day=True),
    Panel("24 hours", "P14", f"sum by (job, intent) (increase(conversations_total{{{S}}}[24h]))",
          f"job_intent:conversations:increase24h{{{S}}}", instant=True, day=True),
    # What collapsed rows show, by endpoint, agent, store.
    Panel("Detail rows", "latency by endpoint", _p95("api_request_duration_seconds", M, "endpoint"),
          f"job_endpoint:http_latency_seconds:p95{{{M}}}", detail=True),
    Panel("Detail rows", "errors by endpoint", _share("api_requests_total", M, 'status_code=~"5.."', "job, endpoint"),
          f"job_endpoint:http_error_ratio:rate5m{{{M}}}", detail=True),
    Panel("Detail rows", "latency by agent", _p95("agent_execution_duration_seconds", M, "agent_name"),
          f"job_agent:agent_latency_seconds:p95{{{M}}}", detail=True),
    Panel("Detail rows", "answers by intent", _p95("response_latency_seconds", S, "intent"),
          f"job_intent:response_latency_seconds:p95{{{S}}}", detail=True),
    Panel("Detail rows", "conversations by store", f"sum by (job, store_id) (rate(conversations_total{{{S}}}[5m]))",
          f"job_tenant:conversations:rate5m{{{S}}}", detail=True),
)


# --- raw series -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Metric:
    profile: str
    name: str
    kind: str  # counter, gauge, histogram
    labels: dict[str, int | tuple[str, ...]]  # how many values, or which
    bounds: tuple[float, ...] = ()
    reach: int = HOUR  # seconds of history before the hour that is looked at


METRICS = (
    Metric(PROFILES[0], "api_requests", "counter", {"method": 2, "endpoint": 12, "status_code": ("200", "404", "500")}),
    Metric(PROFILES[0], "api_request_duration_seconds", "histogram", {"method": 2, "endpoint": 12}, (0.1, 0.5, 1, 2, 5, 10)),
    Metric(PROFILES[0], "api_active_connections", "gauge", {}),
    Metric(PROFILES[0], "agent_executions", "counter", {"agent_name": 8, "status": ("success", "failure")}, reach=2 * HOUR),
    Metric(PROFILES[0], "agent_execution_duration_seconds", "histogram", {"agent_name": 8}, (1, 5, 10, 30, 60, 300)),
    Metric(PROFILES[0], "rag_query_duration_seconds", "histogram", {"stage": 3}, (0.1, 0.5, 1, 2, 5)),
    Metric(PROFILES[0], "llm_tokens", "counter", {"model": 4}),
    Metric(PROFILES[0], "leads_generated", "counter", {"source": 5, "quality": 3}, reach=2 * HOUR),
    Metric(PROFILES[0], "campaign_performance_score", "gauge", {"campaign_id": 20}),
    Metric(PROFILES[0], "revenue_tracked", "counter", {"source": 5}, reach=2 * HOUR),
    Metric(PROFILES[0], "content_performance_score", "histogram", {}, (0.1, 0.3, 0.5, 0.7, 0.9)),
    Metric(PROFILES[1], "conversations", "counter", {"store_id": 10, "channel": 3, "intent": 8}),
    Metric(PROFILES[1], "conversations_escalated", "counter", {"store_id": 10, "reason": 4}),
    Metric(PROFILES[1], "errors", "counter", {"store_id": 10, "error_type": 3, "component": 3}),
    Metric(PROFILES[1], "response_latency_seconds", "histogram", {"store_id": 10, "intent": 8}, (0.5, 1, 2, 5, 10, 30, 60)),
    Metric(PROFILES[1], "llm_tokens", "counter", {"store_id": 10, "model": 3, "type": ("input", "output")}, reach=2 * HOUR),
    Metric(PROFILES[1], "active_conversations", "gauge", {"store_id": 10}),
)
DAILY = ("conversations", "conversations_escalated")  # the metrics that panels over 24 hours read


def _labels(metric: Metric) -> Iterator[dict[str, str]]:
    values = [v if isinstance(v, tuple) else tuple(f"{k}-{i}" for i in range(v)) for k, v in metric.labels.items()]
    for chosen in itertools.product(*values):
        yield dict(zip(metric.labels, chosen, strict=True))


def _series(metric: Metric, instance: int) -> Iterator[tuple[str, float]]:
    """(name with labels, how much a second or how large) of one instance. Steady, and not all alike."""
    for i, labels in enumerate(_labels(metric)):
        base = {"job": metric.profile, "profile": metric.profile, "instance": f"host-{instance}:8000"} | labels
        pace = 0.05 + (i * 7 + instance * 3) % 11 / 20
        if labels.get("status_code") == "500" or labels.get("status") == "failure" or metric.name.endswith("escalated"):
            pace /= 20

        def text(suffix: str, labels: dict[str, str]) -> str:
            return metric.name + suffix + "{" + ",".join(f'{k}="{v}"' for k, v in labels.items()) + "}"

        if metric.kind == "gauge":
            yield text("", base), 0.5 + (i + instance) % 7 / 16
        elif metric.kind == "counter":
            yield text("_total", base), pace
        else:
            for j, bound in enumerate(metric.bounds):
                yield text("_bucket", base | {"le": repr(float(bound))}), pace * (j + 1) / (len(metric.bounds) + 1)
            yield text("_bucket", base | {"le": "+Inf"}), pace
            yield text("_sum", base), pace * metric.bounds[len(metric.bounds) // 2]
            yield text("_count", base), pace


def instances(wanted: int) -> int:
    """How many of each app make about so many series."""
    return max(1, round(wanted / sum(1 for metric in METRICS for _ in _series(metric, 0))))


def backfill(promtool: Path, folder: Path, count: int, start: int, end: int, daily: bool) -> int:
    """Writes blocks of raw series; gives their number. ``start`` is the beginning of the hour that is looked at."""
    total = 0
    file = folder / "raw.om"
    with file.open("w") as out:
        names = sorted({metric.name for metric in METRICS})
        for name in names:
            same = [metric for metric in METRICS if metric.name == name and (not daily or name in DAILY)]
            if not same:
                continue
            out.write(f"# TYPE {name} {same[0].kind}\n")
            for metric in same:
                step = DAY_STEP if daily else STEP
                times = range(start - (25 * HOUR if daily else metric.reach - HOUR + 600), end, step)
                for instance in range(count):
                    for text, value in _series(metric, instance):
                        total += 1
                        if metric.kind == "gauge":
                            out.writelines([f"{text} {value} {t}\n" for t in times])
                        else:
                            first = times[0] - 100_000
                            out.writelines([f"{text} {value * (t - first):.6g} {t}\n" for t in times])
        if not daily:
            out.write("# TYPE up gauge\n")
            for profile, instance in itertools.product(PROFILES, range(count)):
                labels = f'up{{job="{profile}",profile="{profile}",instance="host-{instance}:8000"}}'
                out.writelines([f"{labels} 1 {t}\n" for t in range(start - 600, end, STEP)])
        out.write("# EOF\n")
    subprocess.run([promtool, "tsdb", "create-blocks-from", "openmetrics", file, folder / "data"], check=True, stdout=subprocess.DEVNULL)
    file.unlink()
    return total


# --- the rules' results -----------------------------------------------------------------------------------

_NAME = re.compile(r"\b[a-z][a-z_0-9]*:\w+:\w+\b")


def levels(files: list[str], reads: set[str] | None = None) -> list[list[dict[str, Any]]]:
    """The recording rules of rule files, each level reading only what those before it record."""
    rules = [rule for stem in files for group in yaml.safe_load((ROOT / "prometheus" / "rules" / f"{stem}.yml").read_text())["groups"]
             for rule in group["rules"]]
    if reads is not None:  # only what these need
        needed = {*reads}
        while more := {name for rule in rules if rule["record"] in needed for name in _NAME.findall(rule["expr"])} - needed:
            needed |= more
        rules = [rule for rule in rules if rule["record"] in needed]
    at: dict[str, int] = {}
    names = {rule["record"] for rule in rules}
    for rule in [*rules] * 8:  # deeper than they are
        at[rule["record"]] = max([at.get(rule["record"], 0), *(at.get(n, 0) + 1 for n in _NAME.findall(rule["expr"])
                                                                if n in names and n != rule["record"])])
    return [[rule for rule in rules if at[rule["record"]] == level] for level in range(max(at.values()) + 1)]


def record(promtool: Path, prometheus: Path, folder: Path, found: list[list[dict[str, Any]]], start: int, end: int, step: int) -> None:
    for level in found:
        file = folder / "level.yml"
        file.write_text(yaml.dump({"groups": [{"name": "level", "interval": f"{step}s", "rules": level}]}, width=10**9))
        with running(prometheus, folder) as server:
            subprocess.run([promtool, "tsdb", "create-blocks-from", "rules", f"--url={server.url}", f"--start={start}", f"--end={end}",
                            f"--output-dir={folder / 'data'}", f"--eval-interval={step}s", file], check=True, capture_output=True)


# --- asking -----------------------------------------------------------------------------------------------


class Server:
    def __init__(self, pid: int, url: str) -> None:
        self.pid, self.url = pid, url

    def get(self, path: str, **query: Any) -> Any:
        with urllib.request.urlopen(f"{self.url}{path}?{urllib.parse.urlencode(query)}", timeout=600) as response:
            return json.load(response)["data"]

    def seconds(self) -> float:
        """Processor time used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def ask(self, expr: str, at: int, instant: bool) -> list[Any]:
        if instant:
            return self.get("/api/v1/query", query=expr, time=at)["result"]
        return self.get("/api/v1/query_range", query=expr, start=at - HOUR, end=at, step=STEP)["result"]

    def cost(self, expr: str, at: int, instant: bool, times: int) -> float:
        """Processor seconds of one query: the mean of ``times`` asked one after another."""
        before = self.seconds()
        for _ in range(times):
            self.ask(expr, at, instant)
        return (self.seconds() - before) / times


@contextmanager
def running(prometheus: Path, folder: Path, rules: list[Path] | None = None) -> Iterator[Server]:
    [port] = free_ports(1)
    config = folder / "prometheus.yml"
    config.write_text(yaml.dump({"global": {"evaluation_interval": "30s"}, "rule_files": [str(rule) for rule in rules or []]}))
    process = subprocess.Popen(
        [prometheus, f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address=127.0.0.1:{port}",
         "--storage.tsdb.retention.time=30d", "--query.max-samples=500000000", "--query.timeout=10m", "--log.level=error"])
    server = Server(process.pid, f"http://127.0.0.1:{port}")
    try:
        while True:
            try:
                urllib.request.urlopen(f"{server.url}/-/ready", timeout=5).close()
                break
            except OSError:
                if process.poll() is not None:
                    raise SystemExit("Prometheus did not start") from None
                time.sleep(0.1)
        yield server
    finally:
        process.terminate()
        process.wait()


def enough(server: Server, expr: str, at: int, instant: bool) -> int:
    """How often to ask so that the processor's clock (hundredths of seconds) can tell."""
    server.ask(expr, at, instant)
    once = server.cost(expr, at, instant, 3)
    return min(400, max(3, round(0.3 / max(once, 0.0005))))


def compare(server: Server, panels: list[Panel], at: int, floor: str) -> dict[str, tuple[float, float, float]]:
    """Panel → medians of raw, ours and floor, each in processor seconds of one query, asked in turn."""
    found = {}
    for panel in panels:
        ways = {"raw": panel.raw, "ours": panel.ours, "floor": floor}
        times = {way: enough(server, expr, at, panel.instant) for way, expr in ways.items()}
        seen: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(RUNS):
            for way, expr in ways.items():
                seen[way].append(server.cost(expr, at, panel.instant, times[way]))
        found[panel.name] = tuple(statistics.median(values) for values in seen.values())
    return found  # type: ignore[return-value]


def agreement(server: Server, panel: Panel, at: int) -> float | None:
    """The largest difference between the two ways, as a share; medians over the hour, series by series."""
    def values(expr: str) -> list[float]:
        result = server.ask(expr, at, panel.instant)
        return sorted(statistics.median(float(v) for _, v in (one.get("values") or [one["value"]])) for one in result)

    raw, ours = values(panel.raw), values(panel.ours)
    if not raw or len(raw) != len(ours):
        return None
    return max(abs(a - b) / max(abs(a), 1e-9) for a, b in zip(raw, ours, strict=True))


def closed_rows(uid: str, job: str) -> list[tuple[str, bool]]:
    """(query, whether it is asked once) of a dashboard's open rows."""
    [file] = (ROOT / "grafana" / "dashboards").glob(f"*/{uid}.json")
    board = json.loads(file.read_text())
    found = []
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            if expr := target.get("expr"):
                found.append((re.sub(r"\$\{?\w+(:\w+)?\}?", job, expr.replace("$__rate_interval", "5m").replace("$__interval", "30s")
                                     .replace("$__range", "1h")), bool(target.get("instant"))))
    return found


# --- the whole --------------------------------------------------------------------------------------------


def day(promtool: Path, prometheus: Path, wanted: int) -> None:
    """Panels over 24 hours: the metrics they read alone, as many series of them as ``wanted`` in all would have."""
    now = int(time.time()) // 60 * 60
    count = instances(wanted)
    with tempfile.TemporaryDirectory(prefix="vitals-bench-") as name:
        folder = Path(name)
        series = backfill(promtool, folder, count, now, now + 60, daily=True)
        panels = [panel for panel in PANELS if panel.day]
        reads = {name for panel in panels for name in _NAME.findall(panel.ours)}
        headline = levels(["profile-support-agent", "windows-support-agent"], reads)
        windows = [[rule for rule in level if "24h" in rule["expr"]] for level in headline]
        short = [[rule for rule in level if "24h" not in rule["expr"]] for level in headline]
        record(promtool, prometheus, folder, [level for level in short if level], now - 24 * HOUR, now, DAY_STEP)
        record(promtool, prometheus, folder, [level for level in windows if level], now - 300, now, DAY_STEP)
        with running(prometheus, folder) as server:
            floor = f"job:conversations:rate5m{{{S}}}"
            print(f"\n{series} raw series over 24 hours (the conversations of {wanted} in all), one sample a minute")
            for name, (raw, ours, least) in compare(server, panels, now, floor).items():
                print(f"  {name:24} raw {1000 * raw:9.2f} ms   ours {1000 * ours:6.3f} ms   floor {1000 * least:6.3f} ms   {raw / ours:7.0f} times")


def hour(promtool: Path, prometheus: Path, wanted: int) -> dict[str, float]:
    now = int(time.time()) // STEP * STEP
    count = instances(wanted)
    with tempfile.TemporaryDirectory(prefix="vitals-bench-") as name:
        folder = Path(name)
        start = time.monotonic()
        series = backfill(promtool, folder, count, now - HOUR, now + AHEAD, daily=False)
        made = time.monotonic() - start
        stems = [f"{kind}-{profile}" for profile in PROFILES for kind in ("profile", "windows")]
        found = levels(stems)
        record(promtool, prometheus, folder, found, now - 2 * HOUR - 300, now, STEP)  # windows of an hour look back
        print(f"\n{series} raw series of {count} instances of each app ({made:.0f} s to backfill, "
              f"{time.monotonic() - start - made:.0f} s for {sum(map(len, found))} rules over two hours)", flush=True)
        figures: dict[str, float] = {"raw": series}
        with running(prometheus, folder) as server:
            recorded = sum(float(one["value"][1]) for one in server.get(
                "/api/v1/query", query='count({__name__=~".+:.+"})', time=now)["result"])
            print(f"  recorded series: {recorded:.0f}, {recorded / series:.2%} of the raw ones")
            figures["recorded_ratio"] = recorded / series
            panels = [panel for panel in PANELS if not panel.day]
            floor = f'job:http_in_flight:current{{{M}}}'
            costs = compare(server, panels, now, floor)
            for board in dict.fromkeys(panel.board for panel in panels):
                here = [panel for panel in panels if panel.board == board]
                raw, ours, least = (sum(costs[panel.name][i] for panel in here) for i in range(3))
                figures[board] = raw / ours
                print(f"  {board:18} raw {1000 * raw:9.1f} ms   ours {1000 * ours:7.2f} ms ({ours / least:.2f} of the floor)   {raw / ours:6.0f} times")
                for panel in here:
                    off = agreement(server, panel, now)
                    difference = "different series" if off is None else f"{off:.2%} apart"
                    print(f"    {panel.name:24} {1000 * costs[panel.name][0]:9.2f} ms {1000 * costs[panel.name][1]:8.3f} ms   {difference}")
            boards = [v for k, v in figures.items() if k in {p.board for p in panels if not p.detail}]
            print(f"  median of dashboards: {statistics.median(boards):.0f} times")
            for uid in ("vitals-system-health", "vitals-ai-performance", "vitals-business", "vitals-overview"):
                queries = closed_rows(uid, ".+")
                cost = {}
                for way in ("ours", "floor"):
                    seen = []
                    for _ in range(RUNS):
                        before = server.seconds()
                        for _ in range(5):
                            for expr, instant in queries:
                                server.ask(expr if way == "ours" else floor, now, instant)
                        seen.append((server.seconds() - before) / 5)
                    cost[way] = statistics.median(seen)
                figures[f"whole {uid}"] = cost["ours"]
                print(f"  {uid}, detail closed: {len(queries)} queries, {1000 * cost['ours']:.1f} ms, {cost['ours'] / cost['floor']:.2f} times "
                      "as many single-series queries")
        figures["evaluation"] = evaluation(prometheus, folder)
    return figures


def evaluation(prometheus: Path, folder: Path) -> float:
    """Share of their interval that all recording rules together take; the median of several evaluations."""
    rules = [file for file in (ROOT / "prometheus" / "rules").glob("*.yml") if not file.stem.startswith("alerts-")]
    with running(prometheus, folder, rules) as server:
        seen: list[dict[str, tuple[float, float, str]]] = []
        until = time.monotonic() + 150
        while time.monotonic() < until:
            time.sleep(10)
            groups = server.get("/api/v1/rules", type="record")["groups"]
            seen.append({g["file"] + g["name"]: (g["evaluationTime"], g["interval"], g["lastEvaluation"]) for g in groups
                         if not g["lastEvaluation"].startswith("0001")})
        count = sum(len(group["rules"]) for group in groups)
    shares, slowest = 0.0, ("", 0.0)
    for name in seen[-1]:
        values = {one[name][2]: one[name][0] for one in seen if name in one}
        share = statistics.median(values.values()) / seen[-1][name][1]
        shares += share
        slowest = max(slowest, (name.rpartition("/")[2], share), key=lambda pair: pair[1])
    print(f"  evaluating all {count} recording rules: {shares:.2%} of their interval (most: {slowest[0]}, {slowest[1]:.2%})", flush=True)
    return shares


def main(wanted: list[int]) -> None:
    loaded = settings.load()
    promtool, prometheus = parts.tool(loaded, "promtool"), parts.tool(loaded, "prometheus")
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}; panels over an hour, a point each {STEP} s", flush=True)
    found = {size: hour(promtool, prometheus, size) for size in wanted}
    if 50_000 in found or len(wanted) == 1:
        day(promtool, prometheus, 50_000 if 50_000 in found else wanted[0])
    if len(found) > 1:
        small, large = min(found), max(found)
        print(f"\nfrom {found[small]['raw']:.0f} to {found[large]['raw']:.0f} raw series ({found[large]['raw'] / found[small]['raw']:.1f} times):")
        for name in found[small]:
            if name.startswith("whole") or name == "evaluation":
                print(f"  {name:30} {found[large][name] / found[small][name]:.2f} times")


if __name__ == "__main__":
    main([int(arg) for arg in sys.argv[1:]] or [10_000, 50_000, 200_000])

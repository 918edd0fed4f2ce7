"""How fast `vitals lint` is: `python tests/bench/lint.py`. Rules per second once started, start-up, peak memory.

The rules are made here, of many shapes, so that nothing is parsed once and remembered.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RULES, FILES = 10_000, 20
SHAPES = [
    'sum by (job, handler) (rate(app{i}_requests_total{{code=~"5..", job="j{i}"}}[5m]))\n'
    "  / sum by (job, handler) (rate(app{i}_requests_total{{job=\"j{i}\"}}[5m])) > 0.0{i}",
    "histogram_quantile(0.9{d}, sum by (le, job) (rate(app{i}_duration_seconds_bucket[{d}m]))) > {d}",
    'avg_over_time(up{{job="j{i}"}}[{d}m]) < 0.9',
    '(node_filesystem_avail_bytes{{mountpoint="/{i}", fstype!=""}} / node_filesystem_size_bytes{{mountpoint="/{i}", '
    'fstype!=""}} * 100 < {d} and predict_linear(node_filesystem_avail_bytes{{mountpoint="/{i}"}}[6h], 4 * 3600) < 0)',
    'max by (namespace, pod) (kube_pod_status_phase{{phase=~"Pending|Unknown", namespace="n{i}"}})\n'
    '  * on (namespace, pod) group_left (owner_kind) topk by (namespace, pod) (1, kube_pod_owner{{owner_kind!="Job"}}) > 0',
    'absent(up{{job="j{i}"}} == 1)',
    'increase(app{i}_jobs_failed_total[1h]) > {d} unless on (instance) changes(process_start_time_seconds{{job="j{i}"}}[1h]) > 0',
    'label_replace(sum by (device, instance) (rate(node_network_receive_bytes_total{{device!~"lo|veth{i}"}}[{d}m])), '
    '"nic", "$1", "device", "(.+)") > 1e{d}',
    "job:app{i}_errors:rate5m / job:app{i}_requests:rate5m > 0.0{d} and job:app{i}_requests:rate5m > 1",
    'count by (job) (count by (job, version) (build_info{{job="j{i}"}})) > 1',
]


def file(first: int, last: int) -> str:
    lines = ["groups:"]
    for i in range(first, last):
        if i % 25 == 0:
            lines += [f"  - name: group{i}", "    rules:"]
        expr = SHAPES[i % len(SHAPES)].format(i=i, d=i % 8 + 1).replace("\n", "\n          ")
        if i % 5 == 0:
            lines += [f"      - record: job:app{i}_thing:rate5m", "        expr: |", f"          {expr.split(' > ')[0]}"]
        else:
            lines += [f"      - alert: Alert{i}", "        expr: |", f"          {expr}", "        for: 5m",
                      "        labels: {severity: warning, team: a}", "        annotations:",
                      f"          summary: 'Alert {i} on {{{{ $labels.job }}}}: {{{{ $value | humanize }}}}'",
                      f"          runbook_url: https://runbooks.example.org/alert{i}"]
    return "\n".join(lines) + "\n"


def lint(*arguments: str) -> tuple[float, float, int]:
    """Seconds, seconds of the processor and peak memory in MB of one run of the command."""
    code = ("import resource, sys; from vitals.cli import main\n"
            "try: main()\n"
            "finally: print('peak', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code, "lint", *arguments], cwd=ROOT, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if done.returncode not in (0, 1):
        sys.exit(done.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, processor, int(done.stderr.rsplit("peak ", 1)[1]) // 1024


def main() -> None:
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="lint-bench-") as folder:
        one = Path(folder) / "one"
        many = Path(folder) / "many"
        one.mkdir()
        many.mkdir()
        (one / "rules.yml").write_text(file(0, 1))
        step = RULES // FILES
        for i in range(FILES):
            (many / f"rules{i}.yml").write_text(file(i * step, (i + 1) * step))
        starts = [lint(str(one)) for _ in range(7)]
        runs = [lint(str(many)) for _ in range(3)]
        for what, column in (("wall clock", 0), ("processor", 1)):
            start = statistics.median(run[column] for run in starts)
            whole = statistics.median(run[column] for run in runs)
            print(f"{what}: start-up and one rule {start:.2f} s; {RULES} rules in {FILES} files {whole:.2f} s; "
                  f"{RULES / (whole - start):.0f} rules per second once started")
        print(f"peak memory {max(run[2] for run in runs)} MB")
        if "--profile" in sys.argv:
            import cProfile
            import pstats

            from vitals.lint import run, sources
            profile = cProfile.Profile()
            read, _ = profile.runcall(sources.read, [str(many)])
            found = profile.runcall(run.lint, read)
            print(f"{len(found)} findings")
            pstats.Stats(profile).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()

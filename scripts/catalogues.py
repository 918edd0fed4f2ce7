"""Makes the linter's bundled catalogues anew from the real exporters: `.venv/bin/python scripts/catalogues.py`.

Each exporter is taken from every Debian release that has it, run with all it can be told to show, and its pages
are merged: what was added or dropped between versions is known either way. Lines with ``@`` stay as they are, and so
do files whose head says ``by hand``.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

from vitals import page
from vitals.engines import parts
from vitals.lint import bundled
from vitals.settings import Settings, load

SUITES = ("bookworm", "trixie", "forky")
OUT = Path(__file__).parent / "vitals/lint/catalogues"
PORT = 19870


def main() -> None:
    """Arguments: the catalogues to make (none: all), and saved pages as ``node_exporter=page.txt``.

    Node exporter's source has the page of its own end-to-end test (collector/fixtures/e2e-output.txt), which shows
    hardware that a machine hardly has.
    """
    saved = dict(word.split("=", 1) for word in sys.argv[1:] if "=" in word)
    wanted = [word for word in sys.argv[1:] if "=" not in word] or list(MAKERS)
    settings = load()
    with tempfile.TemporaryDirectory(prefix="catalogues-") as folder:
        for name in wanted:
            work = Path(folder) / name
            work.mkdir()
            found = [Path(saved[name]).read_bytes()] if name in saved else []
            versions = []
            for suite in SUITES:
                root = parts.fetch(settings, [PACKAGES[name]], suite)
                program = root / "usr/bin" / PACKAGES[name]
                versions.append(version(root, PACKAGES[name]))
                found += MAKERS[name](settings, program, work)
            bundle = bundled.load(name)
            bundle.title = f"{name} {', '.join(dict.fromkeys(versions))}, made by scripts/catalogues.py"
            seen: dict[str, bundled.Entry] = {}
            for one in found:
                merge(seen, one)
            # What no run on this machine can show (other hardware, replicas) stays from before.
            # What client libraries show on every page is in a file of its own.
            bundle.entries |= {metric: known for metric, known in seen.items() if bundled.file_of(metric) == name}
            bundled.write(OUT / f"{name}.txt", bundle)
            print(f"{name}: {len(seen)} seen, {len(bundle.entries)} known", file=sys.stderr)


def merge(seen: dict[str, bundled.Entry], body: bytes) -> None:
    """Adds a page's metrics; a metric whose series differ in labels has all of them, empty ones too."""
    found = page.parse(body, None, "a page")
    written: dict[str, set[str]] = {}
    for name, inside in re.findall(r"^(\w+)\{(.*)\} ", body.decode(), re.MULTILINE):
        metric = found.by_sample[name]
        written.setdefault(metric.name, set()).update(re.findall(r'(?:^|,)(\w+)="(?:[^"\\]|\\.)*"', inside))
    for metric in found.metrics.values():
        names = {metric.name} if metric.type in ("histogram", "summary") or not metric.seen else metric.seen
        for name in names:
            known = seen.setdefault(name, bundled.Entry(metric.type))
            if metric.series:
                known.labels = (known.labels or frozenset()) | (written.get(metric.name, set()) - {"quantile", "le"})
            known.buckets = known.buckets or tuple(format(bound, "f") for bound in sorted(metric.bounds))


def node(settings: Settings, program: Path, work: Path) -> Iterator[bytes]:
    known = subprocess.run([program, "--help"], capture_output=True, text=True)
    flags = sorted(set(re.findall(r"--(?:\[no-\])?(collector\.[a-z0-9_-]+) +", known.stdout + known.stderr)))
    (work / "text").mkdir(exist_ok=True)
    (work / "text/x.prom").write_text("text_file_example 1\n")
    options = [f"--{flag}" for flag in flags] + [f"--collector.textfile.directory={work / 'text'}"]
    with running([program, f"--web.listen-address=127.0.0.1:{PORT}", *options]):
        yield scrape()


def prometheus(settings: Settings, program: Path, work: Path) -> Iterator[bytes]:
    (work / "rules.yml").write_text("groups: [{name: a, rules: [{record: 'a:b', expr: up}, "
                                    "{alert: A, expr: up == 1}]}]\n")
    (work / "targets.json").write_text(json.dumps([{"targets": [f"127.0.0.1:{PORT}"]}]))
    (work / "prometheus.yml").write_text(f"""
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{work}/rules.yml]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:9']}}]}}]}}
remote_write: [{{url: 'http://127.0.0.1:9/write'}}]
remote_read: [{{url: 'http://127.0.0.1:9/read'}}]
scrape_configs:
  - {{job_name: self, file_sd_configs: [{{files: ['{work}/targets.json']}}]}}
  - {{job_name: web, http_sd_configs: [{{url: 'http://127.0.0.1:9/', refresh_interval: 1s}}]}}
  - {{job_name: dns, dns_sd_configs: [{{names: [localhost], type: A, port: 9, refresh_interval: 1s}}]}}
""")
    with running([program, f"--config.file={work}/prometheus.yml", f"--web.listen-address=127.0.0.1:{PORT}",
                  f"--storage.tsdb.path={work}/data-{time.time_ns()}"]):
        scrape()
        get("/api/v1/query?query=up")
        time.sleep(8)
        yield scrape()


def alertmanager(settings: Settings, program: Path, work: Path) -> Iterator[bytes]:
    (work / "am.yml").write_text("route: {receiver: a, group_wait: 1s}\n"
                                 "receivers: [{name: a, webhook_configs: [{url: 'http://127.0.0.1:9/'}]}]\n")
    with running([program, f"--config.file={work}/am.yml", f"--web.listen-address=127.0.0.1:{PORT}",
                  f"--storage.path={work}/am-{time.time_ns()}", "--cluster.listen-address=127.0.0.1:19879"]):
        scrape()
        post("/api/v2/alerts", b'[{"labels": {"alertname": "A"}}]')
        post("/api/v2/silences", b'{"matchers": [{"name": "a", "value": "b", "isRegex": false}], "createdBy": "a",'
                                 b'"comment": "a", "startsAt": "2099-01-01T00:00:00Z",'
                                 b'"endsAt": "2099-01-02T00:00:00Z"}')
        time.sleep(4)
        yield scrape()


def blackbox(settings: Settings, program: Path, work: Path) -> Iterator[bytes]:
    (work / "bb.yml").write_text("""
modules:
  http: {prober: http, http: {preferred_ip_protocol: ip4}}
  tcp: {prober: tcp, tcp: {query_response: [{send: "GET /metrics HTTP/1.0\\r\\n\\r"}, {expect: "HTTP"}]}}
  icmp: {prober: icmp, icmp: {preferred_ip_protocol: ip4}}
  dns: {prober: dns, dns: {query_name: localhost, preferred_ip_protocol: ip4}}
  grpc: {prober: grpc, grpc: {preferred_ip_protocol: ip4}}
""")
    with running([program, f"--config.file={work}/bb.yml", f"--web.listen-address=127.0.0.1:{PORT}"]):
        yield scrape()
        for module, target in (("http", f"127.0.0.1:{PORT}"), ("tcp", f"127.0.0.1:{PORT}"), ("icmp", "127.0.0.1"),
                               ("dns", "127.0.0.1"), ("grpc", f"127.0.0.1:{PORT}")):
            yield scrape(f"/probe?module={module}&target={target}")


def pushgateway(settings: Settings, program: Path, work: Path) -> Iterator[bytes]:
    with running([program, f"--web.listen-address=127.0.0.1:{PORT}"]):
        scrape()
        post("/metrics/job/a", b"pushed_example 1\n")
        yield scrape()


def mtail(settings: Settings, program: Path, work: Path) -> Iterator[bytes]:
    (work / "progs").mkdir(exist_ok=True)
    (work / "progs/a.mtail").write_text("counter mtail_example_lines_total\n/$/ { mtail_example_lines_total++ }\n")
    (work / "a.log").write_text("a\n")
    with running([program, f"--progs={work}/progs", f"--logs={work}/a.log", "--address=127.0.0.1", f"--port={PORT}"]):
        scrape()
        (work / "a.log").write_text("a\nb\n")
        time.sleep(2)
        yield scrape()


def redis(settings: Settings, program: Path, work: Path) -> Iterator[bytes]:
    server = parts.programs(settings, ["databases"])["redis-server"]
    with ExitStack() as stack:
        env = parts.libraries(server)
        run = stack.enter_context
        one, two = PORT + 1, PORT + 2
        run(running([server, "--port", str(one), "--dir", str(work), "--appendonly", "yes",
                     "--latency-monitor-threshold", "1"], env, ready=False))
        run(running([server, "--port", str(two), "--dir", str(work), "--dbfilename", "two.rdb",
                     "--replicaof", f"127.0.0.1 {one}"], env, ready=False))
        time.sleep(2)
        from redis import Redis
        client = Redis(port=one, decode_responses=True)
        client.config_set("slowlog-log-slower-than", 0)
        client.flushall()
        client.lpush("list", "a", "b")
        client.set("key", "1")
        client.xadd("stream", {"a": "b"})
        client.xgroup_create("stream", "group", "0")
        client.xreadgroup("group", "me", {"stream": ">"})
        for port in (one, two):
            with running([program, f"--redis.addr=redis://127.0.0.1:{port}", f"--web.listen-address=127.0.0.1:{PORT}",
                          "--include-system-metrics", "--export-client-list", "--is-tile38=false",
                          "--check-keys=db0=*", "--check-single-keys=db0=key", "--check-streams=db0=stream",
                          "--check-single-streams=db0=stream", "--count-keys=db0=*", "--check-key-groups=(.*)",
                          "--ping-on-connect"]):
                time.sleep(1)
                scrape()
                yield scrape()


def postgres(settings: Settings, program: Path, work: Path) -> Iterator[bytes]:
    found = parts.programs(settings, ["databases"])
    env = parts.libraries(found["postgres"])
    as_user = ["unshare", "-U", "--map-user=65534", "--map-group=65534"] if os.geteuid() == 0 else []
    data, port = work / f"data-{time.time_ns()}", PORT + 1
    for folder in (work, work.parent):
        folder.chmod(0o777)
    subprocess.run([*as_user, found["initdb"], "-D", data, "-U", "postgres", "-A", "trust"], check=True,
                   env={**os.environ, **env}, stdout=subprocess.DEVNULL)
    known = subprocess.run([program, "--help"], capture_output=True, text=True)
    flags = sorted(set(re.findall(r"--(?:\[no-\])?(collector\.[a-z0-9_]+) +", known.stdout + known.stderr)))
    with running([*as_user, found["postgres"], "-D", data, "-p", str(port), "-k", "",
                  "-c", "listen_addresses=127.0.0.1",
                  "-c", "shared_preload_libraries=pg_stat_statements", "-c", "wal_level=logical"], env, ready=False):
        import psycopg
        for _ in range(100):
            try:
                db = psycopg.connect(f"host=127.0.0.1 port={port} user=postgres", autocommit=True)
                break
            except psycopg.OperationalError:
                time.sleep(0.1)
        db.execute("CREATE EXTENSION pg_stat_statements")
        db.execute("CREATE TABLE t (id int primary key)")
        db.execute("INSERT INTO t SELECT generate_series(1, 1000)")
        db.execute("SELECT pg_create_physical_replication_slot('physical', true)")
        db.execute("SELECT pg_create_logical_replication_slot('logical', 'pgoutput')")
        name = {"DATA_SOURCE_NAME": f"postgresql://postgres@127.0.0.1:{port}/postgres?sslmode=disable"}
        with running([program, f"--web.listen-address=127.0.0.1:{PORT}",
                      *[f"--{flag}" for flag in flags if flag != "collector.xlog_location"]], name):
            scrape()
            yield scrape()


PACKAGES = {"node_exporter": "prometheus-node-exporter", "prometheus": "prometheus",
            "alertmanager": "prometheus-alertmanager", "blackbox_exporter": "prometheus-blackbox-exporter",
            "redis_exporter": "prometheus-redis-exporter", "postgres_exporter": "prometheus-postgres-exporter",
            "pushgateway": "prometheus-pushgateway", "mtail": "mtail"}
MAKERS: dict[str, Callable[[Settings, Path, Path], Iterator[bytes]]] = {
    "node_exporter": node, "prometheus": prometheus, "alertmanager": alertmanager, "blackbox_exporter": blackbox,
    "redis_exporter": redis, "postgres_exporter": postgres, "pushgateway": pushgateway, "mtail": mtail}


def version(root: Path, package: str) -> str:
    """The upstream part of an unpacked package's version."""
    return re.split(r"[-+]", json.loads((root / "parts.json").read_text())[package])[0]


@contextmanager
def running(command: Sequence[str | Path], env: dict[str, str] | None = None, *, ready: bool = True) -> Iterator[None]:
    process = subprocess.Popen([str(word) for word in command], env={**os.environ, **(env or {})},
                               # Debian's Alertmanager finds its templates from the folder it was unpacked into.
                               cwd=next((p for p in Path(command[0]).parents if (p / "parts.json").exists()), None),
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 15
        while ready:
            try:
                get("/metrics")
                break
            except (URLError, OSError):
                if process.poll() is not None or time.monotonic() > until:
                    raise SystemExit(f"does not start: {' '.join(map(str, command))}") from None
                time.sleep(0.1)
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


def get(path: str) -> bytes:
    with urlopen(f"http://127.0.0.1:{PORT}{path}", timeout=20) as response:
        return response.read()


def post(path: str, body: bytes) -> None:
    with urlopen(Request(f"http://127.0.0.1:{PORT}{path}", body, {"Content-Type": "application/json"}), timeout=9):
        pass


def scrape(path: str = "/metrics") -> bytes:
    return get(path)


if __name__ == "__main__":
    main()

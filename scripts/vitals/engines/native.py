"""The stack without containers: Debian's programs, unpacked in a cache, kept running by Supervisor."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from vitals import logs
from vitals import settings as settings_module
from vitals.engines import Service, cluster, config, extras, parts, preflight, probes, processes, rotation, secrets
from vitals.engines.supervisor import DEAD, Part, Supervisor
from vitals.errors import VitalsError
from vitals.settings import SECOND, Settings

READY_SECONDS = 60
TARGETS_SECONDS = 60
# Until everything was seen once, Prometheus looks this often: the usual interval would make a start take as long.
FIRST_LOOK = "2s"

NOBODY = 65534
SHOWN = {"RUNNING": "up", "STARTING": "starting", "STOPPED": "stopped", "STOPPING": "stopped"}
GROUPS = ("tools", "servers")
DEMO_GROUPS = ("exporters", "databases")
READ_SECRETS = ("redis", "postgres-exporter", "redis-exporter", "demo")  # when they start


class Native:
    name = "native"

    def __init__(self, settings: Settings, asked: bool = False) -> None:
        self.settings = settings
        self.asked = asked  # somebody chose the extras
        self.home = settings.state / "native"
        self.config = self.home / "config"
        self.data = self.home / "data"
        self.supervisor = Supervisor(self.home)

    # --- verbs

    def up(self) -> None:
        from vitals.backup.native import settle

        begun = time.monotonic()
        if self.settings.logs:
            raise VitalsError("logs (Elasticsearch, Logstash, Kibana, Filebeat) exist as container images only; "
                              "use ENGINE=compose, or leave them out: make up WITH=demo")
        settings_module.required(self.settings)
        if wrong := [*preflight.files(self.settings), *preflight.lost(self.settings, self._held())]:
            raise VitalsError("\n".join(map(str, wrong)))
        with processes.alone(self.home):
            programs = self.programs()
            fresh = not self.supervisor.running()
            if fresh:
                self._end_leftovers()
                settle(self.home)
            running = {name for name, state in self.supervisor.states().items() if state in ("RUNNING", "STARTING")}
            changed = config.install(self.settings, "native", self.config, programs)
            wanted = self._parts(programs)
            secrets.ensure(self.settings)
            if self.asked:
                extras.keep(self.settings)
            try:
                rewritten = self.supervisor.write(wanted)
                if rewritten and not fresh:
                    self.supervisor.apply()
                    running &= {name for name, state in self.supervisor.states().items() if state == "RUNNING"}
                missing = [part for part in wanted if part.name not in running]
                names = {part.name for part in missing}
                processes.check_ports(self.settings, self._listening(names))
                if not missing:
                    print("everything runs already" + ("; the new configuration is taken up" if changed else ""))
                self._prepare(programs)
                if fresh:
                    self.supervisor.start()
                often = names.intersection(self.settings.replicas("prometheus"))
                self._look_often(often)
                self._start(missing)
                self._await_targets()
                if changed or often:
                    config.install(self.settings, "native", self.config, {})
                    # What has just been started has read it, and an Alertmanager would answer after START_DELAY only.
                    self._reload_servers(lambda name: name in often or changed and name not in names)
            except BaseException:
                if fresh:
                    self.supervisor.stop()
                    print("nothing was left running", file=sys.stderr)
                raise
        self._greet(time.monotonic() - begun)

    def down(self) -> None:
        with processes.alone(self.home):
            some = self.supervisor.running() or processes.marked(self.home)
            self.supervisor.stop()
        print("stopped; the data is kept (make clean removes it)" if some else "nothing runs")

    def clean(self) -> None:
        if self.home.exists():
            with processes.alone(self.home):
                self.supervisor.stop()
                shutil.rmtree(self.home, ignore_errors=True)
        if not (self.settings.state / "compose").exists():  # whose databases know these passwords
            shutil.rmtree(secrets.folder(self.settings), ignore_errors=True)
        extras.forget(self.settings)
        print(f"removed the data and secrets under {self.settings.state}")

    def reload(self) -> None:
        if not self.supervised():
            raise VitalsError("nothing runs; start it with `make up`")
        programs = self.programs()
        with processes.alone(self.home):
            config.install(self.settings, "native", self.config, programs)
            rewritten = self.supervisor.write(self._parts(programs))
        if rewritten:  # other ports, other log programs, or the demo came or went
            self.supervisor.apply()
            self.up()  # to which the configuration is no news: it is in place already
        self._reload_servers()
        print("reloaded")

    def examine(self) -> list[preflight.Finding]:
        """What of this machine stands in the way."""
        info = self.supervisor.info()
        missing = [name for name in self._probes() if info.get(name, {}).get("statename") != "RUNNING"]
        return [*preflight.native(self.settings, self._listening(missing)),
                *preflight.lost(self.settings, self._held())]

    def rotate_secrets(self) -> None:
        with processes.alone(self.home):
            programs = self.programs()
            running = self.supervised()
            holders = [rotation.Holder("PostgreSQL", "postgres", tuple(rotation.ROLES.values()),
                                       lambda words: self._tell_postgres(programs, words, running))]
            problems = rotation.rotate(self.settings, holders if self._held() else [])
            if running and self.settings.demo:
                self._prepare(programs)
                users = [part for part in self._parts(programs) if part.name in READ_SECRETS]
                for part in reversed(users):
                    self.supervisor.call("stopProcess", part.name)
                self._start(users)
        rotation.conclude(self.settings, problems)

    def _held(self) -> list[str]:
        """The secrets that data remember."""
        there = self.settings.demo and (self.data / "postgres").exists()
        return list(rotation.ROLES.values()) if there else []

    def _tell_postgres(self, programs: dict[str, Path], words: dict[str, str], running: bool) -> None:
        """Gives its roles their passwords: as its superuser, or alone with its data when it does not run."""
        import psycopg

        statements = rotation.roles_sql(words)
        if not running:
            server = f"config_file={self.settings.root}/exporters/postgres/server.conf"
            alone = [str(programs["postgres"]), "--single", "-j", "-D", str(self.data / "postgres"), "-c", server]
            self._in_database([*alone, "postgres"], programs, statements)
            return
        # What it knows is the old one or, when the last rotation broke off, the new one.
        known = (secrets.folder(self.settings) / "postgres-admin").read_text()
        why = ""
        for word in (known, words["postgres-admin"]):
            try:
                with psycopg.connect(host="127.0.0.1", port=self.settings.ports["postgres"], user="postgres",
                                     dbname="postgres", password=word.strip(), connect_timeout=5) as conn:
                    conn.execute(statements.encode())
                    return
            except psycopg.Error as err:
                why = str(err).strip().splitlines()[-1]
        raise VitalsError(f"{why}; `make down`, then `make rotate-secrets` needs no password, then `make up`")

    def status(self) -> list[Service]:
        info = self.supervisor.info()
        found = []
        for name, ready in self._probes().items():
            entry = info.get(name, {})
            state = entry.get("statename", "STOPPED")
            shown = SHOWN.get(state, "failed")
            detail = ""
            if shown in ("up", "starting"):
                well = ready()
                shown = "up" if well else "starting"
                detail = f"pid {entry['pid']}, since {_span(entry['now'] - entry['start'])}" + (
                    "" if well else ", does not answer")
            elif shown == "failed":
                detail = f"see {self.supervisor.log(name)}"
            found.append(Service(name, shown, f"127.0.0.1:{self.settings.ports[name]}", detail))
        return found

    def logs(self, services: Sequence[str], follow: bool, lines: int) -> None:
        names = list(self._probes())
        for name in services:
            if name not in names:
                raise VitalsError(f"no service {name!r}; one of: {', '.join(names)}")
        files = [str(file) for name in services or names if (file := self.supervisor.log(name)).exists()]
        if not files:
            raise VitalsError("there are no logs yet; start the stack with `make up`")
        try:
            subprocess.run(["tail", "-n", str(lines), *(["-F"] if follow else []), *files], check=False)
        except KeyboardInterrupt:
            print()

    def supervised(self) -> bool:
        return self.supervisor.running()

    def groups(self) -> list[str]:
        """The groups of packages that this stack needs."""
        return [*GROUPS, *(("logs",) if self.settings.log_reader else ()),
                *(DEMO_GROUPS if self.settings.demo else ())]

    def programs(self) -> dict[str, Path]:
        """The programs of this stack, fetched where they are not in the cache."""
        return parts.programs(self.settings, self.groups())

    def start(self, names: Sequence[str]) -> None:
        """Starts these parts of a running stack; returns when they are ready."""
        self._start([part for part in self._parts(self.programs()) if part.name in names])

    # --- the parts

    def _probes(self) -> dict[str, probes.Probe]:
        """Every part of this stack, and the question that tells whether it does its work."""
        port, secret = self.settings.ports, secrets.folder(self.settings)

        def page(name: str, path: str) -> probes.Probe:
            return probes.http_ok(f"http://127.0.0.1:{port[name]}{path}")

        found = {
            "viewer": page("viewer", "/-/ready"),
            **{name: page(name, "/-/ready") for part in SECOND for name in self.settings.replicas(part)},
            "inbox": page("inbox", "/-/ready"),
            "node-exporter": page("node-exporter", "/"),
            "blackbox-exporter": page("blackbox-exporter", "/-/healthy"),
        }
        if self.settings.log_reader:
            found["mtail"] = page("mtail", "/metrics")
        if self.settings.demo:
            found |= {
                "demo": page("demo", "/-/ready"),
                "postgres": probes.postgres_ok(port["postgres"], "monitor", "postgres", secret / "postgres-monitor"),
                "postgres-exporter": page("postgres-exporter", "/"),
                "redis": probes.redis_ok(port["redis"], secret / "redis"),
                "redis-exporter": page("redis-exporter", "/health"),
            }
        return found

    def _parts(self, programs: dict[str, Path]) -> list[Part]:
        ports, root, secret = self.settings.ports, self.settings.root, secrets.folder(self.settings)
        ready = self._probes()

        def listen(name: str) -> str:
            return f"127.0.0.1:{ports[name]}"

        alertmanager = programs["alertmanager"]
        found = [
            Part("viewer", [
                sys.executable, "-m", "vitals.viewer.server", "--listen", listen("viewer"),
                "--prometheus", f"http://{listen('prometheus')}", "--dashboards", f"{root}/grafana/dashboards",
            ], ready["viewer"]),
            *(Part(name, [
                str(programs["prometheus"]),
                f"--config.file={self.config}/prometheus/{name}.yml",
                f"--storage.tsdb.path={self.data}/{name}",
                f"--storage.tsdb.retention.time={self.settings.retention}",
                f"--web.listen-address={listen(name)}", "--web.enable-lifecycle", *cluster.PROMETHEUS,
            ], ready[name]) for name in self.settings.replicas("prometheus")),
            *(Part(name, [
                str(alertmanager),
                f"--config.file={self.config}/alertmanager/alertmanager.yml",
                f"--storage.path={self.data}/{name}",
                f"--web.listen-address={listen(name)}", *cluster.flags(self.settings, name),
            ], ready[name], directory=alertmanager.parents[2])  # where its templates are
              for name in self.settings.replicas("alertmanager")),
            Part("inbox", [
                sys.executable, "-m", "vitals.inbox", "--listen", listen("inbox"),
                "--dir", f"{self.data}/inbox", "--docs", f"{root}/docs",
            ], ready["inbox"]),
            Part("node-exporter", [
                str(programs["node_exporter"]), f"@{root}/exporters/node/flags",
                f"--web.listen-address={listen('node-exporter')}",
            ], ready["node-exporter"]),
            Part("blackbox-exporter", [
                str(programs["blackbox_exporter"]), f"--config.file={root}/exporters/blackbox/blackbox.yml",
                f"--web.listen-address={listen('blackbox-exporter')}",
            ], ready["blackbox-exporter"]),
        ]
        if self.settings.log_reader:
            found.append(Part("mtail", [
                str(programs["mtail"]), "-address=127.0.0.1", f"-port={ports['mtail']}",
                *logs.arguments(self.settings, f"{self.config}/mtail"),
            ], ready["mtail"], environment={"VITALS_LOG_PROGRAMS": logs.stamp(self.config / "mtail")}))
        if self.settings.demo:
            found += [
                Part("postgres", [
                    *_as_nobody(), str(programs["postgres"]), "-D", f"{self.data}/postgres",
                    "-c", f"config_file={root}/exporters/postgres/server.conf", "-c", "unix_socket_directories=",
                    "-h", "127.0.0.1", "-p", str(ports["postgres"]),
                ], ready["postgres"], environment=self._for_databases(programs), stop="INT"),
                Part("redis", [str(programs["redis-server"]), f"{self.home}/redis.conf"], ready["redis"],
                     environment=self._for_databases(programs)),
                Part("postgres-exporter", [
                    str(programs["postgres_exporter"]), f"@{root}/exporters/postgres/flags",
                    f"--web.listen-address={listen('postgres-exporter')}",
                ], ready["postgres-exporter"], after=("postgres",), environment={
                    "DATA_SOURCE_URI": f"127.0.0.1:{ports['postgres']}/postgres?sslmode=disable",
                    "DATA_SOURCE_USER": "monitor", "DATA_SOURCE_PASS_FILE": f"{secret}/postgres-monitor"}),
                Part("redis-exporter", [
                    str(programs["redis_exporter"]), f"-web.listen-address={listen('redis-exporter')}",
                    f"-redis.addr=redis://127.0.0.1:{ports['redis']}",
                    f"-redis.password-file={self.home}/redis-exporter.json",
                    # Of a Redis that hangs it asks several things in turn: together they have to fail before Prometheus
                    # gives up, or the exporter would be down instead of Redis.
                    "-connection-timeout=1s",
                ], ready["redis-exporter"], after=("redis",)),
                Part("demo", [
                    sys.executable, "-m", "vitals_demo", "--listen", listen("demo"),
                    "--postgres-dsn", f"postgresql://demo@127.0.0.1:{ports['postgres']}/demo",
                    "--postgres-password-file", f"{secret}/postgres",
                    "--redis-url", f"redis://127.0.0.1:{ports['redis']}/0", "--redis-password-file", f"{secret}/redis",
                    "--log-dir", logs.demo_folder(self.settings, "native"),
                ], ready["demo"], after=("postgres", "redis")),
            ]
        return found

    def _for_databases(self, programs: dict[str, Path]) -> dict[str, str]:
        return {"LC_ALL": "C.UTF-8", **parts.libraries(programs["postgres"])}

    # --- starting

    def _prepare(self, programs: dict[str, Path]) -> None:
        """Folders, the files that carry passwords, and a database on the first start."""
        (self.data / "inbox").mkdir(parents=True, exist_ok=True)
        (self.data / "logs").mkdir(exist_ok=True)
        if not self.settings.demo:
            return
        words, ports = secrets.ensure(self.settings), self.settings.ports
        (self.data / "redis").mkdir(exist_ok=True)
        secrets.write(self.home / "redis.conf", "".join(f"{line}\n" for line in (
            f'include "{self.settings.root}/exporters/redis/redis.conf"', "bind 127.0.0.1", f"port {ports['redis']}",
            f'dir "{self.data}/redis"', f"requirepass {words['redis']}")))
        secrets.write(self.home / "redis-exporter.json",
                      json.dumps({f"redis://127.0.0.1:{ports['redis']}": words["redis"]}))
        if not (self.data / "postgres").exists():
            self._make_database(programs, words)
        if os.geteuid() == 0:
            _give(self.data / "postgres", NOBODY if "setpriv" in _as_nobody() else 0)

    def _make_database(self, programs: dict[str, Path], words: dict[str, str]) -> None:
        """A PostgreSQL cluster with its roles, made aside: it is there whole or not at all."""
        aside, done = self.data / "postgres.new", self.data / "postgres"
        shutil.rmtree(aside, ignore_errors=True)
        roles = (self.settings.root / "exporters/postgres/roles.sql").read_text()
        for variable, name in (("demo_password", "postgres"), ("monitor_password", "postgres-monitor")):
            roles = roles.replace(f":'{variable}'", f"'{words[name]}'")
        server = f"config_file={self.settings.root}/exporters/postgres/server.conf"
        steps: list[tuple[list[str], str]] = [
            ([str(programs["initdb"]), "-D", str(aside), "-U", "postgres", "-A", "scram-sha-256", "-E", "UTF8",
              "--locale=C.UTF-8", "--no-sync", f"--pwfile={secrets.folder(self.settings)}/postgres-admin"], ""),
            # Alone, without a port; -j takes statements that end with an empty line.
            ([str(programs["postgres"]), "--single", "-j", "-D", str(aside), "-c", server, "postgres"], roles)]
        try:
            for command, text in steps:
                self._in_database(command, programs, text)
        except VitalsError:
            shutil.rmtree(aside, ignore_errors=True)
            raise
        aside.rename(done)

    def _in_database(self, command: list[str], programs: dict[str, Path], text: str) -> None:
        """Runs one of PostgreSQL's programs on its data, and gives it a text to read."""
        ran = subprocess.run([*_as_nobody(), *command], input=text, capture_output=True, text=True,
                             env={**os.environ, **self._for_databases(programs)})
        wrong = [line for line in (ran.stderr + ran.stdout).splitlines() if "ERROR" in line or "FATAL" in line]
        if ran.returncode or wrong:
            why = (wrong or ran.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise VitalsError(f"PostgreSQL's data could not be made or changed: {why}")

    def _start(self, missing: list[Part]) -> None:
        """Starts the parts as soon as what they build on is ready, and polls until all are."""
        started: set[str] = set()
        waiting = {part.name: part for part in missing}
        deadline = time.monotonic() + READY_SECONDS
        while waiting:
            for part in missing:
                if part.name not in started and not any(name in waiting for name in part.after):
                    with suppress(xmlrpc.client.Fault):  # it has ended already: its state says so
                        self.supervisor.call("startProcess", part.name, False)
                    started.add(part.name)
            for name in [name for name in waiting if name in started and waiting[name].ready()]:
                print(f"  {name:18} 127.0.0.1:{self.settings.ports[name]}", flush=True)
                del waiting[name]
            states = self.supervisor.states()
            for name in waiting:
                dead = name in started and states.get(name) in DEAD
                if dead or time.monotonic() > deadline:
                    log = self.supervisor.log(name)
                    why = "ended at once" if dead else f"is not ready after {READY_SECONDS} s"
                    raise VitalsError(f"{name} {why}; it said last ({log}):\n  " + "\n  ".join(_tail(log, 8)))
            if waiting:
                time.sleep(0.05)

    def _end_leftovers(self) -> None:
        """Supervisor was killed, its children were not: they would hold the ports."""
        if left := processes.marked(self.home):
            print(f"ending {len(left)} processes that a crash left behind", flush=True)
            processes.stop(left)

    def _look_often(self, names: Iterable[str]) -> None:
        for name in names:
            file = self.config / "prometheus" / f"{name}.yml"
            file.write_text(re.sub(r"\b(scrape_interval|scrape_timeout): \S+", rf"\1: {FIRST_LOOK}", file.read_text()))

    def _await_targets(self) -> None:
        own = {app.job for app in self.settings.apps}
        servers = [f"http://127.0.0.1:{self.settings.ports[name]}" for name in self.settings.replicas("prometheus")]
        probes.await_targets(servers, own, TARGETS_SECONDS)

    def _reload_servers(self, wanted: Callable[[str], bool] = lambda name: True) -> None:
        for name in filter(wanted, (name for part in SECOND for name in self.settings.replicas(part))):
            probes.post_reload(name, f"http://127.0.0.1:{self.settings.ports[name]}")

    def _listening(self, names: Iterable[str]) -> list[str]:
        """The ports, by their names in vitals.yaml, that these parts listen on."""
        return [port for name in names
                for port in (name, *([f"{name}-gossip"] if name in self.settings.replicas("alertmanager")
                                     and self.settings.ha else []))]

    def _greet(self, seconds: float) -> None:
        p = self.settings.ports
        demo = f"\n  Demo apps      http://127.0.0.1:{p['demo']}" if self.settings.demo else ""
        print(f"""
up in {seconds:.0f} s
  Dashboards     http://127.0.0.1:{p['viewer']}        the built-in viewer, with what fires and what is down
  Notifications  http://127.0.0.1:{p['inbox']}        what fires now, and what was told
  Prometheus     http://127.0.0.1:{p['prometheus']}        API only: Debian's package has no pages
  Alertmanager   http://127.0.0.1:{p['alertmanager']}        API only{demo}
  Passwords      {secrets.folder(self.settings)}
  The viewer is not Grafana, which is no Debian package: the compose engine brings it, or import
  grafana/dashboards into yours.

try next:  make status
           make demo-fault FAULT=llm-outage JOB=artisan-hub MINUTES=10
           make doctor URL=http://127.0.0.1:8000/metrics""")


@lru_cache
def _as_nobody() -> tuple[str, ...]:
    """What root starts PostgreSQL with, which refuses to be root.

    A user namespace, in which root's files belong to nobody; where none may be made (many containers), nobody
    with the one capability that lets it reach its folders.
    """
    if os.geteuid() != 0:
        return ()
    namespace = ("unshare", "-U", f"--map-user={NOBODY}", f"--map-group={NOBODY}")
    if subprocess.run([*namespace, "true"], capture_output=True).returncode == 0:
        return namespace
    # Without the fix-up, access(2) as well grants what the capability allows; initdb asks it.
    return ("setpriv", "--securebits=+no_setuid_fixup", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
            "--inh-caps=+dac_override", "--ambient-caps=+dac_override")


def _give(folder: Path, owner: int) -> None:
    """Root's database may have been made under the other of the two ways: its files take the owner of this one."""
    if folder.stat().st_uid != owner:
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, owner, owner, follow_symlinks=False)


def _tail(file: Path, lines: int) -> list[str]:
    return file.read_text(errors="replace").splitlines()[-lines:] if file.exists() else ["(nothing)"]


def _span(seconds: int) -> str:
    """A duration as a person says it: 40 s, 12 min, 3 h, 2 d."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{max(seconds, 0)} s"

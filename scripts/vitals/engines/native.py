"""The stack without containers: Debian's programs, unpacked in a cache, kept running by Supervisor."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import xmlrpc.client
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vitals import render, settings as settings_module
from vitals.engines import Service, parts, ports, secrets
from vitals.errors import VitalsError
from vitals.settings import Settings

READY_SECONDS = 60
TARGETS_SECONDS = 60


@dataclass(frozen=True)
class Part:
    """One process. ``ready`` is a path that answers 200 over HTTP, or "" for a port that takes connections."""

    name: str
    command: list[str]
    ready: str
    environment: dict[str, str] = field(default_factory=dict)
    directory: Path | None = None
    stop: str = "TERM"


class Native:
    name = "native"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.home = settings.state / "native"
        self.config = self.home / "config"
        self.log = self.home / "log"
        self.data = self.home / "data"
        self.socket = self.home / "supervisor.sock"

    # --- verbs

    def up(self) -> None:
        begun = time.monotonic()
        settings_module.required(self.settings)
        if len(str(self.socket)) > 100:
            raise VitalsError(f"{self.settings.state}: too long a path for a socket; set VITALS_STATE to a shorter one")
        self._fetch()
        self._stage()
        running = self._states()
        parts_ = {part.name: part for part in self._parts()}
        missing = [name for name in parts_ if running.get(name) not in ("RUNNING", "STARTING")]
        ports.check(self.settings, missing)
        fresh = not self.supervised()
        try:
            if fresh:
                self._prepare(parts_)
                self._start_supervisor(list(parts_.values()))
            if missing:
                self._start([parts_[name] for name in missing])
            else:
                print("everything runs already")
                self._reload()
            self._await_targets()
        except BaseException as err:
            if fresh:
                self.down()
            if isinstance(err, VitalsError | KeyboardInterrupt):
                raise
            raise VitalsError(f"the start failed ({type(err).__name__}: {err}); nothing was left running") from err
        self._greet(time.monotonic() - begun)

    def down(self) -> None:
        pid = self._supervisor_pid()
        if pid is None:
            print("nothing runs")
            self.socket.unlink(missing_ok=True)
            return
        self._rpc().supervisor.shutdown()
        _wait(lambda: not Path(f"/proc/{pid}").exists(), 60, f"Supervisor (pid {pid}) does not end")
        self.socket.unlink(missing_ok=True)
        print("stopped; the data is kept (make clean removes it)")

    def clean(self) -> None:
        if self._supervisor_pid() is not None:
            self.down()
        for folder in (self.home, secrets.folder(self.settings)):
            shutil.rmtree(folder, ignore_errors=True)
        print(f"removed the data and secrets under {self.settings.state}")

    def reload(self) -> None:
        if not self.supervised():
            raise VitalsError("nothing runs; start it with `make up`")
        self._stage()
        self._reload()
        print("reloaded")

    def status(self) -> list[Service]:
        states = self._states()
        found = []
        for part in self._parts():
            state = {"RUNNING": "up", "STARTING": "starting", "STOPPED": "stopped"}.get(
                states.get(part.name, "STOPPED"), "failed")
            if state == "up" and not self._is_ready(part):
                state = "starting"
            found.append(Service(part.name, state, f"127.0.0.1:{self.settings.ports[part.name]}"))
        return found

    def logs(self, services: Sequence[str], follow: bool, lines: int) -> None:
        names = [part.name for part in self._parts()]
        for name in services:
            if name not in names:
                raise VitalsError(f"no service {name!r}; one of: {', '.join(names)}")
        files = [str(self.log / f"{name}.log") for name in services or names if (self.log / f"{name}.log").exists()]
        if not files:
            raise VitalsError("there are no logs yet; start the stack with `make up`")
        subprocess.run(["tail", "-n", str(lines), *(["-F"] if follow else []), *files], check=False)

    # --- the parts

    def _parts(self) -> list[Part]:
        """Every process, in the order in which they start; Prometheus last, when there is something to scrape."""
        ports_ = self.settings.ports
        tools, servers = parts.where(self.settings, "tools"), parts.where(self.settings, "servers")
        secret = secrets.folder(self.settings)

        def listen(name: str) -> str:
            return f"127.0.0.1:{ports_[name]}"

        found = [
            Part("node-exporter", [f"{servers}/usr/bin/prometheus-node-exporter",
                                   f"--web.listen-address={listen('node-exporter')}"], "/metrics"),
            Part("alertmanager",
                 [f"{tools}/usr/bin/prometheus-alertmanager", f"--config.file={self.config}/alertmanager/alertmanager.yml",
                  f"--storage.path={self.data}/alertmanager", f"--web.listen-address={listen('alertmanager')}",
                  "--cluster.listen-address="], "/-/ready", directory=tools),
            Part("inbox", [sys.executable, "-m", "vitals.inbox", "--listen", listen("inbox"), "--dir",
                           f"{self.data}/inbox", "--docs", str(self.settings.root / "docs")], "/-/ready"),
        ]
        if self.settings.demo:
            databases, exporters = parts.where(self.settings, "databases"), parts.where(self.settings, "exporters")
            libraries = {"LD_LIBRARY_PATH": ":".join(str(path) for path in sorted(databases.glob("usr/lib/*-linux-gnu")))}
            dsn = f"127.0.0.1:{ports_['postgres']}/postgres?sslmode=disable"
            found += [
                Part("postgres",
                     [*_as_nobody(), str(_postgres(databases) / "postgres"), "-D", f"{self.data}/postgres", "-h", "127.0.0.1",
                      "-p", str(ports_["postgres"]), "-c", "unix_socket_directories=", "-c", "max_connections=40",
                      "-c", "shared_preload_libraries=pg_stat_statements"], "", {**libraries, "LC_ALL": "C.UTF-8"}, stop="INT"),
                Part("redis", [f"{databases}/usr/bin/redis-server", f"{self.home}/redis.conf"], "", libraries),
                Part("postgres-exporter",
                     [f"{exporters}/usr/bin/prometheus-postgres-exporter", f"--web.listen-address={listen('postgres-exporter')}"],
                     "/", {"DATA_SOURCE_URI": dsn, "DATA_SOURCE_USER": "demo", "DATA_SOURCE_PASS_FILE": f"{secret}/postgres"}),
                # Gives up before Prometheus does, so that a Redis that hangs is seen as down.
                Part("redis-exporter",
                     [f"{exporters}/usr/bin/prometheus-redis-exporter", f"-web.listen-address={listen('redis-exporter')}",
                      f"-redis.addr=redis://127.0.0.1:{ports_['redis']}", f"-redis.password-file={self.home}/redis-exporter.json",
                      "-connection-timeout=3s"], "/"),
                Part("demo",
                     [sys.executable, "-m", "vitals_demo", "--listen", listen("demo"),
                      "--postgres-dsn", f"postgresql://demo@127.0.0.1:{ports_['postgres']}/postgres",
                      "--postgres-password-file", f"{secret}/postgres",
                      "--redis-url", f"redis://127.0.0.1:{ports_['redis']}/0", "--redis-password-file", f"{secret}/redis"],
                     "/-/ready"),
            ]
        found.append(Part(
            "prometheus",
            [f"{servers}/usr/bin/prometheus", f"--config.file={self.config}/prometheus/prometheus.yml",
             f"--storage.tsdb.path={self.data}/prometheus", f"--storage.tsdb.retention.time={self.settings.retention}",
             f"--web.listen-address={listen('prometheus')}", "--web.enable-lifecycle"], "/-/ready"))
        return found

    def _fetch(self) -> None:
        wanted = ["tools", "servers", *(["exporters", "databases"] if self.settings.demo else [])]
        missing = [name for name in wanted if not parts.where(self.settings, name).is_dir()]
        if missing:
            print("fetching Prometheus, Alertmanager and their kin from the Debian mirror (once) ...", flush=True)
            with ThreadPoolExecutor(2) as pool:
                list(pool.map(lambda name: parts.group(self.settings, name), missing))

    def _prepare(self, found: dict[str, Part]) -> None:
        """Folders, passwords, and a database cluster on the first start."""
        words = secrets.ensure(self.settings)
        for folder in (self.log, self.data / "inbox"):
            folder.mkdir(parents=True, exist_ok=True)
        if "redis" not in found:
            return
        (self.data / "redis").mkdir(exist_ok=True)
        secrets.write(self.home / "redis.conf",
                      f"bind 127.0.0.1\nport {self.settings.ports['redis']}\nrequirepass {words['redis']}\n"
                      f"maxmemory 64mb\nmaxmemory-policy allkeys-lru\nappendonly yes\nsave \"\"\ndir {self.data}/redis\n")
        secrets.write(self.home / "redis-exporter.json",
                      json.dumps({f"redis://127.0.0.1:{self.settings.ports['redis']}": words["redis"]}))
        cluster = self.data / "postgres"
        if not (cluster / "PG_VERSION").exists():
            shutil.rmtree(cluster, ignore_errors=True)
            part = found["postgres"]
            done = subprocess.run(
                [*_as_nobody(), str(Path(part.command[len(_as_nobody())]).with_name("initdb")), "-D", str(cluster), "-U", "demo",
                 f"--pwfile={secrets.folder(self.settings)}/postgres", "-A", "scram-sha-256", "--locale=C.UTF-8", "-E", "UTF8"],
                env={**os.environ, **part.environment}, capture_output=True, text=True)
            if done.returncode:
                shutil.rmtree(cluster, ignore_errors=True)
                raise VitalsError(f"PostgreSQL's first start failed: {(done.stderr or done.stdout).strip().splitlines()[-1]}")

    # --- configuration

    def _stage(self) -> None:
        """Makes the configuration aside, checks it, and only then puts it where the servers read it."""
        staged = self.home / "staged"
        shutil.rmtree(staged, ignore_errors=True)
        staged.mkdir(parents=True)
        try:
            render.stage(self.settings, "native", staged)
            self._verify("promtool", "check", "config", str(staged / "prometheus/prometheus.yml"))
            self._verify("amtool", "check-config", str(staged / "alertmanager/alertmanager.yml"))
            _mirror(staged, self.config)
        finally:
            shutil.rmtree(staged, ignore_errors=True)

    def _verify(self, tool: str, *arguments: str) -> None:
        done = subprocess.run([str(parts.tool(self.settings, tool)), *arguments], capture_output=True, text=True)
        if done.returncode:
            wrong = [line for line in (done.stderr + done.stdout).splitlines() if "FAILED" in line or "error" in line.lower()]
            raise VitalsError(f"{tool} refuses the configuration; the running one was left alone:\n  "
                              + "\n  ".join(wrong[:5] or [done.stderr.strip()]))

    def _reload(self) -> None:
        for name in ("prometheus", "alertmanager"):
            request = urllib.request.Request(f"http://127.0.0.1:{self.settings.ports[name]}/-/reload", method="POST")
            try:
                urllib.request.urlopen(request, timeout=30).close()
            except urllib.error.HTTPError as err:
                raise VitalsError(f"{name} refuses the new configuration: {err.read(500).decode(errors='replace').strip()}") from err
            except OSError as err:
                raise VitalsError(f"{name} does not answer ({err}); `make status`") from err

    # --- Supervisor

    def _start_supervisor(self, found: list[Part]) -> None:
        file = self.home / "supervisord.conf"
        secrets.write(file, "\n".join(_supervisor_lines(self, found)))
        self.socket.unlink(missing_ok=True)
        done = subprocess.run([sys.executable, "-m", "supervisor.supervisord", "-c", str(file)], capture_output=True, text=True)
        if done.returncode:
            raise VitalsError(f"Supervisor does not start: {(done.stderr or done.stdout).strip().splitlines()[-1]}")
        _wait(self.supervised, 10, "Supervisor does not answer")

    def supervised(self) -> bool:
        return self._supervisor_pid() is not None

    def _supervisor_pid(self) -> int | None:
        """Supervisor's pid as it says itself: a socket that nobody answers on is no stack."""
        if not self.socket.exists():
            return None
        try:
            return int(str(self._rpc().supervisor.getPID()))
        except (OSError, xmlrpc.client.Error, http.client.HTTPException):
            return None

    def _rpc(self) -> Any:
        from supervisor.xmlrpc import SupervisorTransport

        return xmlrpc.client.ServerProxy("http://127.0.0.1", transport=SupervisorTransport(None, None, f"unix://{self.socket}"))

    def _states(self) -> dict[str, str]:
        if not self.supervised():
            return {}
        return {info["name"]: info["statename"] for info in self._rpc().supervisor.getAllProcessInfo()}

    def _start(self, found: list[Part]) -> None:
        """Everything at once, Prometheus when the others are ready."""
        rpc = self._rpc()
        for tier in ([p for p in found if p.name != "prometheus"], [p for p in found if p.name == "prometheus"]):
            for part in tier:
                rpc.supervisor.startProcess(part.name, False)
            self._await_ready(tier)

    def _await_ready(self, found: list[Part]) -> None:
        waiting = list(found)
        deadline = time.monotonic() + READY_SECONDS
        while waiting:
            for part in list(waiting):
                if self._is_ready(part):
                    print(f"  {part.name:18} 127.0.0.1:{self.settings.ports[part.name]}", flush=True)
                    waiting.remove(part)
            states = self._states()
            for part in waiting:
                if states.get(part.name) in ("FATAL", "BACKOFF", "EXITED") or time.monotonic() > deadline:
                    raise VitalsError(f"{part.name} does not start; the last lines of {self.log / part.name}.log:\n  "
                                      + "\n  ".join(_tail(self.log / f"{part.name}.log", 8)))
            time.sleep(0.1)

    def _is_ready(self, part: Part) -> bool:
        try:
            if not part.ready:
                socket.create_connection(("127.0.0.1", self.settings.ports[part.name]), timeout=1).close()
                return True
            address = f"http://127.0.0.1:{self.settings.ports[part.name]}{part.ready}"
            with urllib.request.urlopen(address, timeout=3) as answer:
                return bool(answer.status == 200)
        except (OSError, http.client.HTTPException):
            return False

    def _await_targets(self) -> None:
        """Until every target of Prometheus is up; the user's own may be down, and that is said, not waited for."""
        print("waiting for the first scrapes ...", flush=True)
        deadline = time.monotonic() + TARGETS_SECONDS
        own = {app.job for app in self.settings.apps}
        while True:
            targets = self._targets()
            late = [t for t in targets if t["health"] != "up" and t["labels"]["job"] not in own]
            if targets and not late:
                break
            if time.monotonic() > deadline:
                raise VitalsError("not all targets came up: " + "; ".join(
                    f"{t['labels']['job']} ({t['lastError'] or 'not scraped yet'})" for t in late))
            time.sleep(0.2)
        down = [t for t in targets if t["health"] == "down"]
        print(f"{len(targets) - len(down)} of {len(targets)} targets are up")
        for target in down:
            print(f"  {target['labels']['job']} {target['scrapeUrl']}: {target['lastError']}")

    def _targets(self) -> list[dict[str, Any]]:
        address = f"http://127.0.0.1:{self.settings.ports['prometheus']}/api/v1/targets?state=active"
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                return list(json.load(answer)["data"]["activeTargets"])
        except OSError:
            return []

    def _greet(self, seconds: float) -> None:
        p = self.settings.ports
        print(f"""
up in {seconds:.0f} s
  Notifications  http://127.0.0.1:{p['inbox']}        what fires now, and what was told
  Prometheus     http://127.0.0.1:{p['prometheus']}        API only: Debian's package has no pages
  Alertmanager   http://127.0.0.1:{p['alertmanager']}        API only
{'  Demo apps      http://127.0.0.1:' + str(p['demo']) + chr(10) if self.settings.demo else ''}  Passwords      {secrets.folder(self.settings)}
  Grafana is no Debian package: the compose engine brings it, or import grafana/dashboards into yours.

try next:  make status
           make demo-fault FAULT=llm-outage JOB=artisan-hub MINUTES=10
           make doctor URL=http://127.0.0.1:8000/metrics""")


def _supervisor_lines(engine: Native, found: list[Part]) -> Iterator[str]:
    def text(value: object) -> str:
        return str(value).replace("%", "%%")

    yield from (
        "[supervisord]", f"pidfile={text(engine.home)}/supervisord.pid", f"logfile={text(engine.log)}/supervisord.log",
        "logfile_maxbytes=1MB", "logfile_backups=1", f"childlogdir={text(engine.log)}", "umask=077",
        "[unix_http_server]", f"file={text(engine.socket)}", "chmod=0700",
        "[rpcinterface:supervisor]", "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
    )
    for part in found:
        yield from (
            f"[program:{part.name}]", "command=" + text(" ".join(f'"{word}"' for word in part.command)),
            "autostart=false", "autorestart=true", "startsecs=1", "startretries=5",
            f"stopsignal={part.stop}", "stopwaitsecs=20", "stopasgroup=true", "killasgroup=true",
            "redirect_stderr=true", f"stdout_logfile={text(engine.log)}/{part.name}.log",
            "stdout_logfile_maxbytes=5MB", "stdout_logfile_backups=2",
        )
        if part.directory:
            yield f"directory={text(part.directory)}"
        if part.environment:
            yield "environment=" + ",".join(f'{key}="{text(value)}"' for key, value in part.environment.items())


def _as_nobody() -> list[str]:
    """PostgreSQL refuses to be root: inside a user namespace of its own it is somebody else."""
    return ["unshare", "-U", "--map-user=65534", "--map-group=65534"] if os.geteuid() == 0 else []


def _postgres(databases: Path) -> Path:
    return next(iter(sorted(databases.glob("usr/lib/postgresql/*/bin"))), databases)


def _mirror(source: Path, target: Path) -> None:
    """Makes the target hold what the source holds, file by file, each replaced in one step.

    The folders stay the same ones: Prometheus watches them for new targets.
    """
    wanted = {path.relative_to(source) for path in source.rglob("*") if path.is_file()}
    for path in wanted:
        new = target / path
        new.parent.mkdir(parents=True, exist_ok=True)
        if not new.exists() or new.read_bytes() != (source / path).read_bytes():
            aside = new.with_name(f".{new.name}.new")
            shutil.copyfile(source / path, aside)
            aside.replace(new)
    for old in [path for path in target.rglob("*") if path.is_file() and path.relative_to(target) not in wanted]:
        old.unlink()


def _tail(file: Path, lines: int) -> list[str]:
    return file.read_text(errors="replace").splitlines()[-lines:] if file.exists() else ["(no log)"]


def _wait(done: Callable[[], bool], seconds: float, problem: str) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise VitalsError(f"{problem} within {seconds:.0f} s")
        time.sleep(0.05)

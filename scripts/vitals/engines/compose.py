"""The stack in containers, by Docker Compose. The files are compose/*.yaml; this gives them their variables."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from vitals import settings as settings_module
from vitals.engines import Service, config, extras, parts, probes, processes, secrets
from vitals.errors import VitalsError
from vitals.settings import EXTRAS, ROOT, Settings

WAIT_SECONDS = 300  # for every healthcheck, images already there
TARGETS_SECONDS = 90
BUILT = ("agent-vitals/inbox:local", "agent-vitals/demo:local")


class Compose:
    name = "compose"

    def __init__(self, settings: Settings, asked: bool = False) -> None:
        self.settings = settings
        self.asked = asked  # somebody chose the extras
        self.home = settings.state / "compose"
        self.folder = settings.root / "compose"
        # A stack with a state folder of its own is another project, with containers and volumes of its own.
        other = hashlib.sha256(os.fsencode(settings.state)).hexdigest()[:8]
        self.project = "agent-vitals" + ("" if settings.state == ROOT / ".vitals" else f"-{other}")

    # --- verbs

    def up(self) -> None:
        begun = time.monotonic()
        settings_module.required(self.settings)
        with processes.alone(self.home):
            print(f"beside the core: {extras.shown(self.settings.extras) or 'nothing'} ({self._settle_extras()}); "
                  "make up WITH=demo,logs chooses", flush=True)
            before = self._running()
            processes.check_ports(self.settings, [name for name in self._published() if name not in before])
            self._secrets()
            changed = self._install()
            if self.asked:
                extras.keep(self.settings)
            print("starting containers; missing images are pulled or built first ...", flush=True)
            try:
                self._compose("up", "--detach", "--remove-orphans", "--wait", "--wait-timeout", str(WAIT_SECONDS),
                              quiet=False)
            except VitalsError as err:
                culprits = self._culprits()
                if not before:
                    self._everything("down", "--remove-orphans", check=False)
                raise VitalsError(f"{err}\n{culprits}".strip()) from err
            if changed and before:
                self._reload_servers()
            self._await_targets()
        self._greet(time.monotonic() - begun)

    def down(self) -> None:
        self._everything("down", "--remove-orphans", quiet=False)
        print("stopped; the data is kept (make clean removes it)")

    def clean(self) -> None:
        self._everything("down", "--remove-orphans", "--volumes", quiet=False)
        shutil.rmtree(self.home, ignore_errors=True)
        if not (self.settings.state / "native").exists():  # whose databases know these passwords
            shutil.rmtree(secrets.folder(self.settings), ignore_errors=True)
        extras.forget(self.settings)
        print(f"removed the data and secrets of {self.project}")

    def reload(self) -> None:
        running = self._running()
        if not running:
            raise VitalsError("nothing runs; start it with `make up`")
        self._settle_extras()
        if running != set(self._long_running()):  # the demo came or went, or something stopped
            self.up()
            return
        with processes.alone(self.home):
            self._secrets()
            self._install()
            self._reload_servers()
        print("reloaded")

    def status(self) -> list[Service]:
        self._settle_extras()
        containers = {entry["Service"]: entry for entry in self._containers()}
        published = self._published()
        found = []
        for name in sorted({*self._services(), *containers}):
            entry = containers.get(name, {})
            health, state = entry.get("Health", ""), entry.get("State", "")
            shown = ("up" if health == "healthy" else "starting" if health == "starting" else
                     "failed" if state in ("restarting", "dead") or health == "unhealthy" else
                     "failed" if state == "exited" and entry.get("ExitCode") else
                     "done" if state == "exited" and name not in self._long_running() else "stopped")
            address = f"127.0.0.1:{self.settings.ports[name]}" if name in published else "inside only"
            found.append(Service(name, shown, address, entry.get("Status", "")))
        return found

    def logs(self, services: Sequence[str], follow: bool, lines: int) -> None:
        self._settle_extras()
        names = self._services()
        for name in services:
            if name not in names:
                raise VitalsError(f"no service {name!r}; one of: {', '.join(names)}")
        command = self._command("logs", "--tail", str(lines), *(["--follow"] if follow else []), *services)
        try:
            subprocess.run(command, env=self._environment(), check=False)
        except KeyboardInterrupt:
            print()

    # --- for the choice of engine

    def running(self) -> bool:
        """Whether containers of this stack exist, started or not."""
        return bool(self._containers())

    def images(self) -> list[str]:
        """What Docker must have, or be able to pull. An image that is built here counts as what it is built from."""
        listed = self._compose("config", "--images").split()
        built = [image for image in listed if image in BUILT]
        base = f"python:{_versions(self.folder)['PYTHON_TAG']}"
        missing = [image for image in built if not _has(image)]
        return sorted({image for image in listed if image not in BUILT} | ({base} if missing else set()))

    # --- compose

    def _settle_extras(self) -> str:
        """Decides what belongs to this stack where nobody has; gives the reason."""
        if self.asked:
            return "as asked"
        if any(entry["Service"] in self._only_in("logs") for entry in self._containers()):
            self.settings = self.settings.having(self.settings.extras | {"logs"})
            return "it runs already"
        return "vitals.yaml"

    def _only_in(self, extra: str) -> set[str]:
        """The services that an extra adds."""
        core = yaml.safe_load((self.folder / "compose.yaml").read_text())["services"]
        file = self.folder / f"{extra}.yaml"
        return set(yaml.safe_load(file.read_text())["services"]) - set(core) if file.exists() else set()

    def _files(self, wanted: Iterable[str]) -> list[Path]:
        files = [self.folder / "compose.yaml", *(self.folder / f"{name}.yaml" for name in EXTRAS if name in wanted)]
        if sys.platform == "linux" and _root_is_shared():
            files.append(self.folder / "host-linux.yaml")
        return [file for file in files if file.exists()]

    def _environment(self) -> dict[str, str]:
        numbers = {f"{name.upper().replace('-', '_')}_PORT": str(port) for name, port in self.settings.ports.items()}
        return {**os.environ, **_versions(self.folder), **numbers, "VITALS_RUN": str(self.home),
                "VITALS_RETENTION": self.settings.retention}

    def _command(self, *arguments: str, wanted: Iterable[str] | None = None) -> list[str]:
        chosen = self.settings.extras if wanted is None else wanted
        files = [word for file in self._files(chosen) for word in ("--file", str(file))]
        return ["docker", "compose", "--project-name", self.project, *files, *arguments]

    def _everything(self, *arguments: str, quiet: bool = True, check: bool = True) -> str:
        """A command for all that may run or be kept, whatever was chosen since."""
        return self._compose(*arguments, quiet=quiet, check=check, wanted=EXTRAS)

    def _compose(self, *arguments: str, quiet: bool = True, check: bool = True,
                 wanted: Iterable[str] | None = None) -> str:
        """Runs docker compose and gives what it prints. Not quiet: its progress goes to the person."""
        try:
            done = subprocess.run(self._command(*arguments, wanted=wanted), env=self._environment(), text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE if quiet else None)
        except FileNotFoundError as err:
            raise VitalsError("there is no docker command; install Docker, or use ENGINE=native") from err
        if check and done.returncode:
            why = (done.stderr or "").strip().splitlines()
            raise VitalsError(f"docker compose {arguments[0]} failed" + (f": {why[-1]}" if why else " (see above)"))
        return done.stdout

    def _containers(self) -> list[dict[str, Any]]:
        text = self._everything("ps", "--all", "--format", "json")
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def _running(self) -> set[str]:
        return {entry["Service"] for entry in self._containers() if entry["State"] == "running"}

    def _rendered(self) -> dict[str, Any]:
        """The services as Compose understands the files."""
        services: dict[str, Any] = json.loads(self._compose("config", "--format", "json"))["services"]
        return services

    def _services(self) -> list[str]:
        return sorted(self._rendered())

    def _long_running(self) -> list[str]:
        """Without those that do their work once."""
        return sorted(name for name, service in self._rendered().items() if service.get("restart") != "no")

    def _published(self) -> list[str]:
        return sorted(name for name, service in self._rendered().items() if service.get("ports"))

    def _culprits(self) -> str:
        """What the containers that are not well said last."""
        text = []
        for entry in self._containers():
            if entry["State"] != "running" or entry.get("Health") not in ("healthy", ""):
                lines = self._compose("logs", "--no-log-prefix", "--tail", "8", entry["Service"], check=False)
                text.append(f"{entry['Service']} ({entry['Status'] or entry['State']}):\n  "
                            + "\n  ".join(lines.strip().splitlines()))
        return "\n".join(text)

    # --- configuration

    def _secrets(self) -> None:
        """Copies that containers can read: they run as other users, so the files are open and their folder closed."""
        words = secrets.ensure(self.settings)
        place = self.home / "secrets"
        secrets.private(self.home)
        secrets.private(place)
        for name, text in {**words, **secrets.derived(words)}.items():
            # A mounted file is followed by its inode: it is replaced only when it says something else.
            if not (place / name).exists() or (place / name).read_text() != text:
                secrets.write(place / name, text, 0o644)

    def _install(self) -> bool:
        return config.install(self.settings, "compose", self.home / "config", self._tools())

    def _tools(self) -> dict[str, Path]:
        """promtool and amtool where this machine can have them; elsewhere the servers are the first to check."""
        try:
            return {name: parts.tool(self.settings, name) for name in ("promtool", "amtool")}
        except VitalsError:
            return {}

    def _reload_servers(self) -> None:
        for name in ("prometheus", "alertmanager"):
            probes.post_reload(name, f"http://127.0.0.1:{self.settings.ports[name]}")

    def _await_targets(self) -> None:
        """A container without trouble may still do nothing: what counts is that Prometheus reads every part."""
        own = {app.job for app in self.settings.apps}
        probes.await_targets(f"http://127.0.0.1:{self.settings.ports['prometheus']}", own, TARGETS_SECONDS)

    def _greet(self, seconds: float) -> None:
        p = self.settings.ports
        demo = f"\n  Demo apps      http://127.0.0.1:{p['demo']}" if self.settings.demo else ""
        print(f"""
up in {seconds:.0f} s
  Grafana        http://127.0.0.1:{p['grafana']}        admin, password in {secrets.folder(self.settings)}/grafana-admin
  Notifications  http://127.0.0.1:{p['inbox']}        what fires now, and what was told
  Prometheus     http://127.0.0.1:{p['prometheus']}
  Alertmanager   http://127.0.0.1:{p['alertmanager']}{demo}

try next:  make status
           make demo-fault FAULT=llm-outage JOB=artisan-hub MINUTES=10
           make doctor URL=http://127.0.0.1:8000/metrics""")


def _versions(folder: Path) -> dict[str, str]:
    lines = (folder / "versions.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def _root_is_shared() -> bool:
    """Whether / is a shared mount, as rslave needs: its line in mountinfo has a shared: tag."""
    try:
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return False
    return any(fields[4] == "/" and any(tag.startswith("shared:") for tag in fields[6:fields.index("-")])
               for fields in map(str.split, lines))


def _has(image: str) -> bool:
    try:
        return subprocess.run(["docker", "image", "inspect", image], capture_output=True, timeout=5).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False

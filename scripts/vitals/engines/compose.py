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
from contextlib import suppress
from functools import lru_cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import yaml

from vitals import logs
from vitals import settings as settings_module
from vitals.engines import (
    Images,
    Service,
    config,
    diagnosis,
    extras,
    offline,
    parts,
    preflight,
    probes,
    processes,
    rotation,
    secrets,
)
from vitals.errors import VitalsError
from vitals.settings import EXTRAS, ROOT, SECOND, Settings

WAIT_SECONDS, LOGS_WAIT_SECONDS = 300, 600  # for every healthcheck, images already there
TARGETS_SECONDS = 90
SETTLE_SECONDS = 5  # in which nothing may restart
LOCAL = "local.yaml"  # under compose/: what somebody wants different here, in no repository
RESTARTS = 3  # of a container while it starts
NO_IMAGES = ("is the network there, and its proxy known to Docker's daemon? `make images-offline` makes look-alikes "
             "from Debian packages; ENGINE=native needs no images; the names are in compose/versions.env")
# Images that are built here, by their variable: the name, and what goes into it.
BUILT = {"INBOX_IMAGE": ("agent-vitals/inbox", ("compose/inbox.Dockerfile", "scripts/vitals/inbox.py")),
         "DEMO_IMAGE": ("agent-vitals/demo", ("exporters/demo", "requirements.lock"))}


class Compose:
    name = "compose"

    def __init__(self, settings: Settings, asked: bool = False, images: Images | None = None) -> None:
        self.settings = settings
        self.asked = asked  # somebody chose the extras
        self._decided = ""  # else: why these
        self.asked_images = images
        self._chosen: tuple[bool, str] | None = None
        self._docker: preflight.Daemon | None = None
        self._read: dict[tuple[object, ...], dict[str, Any]] = {}
        self.home = settings.state / "compose"
        self.lookalikes = offline.kept(self.home / "offline.env")  # variable → image used instead of the official one
        self.stamps = self.home / "stamps.yaml"
        self.folder = settings.root / "compose"
        # A stack with a state folder of its own is another project, with containers and volumes of its own.
        other = hashlib.sha256(os.fsencode(settings.state)).hexdigest()[:8]
        self.project = "agent-vitals" + ("" if settings.state == ROOT / ".vitals" else f"-{other}")

    # --- verbs

    def up(self) -> None:
        begun = time.monotonic()
        if problem := self.daemon().problem:
            raise VitalsError(str(problem))
        settings_module.required(self.settings)
        with processes.alone(self.home):
            reason = self._settle_extras()
            print(f"beside the core: {extras.shown(self.settings.extras) or 'nothing'} ({reason}); "
                  "make up WITH=demo,logs,ha chooses", flush=True)
            self._settle_images()
            findings = self.examine()
            for finding in findings:
                if finding.level == "warning":
                    print(finding, file=sys.stderr, flush=True)
            if errors := [str(finding) for finding in findings if finding.level == "error"]:
                raise VitalsError("\n".join([*errors, "nothing was started"]))
            if self.asked:
                extras.keep(self.settings)
            self._start()
        self._greet(time.monotonic() - begun)

    def examine(self) -> list[preflight.Finding]:
        """What of this machine stands in the way."""
        found = self.daemon()
        if found.problem or not found.compose:
            return preflight.examine(self.settings, found, {}, [])
        self._settle_extras()
        limits = {name: int(service.get("mem_limit", 0)) for name, service in self._rendered().items()}
        running = self._running()
        needed = {int(port["published"]) for name, service in self._rendered().items() if name not in running
                  for port in service.get("ports", [])}
        ports = [name for name, number in self.settings.ports.items() if number in needed]
        findings = preflight.examine(self.settings, found, limits, ports)
        held = [name for holder in self._holders() for name in holder.secrets]
        can, reason = (True, "") if running else self.choose_images()
        images = [] if can else [preflight.Finding("error", f"Docker answers, but {reason}", NO_IMAGES)]
        return [*findings, *preflight.lost(self.settings, held), *images]

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
            if self._stamp():  # what some service reads only when it starts
                self._start()
            else:
                self._install()
                self._reload_servers()
                if self._stamp():  # the log reader's programs are among what was installed
                    self._start()
        print("reloaded")

    def rotate_secrets(self) -> None:
        if problem := self.daemon().problem:
            raise VitalsError(str(problem))
        with processes.alone(self.home):
            self._settle_extras()
            running, holders = self._running(), self._holders()
            if idle := [holder.service for holder in holders if holder.service not in running]:
                print(f"starting {', '.join(idle)}, which have to be told ...", flush=True)
                self._start(*idle)
            problems = rotation.rotate(self.settings, holders)
            self._secrets()
            if running:
                print("starting anew what uses them ...", flush=True)
                try:
                    self._start()
                except VitalsError as err:
                    problems.append(f"the secrets are new; not everything started with them (`make up` goes on): {err}")
            elif idle:
                self._everything("down", "--remove-orphans")
        rotation.conclude(self.settings, problems)

    def status(self) -> list[Service]:
        self._settle_extras()
        containers = {entry["Service"]: entry for entry in self._containers()}
        published = self._published()
        found = []
        for name in sorted({*self._services(), *containers}):
            entry = containers.get(name, {})
            health, state = entry.get("Health", ""), entry.get("State", "")
            plain = state == "running" and not health  # it runs, and its image has nothing that could ask it
            shown = ("up" if health == "healthy" or plain else "starting" if health == "starting" else
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

    def settle(self) -> None:
        """Decides which services and which images are this stack's."""
        secrets.private(self.home)
        self._settle_extras()
        self._settle_images()

    def prepare(self) -> None:
        """The files that containers have mounted: without them none can be created."""
        self._secrets()
        self._install()

    def tell(self, service: str) -> None:
        """Makes this stack's secrets known to a service whose data remember others."""
        words = secrets.ensure(self.settings)
        for holder in self._holders():
            if holder.service == service:
                holder.tell(words)

    def images_running(self) -> dict[str, str]:
        """Service → the image that it runs."""
        return {entry["Service"]: entry["Image"] for entry in self._containers() if entry["State"] == "running"}

    def images_wanted(self) -> dict[str, str]:
        """Service → the image that it should run."""
        return {name: service["image"] for name, service in self._rendered().items()}

    def renew(self) -> None:
        """Starts anew what has changed, one service after the other, each when those it builds on are well.

        Raises VitalsError at the first that is not; what comes after it goes on as it was.
        """
        with processes.alone(self.home):
            self._secrets()
            self._install()
            self._stamp()
            self._fetch()
            services = self._rendered()
            if built := [name for name, service in services.items() if "build" in service and not self.lookalikes]:
                self._compose("build", *built, quiet=False)
            order = TopologicalSorter({name: service.get("depends_on", {}) for name, service in services.items()})
            for name in order.static_order():
                if name not in self._long_running():
                    continue
                print(f"  {name}", flush=True)
                try:
                    self._compose("up", "--detach", "--no-deps", "--wait", "--wait-timeout", str(WAIT_SECONDS), name,
                                  more=[self.stamps])
                except VitalsError as err:
                    raise VitalsError(f"{name} is not well: {err}\n{self._culprits()}".strip()) from err
            self._start()

    # --- for the choice of engine

    def running(self) -> bool:
        """Whether containers of this stack exist, started or not."""
        return bool(self._containers())

    def choose_images(self) -> tuple[bool, str]:
        """The official images or their offline look-alikes: whether they can be had, and which and why."""
        self._chosen = self._chosen or self._choose_images()
        return self._chosen

    def images(self) -> list[str]:
        """What Docker must have, or be able to pull. An image that is built here counts as what it is built from."""
        listed = {service["image"] for service in self._rendered().values()}
        built = set(self._built().values())
        base = f"python:{_versions(self.folder)['PYTHON_TAG']}"
        missing = [image for image in listed if image in built and not preflight.has(image)]
        return sorted(listed - built | ({base} if missing else set()))

    # --- compose

    def _start(self, *services: str) -> None:
        """Starts these services, or all, and what has changed anew; returns when they work.

        Raises VitalsError with what is wrong. What began with this is ended then; what ran before is left to run.
        """
        before = {container.id: container for container in self._inspect()}
        ran = any(container.status == "running" for container in before.values())
        self._secrets()
        changed = self._install()
        self._stamp()
        patience = LOGS_WAIT_SECONDS if self.settings.logs else WAIT_SECONDS
        try:
            self._fetch()
            print("starting containers ...", flush=True)
            self._compose("up", "--detach", "--remove-orphans", "--wait", "--wait-timeout", str(patience),
                          *(services or (self._services() if self.lookalikes else ())), quiet=False,
                          more=[self.stamps])
            self._settle(before)
            if changed and ran:
                self._reload_servers()
            if not services:
                self._await_targets()
        except VitalsError as err:
            culprits = self._culprits()
            if not ran:
                self._everything("down", "--remove-orphans", check=False)
            raise VitalsError(f"{err}\n{culprits}".strip()) from err

    def _stamp(self) -> bool:
        """Writes a label for each service made of the files it reads when it starts; gives whether one has changed.

        Compose starts a container anew when its description changes; a changed file is none to it, unless this says so.
        """
        services = {}
        for name, service in self._rendered().items():
            mounted = [Path(mount["source"]) for mount in service.get("volumes", []) if mount["type"] == "bind"]
            sources = [self.home / "secrets" / secret["source"] for secret in service.get("secrets", [])]
            sources += [source for source in mounted if any(source.is_relative_to(folder) for folder in self._once())]
            digest = hashlib.sha256()
            for file in [file for source in sources for file in sorted([source, *source.rglob("*")])]:
                if file.is_file() and "__pycache__" not in file.parts:
                    digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
            services[name] = {"labels": {"agent-vitals.files": digest.hexdigest()[:16]}}
        text = json.dumps({"services": services}, indent=1, sort_keys=True) + "\n"
        if self.stamps.exists() and self.stamps.read_text() == text:
            return False
        secrets.write(self.stamps, text)
        return True

    def _once(self) -> list[Path]:
        """Folders of which services read their files when they start, and then no more."""
        root = self.settings.root
        return [root / "compose", root / "exporters", root / "grafana" / "provisioning", self.home / "config" / "mtail"]

    def _holders(self) -> list[rotation.Holder]:
        """The services whose data remember secrets, where there are data."""
        done = subprocess.run(["docker", "volume", "ls", "--quiet", "--filter",
                               f"label=com.docker.compose.project={self.project}"], capture_output=True, text=True)
        volumes = {line.removeprefix(f"{self.project}_") for line in done.stdout.split()}
        found = [
            rotation.Holder("PostgreSQL", "postgres", tuple(rotation.ROLES.values()), lambda words: self._tell(
                # Inside, by the local socket, the image asks for no password.
                "postgres", rotation.roles_sql(words), "psql", "--no-psqlrc", "--quiet", "--single-transaction",
                "--set=ON_ERROR_STOP=1", "--username=postgres", "--dbname=postgres")),
            rotation.Holder("Grafana", "grafana", ("grafana-admin",), lambda words: self._tell(
                "grafana", words["grafana-admin"], "grafana", "cli", "--homepath", "/usr/share/grafana", "admin",
                "reset-admin-password", "--password-from-stdin")),
        ]
        return [holder for holder in found if holder.service in volumes and holder.service in self._services()]

    def _tell(self, service: str, text: str, *command: str) -> None:
        """Runs a command in a container and gives it a text to read."""
        done = subprocess.run(self._command("exec", "-T", service, *command), env=self._environment(), input=text,
                              capture_output=True, text=True)
        if done.returncode:
            raise VitalsError((done.stderr or done.stdout).strip() or f"{command[0]} failed in {service}")

    def _settle_extras(self) -> str:
        """Decides what belongs to this stack where nobody has; gives the reason."""
        if self.asked or self._decided:
            return self._decided or "as asked"
        containers = self._containers()
        if any(entry["Service"] in self._only_in("logs") for entry in containers):
            self.settings = self.settings.having(self.settings.extras | {"logs"})
            self._decided = "it runs already"
        elif containers:
            self._decided = "it runs already"
        else:
            self._decided = self._by_memory()
        return self._decided

    def _choose_images(self) -> tuple[bool, str]:
        if self.asked_images == "offline":
            self.lookalikes = offline.build(self.settings)
            return True, "offline look-alikes, as asked"
        if self.asked_images is None and self.lookalikes and all(map(preflight.has, self.lookalikes.values())):
            return True, "has the offline look-alikes that were used before (make up IMAGES=official ends that)"
        self.lookalikes = {}
        missing = [image for image in self.images() if not preflight.has(image)]
        if not missing:
            return True, "has all official images"
        if preflight.registry_has(missing[0]):
            return True, f"a registry has the official images that are missing here: {len(missing)}"
        if self.asked_images is None:
            self.lookalikes = offline.at_hand(self.settings)
        if self.lookalikes:
            return True, f"has offline look-alikes; no registry does, and official images are missing: {len(missing)}"
        return False, f"no registry does, and official images are missing: {len(missing)}"

    def _settle_images(self) -> None:
        """Keeps that choice, and says it where it is not the official ones."""
        can, reason = self.choose_images()
        if not can:
            raise VitalsError(f"error: Docker answers, but {reason}\n  {NO_IMAGES}")
        if self.lookalikes and self.asked_images != "offline":
            with suppress(VitalsError):  # those of changed sources are made anew; without a mirror, the old ones serve
                self.lookalikes |= {name: tag for name, tag in offline.build(self.settings).items()
                                    if self.lookalikes.get(name, "").startswith(f"{offline.REPOSITORY}/")}
        offline.keep(self.home / "offline.env", self.lookalikes)
        if self.lookalikes:
            without = self._without()
            if needed := without & self._only_in("logs"):
                raise VitalsError(f"there are no offline images of {', '.join(sorted(needed))}; leave the logs out: "
                                  "make up WITH=demo")
            print(f"images: {reason}\nleft out, as there is no offline image of it: {', '.join(sorted(without))}",
                  flush=True)

    def _without(self) -> frozenset[str]:
        """Services that do not run: those without an image where look-alikes are used, and what LOCAL leaves out."""
        files = [file for file in self._files(self.settings.extras) if file.name != LOCAL]
        named = {name for file in files for name in yaml.safe_load(file.read_text())["services"]}
        return frozenset(named) - frozenset(self._rendered())

    def _by_memory(self) -> str:
        """With logs where everything together may use its memory limits, and the images can be had."""
        wanted = self.settings.extras | {"logs"}
        rendered = self._declared(wanted)
        need = sum(int(service.get("mem_limit", 0)) for service in rendered.values())
        free = preflight.available(self.daemon())
        sizes = f"{free / 2**30:.1f} GiB of memory are free, {need / 2**30:.1f} are what all may use"
        if not self._only_in("logs") or free < need:
            return f"without logs: {sizes}"
        if not self._obtainable({service["image"] for service in rendered.values()} - set(self._built().values())):
            return "without logs: their images are not here and no registry answers"
        self.settings = self.settings.having(wanted)
        return sizes

    def _obtainable(self, images: Iterable[str]) -> bool:
        missing = [image for image in sorted(images) if not preflight.has(image)]
        return not missing or preflight.registry_has(missing[0])

    def daemon(self) -> preflight.Daemon:
        if self._docker is None:
            self._docker = preflight.daemon()
        return self._docker

    def _only_in(self, extra: str) -> set[str]:
        """The services that an extra adds."""
        core = yaml.safe_load((self.folder / "compose.yaml").read_text())["services"]
        file = self.folder / f"{extra}.yaml"
        return set(yaml.safe_load(file.read_text())["services"]) - set(core) if file.exists() else set()

    def _files(self, wanted: Iterable[str]) -> list[Path]:
        files = [self.folder / "compose.yaml", *(self.folder / f"{name}.yaml" for name in EXTRAS if name in wanted)]
        if self.settings.having(frozenset(wanted)).log_reader:
            files.append(self.folder / "log-reader.yaml")
        if sys.platform == "linux" and _root_is_shared():
            files.append(self.folder / "host-linux.yaml")
        if sys.platform != "linux" or _has_kernel_messages():  # elsewhere Docker's own Linux has them
            files.append(self.folder / "host-kmsg.yaml")
        files.append(self.folder / LOCAL)
        return [file for file in files if file.exists()]

    def _environment(self) -> dict[str, str]:
        numbers = {f"{name.upper().replace('-', '_')}_PORT": str(port) for name, port in self.settings.ports.items()}
        return {**os.environ, **_versions(self.folder), **self._built(), **self.lookalikes, **numbers,
                **logs.variables(self.home / "config" / "mtail"), "VITALS_RUN": str(self.home),
                "VITALS_RETENTION": self.settings.retention, "VITALS_LOGS_RETENTION": self.settings.file.log_retention}

    def _built(self) -> dict[str, str]:
        """The images that are built here, each with a tag made of what goes into it: none is ever stale."""
        python = _versions(self.folder)["PYTHON_TAG"]
        return {variable: f"{name}:{_digest(self.settings.root, sources, python)}"
                for variable, (name, sources) in BUILT.items()}

    def _command(self, *arguments: str, wanted: Iterable[str] | None = None, more: Iterable[Path] = ()) -> list[str]:
        chosen = self.settings.extras if wanted is None else wanted
        files = [word for file in [*self._files(chosen), *more] for word in ("--file", str(file))]
        return ["docker", "compose", "--project-name", self.project, *files, *arguments]

    def _everything(self, *arguments: str, quiet: bool = True, check: bool = True) -> str:
        """A command for all that may run or be kept, whatever was chosen since."""
        return self._compose(*arguments, quiet=quiet, check=check, wanted=EXTRAS)

    def _compose(self, *arguments: str, quiet: bool = True, check: bool = True,
                 wanted: Iterable[str] | None = None, more: Iterable[Path] = ()) -> str:
        """Runs docker compose and gives what it prints. Not quiet: its progress goes to the person."""
        try:
            done = subprocess.run(self._command(*arguments, wanted=wanted, more=more), env=self._environment(),
                                  text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE if quiet else None)
        except FileNotFoundError as err:
            raise VitalsError("there is no docker command; install Docker, or use ENGINE=native") from err
        if check and done.returncode:
            if problem := preflight.daemon().problem:
                raise VitalsError(str(problem))
            why = (done.stderr or "").strip().splitlines()
            raise VitalsError(f"docker compose {arguments[0]} failed" + (f": {why[-1]}" if why else " (see above)"))
        return done.stdout

    def _containers(self) -> list[dict[str, Any]]:
        text = self._everything("ps", "--all", "--format", "json")
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def _running(self) -> set[str]:
        return {entry["Service"] for entry in self._containers() if entry["State"] == "running"}

    def _rendered(self) -> dict[str, Any]:
        """The services that run, as Compose understands the files."""
        images = self.lookalikes.values()
        return {name: service for name, service in self._declared().items() if not images or service["image"] in images}

    def _declared(self, wanted: Iterable[str] | None = None) -> dict[str, Any]:
        """All services in the files. Compose takes a while to read them, so each choice is read once."""
        choice = frozenset(self.settings.extras if wanted is None else wanted), *sorted(self.lookalikes.values())
        if choice not in self._read:
            self._read[choice] = json.loads(self._compose("config", "--format", "json", wanted=wanted))["services"]
        return self._read[choice]

    def _services(self) -> list[str]:
        return sorted(self._rendered())

    def _long_running(self) -> list[str]:
        """Without those that do their work once."""
        return sorted(name for name, service in self._rendered().items() if service.get("restart") != "no")

    def _published(self) -> list[str]:
        return sorted(name for name, service in self._rendered().items() if service.get("ports"))

    def _inspect(self) -> list[diagnosis.Container]:
        ids = [entry["ID"] for entry in self._containers()]
        if not ids:
            return []
        done = subprocess.run(["docker", "inspect", "--type", "container", *ids], capture_output=True, text=True)
        return [diagnosis.read(inspected) for inspected in json.loads(done.stdout or "[]")]  # one may be gone by now

    def _fetch(self) -> None:
        """Pulls and builds the images that are missing, so that a refusal is told from a service that fails."""
        missing = {name: service for name, service in self._rendered().items() if not preflight.has(service["image"])}
        built = set(self._built().values())
        wanted = {"pull": [name for name, service in missing.items() if service["image"] not in built],
                  "build": [name for name, service in missing.items() if "build" in service]}
        for verb, names in wanted.items():
            if not names:
                continue
            print(f"images to {verb} (once): {', '.join(names)} ...", flush=True)
            try:
                self._compose(verb, *names, quiet=False)
            except VitalsError as err:
                images = sorted({missing[name]["image"] for name in names})
                refused = [image for image in images if not preflight.has(image)]
                raise VitalsError(
                    f"docker compose {verb} failed (the reason is above); missing: {', '.join(refused)}\n"
                    "  is the network there, and its proxy known to Docker's daemon? a registry that asks for a login "
                    "wants `docker login`; the names are in compose/versions.env; ENGINE=native needs none") from err

        if wanted["build"]:
            for image in built:  # Docker keeps an older one that a container still has
                name = image.partition(":")[0]
                listed = subprocess.run(["docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", name],
                                        capture_output=True, text=True).stdout.split()
                subprocess.run(["docker", "image", "rm", *(set(listed) - {image})], capture_output=True)

    def _settle(self, before: dict[str, diagnosis.Container]) -> None:
        """A container that crashes between two checks looks well in each: nothing may restart for a while.

        Raises VitalsError when something does, or did more often while it started than waiting for another explains.
        """
        first = {container.id: container for container in self._inspect()}
        deadline = time.monotonic() + SETTLE_SECONDS
        while True:
            now = self._inspect()
            for container in now:
                at_first = first.get(container.id, container).restarts
                at_all = container.restarts - (before[container.id].restarts if container.id in before else 0)
                if not container.well or container.restarts > at_first or at_all >= RESTARTS:
                    raise VitalsError(f"{container.service} does not stay up")
            if time.monotonic() > deadline:
                break
            time.sleep(0.5)
        for container in now:
            if container.restarts and container.id not in before:
                print(f"note: {container.service} restarted {container.restarts} times before it was well", flush=True)

    def _culprits(self) -> str:
        """What is wrong with the containers that are not well."""
        text = []
        for container in self._inspect():
            if not container.well or container.restarts:
                said = self._everything("logs", "--no-log-prefix", "--tail", "8", container.service, check=False)
                text.append(diagnosis.explain(container, said.strip().splitlines()))
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
        settings = self.settings.model_copy(update={"without": self._without()})
        return config.install(settings, "compose", self.home / "config", self._tools())

    def _tools(self) -> dict[str, Path]:
        """promtool and amtool where this machine can have them; elsewhere the servers are the first to check."""
        try:
            return {name: parts.tool(self.settings, name) for name in ("promtool", "amtool")}
        except VitalsError:
            return {}

    def _reload_servers(self) -> None:
        for part in SECOND:
            for name in self.settings.replicas(part):
                probes.post_reload(name, f"http://127.0.0.1:{self.settings.ports[name]}")

    def _await_targets(self) -> None:
        """A container without trouble may still do nothing: what counts is that Prometheus reads every part."""
        own = {app.job for app in self.settings.apps}
        servers = [f"http://127.0.0.1:{self.settings.ports[name]}" for name in self.settings.replicas("prometheus")]
        probes.await_targets(servers, own, TARGETS_SECONDS)

    def _greet(self, seconds: float) -> None:
        p = self.settings.ports
        demo = f"\n  Demo apps      http://127.0.0.1:{p['demo']}" if self.settings.demo else ""
        kibana = (f"\n  Kibana         http://127.0.0.1:{p['kibana']}        elastic, password in "
                  f"{secrets.folder(self.settings)}/elastic" if self.settings.logs else "")
        grafana = "" if "grafana" in self._without() else (
            f"\n  Grafana        http://127.0.0.1:{p['grafana']}        admin, password in "
            f"{secrets.folder(self.settings)}/grafana-admin")
        print(f"""
up in {seconds:.0f} s{grafana}
  Notifications  http://127.0.0.1:{p['inbox']}        what fires now, and what was told
  Prometheus     http://127.0.0.1:{p['prometheus']}
  Alertmanager   http://127.0.0.1:{p['alertmanager']}{kibana}{demo}

try next:  make status
           make demo-fault FAULT=llm-outage JOB=artisan-hub MINUTES=10
           make doctor URL=http://127.0.0.1:8000/metrics""")


def _versions(folder: Path) -> dict[str, str]:
    lines = (folder / "versions.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@lru_cache
def _digest(root: Path, sources: tuple[str, ...], also: str) -> str:
    digest = hashlib.sha256(also.encode())
    for file in sorted(file for source in sources for file in [root / source, *(root / source).rglob("*")]):
        if file.is_file() and "__pycache__" not in file.parts:
            digest.update(f"{file.relative_to(root)}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def _has_kernel_messages() -> bool:
    return Path("/dev/kmsg").exists()


def _root_is_shared() -> bool:
    """Whether / is a shared mount, as rslave needs: its line in mountinfo has a shared: tag."""
    try:
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return False
    return any(fields[4] == "/" and any(tag.startswith("shared:") for tag in fields[6:fields.index("-")])
               for fields in map(str.split, lines))

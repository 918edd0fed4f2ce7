"""What the compose engine needs of this machine, looked at before anything starts. Each finding says how to mend it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from vitals.engines import processes, secrets
from vitals.settings import Settings

GIB = 2**30
OLDEST_DOCKER = (20, 10)  # host-gateway
OLDEST_COMPOSE = (2, 24)  # `pull --policy`, `ps --format json` line by line
ARCHITECTURES = ("x86_64", "amd64", "aarch64", "arm64")  # what every image is made for
# Images and their unpacked layers, and some days of data.
DISK_BYTES = {"core": 3 * GIB, "demo": GIB, "logs": 6 * GIB, "ha": GIB}
MAP_COUNT = 262_144  # Elasticsearch's own bootstrap check


@dataclass(frozen=True)
class Finding:
    """An error stops a start; a warning is printed."""

    level: Literal["error", "warning"]
    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.level}: {self.what}\n  {self.fix}"


@dataclass(frozen=True)
class Daemon:
    """What Docker says of itself; ``problem`` is why it says nothing."""

    version: str = ""
    compose: str = ""
    host: str = ""
    info: dict[str, Any] = field(default_factory=dict)
    problem: Finding | None = None

    @property
    def memory(self) -> int:
        """Bytes that containers can have: the machine's, or those of Docker's own virtual machine."""
        return int(self.info.get("MemTotal", 0))


def daemon() -> Daemon:
    """Asks Docker, within seconds."""
    if not shutil.which("docker"):
        return Daemon(problem=Finding("error", "there is no docker command",
                                      "install Docker Engine with its compose plugin, or use ENGINE=native"))
    answered, version = _docker("version", "--format", "{{.Server.Version}}")
    if not answered:
        return Daemon(problem=_silent(version))
    answered, text = _docker("info", "--format", "{{json .}}")
    try:
        info = json.loads(text) if answered else {}
    except ValueError:
        info = {}
    _, host = _docker("context", "inspect", "--format", "{{.Endpoints.docker.Host}}")
    answered, compose = _docker("compose", "version", "--short")
    return Daemon(version, compose if answered else "", os.environ.get("DOCKER_HOST") or host, info)


def _silent(said: str) -> Finding:
    """Why no daemon answers, by what the client says."""
    if "permission denied" in said.lower():
        return Finding("error", "this user may not talk to Docker's daemon (its socket says: permission denied)",
                       "sudo usermod -aG docker $USER, then log in anew (that group is as mighty as root); "
                       "or use ENGINE=native")
    if "api version" in said.lower() or "too new" in said or "too old" in said:
        return Finding("error", f"Docker's client and daemon do not fit together: {said}",
                       "update the older of the two, or set DOCKER_API_VERSION")
    return Finding("error", f"no Docker daemon answers: {said or 'it took too long'}",
                   "start it (sudo systemctl start docker, or Docker Desktop), or use ENGINE=native")


def _docker(*arguments: str, seconds: float = 10) -> tuple[bool, str]:
    """Whether docker succeeded, and what it said."""
    try:
        done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=seconds)
    except (OSError, subprocess.TimeoutExpired):
        return False, ""
    if done.returncode:
        return False, next((line for line in done.stderr.strip().splitlines() if line), "")
    return True, done.stdout.strip()


def has(image: str) -> bool:
    """Whether an image is on this machine."""
    return _docker("image", "inspect", "--format", "{{.Id}}", image)[0]


def registry_has(image: str) -> bool:
    """Whether a registry answers that it has an image."""
    return _docker("manifest", "inspect", image, seconds=8)[0]


def examine(settings: Settings, found: Daemon, limits: dict[str, int], ports: Iterable[str]) -> list[Finding]:
    """All findings. ``limits``: service → its memory limit in bytes; ``ports``: services whose port must be free."""
    if found.problem:
        return [found.problem]
    return [*_versions(found), *_platform(settings, found), *_memory(settings, found, sum(limits.values())),
            *_disk(settings, found), *_kernel(settings), *_ports(settings, ports), *files(settings)]


def native(settings: Settings, ports: Iterable[str]) -> list[Finding]:
    """The findings that matter without Docker."""
    return [*_disk(settings, Daemon()), *_ports(settings, ports), *files(settings)]


def _versions(found: Daemon) -> Iterator[Finding]:
    if _number(found.version) < OLDEST_DOCKER:
        yield Finding("error", f"Docker {found.version} is older than {_dotted(OLDEST_DOCKER)}", "update Docker Engine")
    if not found.compose:
        yield Finding("error", "Docker has no compose plugin",
                      "install docker-compose-plugin (Docker's packages) or docker-compose (Debian's)")
    elif _number(found.compose) < OLDEST_COMPOSE:
        yield Finding("error", f"Compose {found.compose} is older than {_dotted(OLDEST_COMPOSE)}",
                      "update the compose plugin; what `docker-compose` is does not matter")


def _platform(settings: Settings, found: Daemon) -> Iterator[Finding]:
    info = found.info
    if found.host and not found.host.startswith(("unix://", "npipe://")):
        yield Finding("error", f"Docker's daemon is on another machine ({found.host})",
                      "configuration and secrets are mounted from this one: run `make up` there, or "
                      "`docker context use default`")
    if info.get("OSType", "linux") != "linux":
        yield Finding("error", "Docker runs Windows containers", "switch Docker Desktop to Linux containers")
    if info.get("Architecture", ARCHITECTURES[0]) not in ARCHITECTURES:
        yield Finding("error", f"not every image is made for {info['Architecture']}",
                      "use a machine with amd64 or arm64")
    missing = [name for key, name in (("MemoryLimit", "memory"), ("CpuCfsQuota", "cpu"), ("PidsLimit", "pids"))
               if info.get(key) is False]
    if missing:
        yield Finding("warning", f"this kernel does not enforce limits of {', '.join(missing)} "
                      f"(cgroup v{info.get('CgroupVersion', '?')})",
                      "on Debian and Raspberry Pi OS: add cgroup_enable=memory to the kernel's command line; rootless "
                      "Docker: delegate the controllers to the user (cgroup v2). One service can starve the others")
    if any("rootless" in option for option in info.get("SecurityOptions") or []):
        yield Finding("warning", "Docker runs rootless: cAdvisor sees neither other containers nor kernel messages",
                      "panels of containers stay empty; use a Docker of root's for them")
    if info.get("Driver") in ("vfs", "devicemapper", "aufs"):
        yield Finding("warning", f"Docker's storage driver is {info['Driver']}: slow, and large",
                      'set "storage-driver": "overlay2" in /etc/docker/daemon.json (images have to be pulled again)')
    if settings.logs and info.get("LoggingDriver", "json-file") != "json-file":
        yield Finding("warning", f"Docker's own log driver is {info['LoggingDriver']}: Filebeat cannot read the logs "
                      "of containers that do not say json-file themselves (this stack's do)",
                      'set "log-driver": "json-file" in /etc/docker/daemon.json, or in your own compose files')


def available(found: Daemon) -> int:
    """Bytes of memory that containers can have now."""
    text = Path("/proc/meminfo").read_text() if Path("/proc/meminfo").exists() else ""
    free = re.search(r"^MemAvailable:\s+(\d+) kB", text, re.M)
    here = int(free[1]) * 1024 if free else found.memory
    return min(here, found.memory) if found.memory else here


def _memory(settings: Settings, found: Daemon, limit: int) -> Iterator[Finding]:
    fewer = " ".join(["make up WITH=" + ",".join(sorted(settings.extras - {"logs"}))] if settings.logs else
                     ["make up WITH="] if settings.demo else ["give Docker more memory"])
    if found.memory and found.memory < limit / 2:
        yield Finding("error", f"Docker has {_gib(found.memory)} of memory; this stack may use {_gib(limit)}",
                      f"run less ({fewer}), or give Docker Desktop more (Settings, Resources)")
    elif (free := available(found)) < limit:
        yield Finding("warning", f"{_gib(free)} of memory are free; this stack may use up to {_gib(limit)}",
                      f"close something, or run less: {fewer}")


def _disk(settings: Settings, found: Daemon) -> Iterator[Finding]:
    needed = sum(DISK_BYTES[part] for part in ("core", *settings.extras))
    seen: set[int] = set()
    places = {"Docker's folder": found.info.get("DockerRootDir", ""), "the state folder": settings.state}
    for what, folder in places.items():
        place = next((p for p in [Path(folder), *Path(folder).parents] if p.exists()), None) if folder else None
        if place is None or place.stat().st_dev in seen:
            continue  # inside Docker's virtual machine, or the same disk
        seen.add(place.stat().st_dev)
        free = shutil.disk_usage(place).free
        if free < GIB:
            yield Finding("error", f"{what} {folder} has {_gib(free)} of disk left", "make room: docker system df says "
                          "what Docker keeps, docker system prune removes what nothing uses")
        elif free < needed and what == "Docker's folder":
            yield Finding("warning", f"{what} {folder} has {_gib(free)} of disk left; images and data want about "
                          f"{_gib(needed)}", "make room, or run less; Elasticsearch stops writing on a disk that is "
                          "95 % full")


def _kernel(settings: Settings) -> Iterator[Finding]:
    file = Path("/proc/sys/vm/max_map_count")
    if settings.logs and file.exists() and int(file.read_text()) < MAP_COUNT:
        yield Finding("warning", f"vm.max_map_count is {file.read_text().strip()}; to map its files into memory "
                      f"Elasticsearch wants {MAP_COUNT} or more",
                      f"sudo sysctl -w vm.max_map_count={MAP_COUNT}, and the same line in /etc/sysctl.d/ to keep it")


def _ports(settings: Settings, names: Iterable[str]) -> Iterator[Finding]:
    for name in names:
        if holder := processes.port_holder(settings.ports[name]):
            yield Finding("error", f"port {settings.ports[name]} ({name}) is taken by {holder}",
                          f"end it, or set ports.{name} in {settings.document.path}")


def files(settings: Settings) -> Iterator[Finding]:
    """The state folder and the checkout: whose they are, and whether containers can read what is mounted."""
    mine = os.getuid()
    for folder in (settings.state, settings.state / "compose", secrets.folder(settings)):
        if folder.exists() and (folder.stat().st_uid != mine or not os.access(folder, os.R_OK | os.W_OK | os.X_OK)):
            yield Finding("error", f"{folder} belongs to user {folder.stat().st_uid} (was `make` run with sudo?)",
                          f"sudo chown -R $(id -u):$(id -g) {settings.state}, or set VITALS_STATE to another folder")
            return
    for name in secrets.names(settings):
        file = secrets.folder(settings) / name
        if file.exists() and not os.access(file, os.R_OK):
            yield Finding("error", f"the secret {file} belongs to another user", f"sudo chown $(id -u):$(id -g) {file}")
            return
    mounted = ("compose", "docs", "exporters", "grafana")
    closed = [path for name in mounted for path in sorted((settings.root / name).rglob("*"))
              if "__pycache__" not in path.parts and ~path.stat().st_mode & (0o5 if path.is_dir() else 0o4)]
    if closed:
        yield Finding("error", f"containers, which run as other users, cannot read {closed[0]} "
                      f"(and {len(closed) - 1} more)",
                      f"chmod -R o+rX {' '.join(str(settings.root / name) for name in mounted)}")


def lost(settings: Settings, held: Iterable[str]) -> Iterator[Finding]:
    """Secrets that are empty, or missing while the data of a service know them (``held``)."""
    known = set(held)
    for name in secrets.missing(settings):
        file, whose = secrets.folder(settings) / name, secrets.SECRETS[name].whose
        if file.exists() or name in known:
            state = "empty" if file.exists() else "missing, and there are data that know it"
            yield Finding("error", f"the secret {file} is {state} ({whose})",
                          "put it back, or give everything new secrets: make rotate-secrets")


def _number(version: str) -> tuple[int, ...]:
    found = re.search(r"(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _gib(size: float) -> str:
    return f"{size / GIB:.1f} GiB"

"""A Docker engine where none answers: Debian's, unpacked in the cache, started by hand, stopped at the end.

For tests and CI on a bare machine, as root: `python -m vitals.engines.dockerd make test-compose`. Nothing is
installed. Containers, images and volumes live under the cache folder, apart from any other Docker's.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vitals import settings as settings_module
from vitals.engines import parts
from vitals.errors import VitalsError
from vitals.settings import Settings

READY_SECONDS = 60
STOP_SECONDS = 60
CONTROLLERS = {"cpu", "memory", "pids"}
SYS_ADMIN, NET_ADMIN = 21, 12  # bits of a capability set
BRIDGE = "docker0"
PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
SIOCSIFFLAGS, SIOCBRDELBR = 0x8914, 0x89A1  # <linux/sockios.h>

# The engine asks for a C library as old as bookworm's, but runc and iptables of its own release do not.
ENGINE = ("forky", ("docker.io", "docker-cli", "docker-compose", "containerd"))
BASE = ("bookworm", (
    "runc", "iptables", "libcap2", "libgcrypt20", "libgpg-error0", "libip4tc2", "libip6tc2", "liblz4-1", "liblzma5",
    "libmnl0", "libnetfilter-conntrack3", "libnfnetlink0", "libnftnl11", "libseccomp2", "libsystemd0", "libxtables12",
    "libzstd1"))


@contextmanager
def running(settings: Settings) -> Iterator[dict[str, str]]:
    """An environment in which `docker compose` works: that of the engine that answers, else of one for so long.

    Raises VitalsError, with the reason, where there is none and none can be started.
    """
    if _succeeds("docker", "info"):
        if not _succeeds("docker", "compose", "version"):
            raise VitalsError("Docker answers but has no compose plugin; install it (Debian: docker-compose)")
        yield dict(os.environ)
        return
    if reason := obstacle():
        raise VitalsError(f"no Docker engine answers, and none can be started here: {reason}")
    engine, base = (parts.fetch(settings, packages, suite) for suite, packages in (ENGINE, BASE))
    with (settings.cache / ".docker.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # two would share a bridge and a packet filter
            print("waiting for another engine of this project to end ...", file=sys.stderr, flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        with (tempfile.TemporaryDirectory(prefix="agent-vitals-docker-", dir=_short()) as folder,
              _daemon(settings.cache / "docker", Path(folder), engine, base)):
            yield _client(Path(folder), engine)


def obstacle() -> str:
    """Why no engine can be started here; empty when one can."""
    if sys.platform != "linux":
        return "this is not Linux"
    if os.geteuid() != 0:
        return "that needs root"
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line)
    capabilities = int(status["CapEff"], 16)
    if not (capabilities >> SYS_ADMIN & 1 and capabilities >> NET_ADMIN & 1):
        return "this root may not mount or make networks (a container without --privileged)"
    groups = Path("/sys/fs/cgroup")
    unified = groups / "cgroup.controllers"
    found = set(unified.read_text().split()) if unified.exists() else {p.name for p in groups.glob("*") if p.is_dir()}
    if not found >= CONTROLLERS:
        return f"control groups are missing: {', '.join(sorted(CONTROLLERS - found))}"
    if not os.access(groups, os.W_OK):
        return "control groups are read-only"
    return ""


@contextmanager
def _daemon(data: Path, folder: Path, engine: Path, base: Path) -> Iterator[None]:
    _delegate()
    bridged = _has_bridge()
    log = folder / "dockerd.log"
    with log.open("wb") as out:
        daemon = subprocess.Popen(
            ["dockerd", f"--host=unix://{folder}/docker.sock", f"--data-root={data}", f"--exec-root={folder}/exec",
             f"--pidfile={folder}/docker.pid", "--group=root", f"--userland-proxy-path={engine}/usr/sbin/docker-proxy",
             # What else goes through this machine goes on doing so.
             "--ip-forward-no-drop"],
            stdout=out, stderr=out, start_new_session=True, env=_environment(folder, engine, base),
            preexec_fn=_end_with_parent)
    try:
        deadline = time.monotonic() + READY_SECONDS
        while not _succeeds("docker", "info", env=_client(folder, engine)):
            if daemon.poll() is not None or time.monotonic() > deadline:
                last = "\n  ".join(log.read_text(errors="replace").splitlines()[-5:])
                raise VitalsError(f"Docker's engine did not start; it said last:\n  {last}")
            time.sleep(0.1)
        yield
    finally:
        daemon.send_signal(signal.SIGTERM)
        try:
            daemon.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(daemon.pid, signal.SIGKILL)
            daemon.wait()
        if not bridged:
            _remove_bridge()


def _end_with_parent() -> None:
    """The kernel stops the engine, and it its containers, when what started it is killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _environment(folder: Path, engine: Path, base: Path) -> dict[str, str]:
    """What the engine finds its programs and libraries by."""
    names = folder / "bin"
    names.mkdir()
    for backend in ("nft", "legacy"):  # whichever this kernel knows
        program = base / f"usr/sbin/xtables-{backend}-multi"
        for name in ("iptables", "iptables-save", "iptables-restore"):
            for family in ("", "6"):
                link = names / name.replace("iptables", f"ip{family}tables")
                link.unlink(missing_ok=True)
                link.symlink_to(program)
        environment = {
            **os.environ, **parts.libraries(base / "usr/sbin/runc"),
            "PATH": os.pathsep.join(map(str, [names, engine / "usr/sbin", engine / "usr/bin", base / "usr/sbin",
                                              os.environ["PATH"]])),
            "XTABLES_LIBDIR": str(next(base.glob("usr/lib/*/xtables"))),
        }
        if _succeeds("iptables", "-t", "nat", "-L", "-n", env=environment):
            return environment
    raise VitalsError("no Docker engine can be started here: this kernel has no packet filter that iptables knows")


def _client(folder: Path, engine: Path) -> dict[str, str]:
    """What `docker` and its compose plugin find this engine by."""
    tools, config = folder / "client", folder / "config"
    for made in (tools, config):
        made.mkdir(exist_ok=True)
    if not (tools / "docker").exists():
        (tools / "docker").symlink_to(engine / "usr/bin/docker")
        plugins = {"cliPluginsExtraDirs": [str(engine / "usr/libexec/docker/cli-plugins")]}
        (config / "config.json").write_text(json.dumps(plugins))
    return {**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "DOCKER_HOST": f"unix://{folder}/docker.sock", "DOCKER_CONFIG": str(config)}


def _delegate() -> None:
    """In a container of its own a control group of version 2 hands nothing down until it holds no process itself."""
    root = Path("/sys/fs/cgroup")
    handed = root / "cgroup.subtree_control"
    if handed.exists() and not set(handed.read_text().split()) >= CONTROLLERS:
        own = root / "init"
        own.mkdir(exist_ok=True)
        for pid in (root / "cgroup.procs").read_text().split():
            try:
                (own / "cgroup.procs").write_text(pid)
            except OSError:  # it has ended, or is the kernel's own
                continue
        handed.write_text(" ".join(f"+{name}" for name in sorted(CONTROLLERS)))


def _has_bridge() -> bool:
    return Path("/sys/class/net", BRIDGE).exists()


def _remove_bridge() -> None:
    """Docker leaves its default network's bridge behind, with a route to it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, suppress(OSError):
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sh22x", BRIDGE.encode(), 0))  # down
        fcntl.ioctl(sock, SIOCBRDELBR, BRIDGE.encode() + b"\0")


def _short() -> str:
    """A folder for sockets, whose paths may not be long."""
    return "/run" if os.access("/run", os.W_OK) else "/tmp"


def _succeeds(*command: str, env: dict[str, str] | None = None) -> bool:
    try:
        program = shutil.which(command[0], path=env["PATH"] if env else None) or command[0]
        return subprocess.run([program, *command[1:]], env=env, capture_output=True, timeout=20).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def main() -> int:
    if len(sys.argv) < 2:
        print("usage: python -m vitals.engines.dockerd COMMAND...", file=sys.stderr)
        return 2
    try:
        with running(settings_module.load()) as environment:
            return subprocess.run(sys.argv[1:], env=environment).returncode
    except VitalsError as err:
        print(f"vitals: {err}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())

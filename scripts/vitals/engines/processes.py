"""What /proc knows: who listens on a port, and which processes belong to a stack. And one command at a time."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from vitals.engines import secrets
from vitals.errors import VitalsError
from vitals.settings import Settings

MARK = "AGENT_VITALS_STACK"  # in the environment of every process that a stack started
_LISTENING = "0A"


def check_ports(settings: Settings, names: Iterable[str]) -> None:
    """Raises VitalsError, naming all of them, when somebody else listens on a port of these services."""
    taken = [f"port {settings.ports[name]} ({name}) is taken by {holder}; end it, or set ports.{name}"
             for name in names if (holder := port_holder(settings.ports[name]))]
    if taken:
        raise VitalsError("\n".join(taken) + f"\nin {settings.document.path}; nothing was started")


def port_holder(port: int) -> str:
    """Who keeps this loopback port from being listened on, in words; empty when it is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that linger do not count
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            return "the system (ports below 1024 are for root)"
        except OSError:
            pass
        else:
            return ""
    inodes = set(_listening_inodes(port))
    for pid in _pids():
        if inodes & set(_socket_inodes(pid)):
            return f"{command(pid)} (pid {pid})"
    return "another user's process"


def command(pid: int) -> str:
    """The command line as one readable line; empty when the process is gone."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
        name = Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""
    text = " ".join(raw.decode(errors="replace").split("\0")).strip() or name
    return text if len(text) <= 100 else text[:97] + "..."


def marked(stack: Path) -> list[int]:
    """This user's processes that were started for the stack in this folder, youngest last."""
    wanted = f"{MARK}={stack}".encode()
    found = []
    for pid in _pids():
        try:
            if pid != os.getpid() and wanted in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                found.append(pid)
        except OSError:  # gone, or another user's
            continue
    return sorted(found)


def stop(pids: Iterable[int], seconds: float = 10) -> None:
    """Asks processes to end, waits for them, and ends those that do not listen."""
    started = {pid: _start_time(pid) for pid in pids}

    def left() -> list[int]:
        # A number may be given to another process meanwhile: the start time tells.
        return [pid for pid, at in started.items() if at is not None and _start_time(pid) == at]

    for number, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, 5.0)):
        for pid in left():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
        deadline = time.monotonic() + patience
        while left() and time.monotonic() < deadline:
            time.sleep(0.02)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One command at a time changes the stack in this folder."""
    secrets.private(folder)
    with (folder / "lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as err:
            raise VitalsError("another command is changing this stack; wait for it to end") from err
        yield


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits to be noticed does not."""
    return _start_time(pid) is not None


def _start_time(pid: int) -> str | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]


def _pids() -> Iterator[int]:
    for entry in Path("/proc").glob("[0-9]*"):  # none where there is no /proc, as on macOS
        if entry.name.isdigit():
            yield int(entry.name)


def _listening_inodes(port: int) -> Iterator[str]:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9]


def _socket_inodes(pid: int) -> Iterator[str]:
    try:
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            target = str(entry.readlink())
            if target.startswith("socket:["):
                yield target[8:-1]
    except OSError:
        return

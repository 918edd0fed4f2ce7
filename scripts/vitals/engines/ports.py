"""Is a port free, and if not, who has it?"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path

from vitals.errors import VitalsError
from vitals.settings import Settings


def check(settings: Settings, names: Iterable[str]) -> None:
    """Raises VitalsError for the first of these ports that somebody else listens on."""
    for name in names:
        port = settings.ports[name]
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind(("127.0.0.1", port))
            except OSError as err:
                if err.errno == errno.EACCES:
                    raise VitalsError(f"port {port} ({name}) needs root; set ports.{name} in {settings.document.path}") from err
                raise VitalsError(f"port {port} ({name}) is taken by {holder(port)}; end it, or set ports.{name} in "
                                  f"{settings.document.path}") from err


def holder(port: int) -> str:
    """The process that listens on a TCP port of this machine: ``python3 -m http.server (pid 123)``."""
    inodes = set(_listeners(port))
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            links = {str(fd.readlink()) for fd in (entry / "fd").iterdir()}
        except OSError:
            continue
        if links & {f"socket:[{inode}]" for inode in inodes}:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            return f"{command[:80]} (pid {entry.name})"
    return "a process of another user"


def _listeners(port: int) -> Iterator[str]:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9]

"""Supervisor keeps the native engine's processes alive. Its file is made from parts; it is asked by XML-RPC."""

from __future__ import annotations

import hashlib
import http.client
import os
import shlex
import socket
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vitals.engines import processes, secrets
from vitals.engines.probes import Probe
from vitals.errors import VitalsError

LONGEST_SOCKET = 90  # bytes; the kernel takes 107, and Supervisor binds under a longer name first
DEAD = ("BACKOFF", "EXITED", "FATAL")
STOP_SECONDS = 20


@dataclass(frozen=True)
class Part:
    """One process of the stack."""

    name: str
    command: list[str]
    ready: Probe
    after: tuple[str, ...] = ()  # it starts when these are ready
    environment: dict[str, str] = field(default_factory=dict)
    directory: Path | None = None
    stop: str = "TERM"


class Supervisor:
    """The supervisord of one stack, known by its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "supervisord.conf"
        self.log_folder = folder / "log"
        self.socket = socket_path(folder)

    def log(self, name: str) -> Path:
        return self.log_folder / f"{name}.log"

    def write(self, parts: Iterable[Part]) -> bool:
        """Writes supervisord.conf; gives whether it changed."""
        text = self.render(parts)
        if self.file.exists() and self.file.read_text() == text:
            return False
        secrets.write(self.file, text)
        return True

    def render(self, parts: Iterable[Part]) -> str:
        sections: list[tuple[str, dict[str, object]]] = [
            ("supervisord", {
                "logfile": self.log("supervisord"), "logfile_maxbytes": "1MB", "logfile_backups": 1,
                "pidfile": self.folder / "supervisord.pid", "childlogdir": self.log_folder, "umask": "077",
                "nocleanup": "true", "identifier": "agent-vitals"}),
            ("unix_http_server", {"file": self.socket, "chmod": "0600"}),
            ("rpcinterface:supervisor",
             {"supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"}),
        ]
        for part in parts:
            sections.append((f"program:{part.name}", {
                "command": shlex.join(part.command), "directory": part.directory or self.folder,
                "environment": ",".join(f'{k}="{v}"' for k, v in sorted(part.environment.items())),
                "autostart": "false", "autorestart": "true", "startsecs": 1, "startretries": 20,
                "stopsignal": part.stop, "stopwaitsecs": STOP_SECONDS, "killasgroup": "true",
                # Relative to where it was started: Supervisor expands % in this one value twice.
                "redirect_stderr": "true", "stdout_logfile": f"log/{part.name}.log",
                "stdout_logfile_maxbytes": "5MB", "stdout_logfile_backups": 2}))
        return "\n".join(
            f"[{name}]\n" + "".join(f"{key}={_escaped(value)}\n" for key, value in values.items() if value != "")
            for name, values in sections)

    def running(self) -> bool:
        """Whether this folder's supervisord answers. A pid file proves nothing after a crash or a reboot."""
        try:
            self.call("getState")
        except OSError:
            return False
        return True

    def start(self) -> None:
        """Starts supervisord in the background; returns when it answers."""
        self.log_folder.mkdir(parents=True, exist_ok=True)
        secrets.private(self.socket.parent)
        self.socket.unlink(missing_ok=True)
        done = subprocess.run([sys.executable, "-m", "supervisor.supervisord", "-c", str(self.file)], cwd=self.folder,
                              env={**os.environ, processes.MARK: str(self.folder)}, capture_output=True, text=True)
        deadline = time.monotonic() + 15
        while not self.running():
            if done.returncode or time.monotonic() > deadline:
                raise VitalsError(f"Supervisor does not start: {(done.stderr or done.stdout).strip() or 'no answer'}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stops everything; returns when no process of the stack is left."""
        with suppress(OSError, xmlrpc.client.Fault):
            pid = int(self.call("getPID"))
            self.call("stopAllProcesses", False)  # all at once; shutdown alone goes one by one
            deadline = time.monotonic() + STOP_SECONDS + 5
            while "STOPPING" in self.states().values() and time.monotonic() < deadline:
                time.sleep(0.02)
            self.call("shutdown")
            while processes.alive(pid) and time.monotonic() < deadline:
                time.sleep(0.02)
        processes.stop(processes.marked(self.folder))
        for file in (self.socket, self.folder / "supervisord.pid"):
            file.unlink(missing_ok=True)
        if self.socket.parent != self.folder:
            with suppress(OSError):
                self.socket.parent.rmdir()

    def apply(self) -> None:
        """Takes up a changed supervisord.conf: what changed or left it is stopped, nothing is started."""
        added, changed, removed = self.call("reloadConfig")[0]
        for name in [*changed, *removed]:
            self.call("stopProcessGroup", name)
            self.call("removeProcessGroup", name)
        for name in [*added, *changed]:
            self.call("addProcessGroup", name)

    def info(self) -> dict[str, dict[str, Any]]:
        """What Supervisor knows of each part; empty when it does not run."""
        try:
            return {entry["name"]: entry for entry in self.call("getAllProcessInfo")}
        except OSError:
            return {}

    def states(self) -> dict[str, str]:
        return {name: entry["statename"] for name, entry in self.info().items()}

    def call(self, method: str, *arguments: Any) -> Any:
        """A call of Supervisor's API. OSError when nobody listens."""
        with xmlrpc.client.ServerProxy("http://supervisor/RPC2", transport=_Unix(self.socket)) as proxy:
            return getattr(proxy.supervisor, method)(*arguments)


def socket_path(folder: Path) -> Path:
    """In the folder itself or, where that would be too long for a socket, in a private folder with a short name."""
    path = folder / "supervisor.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET:
        return path
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"agent-vitals-{os.getuid()}-{name}" / "s"


def _escaped(value: object) -> str:
    """Supervisor expands %(name)s, and takes what follows " ;" for a comment."""
    text = str(value)
    if " ;" in text or "\n" in text:
        raise VitalsError(f"Supervisor cannot take {text!r} (a path with ' ;'?); choose another VITALS_STATE")
    return text.replace("%", "%%")


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("supervisor", timeout=30)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class _Unix(xmlrpc.client.Transport):
    """XML-RPC over the stack's own socket, which only its owner can open."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        return _Connection(self._path)

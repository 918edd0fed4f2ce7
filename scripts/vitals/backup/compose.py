"""The compose stack's data: named volumes, read and written through the containers that they belong to.

`docker cp` needs no program inside a container and reaches its volumes while it is stopped as well; moving files
inside a volume is done by the shell of the service's own image, as the service's own user.
"""

from __future__ import annotations

import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from vitals.backup import archive
from vitals.engines import processes
from vitals.engines.compose import Compose
from vitals.errors import VitalsError
from vitals.settings import SECOND

BLOCK = "?" * 26


@dataclass(frozen=True)
class Volume:
    """Where a service keeps its files, and which of them (shell patterns) are worth keeping."""

    folder: str
    names: tuple[str, ...]

    def script(self, text: str) -> str:
        return f"cd {self.folder}\n" + text.replace("KEPT", " | ".join(self.names))


VOLUMES = {
    "prometheus": Volume("/prometheus", (BLOCK, "wal", "wbl", "chunks_head")),
    "alertmanager": Volume("/alertmanager", ("silences", "nflog")),
    "inbox": Volume("/data", ("notifications.jsonl",)),
    "grafana": Volume("/var/lib/grafana", ("grafana.db*",)),
}
DEMO_VOLUMES = {"redis": Volume("/data", ("appendonlydir", "dump.rdb"))}

# Elasticsearch's files are of use to a running Elasticsearch only: it makes a snapshot, and takes one back.
LOG_STORE = "elasticsearch"
SNAPSHOTS = "/usr/share/elasticsearch/data/snapshots"  # path.repo

# In a volume .restore is what comes, .moving and then .replaced what was there: .moving is not complete yet.
PUT = """set -e
mkdir .moving
for f in *; do case "$f" in KEPT) mv "$f" .moving/;; esac; done
mv .moving .replaced
mv .restore/* .
rmdir .restore
"""
UNDO = """
back() { for f in "$1"/*; do if [ -e "$f" ]; then mv "$f" . || exit 1; fi; done; rmdir "$1"; }
if [ -d .moving ]; then back .moving; fi
if [ -d .replaced ]; then
  for f in *; do case "$f" in KEPT) rm -rf "$f";; esac; done
  back .replaced
fi
rm -rf .restore
"""
DONE = "rm -rf .replaced .restore\n"


class ComposeData:
    def __init__(self, compose: Compose) -> None:
        self.compose = compose
        compose.settle()
        services = compose._rendered()
        seconds = {second: VOLUMES[first] for first, second in SECOND.items()}
        known = {**VOLUMES, **seconds, **DEMO_VOLUMES}
        self.volumes = {part: volume for part, volume in known.items() if part in services}

    def versions(self) -> dict[str, str]:
        images = {name: service["image"] for name, service in self.compose._rendered().items()}
        images |= {entry["Service"]: entry["Image"] for entry in self.compose._containers()}
        readers = ("prometheus", "alertmanager", "grafana", "redis", "postgres", LOG_STORE)
        found = {part: ".".join(map(str, archive.version(images[part]))) for part in readers if part in images}
        return {part: version for part, version in found.items() if version}

    def takes(self) -> tuple[str, ...]:
        return (*self.volumes, *(part for part in ("postgres", LOG_STORE) if part in self.compose._rendered()))

    def present(self) -> list[str]:
        listed = _docker("volume", "ls", "--quiet", "--filter",
                         f"label=com.docker.compose.project={self.compose.project}").split()
        # Log lines that come back stand beside those that are there.
        return [part for part in self.takes() if part != LOG_STORE and f"{self.compose.project}_{part}" in listed]

    def busy(self) -> bool:
        return bool(self.compose.running())

    def collect(self, into: Path, demo: bool) -> None:
        wanted = {part: volume for part, volume in self.volumes.items()
                  if part not in SECOND.values() and (demo or part not in DEMO_VOLUMES)}
        with processes.alone(self.compose.home):
            there = set(self.present())
            wanted = {part: volume for part, volume in wanted.items() if part in there}
            if demo and "postgres" in there and self.busy():
                self._dump(into / "postgres")
            if LOG_STORE in self.compose._rendered():
                self._snapshot(into / LOG_STORE)
            with self._still(list(wanted)) as containers:
                for part, volume in wanted.items():
                    self._take(containers[part], volume, into / part)

    @contextmanager
    def _still(self, names: list[str]) -> Iterator[dict[str, str]]:
        """Service → its container, which does not run meanwhile. What ran is started again, whatever happens."""
        running = {entry["Service"] for entry in self.compose._containers() if entry["State"] == "running"}
        away = sorted(running & set(names))
        begun = time.monotonic()
        try:
            if away:
                print(f"{', '.join(away)} stop for a moment", flush=True)
                self.compose._compose("stop", *away)
            else:
                self._create(names)
            yield {entry["Service"]: entry["ID"] for entry in self.compose._containers()}
        finally:
            if away:
                self.compose._compose("up", "--detach", "--wait", "--no-deps", "--no-recreate", *away)
                print(f"they were away for {time.monotonic() - begun:.1f} s", flush=True)
            else:
                self.compose._compose("rm", "--force", *names)

    def _create(self, names: list[str]) -> None:
        """Containers that do not run, so that their volumes can be reached."""
        self.compose.prepare()
        self.compose._compose("up", "--no-start", "--no-deps", *names)

    def _take(self, container: str, volume: Volume, into: Path) -> None:
        with subprocess.Popen(["docker", "cp", f"{container}:{volume.folder}", "-"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as copy:
            assert copy.stdout and copy.stderr
            try:
                with tarfile.open(fileobj=copy.stdout, mode="r|") as tar:
                    for member in tar:
                        path = PurePosixPath(*PurePosixPath(member.name).parts[1:])  # the folder's own name is first
                        source = tar.extractfile(member) if member.isreg() else None
                        if source and any(fnmatchcase(path.parts[0], name) for name in volume.names):
                            with archive.writing(into):
                                (into / path).parent.mkdir(parents=True, exist_ok=True)
                                with (into / path).open("wb") as out:
                                    while chunk := source.read(archive.CHUNK):
                                        out.write(chunk)
            except tarfile.TarError as err:
                why = copy.stderr.read().decode(errors="replace").strip()
                raise VitalsError(f"docker cp failed: {why or err}") from err
            finally:
                copy.stdout.close()
            if copy.wait():
                raise VitalsError(f"docker cp failed: {copy.stderr.read().decode(errors='replace').strip()}")

    # --- back

    @contextmanager
    def replaced(self, staged: Path, parts: list[str]) -> Iterator[None]:
        """Everything is copied into the volumes first; then each volume changes by renaming, and back if need be."""
        chosen = [part for part in parts if part in self.volumes and (staged / part).is_dir()]
        with processes.alone(self.compose.home):
            try:
                self._create(chosen)
                users = {name: service.get("user", "0:0") for name, service in self.compose._rendered().items()}
                containers = {entry["Service"]: entry["ID"] for entry in self.compose._containers()}
                for part in chosen:
                    self._shell(part, UNDO)  # of a restore that was killed
                for part in chosen:
                    self._give(containers[part], users[part], self.volumes[part], staged / part)
                for part in chosen:
                    self._shell(part, PUT)
            except BaseException:
                self._back(chosen)
                raise
            finally:
                self.compose._compose("rm", "--force", *chosen)
        try:
            yield
        except BaseException:
            self.compose.down()
            with processes.alone(self.compose.home):
                self._back(chosen)
            raise
        with processes.alone(self.compose.home):
            for part in chosen:
                self._shell(part, DONE)

    def _back(self, parts: list[str]) -> None:
        for part in parts:
            self._shell(part, UNDO)

    def _shell(self, part: str, script: str) -> None:
        self.compose._compose("run", "--rm", "--no-deps", "-T", "--entrypoint", "/bin/sh", part, "-c",
                             self.volumes[part].script(script))

    def _give(self, container: str, user: str, volume: Volume, source: Path) -> None:
        """A part's files into .restore of its volume, owned by the service's user."""
        uid, _, gid = user.partition(":")
        with subprocess.Popen(["docker", "cp", "-", f"{container}:{volume.folder}"], stdin=subprocess.PIPE,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as copy:
            assert copy.stdin and copy.stderr
            try:
                with tarfile.open(fileobj=copy.stdin, mode="w|") as tar:
                    for path in [source, *sorted(source.rglob("*"))]:
                        name = PurePosixPath(".restore", path.relative_to(source).as_posix())
                        member = tar.gettarinfo(path, str(name))
                        member.uid, member.gid, member.uname, member.gname = int(uid), int(gid or 0), "", ""
                        member.mode = 0o700 if path.is_dir() else 0o600
                        if path.is_dir():
                            tar.addfile(member)
                        else:
                            with path.open("rb") as content:
                                tar.addfile(member, content)
                copy.stdin.close()
            except BrokenPipeError:
                pass  # what it says now tells why
            if copy.wait():
                raise VitalsError(f"docker cp failed: {copy.stderr.read().decode(errors='replace').strip()}")

    # --- the demo's database: only a running server knows its tables

    def _dump(self, into: Path) -> None:
        into.mkdir()
        with (into / "demo.dump").open("wb") as out:
            self._in_postgres(["pg_dump", "--username=postgres", "--format=custom", "demo"], stdout=out.fileno())

    def load(self, staged: Path) -> None:
        if (staged / "grafana").exists():
            self.compose.tell("grafana")  # its data remember the admin's password of then
        if (staged / LOG_STORE).exists():
            self._bring_logs(staged / LOG_STORE)
        dump = staged / "postgres" / "demo.dump"
        if dump.exists():
            with dump.open("rb") as source:
                self._in_postgres(["pg_restore", "--username=postgres", "--clean", "--if-exists", "--no-owner",
                                   "--role=demo", "--single-transaction", "--dbname=demo"], stdin=source.fileno())

    def _in_postgres(self, command: list[str], stdin: int = subprocess.DEVNULL,
                     stdout: int = subprocess.DEVNULL) -> None:
        done = subprocess.run(self.compose._command("exec", "-T", "postgres", *command), stdin=stdin, stdout=stdout,
                              stderr=subprocess.PIPE, text=True, env=self.compose._environment())
        if done.returncode:
            raise VitalsError(f"{command[0]} failed: {done.stderr.strip()}")


    # --- log lines

    def _running(self, service: str) -> str:
        """The id of a service's running container, or nothing."""
        return next((entry["ID"] for entry in self.compose._containers()
                     if entry["Service"] == service and entry["State"] == "running"), "")

    def _snapshot(self, into: Path) -> None:
        container = self._running(LOG_STORE)
        if not container:
            print("log lines are not in the backup: Elasticsearch has to run for its snapshot", flush=True)
            return
        print("Elasticsearch makes a snapshot", flush=True)
        folder = f"{SNAPSHOTS}/backup"
        self.compose._compose("exec", "-T", LOG_STORE, "rm", "-rf", folder)
        try:
            self._set_up("snapshot")
            self._take(container, Volume(folder, ("*",)), into)
        finally:
            self.compose._compose("exec", "-T", LOG_STORE, "rm", "-rf", folder, check=False)

    def _bring_logs(self, staged: Path) -> None:
        self.compose._compose("exec", "-T", LOG_STORE, "mkdir", "-p", SNAPSHOTS)
        user = self.compose._rendered()[LOG_STORE]["user"]
        try:
            self._give(self._running(LOG_STORE), user, Volume(SNAPSHOTS, ("*",)), staged)
            self._set_up("restore")
        finally:
            self.compose._compose("exec", "-T", LOG_STORE, "rm", "-rf", f"{SNAPSHOTS}/.restore", check=False)

    def _set_up(self, what: str) -> None:
        """compose/elasticsearch/setup.py, as its service runs it: with the password of elastic, and in its network."""
        self.compose._compose("run", "--rm", "--no-deps", "-T", "--entrypoint", "python", "elastic-setup",
                              "/vitals/setup.py", what)


def _docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise VitalsError(f"docker {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout

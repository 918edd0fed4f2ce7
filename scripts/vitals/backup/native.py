"""The native stack's data: folders under its state folder."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vitals.backup import archive
from vitals.engines import parts, processes, secrets
from vitals.engines.native import Native
from vitals.errors import VitalsError
from vitals.settings import SECOND

# Part → what of its folder is kept; the rest is made anew.
FILES = {
    "prometheus": r"[0-9A-HJKMNP-TV-Z]{26}|wal|wbl|chunks_head",
    "alertmanager": r"silences|nflog",
    "inbox": r"notifications\.jsonl",
}
DEMO_FILES = {"redis": r"appendonlydir|dump\.rdb"}
BLOCK = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")  # never changed once it is there
PACKAGES = {"prometheus": "prometheus", "alertmanager": "prometheus-alertmanager", "redis": "redis-server"}


class NativeData:
    def __init__(self, native: Native) -> None:
        self.native = native

    def versions(self) -> dict[str, str]:
        found = parts.versions(self.native.settings)
        known = {part: ".".join(map(str, archive.version(found[package])))
                 for part, package in PACKAGES.items() if package in found}
        cluster = self.native.data / "postgres" / "PG_VERSION"
        return known | ({"postgres": cluster.read_text().strip()} if cluster.exists() else {})

    def takes(self) -> tuple[str, ...]:
        settings = self.native.settings
        return (*FILES, *(SECOND.values() if settings.ha else ()),
                *((*DEMO_FILES, "postgres") if settings.demo else ()))

    def present(self) -> list[str]:
        kinds = {**FILES, **{second: FILES[first] for first, second in SECOND.items()}, **DEMO_FILES}
        found = [part for part, names in kinds.items() if any(_kept(self.native.data / part, names))]
        return [*found, *(["postgres"] if (self.native.data / "postgres").exists() else [])]

    def busy(self) -> bool:
        return self.native.supervised()

    def collect(self, into: Path, demo: bool) -> None:
        wanted = {**FILES, **(DEMO_FILES if demo else {})}
        with processes.alone(self.native.home):
            settle(self.native.home)
            if demo and self.native.supervised():
                self._dump(into / "postgres")
            with self._stopped(list(wanted)):
                for part, names in wanted.items():
                    for source in _kept(self.native.data / part, names):
                        (into / part).mkdir(exist_ok=True)
                        _copy(source, into / part / source.name)

    @contextmanager
    def _stopped(self, names: list[str]) -> Iterator[None]:
        """These parts do not run meanwhile; those that ran are started again, whatever happens."""
        running = [name for name, state in self.native.supervisor.states().items()
                   if name in names and state in ("RUNNING", "STARTING")]
        if not running:
            yield
            return
        print(f"{', '.join(running)} stop for a moment", flush=True)
        begun = time.monotonic()
        try:
            for name in running:
                self.native.supervisor.call("stopProcess", name, True)
            yield
        finally:
            self.native.start(running)
            print(f"they were away for {time.monotonic() - begun:.1f} s", flush=True)

    @contextmanager
    def replaced(self, staged: Path, parts: list[str]) -> Iterator[None]:
        """By renaming, with a list of what was moved: also a restore that is killed is undone, by the next command."""
        home, data = self.native.home, self.native.data
        parts = [part for part in parts if (staged / part).is_dir() and part != "postgres"]
        with processes.alone(home):
            settle(home)
            data.mkdir(exist_ok=True)
            there = [part for part in parts if (data / part).exists()]
            old = home / "replaced"
            aside = home / "replaced.new"
            shutil.rmtree(aside, ignore_errors=True)
            aside.mkdir()
            (aside / "list.json").write_text(json.dumps({"pid": os.getpid(), "parts": parts, "there": there}))
            aside.rename(old)
            try:
                for part in parts:
                    if part in there:
                        (data / part).rename(old / part)
                    (staged / part).rename(data / part)
            except OSError as err:
                undo(home)
                raise VitalsError(f"{data}: cannot be changed ({err.strerror}); what was there is back") from err
        try:
            yield
        except BaseException:
            self.native.supervisor.stop()
            undo(home)
            raise
        done = old.rename(home / "replaced.done")
        shutil.rmtree(done)

    # --- the demo's database: only a running server knows its tables

    def _dump(self, into: Path) -> None:
        into.mkdir()
        done = subprocess.run([*self._client("pg_dump"), "--format=custom", f"--file={into}/demo.dump", "demo"],
                              env=self._environment(), capture_output=True, text=True)
        if done.returncode:
            raise VitalsError(f"pg_dump failed: {done.stderr.strip()}")

    def load(self, staged: Path) -> None:
        dump = staged / "postgres" / "demo.dump"
        if not dump.exists():
            return
        done = subprocess.run([*self._client("pg_restore"), "--clean", "--if-exists", "--no-owner",
                               "--single-transaction", "--dbname=demo", str(dump)],
                              env=self._environment(), capture_output=True, text=True)
        if done.returncode:
            raise VitalsError(f"pg_restore failed: {done.stderr.strip()}")

    def _client(self, name: str) -> list[str]:
        programs = self.native.programs()
        return [str(programs[name]), "--host=127.0.0.1", f"--port={self.native.settings.ports['postgres']}",
                "--username=demo", "--no-password"]

    def _environment(self) -> dict[str, str]:
        word = (secrets.folder(self.native.settings) / "postgres").read_text()
        return {**os.environ, "PGPASSWORD": word, **parts.libraries(self.native.programs()["pg_dump"])}


def settle(home: Path) -> None:
    """Undoes a restore that was killed half-way."""
    shutil.rmtree(home / "replaced.done", ignore_errors=True)
    file = home / "replaced" / "list.json"
    if file.exists() and not processes.alive(json.loads(file.read_text())["pid"]):
        print("a restore was interrupted; the data from before it is put back", flush=True)
        undo(home)


def undo(home: Path) -> None:
    old, data = home / "replaced", home / "data"
    moved = json.loads((old / "list.json").read_text())
    for part in moved["parts"]:
        if (old / part).exists():
            shutil.rmtree(data / part, ignore_errors=True)
            (old / part).rename(data / part)
        elif part not in moved["there"]:
            shutil.rmtree(data / part, ignore_errors=True)
    shutil.rmtree(old)


def _kept(folder: Path, names: str) -> list[Path]:
    return sorted(path for path in folder.glob("*") if re.fullmatch(names, path.name)) if folder.is_dir() else []


def _copy(source: Path, target: Path) -> None:
    """Blocks as further names of the same files, in no time; what a server goes on writing as real copies."""
    link = bool(BLOCK.fullmatch(source.name))
    with archive.writing(target.parent):
        for path in [source, *sorted(source.rglob("*"))]:
            place = target / path.relative_to(source)
            if path.is_dir():
                place.mkdir()
            elif not (link and _linked(path, place)):
                shutil.copyfile(path, place)


def _linked(path: Path, place: Path) -> bool:
    try:
        os.link(path, place)
    except OSError:  # a file system without hard links
        return False
    return True

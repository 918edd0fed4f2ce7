"""`vitals backup` and `vitals restore`: what a stack has gathered, as one file, and back.

Prometheus, Alertmanager, the inbox (and Grafana) are stopped for the moment in which their files are taken, then
started again. Prometheus' own way, a snapshot while it runs, needs its admin API, with which anybody who reaches
the port, a page in somebody's browser included, can delete series: it stays off. A stopped server's files are
complete, whatever its version.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from vitals import notify
from vitals.backup import archive
from vitals.engines import Engine, secrets
from vitals.errors import VitalsError
from vitals.settings import SECOND, Settings

if TYPE_CHECKING:
    from vitals.backup.archive import Manifest

SETTINGS, SECRETS = "settings", "secrets"


class Data(Protocol):
    """What an engine's stack has gathered. A part is a folder of files, named like the program that wrote them."""

    def versions(self) -> dict[str, str]:
        """The version of each part's program, as it runs or would run now."""

    def collect(self, into: Path, demo: bool) -> None:
        """Copies of every part's files, each part in a folder of its name. What ran, runs again afterwards."""

    def present(self) -> list[str]:
        """The parts that have files now."""

    def takes(self) -> tuple[str, ...]:
        """The parts that can be put back into this engine."""

    def busy(self) -> bool:
        """Whether the stack runs."""

    def replaced(self, staged: Path, parts: list[str]) -> AbstractContextManager[None]:
        """The staged files in the place of what is there. An exception inside puts back what was there before."""

    def load(self, staged: Path) -> None:
        """Brings what only a running database can take into the running stack."""


def data(engine: Engine) -> Data:
    from vitals.backup.compose import ComposeData
    from vitals.backup.native import NativeData
    from vitals.engines.compose import Compose
    from vitals.engines.native import Native

    if isinstance(engine, Native):
        return NativeData(engine)
    assert isinstance(engine, Compose)
    return ComposeData(engine)


def create(settings: Settings, engine: Engine, to: Path | None = None, with_secrets: bool = False,
           demo: bool = False) -> Path:
    """Makes a backup; gives the archive. ``to`` is a file to make, or a folder to put it in."""
    now = datetime.now(UTC)
    name = f"vitals-{now:%Y%m%dT%H%M%SZ}-{engine.name}.tar.gz"
    target = (to or settings.state / "backups").expanduser().absolute()
    if target.is_dir() or not target.name.endswith((".tar.gz", ".tgz")):
        target /= name
    found = data(engine)
    if target.exists():
        raise VitalsError(f"{target} exists already; a backup overwrites nothing")
    secrets.private(settings.state / engine.name)
    with tempfile.TemporaryDirectory(dir=settings.state / engine.name, prefix=".backup-") as folder:
        staged = Path(folder)
        found.collect(staged, demo)
        if not any(staged.iterdir()):
            raise VitalsError(f"the {engine.name} stack under {settings.state} has no data: nothing to back up")
        for source, path in _own_files(settings, with_secrets):
            (staged / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, staged / path)
        manifest = archive.write(staged, target, now.isoformat(timespec="seconds"), engine.name, found.versions())
    _describe(target, manifest)
    return target


def _describe(target: Path, manifest: Manifest) -> None:
    total = archive.size(manifest.bytes(manifest.parts()))
    print(f"{target}  ({archive.size(target.stat().st_size)}, {total} unpacked)")
    for part in manifest.parts():
        print(f"  {part:14} {manifest.versions.get(part, ''):12} {archive.size(manifest.bytes([part]))}".rstrip())
    if SECRETS in manifest.parts():
        print("it holds passwords: keep it as you keep them")


def _own_files(settings: Settings, with_secrets: bool) -> Iterator[tuple[Path, Path]]:
    """What a person wrote: (file, path in the archive). Those beside vitals.yaml keep their place beside it."""
    config = settings.document.path.absolute()
    own = [config]
    if settings.file.profiles_dir:
        folder = (config.parent / settings.file.profiles_dir.expanduser()).resolve()
        own += sorted(folder.glob("*.y*ml"))
    if with_secrets:
        tokens = [config.parent / app.bearer_token_file.expanduser() for app in settings.apps if app.bearer_token_file]
        own += [file for file in (*notify.secret_files(settings), *tokens) if file.is_file()]
        passwords = [file for file in sorted(secrets.folder(settings).glob("[!.]*")) if file.is_file()]
        yield from ((file, Path(SECRETS, file.name)) for file in passwords)
    for file in dict.fromkeys(own):
        if file.absolute().is_relative_to(config.parent):
            yield file, Path(SETTINGS, "beside", file.absolute().relative_to(config.parent))
        else:
            print(f"not in the backup, because it is not under {config.parent}: {file}")
    targets = settings.root / "prometheus" / "targets"
    for file in sorted(path for path in targets.rglob("*") if path.is_file() and not path.name.startswith(".")):
        yield file, Path(SETTINGS, "targets", file.relative_to(targets))


def restore(settings: Settings, engine: Engine, source: Path, overwrite: bool = False,
            with_settings: bool = False) -> None:
    """Puts a backup's data into a stopped or new stack and starts it. Whatever fails, what was there stays."""
    source = source.expanduser().absolute()
    found = data(engine)
    manifest = archive.read(source)
    parts = [part for part in manifest.parts() if part in found.takes()]
    for part in [part for part in manifest.parts() if part not in (*parts, SETTINGS, SECRETS)]:
        print(f"left out: {part} has no place in this stack ({engine.name} engine)")
    if not parts:
        raise VitalsError(f"{source} holds nothing for the {engine.name} engine")
    ours = found.versions()
    if problems := [why for part in parts
                    if (why := archive.readable(part, manifest.versions.get(part, ""), ours.get(part, "")))]:
        raise VitalsError(f"{source}: " + "; ".join(problems) + ". Nothing was changed")
    if found.busy():
        raise VitalsError("the stack runs: stop it first (make down), then restore")
    # One of two that know the same is in the backup; both get it.
    seconds = {part: SECOND[part] for part in parts if SECOND.get(part) in found.takes()}
    if (there := sorted({*parts, *seconds.values()} & set(found.present()))) and not overwrite:
        raise VitalsError(f"there is data already: {', '.join(there)}; nothing was changed. --overwrite (OVERWRITE=1) "
                          "puts the backup in its place")
    print(f"backup of {manifest.created}, {engine.name if engine.name == manifest.engine else manifest.engine} engine: "
          + ", ".join(parts), flush=True)
    secrets.private(settings.state / engine.name)
    with tempfile.TemporaryDirectory(dir=settings.state / engine.name, prefix=".restore-") as folder:
        staged = Path(folder)
        archive.extract(source, staged, [*parts, SETTINGS, SECRETS])
        for part, second in seconds.items():
            shutil.copytree(staged / part, staged / second)
        _secrets_in_place(settings, staged / SECRETS)
        try:
            with found.replaced(staged, [*parts, *seconds.values()]):
                engine.up()
                found.load(staged)
        except VitalsError as err:
            raise VitalsError(f"{err}\nthe backup was not taken; the data from before is in its place") from err
        _settings_in_place(settings, staged / SETTINGS, with_settings)
    print(f"restored from {source}")


def _secrets_in_place(settings: Settings, staged: Path) -> None:
    """A new stack takes the backup's passwords; one that has its own keeps them: its databases know no others."""
    place = secrets.folder(settings)
    if not staged.is_dir():
        return
    if any(place.glob("[!.]*")):
        print(f"passwords: those in {place} stay, because this stack's databases know them")
        return
    secrets.private(place)
    for file in staged.iterdir():
        secrets.write(place / file.name, file.read_text())


def _settings_in_place(settings: Settings, staged: Path, wanted: bool) -> None:
    """Files a person wrote come back where they are missing; where they differ, only if asked to, the old one kept."""
    config = settings.document.path.absolute()
    differing = []
    for root, into in ((staged / "beside", config.parent), (staged / "targets", settings.root / "prometheus/targets")):
        for file in sorted(path for path in root.rglob("*") if path.is_file()):
            place = into / file.relative_to(root)
            if place.exists() and place.read_bytes() == file.read_bytes():
                continue
            if place.exists() and not wanted:
                differing.append(str(place))
                continue
            if place.exists():
                kept = place.with_name(f"{place.name}.before-restore")
                place.replace(kept)
                print(f"{place}: the backup's; the one before is {kept.name}")
            place.parent.mkdir(parents=True, exist_ok=True)
            secrets.write(place, file.read_text())  # some are secrets
    if differing:
        print("settings stay as they are here, and differ from the backup's (--settings, SETTINGS=1, takes those): "
              + ", ".join(differing))

"""`vitals upgrade`: the versions that are pinned (compose) or that the mirror has (native), with a backup before."""

from __future__ import annotations

import re
import time
from pathlib import Path

from vitals import backup
from vitals.backup import archive
from vitals.engines import Engine, parts
from vitals.engines.compose import Compose
from vitals.engines.native import Native
from vitals.errors import VitalsError
from vitals.settings import Settings

Versions = dict[str, str]  # part or package → version as it is written
Changes = dict[str, tuple[str, str]]  # part → (old, new)


def upgrade(settings: Settings, engine: Engine, with_backup: bool = True) -> None:
    """Brings a running stack to newer versions. Raises VitalsError, and says how to go back, when one is not well."""
    begun = time.monotonic()
    if isinstance(engine, Native):
        changes = _native(settings, engine, with_backup)
    else:
        assert isinstance(engine, Compose)
        changes = _compose(settings, engine, with_backup)
    if changes:
        print(f"upgraded in {time.monotonic() - begun:.0f} s:")
        _list(changes)


def _list(changes: Changes) -> None:
    for part, (old, new) in sorted(changes.items()):
        print(f"  {part:32} {old or '-'} -> {new}")


def refuse_unreadable(changes: Changes) -> None:
    """Raises VitalsError where a version could not read the data that is there; says how it is done all the same."""
    problems = [why for part, (old, new) in changes.items() if (why := archive.readable(part, old, new))]
    if problems:
        raise VitalsError("; ".join(problems) + ". Nothing was changed. To go to an older version all the same: make "
                          "backup, make clean, then up; what the older one can read of the backup, restore takes")
    if "postgres" in changes:
        old, new = (archive.version(version)[:1] for version in changes["postgres"])
        if old and new and old != new:
            raise VitalsError(
                f"PostgreSQL {new[0]} does not read the files of PostgreSQL {old[0]}; nothing was changed. A dump goes "
                "from one to the other: make backup DEMO=1 with the version that runs, make clean, and with the new "
                "one make restore FROM=...")


# --- native -----------------------------------------------------------------------------------------------

# Package → the part whose data it reads.
DATA = {"prometheus": "prometheus", "redis-server": "redis"}


def _native(settings: Settings, native: Native, with_backup: bool) -> Changes:
    if not native.supervised():
        raise VitalsError("nothing runs: an upgrade shows in a running stack whether it is well; make up, then upgrade")
    print("asking the Debian mirror for newer packages ...", flush=True)
    groups = native.groups()
    changes = {name: parts.changes(settings, name) for name in groups}
    packages = {package: found for each in changes.values() for package, found in each.items()}
    if not packages:
        print("nothing to do: these are the newest packages of the mirror")
        return {}
    refuse_unreadable({DATA[package]: found for package, found in packages.items() if package in DATA})
    _check_cluster(native)
    _list(packages)
    if with_backup:
        made = backup.create(settings, native)
    fresh = [name for name in groups if changes[name]]
    print("fetching them ...", flush=True)
    for name in fresh:
        parts.fetch_anew(settings, name)
    native.down()
    for name in fresh:
        parts.swap(settings, name)
    try:
        native.up()
    except BaseException as err:
        for name in fresh:
            parts.swap(settings, name)
            parts.forget(settings, name)
        if not isinstance(err, VitalsError):
            raise
        native.up()
        raise VitalsError(f"{err}\nthe new versions are not well; those from before run again"
                          + (f", and the data from before is in {made}" if with_backup else "")) from err
    for name in fresh:
        parts.forget(settings, name)
    return packages


def _check_cluster(native: Native) -> None:
    """The packages' names hold PostgreSQL's major version, so that only a change of this project can change it."""
    file = native.data / "postgres" / "PG_VERSION"
    program = next((p for p in parts.GROUPS["databases"].packages if re.fullmatch(r"postgresql-\d+", p)), "")
    if file.exists():
        refuse_unreadable({"postgres": (file.read_text().strip(), program.removeprefix("postgresql-"))})


# --- compose ----------------------------------------------------------------------------------------------


def _compose(settings: Settings, compose: Compose, with_backup: bool) -> Changes:
    compose.settle()
    running, pinned = compose.images_running(), compose.images_wanted()
    if not running:
        raise VitalsError("nothing runs: an upgrade shows in a running stack whether it is well; make up, then upgrade")
    changes = {name: (running[name], image) for name, image in pinned.items()
               if name in running and running[name] != image}
    refuse_unreadable(changes)
    print("compose/versions.env pins other versions than those that run:" if changes
          else "compose/versions.env pins what runs; the project's own images and files are brought up to date")
    _list(changes)
    made = backup.create(settings, compose) if with_backup else None
    try:
        compose.renew()
    except VitalsError as err:
        raise VitalsError(f"{err}\n{_way_back(changes, made)}") from err
    return changes


def _way_back(changes: Changes, made: Path | None) -> str:
    lines = ["what comes after it was left as it was. To go back:"]
    if changes:
        lines += ["  in compose/versions.env:", *(f"    {part}: {old}" for part, (old, _) in sorted(changes.items()))]
    lines.append("  make up")
    if made:
        lines.append(f"  if data suffered: make down; make restore FROM={made} OVERWRITE=1")
    return "\n".join(lines)

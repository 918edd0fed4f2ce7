"""Newer packages in a running stack; and the old ones again where the new ones are not well."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from vitals import settings, upgrade
from vitals.engines import parts
from vitals.engines.native import Native
from vitals.errors import VitalsError

from .conftest import Stack, poll, well

OLDER = "0.0.1-1"


@pytest.fixture(scope="module")
def stack_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A small stack with a cache of its own: further names of the same files."""
    folder = tmp_path_factory.mktemp("upgrade")
    stack = Stack(folder, "demo: false\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VITALS_STATE", str(stack.state))
        shared = settings.load(stack.config)
        patch.setenv("VITALS_CACHE", str(folder / "cache"))
        for name in Native(shared).groups():
            source = parts.group(shared, name)
            shutil.copytree(source, folder / "cache" / source.name, symlinks=True, copy_function=os.link)
        shutil.copytree(shared.cache / "apt-forky", folder / "cache" / "apt-forky")
        (folder / "cache/apt-forky/updated").touch()  # its lists are as new as those packages
        stack.vitals("up")
        yield stack
        stack.vitals("clean")


def installed(stack: Stack) -> Path:
    return parts.where(settings.load(stack.config), "servers") / "parts.json"


def grow_old(stack: Stack) -> None:
    """As if the exporter in use were an older one than the mirror's."""
    file = installed(stack)
    found = json.loads(file.read_text()) | {"prometheus-blackbox-exporter": OLDER}
    file.unlink()  # its other names stay as they are
    file.write_text(json.dumps(found))


def test_there_may_be_nothing_to_do(stack_of_its_own: Stack) -> None:
    before = stack_of_its_own.processes()
    assert "nothing to do" in stack_of_its_own.vitals("upgrade").stdout
    assert stack_of_its_own.processes() == before


def test_newer_packages_are_fetched_and_used_with_a_backup_before(stack_of_its_own: Stack) -> None:
    stack = stack_of_its_own
    grow_old(stack)
    was = installed(stack).parent.stat().st_ino
    said = stack.vitals("upgrade").stdout
    assert f"prometheus-blackbox-exporter     {OLDER} -> " in said.partition("upgraded in")[2]
    assert OLDER not in installed(stack).read_text()
    assert installed(stack).parent.stat().st_ino != was
    poll(lambda: well(stack), 30, "every target is asked again and up")
    assert len(list((stack.state / "backups").glob("*.tar.gz"))) == 1
    assert not list(installed(stack).parent.parent.glob("*.beside"))


def test_what_is_not_well_is_taken_back(stack_of_its_own: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mirror's version cannot run here: stands for one that is broken."""
    stack = stack_of_its_own
    def broken(loaded: settings.Settings, name: str) -> None:
        new = parts._beside(loaded, name)
        shutil.copytree(parts.where(loaded, name), new, symlinks=True)
        (new / parts.GROUPS[name].programs["blackbox_exporter"]).write_text("#!/bin/sh\necho broken\nexit 1\n")

    monkeypatch.setattr(parts, "fetch_anew", broken)
    grow_old(stack)
    was = installed(stack).parent.stat().st_ino
    loaded = settings.load(stack.config)
    with pytest.raises(VitalsError, match=r"(?s)blackbox-exporter ended at once.*\n  broken\n.*those from before run again"):
        upgrade.upgrade(loaded, Native(loaded), with_backup=False)
    assert installed(stack).parent.stat().st_ino == was
    poll(lambda: well(stack), 30, "every target is asked again and up")
    assert not list(installed(stack).parent.parent.glob("*.beside"))


def test_only_a_running_stack_is_upgraded(stack_of_its_own: Stack) -> None:
    stack_of_its_own.vitals("down")
    done = stack_of_its_own.vitals("upgrade", check=False)
    assert done.returncode == 1 and "nothing runs" in done.stderr

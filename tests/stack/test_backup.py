"""A running stack's data as one file, and into a new stack; and that no failure on the way costs anything."""

from __future__ import annotations

import json
import os
import resource
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from .conftest import Stack, get, poll, well

COMMENT = "the backup's own silence"


def post(url: str, body: object) -> None:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=10).close()


def silences(stack: Stack) -> list[str]:
    return [s["comment"] for s in get(stack.url("alertmanager") + "/api/v2/silences") if s["status"]["state"] == "active"]


def rows(stack: Stack) -> int:
    import psycopg

    with psycopg.connect(host="127.0.0.1", port=stack.ports["postgres"], user="demo", dbname="demo",
                         password=(stack.state / "secrets/postgres").read_text()) as conn:
        found = conn.execute("select count(*) from information_schema.tables where table_name = 'kept_by_backup'").fetchone()
    return int(found[0]) if found else 0


def files(stack: Stack) -> dict[str, bytes]:
    """What must not change: everything but logs and the configuration that is generated anew."""
    home = stack.state / "native"
    return {str(path.relative_to(stack.state)): path.read_bytes() for folder in (home / "data", stack.state / "secrets")
            for path in sorted(folder.rglob("*")) if path.is_file()} | {"": str(sorted(p.name for p in home.iterdir())).encode()}


@pytest.fixture(scope="module")
def archive(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of the session's stack while it works, with something of its own in every part."""
    import psycopg

    now = datetime.now(UTC)
    post(stack.url("alertmanager") + "/api/v2/silences", {
        "matchers": [{"name": "job", "value": "shop-backup", "isRegex": False, "isEqual": True}], "createdBy": "test",
        "comment": COMMENT, "startsAt": now.isoformat(), "endsAt": (now + timedelta(hours=1)).isoformat()})
    post(stack.url("inbox") + "/webhook", {"receiver": "inbox", "alerts": [
        {"status": "resolved", "labels": {"alertname": "Kept", "job": "shop-backup"}, "annotations": {}}]})
    with psycopg.connect(host="127.0.0.1", port=stack.ports["postgres"], user="demo", dbname="demo",
                         password=(stack.state / "secrets/postgres").read_text()) as conn:
        conn.execute("create table kept_by_backup (id int)")
    poll(lambda: stack.query('count_over_time(up{job="node"}[1h]) > 3'), 60, "some samples are there")
    before = stack.processes()
    folder = tmp_path_factory.mktemp("backups")
    print(stack.vitals("backup", "--to", str(folder), "--demo").stdout)
    [made] = folder.iterdir()
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert len(stack.processes()) == len(before), "what ran runs again"
    assert not list((stack.state / "native").glob(".backup-*"))
    return made


@pytest.fixture(scope="module")
def restored(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A new stack with the backup in it, stopped when the first test has looked at it."""
    new = Stack(tmp_path_factory.mktemp("restored"))
    begun = time.monotonic()
    said = new.vitals("restore", str(archive)).stdout
    print(f"restored in {time.monotonic() - begun:.0f} s")
    assert "settings stay as they are here" in said and str(new.config) in said
    yield new
    new.vitals("clean")


def test_a_new_stack_has_all_that_was_backed_up(stack: Stack, archive: Path, restored: Stack) -> None:
    old = f'up{{instance="127.0.0.1:{stack.ports["node-exporter"]}"}}'
    [found] = restored.query(f"count_over_time({old}[1h])")
    [made] = stack.query(f"count_over_time({old}[1h] @ {archive.stat().st_mtime:.0f})")
    assert int(found["value"][1]) >= int(made["value"][1]) > 3, "every sample until the backup"
    assert silences(restored) == [COMMENT]
    assert [n["labels"]["alertname"] for n in restored.notifications(job="shop-backup")] == ["Kept"]
    assert rows(restored) == 1
    poll(lambda: well(restored), 30, "every target is asked again and up")


def test_a_running_stack_is_not_written_into(archive: Path, restored: Stack) -> None:
    done = restored.vitals("restore", str(archive), check=False)
    assert done.returncode == 1 and "the stack runs" in done.stderr


def test_nothing_is_overwritten_unasked(archive: Path, restored: Stack) -> None:
    restored.vitals("down")
    before = files(restored)
    done = restored.vitals("restore", str(archive), check=False)
    assert done.returncode == 1 and "there is data already" in done.stderr and "--overwrite" in done.stderr
    assert files(restored) == before


@pytest.mark.parametrize(("damage", "words"), [
    (lambda data: data[:len(data) // 2], "damaged"),
    (lambda data: data[:len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1:], "damaged"),
    (lambda data: b"no archive at all", "is no backup"),
], ids=["cut off", "one bit", "no archive"])
def test_a_damaged_archive_changes_nothing(damage: object, words: str, archive: Path, restored: Stack, tmp_path: Path) -> None:
    bad = tmp_path / "bad.tar.gz"
    bad.write_bytes(damage(archive.read_bytes()))  # type: ignore[operator]
    before = files(restored)
    done = restored.vitals("restore", str(bad), "--overwrite", check=False)
    assert done.returncode == 1 and words in done.stderr and "Traceback" not in done.stderr
    assert files(restored) == before


def with_small_files(stack: Stack, *args: str) -> subprocess.CompletedProcess[str]:
    """The command, where no file can grow beyond 64 kB: what a disk that fills up does to it."""
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))

    env = {**os.environ, "VITALS_STATE": str(stack.state), "ENGINE": "native"}
    return subprocess.run([sys.executable, "-m", "vitals.cli", "--config", str(stack.config), *args], env=env,
                          capture_output=True, text=True, timeout=120, preexec_fn=limit)


def test_a_full_disk_changes_nothing(archive: Path, restored: Stack, tmp_path: Path) -> None:
    before = files(restored)
    done = with_small_files(restored, "restore", str(archive), "--overwrite")
    assert done.returncode == 1 and "there is no room left" in done.stderr and "Traceback" not in done.stderr
    assert files(restored) == before
    done = with_small_files(restored, "backup", "--to", str(tmp_path / "b"))
    assert done.returncode == 1 and "there is no room left" in done.stderr and "Traceback" not in done.stderr
    assert files(restored) == before and not list((tmp_path / "b").glob("*")) and not list((tmp_path / "b").glob(".*"))


def test_a_stack_that_does_not_start_has_its_old_data_back(archive: Path, restored: Stack) -> None:
    before = files(restored)
    with socket.create_server(("127.0.0.1", restored.ports["alertmanager"])):
        done = restored.vitals("restore", str(archive), "--overwrite", check=False)
    assert done.returncode == 1 and "is taken by" in done.stderr
    assert "the data from before is in its place" in done.stderr
    assert files(restored) == before


def test_a_restore_that_is_killed_is_undone_by_the_next_command(archive: Path, restored: Stack, tmp_path: Path) -> None:
    """Killed between two renames: one part is the backup's already, another is still the old one."""
    home = restored.state / "native"
    before = files(restored)
    old = home / "replaced"
    old.mkdir()
    (home / "data" / "alertmanager").rename(old / "alertmanager")
    (home / "data" / "alertmanager").mkdir()
    (home / "data" / "new-part").mkdir()
    dead = subprocess.Popen(["true"])
    dead.wait()
    (old / "list.json").write_text(json.dumps({"pid": dead.pid, "parts": ["alertmanager", "new-part", "inbox"],
                                               "there": ["alertmanager", "inbox"]}))
    said = restored.vitals("backup", "--to", str(tmp_path)).stdout
    assert "a restore was interrupted" in said
    assert files(restored) == before


def test_a_stopped_stack_can_be_backed_up_and_an_empty_one_not(restored: Stack, tmp_path: Path) -> None:
    before = files(restored)
    target = tmp_path / "mine.tar.gz"
    restored.vitals("backup", "--to", str(target), "--secrets")
    again = restored.vitals("backup", "--to", str(target), check=False)
    assert again.returncode == 1 and "exists already" in again.stderr
    assert files(restored) == before
    (tmp_path / "empty").mkdir()
    empty = Stack(tmp_path / "empty")
    done = empty.vitals("backup", check=False)
    assert done.returncode == 1 and "nothing to back up" in done.stderr
    assert not list(empty.state.rglob("*.tar.gz"))

"""Backup and restore of containers and their volumes."""

from __future__ import annotations

import json
import socket
import stat
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.stack.conftest import well
from vitals.backup import archive

from .conftest import ComposeStack, get, poll

COMMENT = "the backup's own silence"


def post(url: str, body: object) -> None:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=10).close()


def samples(stack: ComposeStack, at: float | None = None) -> int:
    moment = "" if at is None else f" @ {at:.0f}"
    found = stack.query(f'max(count_over_time(up{{job="node"}}[1h]{moment}))')
    return int(found[0]["value"][1]) if found else 0


@pytest.fixture(scope="module")
def made(stack: ComposeStack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of a running stack, with something of its own in every part."""
    now = datetime.now(UTC)
    post(stack.url("alertmanager") + "/api/v2/silences", {
        "matchers": [{"name": "job", "value": "shop-backup", "isRegex": False, "isEqual": True}], "createdBy": "test",
        "comment": COMMENT, "startsAt": now.isoformat(), "endsAt": (now + timedelta(hours=1)).isoformat()})
    post(stack.url("inbox") + "/webhook", {"receiver": "inbox", "alerts": [
        {"status": "resolved", "labels": {"alertname": "Kept", "job": "shop-backup"}, "annotations": {}}]})
    stack.execute("postgres", "psql", "-U", "postgres", "-d", "demo", "-c", "create table kept_by_backup as select 42 as answer")
    poll(lambda: samples(stack) > 3, 90, "some samples are there")
    folder = tmp_path_factory.mktemp("backups")
    print(stack.vitals("backup", "--to", str(folder), "--demo").stdout)
    [file] = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert set(archive.read(file).parts()) >= {"prometheus", "alertmanager", "inbox", "redis", "postgres", "settings"}
    assert {container["State"].get("Health", {}).get("Status", "healthy") for container in stack.running().values()} == {"healthy"}
    return file


@pytest.fixture(scope="module")
def restored(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposeStack]:
    """A new stack, in volumes of its own, with the backup in it."""
    new = ComposeStack(tmp_path_factory.mktemp("restored"))
    try:
        new.vitals("restore", str(made))
        yield new
    finally:
        new.remove()


def test_new_volumes_have_all_that_was_backed_up(stack: ComposeStack, made: Path, restored: ComposeStack) -> None:
    at = made.stat().st_mtime - 60  # before the stop
    assert samples(restored, at) == samples(stack, at)
    assert samples(restored, made.stat().st_mtime) > 3
    assert COMMENT in [s["comment"] for s in get(restored.url("alertmanager") + "/api/v2/silences")]
    assert [n["labels"]["alertname"] for n in restored.notifications(job="shop-backup")] == ["Kept"]
    assert restored.execute("postgres", "psql", "-U", "postgres", "-d", "demo", "-Atc", "select answer from kept_by_backup") == "42"
    poll(lambda: well(restored), 30, "every target is up")
    left = restored.execute("prometheus", "sh", "-c", "ls -A /prometheus")
    assert ".restore" not in left and ".replaced" not in left


def contents(stack: ComposeStack, folder: Path) -> dict[str, archive.File]:
    """What a stopped stack's volumes hold."""
    folder.mkdir()
    stack.vitals("backup", "--to", str(folder), "--demo")
    [file] = folder.iterdir()
    return archive.read(file).files


def test_whatever_fails_leaves_the_volumes_as_they_were(made: Path, restored: ComposeStack, tmp_path: Path) -> None:
    running = restored.vitals("restore", str(made), "--overwrite", check=False)
    assert running.returncode == 1 and "the stack runs" in running.stderr
    restored.vitals("down")
    before = contents(restored, tmp_path / "before")
    unasked = restored.vitals("restore", str(made), check=False)
    assert unasked.returncode == 1 and "there is data already" in unasked.stderr

    bad = bytearray(made.read_bytes())
    bad[len(bad) // 2] ^= 1
    (tmp_path / "bad.tar.gz").write_bytes(bad)
    damaged = restored.vitals("restore", str(tmp_path / "bad.tar.gz"), "--overwrite", check=False)
    assert damaged.returncode == 1 and "damaged" in damaged.stderr

    with socket.create_server(("127.0.0.1", restored.ports["alertmanager"])):
        refused = restored.vitals("restore", str(made), "--overwrite", check=False)
    assert refused.returncode == 1 and "the data from before is in its place" in refused.stderr
    assert contents(restored, tmp_path / "after") == before

"""Archives, versions, and what a backup holds beside data; a real stack is backed up in tests/stack."""

from __future__ import annotations

import io
import json
import stat
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from vitals import backup, settings
from vitals.backup import archive
from vitals.engines import secrets
from vitals.errors import VitalsError

Configured = Callable[..., settings.Settings]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {"prometheus/wal/00000000": "x" * 5000, "prometheus/wal/00000001": "", "inbox/n.jsonl": "{}\n"}.items():
        path = tmp_path / "staged" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "staged"


@pytest.fixture
def made(folder: Path, tmp_path: Path) -> Path:
    archive.write(folder, tmp_path / "b.tar.gz", "2026-11-21T10:00:00+00:00", "native", {"prometheus": "3.5.3"})
    return tmp_path / "b.tar.gz"


def test_what_goes_in_comes_out(folder: Path, made: Path, tmp_path: Path) -> None:
    manifest = archive.read(made)
    assert (manifest.engine, manifest.versions, manifest.parts()) == ("native", {"prometheus": "3.5.3"}, ["inbox", "prometheus"])
    assert manifest.bytes(["prometheus"]) == 5000
    archive.extract(made, tmp_path / "out", ["prometheus"])
    found = {p.relative_to(tmp_path / "out").as_posix(): p.read_text() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    assert found == {"prometheus/wal/00000000": "x" * 5000, "prometheus/wal/00000001": ""}


def test_an_archive_is_its_owners_and_overwrites_nothing(folder: Path, made: Path) -> None:
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    with pytest.raises(VitalsError, match="exists already"):
        archive.write(folder, made, "", "native", {})
    assert sorted(p.name for p in made.parent.iterdir()) == ["b.tar.gz", "staged"]


def rewritten(source: Path, target: Path, change: Callable[[dict[str, Any], dict[str, bytes]], None]) -> Path:
    """A copy of an archive whose list or members were changed by somebody."""
    with tarfile.open(source) as tar:
        members = {m.name: f.read() for m in tar if (f := tar.extractfile(m))}
    manifest = json.loads(members.pop("manifest.json"))
    change(manifest, members)
    with tarfile.open(target, "w:gz") as tar:
        for name, data in {"manifest.json": json.dumps(manifest).encode(), **members}.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return target


def moved(path: str) -> Callable[[dict[str, Any], dict[str, bytes]], None]:
    def change(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
        manifest["files"][path] = manifest["files"].pop("inbox/n.jsonl")
        members[path] = members.pop("inbox/n.jsonl")
    return change


@pytest.mark.parametrize(("change", "words"), [
    (moved("inbox/../../evil"), "no path inside"),
    (moved("/etc/evil"), "no path inside"),
    (moved("evil"), "no path inside"),
    (lambda manifest, members: members.pop("inbox/n.jsonl"), "1 files are missing, such as inbox/n.jsonl"),
    (lambda manifest, members: members.update({"inbox/n.jsonl": b"other"}), "inbox/n.jsonl is not what was backed up"),
    (lambda manifest, members: manifest.update(format=2), "newer version of this project"),
    (lambda manifest, members: manifest.pop("files"), "its manifest.json cannot be read"),
], ids=["upwards", "absolute", "no part", "missing", "changed", "newer", "no list"])
def test_an_archive_is_trusted_with_nothing(change: Any, words: str, made: Path, tmp_path: Path) -> None:
    bad = rewritten(made, tmp_path / "bad.tar.gz", change)
    with pytest.raises(VitalsError, match=words):
        archive.extract(bad, tmp_path / "in" / "out", ["inbox", "prometheus"])
    assert not (tmp_path / "evil").exists() and not Path("/etc/evil").exists()


def test_what_is_not_listed_is_not_unpacked(made: Path, tmp_path: Path) -> None:
    more = rewritten(made, tmp_path / "more.tar.gz", lambda manifest, members: members.update({"inbox/more": b"x"}))
    archive.extract(more, tmp_path / "out", ["inbox"])
    assert [p.name for p in (tmp_path / "out/inbox").iterdir()] == ["n.jsonl"]


@pytest.mark.parametrize(("text", "numbers"), [
    ("prom/prometheus:v3.14.0", (3, 14, 0)), ("3.5.3+ds1-1", (3, 5, 3)), ("5:7.0.15-1~deb12u1", (7, 0, 15)),
    ("postgres:18.6", (18, 6)), ("localhost:5000/prometheus", ()), ("quay.io/x/y:v0.28.0-alpine", (0, 28, 0)),
    ("agent-vitals/inbox:local", ()),
])
def test_versions_are_read_from_tags_and_packages(text: str, numbers: tuple[int, ...]) -> None:
    assert archive.version(text) == numbers


@pytest.mark.parametrize(("part", "data", "program", "fine"), [
    ("prometheus", "3.14.0", "3.5.3", True), ("prometheus", "3.5.3", "2.55.1", True), ("prometheus", "3.5.3", "2.54.0", False),
    ("prometheus", "2.53.3", "3.5.3", True), ("prometheus", "4.0.0", "3.14.0", False),
    ("postgres", "18", "15", False), ("postgres", "15", "18.6", True), ("grafana", "13.2.3", "13.1.0", False),
    ("grafana", "13.2.3", "13.2.1", True), ("alertmanager", "0.34.0", "0.28.1", True), ("prometheus", "", "3.5.3", True),
])
def test_a_program_reads_what_it_can(part: str, data: str, program: str, fine: bool) -> None:
    assert (archive.readable(part, data, program) == "") == fine


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (43_000_000, "43 MB"), (2.5e15, "2500 TB")])
def test_sizes(count: float, text: str) -> None:
    assert archive.size(count) == text


# --- beside the data ----------------------------------------------------------------------------------------


class Still:
    """An engine whose stack has one file; stands for both, to see what happens around the data."""

    name = "native"

    def __init__(self, there: tuple[str, ...] = ()) -> None:
        self.there, self.started, self.fails = list(there), 0, False

    def up(self) -> None:
        self.started += 1
        if self.fails:
            raise VitalsError("it does not start")

    def versions(self) -> dict[str, str]:
        return {"prometheus": "3.5.3"}

    def collect(self, into: Path, demo: bool) -> None:
        (into / "prometheus/wal").mkdir(parents=True)
        (into / "prometheus/wal/00000000").write_text("samples")

    def present(self) -> list[str]:
        return self.there

    def takes(self) -> tuple[str, ...]:
        return ("prometheus",)

    def busy(self) -> bool:
        return False

    @contextmanager
    def replaced(self, staged: Path, parts: list[str]) -> Iterator[None]:
        self.there.append((staged / "prometheus/wal/00000000").read_text())
        yield

    def load(self, staged: Path) -> None:
        return


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> Still:
    engine = Still()
    monkeypatch.setattr(backup, "data", lambda engine: engine)
    return engine


OWN = {"mine": "profile: mine\ntitle: Mine\nabout: x\nsignals: {}\n"}


def test_settings_are_in_a_backup_and_passwords_only_when_asked_for(configured: Configured, still: Still, tmp_path: Path) -> None:
    loaded = configured("notify:\n  warning: {slack_webhook_url_file: hooks/slack}\n", OWN)
    (tmp_path / "hooks").mkdir()
    (tmp_path / "hooks/slack").write_text("https://hooks.example/secret")
    secrets.ensure(loaded)
    plain = archive.read(backup.create(loaded, still, tmp_path / "plain.tar.gz"))  # type: ignore[arg-type]
    assert sorted(plain.files) == ["prometheus/wal/00000000", "settings/beside/own/mine.yaml", "settings/beside/vitals.yaml"]
    full = archive.read(backup.create(loaded, still, tmp_path / "full.tar.gz", with_secrets=True))  # type: ignore[arg-type]
    assert set(full.files) - set(plain.files) == {
        "settings/beside/hooks/slack", *(f"secrets/{name}" for name in secrets.ensure(loaded))}


def test_a_new_stack_takes_settings_and_passwords(configured: Configured, still: Still, tmp_path: Path,
                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = configured("", OWN)
    words = secrets.ensure(loaded)
    made = backup.create(loaded, still, tmp_path / "b.tar.gz", with_secrets=True)  # type: ignore[arg-type]
    (tmp_path / "own/mine.yaml").unlink()
    monkeypatch.setenv("VITALS_STATE", str(tmp_path / "new"))
    new = settings.load(tmp_path / "vitals.yaml")
    backup.restore(new, still, made)  # type: ignore[arg-type]
    assert still.there == ["samples"] and still.started == 1
    assert secrets.ensure(new) == words
    assert stat.S_IMODE((secrets.folder(new) / "redis").stat().st_mode) == 0o600
    assert (tmp_path / "own/mine.yaml").read_text() == OWN["mine"]


def test_own_settings_and_passwords_stay_unless_asked(configured: Configured, still: Still, tmp_path: Path,
                                                      capsys: pytest.CaptureFixture[str]) -> None:
    loaded = configured("retention: 7d\n")
    words = secrets.ensure(loaded)
    made = backup.create(loaded, still, tmp_path / "b.tar.gz", with_secrets=True)  # type: ignore[arg-type]
    config = tmp_path / "vitals.yaml"
    theirs = config.read_text()
    config.write_text(theirs.replace("7d", "90d"))
    secrets.write(secrets.folder(loaded) / "redis", "changed")
    backup.restore(loaded, still, made)  # type: ignore[arg-type]
    assert "90d" in config.read_text() and str(config) in capsys.readouterr().out
    assert secrets.ensure(loaded) == words | {"redis": "changed"}
    still.there.clear()
    backup.restore(loaded, still, made, with_settings=True)  # type: ignore[arg-type]
    assert config.read_text() == theirs
    assert "90d" in (tmp_path / "vitals.yaml.before-restore").read_text()


def test_a_stack_that_does_not_start_says_so(configured: Configured, still: Still, tmp_path: Path) -> None:
    loaded = configured("")
    made = backup.create(loaded, still, tmp_path / "b.tar.gz")  # type: ignore[arg-type]
    still.fails = True
    with pytest.raises(VitalsError, match="it does not start\nthe backup was not taken; the data from before is in its place"):
        backup.restore(loaded, still, made)  # type: ignore[arg-type]


def test_data_of_a_newer_program_is_refused(configured: Configured, still: Still, tmp_path: Path) -> None:
    loaded = configured("")
    made = backup.create(loaded, still, tmp_path / "b.tar.gz")  # type: ignore[arg-type]
    newer = rewritten(made, tmp_path / "n.tar.gz", lambda manifest, members: manifest["versions"].update(prometheus="4.1.0"))
    with pytest.raises(VitalsError, match=r"prometheus 3\.5\.3 cannot read what prometheus 4\.1\.0 wrote.*Nothing was changed"):
        backup.restore(loaded, still, newer)  # type: ignore[arg-type]
    assert still.there == [] and still.started == 0

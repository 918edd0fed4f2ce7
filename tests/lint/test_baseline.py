"""Findings that were there before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.lint.running import DEAD, alert, files, group, run
from vitals.lint.baseline import fingerprints
from vitals.lint.model import Finding, Place, Text


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    files(tmp_path, **{"rules/a.yml": group(alert("One"), alert("Two"))})
    assert run("rules").found == ["5: dead-join", "10: dead-join"]
    assert run("--write-baseline", "known.json", "rules").code == 0
    return tmp_path


def test_what_is_known_does_not_count() -> None:
    ran = run("--baseline", "known.json", "rules")
    assert (ran.code, ran.found) == (0, [])
    assert "2 not new" in ran.out


def test_lines_may_move_and_text_be_laid_out_anew() -> None:
    text = "# A comment.\n\n" + group(alert("Zero", "up == 0"), alert("Two", DEAD.replace("/ sum", "/\n      sum")), alert("One"))
    files(Path(), **{"rules/a.yml": text})
    assert run("--baseline", "known.json", "rules").found == []


def test_another_layout_of_what_is_marked_is_the_same_finding() -> None:
    def marks(expr: str) -> list[str]:
        text = Text(expr, Place("a.yml", 1, 1))
        return fingerprints([Finding("x", "error", "m", "f", text.place, "s", text, (0, len(expr)))], Path())

    assert marks("sum(a)  /\n  b") == marks("sum(a) / b") != marks("sum(a) / c")


def test_another_name_or_expression_is_new() -> None:
    files(Path(), **{"rules/a.yml": group(alert("One"), alert("Three"), alert("Two"))})
    assert run("--baseline", "known.json", "rules").found == ["10: dead-join"]
    files(Path(), **{"rules/a.yml": group(alert("One"), alert("Two"), alert("Two"))})
    assert "15: dead-join" in run("--baseline", "known.json", "rules").found  # one of two was known


def test_what_is_gone_is_told() -> None:
    files(Path(), **{"rules/a.yml": group(alert("One"), alert("Two", "up == 0"))})
    ran = run("--baseline", "known.json", "--fail-on", "info", "rules")
    assert (ran.code, ran.found) == (1, ["11: baseline-gone"])
    assert "known.json:11:3: info: alert Two: dead-join is no longer found in rules/a.yml" in ran.out
    files(Path(), **{"other.yml": group(alert("Else", "up == 0"))})
    assert run("--baseline", "known.json", "other.yml").found == []  # of what was not read, nobody knows
    Path("rules/a.yml").unlink()
    assert len(run("--baseline", "known.json", "other.yml").found) == 2


def test_the_file_is_stable(here: Path) -> None:
    before = Path("known.json").read_bytes()
    assert run("--write-baseline", "known.json", "rules").code == 0
    assert Path("known.json").read_bytes() == before
    first = json.loads(before)["findings"][0]
    assert (first["check"], first["file"], first["subject"]) == ("dead-join", "rules/a.yml", "alert One")


def test_it_may_be_read_from_elsewhere(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files in it are relative to it, not to the folder of the run."""
    monkeypatch.chdir(here / "rules")
    assert run("--baseline", "../known.json", "a.yml").found == []
    assert run("--baseline", here / "known.json", here / "rules").found == []
    files(here, **{".vitals-lint.yaml": "baseline: known.json\n"})
    assert run("a.yml").found == []


@pytest.mark.parametrize(("text", "said"), [
    ("", "not JSON"), ("{}", "not a baseline of version 1"), ('{"version": 2, "findings": []}', "not a baseline of version 1"),
    ("[1,", "not JSON")])
def test_one_that_is_none(text: str, said: str) -> None:
    files(Path(), **{"bad.json": text})
    ran = run("--baseline", "bad.json", "rules")
    assert ran.code == 2
    assert said in ran.err
    assert run("--baseline", "nope.json", "rules").code == 2
    assert "cannot be written" in run("--write-baseline", "no/folder.json", "rules").err

"""Only what has changed since a commit, in real repositories."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.lint.running import alert, files, group, run

OLD = group(alert("One"), alert("Two"), alert("Three"))


def git(*arguments: str) -> None:
    who = ("-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *arguments], check=True, capture_output=True)


def commit(message: str = "more") -> None:
    git("add", "-A")
    git("commit", "-qm", message)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    git("init", "-q", "-b", "main")
    files(tmp_path, **{"rules/a.yml": OLD, "rules/b.yml": OLD})
    commit("first")
    return tmp_path


def left(*arguments: str) -> list[str]:
    report = json.loads(run("-f", "json", "--since", *(arguments or ["HEAD", "rules"])).out)
    return [f"{found['file']}: {found['subject']}" for found in report["findings"]]


def change(old: str, new: str, file: str = "rules/a.yml") -> None:
    text = Path(file).read_text()
    assert old in text
    Path(file).write_text(text.replace(old, new, 1))


def test_nothing_has_changed() -> None:
    assert left() == []
    assert "6 not new" in run("--since", "HEAD", "rules").out


def test_any_line_of_a_rule_counts() -> None:
    """The defect is in the expression; a changed `for` brings the rule up."""
    change("Two\n    expr: pg_stat_database_numbackends / sum by (instance) (pg_settings_max_connections) > 0.9\n    for: 5m",
           "Two\n    expr: pg_stat_database_numbackends / sum by (instance) (pg_settings_max_connections) > 0.9\n    for: 9m")
    assert left() == ["rules/a.yml: alert Two"]


def test_lines_taken_out() -> None:
    change("    for: 5m\n", "")
    assert left() == ["rules/a.yml: alert One"]
    files(Path(), **{"rules/a.yml": group(alert("One"), alert("Three"))})
    assert left() == []  # a rule taken out between two others changes neither


def test_a_branch_is_compared_with_where_it_left() -> None:
    git("checkout", "-q", "-b", "mine")
    change("One", "Uno")
    commit()
    git("checkout", "-q", "main")
    change("Three", "Tres", "rules/b.yml")
    commit()
    git("checkout", "-q", "mine")
    assert left("main", "rules") == ["rules/a.yml: alert Uno"]


def test_new_renamed_and_unusual_files() -> None:
    files(Path(), **{"rules/new.yml": OLD})
    assert len(left()) == 3
    commit()
    assert left() == []
    last = ("new.yml", "Two")
    for name, alert_name in (("ü b.yml", "Zwei"), ('q"uote.yml', "Deux"), ("tab\tbed.yml", "Dos"), ("-dash.yml", "Due")):
        git("mv", f"rules/{last[0]}", f"rules/{name}")
        change(last[1], alert_name, f"rules/{name}")
        assert left() == [f"rules/{name}: alert {alert_name}"]
        commit()
        last = (name, alert_name)


def test_files_that_git_ignores_are_new() -> None:
    files(Path(), **{".gitignore": "built/\n", "built/a.yml": OLD})
    assert len(left("HEAD", "built")) == 3


def test_panels() -> None:
    board = {"title": "T", "uid": "t", "schemaVersion": 39, "panels": [
        {"id": i, "type": "timeseries", "title": f"P{i}", "targets": [{"expr": "sum by (a) (x) / sum by (b) (y)"}]} for i in (1, 2)]}
    files(Path(), **{"board.json": json.dumps(board, indent=1)})
    commit()
    change('"title": "P2"', '"title": "Q2"', "board.json")
    assert {line for line in left("HEAD", "board.json") if "panel" in line} == {"board.json: panel Q2"}


def test_from_a_folder_below_and_by_absolute_path(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change("One", "Uno")
    monkeypatch.chdir(here / "rules")
    assert left("HEAD", ".") == ["a.yml: alert Uno"]
    assert left("HEAD", str(here)) == [f"{here}/rules/a.yml: alert Uno"]


def test_standard_input_counts() -> None:
    assert len(json.loads(run("-f", "json", "--since", "HEAD", "-", input=OLD).out)["findings"]) == 3


def test_content_that_looks_like_a_diff() -> None:
    files(Path(), **{"notes.txt": "one\n" * 9})
    commit()
    files(Path(), **{"notes.txt": "++ b/rules/b.yml\n" + "one\n" * 3 + "two\n" + "one\n" * 4})
    change("One", "Uno", "rules/b.yml")
    commit()
    assert left("HEAD~1", "rules") == ["rules/b.yml: alert Uno"]
    change("Uno", "One", "rules/b.yml")
    commit()
    assert left("HEAD~2", "rules") == []  # a change on line 5, but of the notes


def test_what_is_no_commit(tmp_path_factory: pytest.TempPathFactory) -> None:
    for ref in ("nope", "--output=x", "HEAD:rules/a.yml", ""):
        ran = run(f"--since={ref}", "rules")
        assert ran.code == 2
        assert "no such commit" in ran.err
    assert not Path("x").exists()
    outside = tmp_path_factory.mktemp("outside")
    files(outside, **{"a.yml": OLD})
    ran = run("--since", "HEAD", outside)
    assert ran.code == 2
    assert "not in a git repository" in ran.err


def test_colours_and_prefixes_of_the_users_own_do_not_matter() -> None:
    git("config", "color.diff", "always")
    git("config", "diff.noprefix", "true")
    git("config", "diff.mnemonicPrefix", "true")
    change("One", "Uno")
    assert left() == ["rules/a.yml: alert Uno"]

"""What is let pass, until when, and what is said of suppressions that let nothing pass."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.lint.running import alert, files, group, run

PASS = '# vitals: disable=dead-join reason="looked at"'


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


ONE, TWO = alert("One"), alert("Two")

PLACES = {
    # where the comment stands: (the file, the findings left)
    "nowhere": (group(ONE, TWO), ["5: dead-join", "10: dead-join"]),
    "before the rule": (group(f"  {PASS}\n", ONE, TWO), ["11: dead-join"]),
    "before the rule, above other comments": (group(f"  {PASS}\n  # more\n", ONE, TWO), ["12: dead-join"]),
    "on the rule's first line": (group(ONE.replace("One\n", f"One {PASS}\n", 1), TWO), ["10: dead-join"]),
    "on the rule's last line": (group(ONE.rstrip() + f" {PASS}\n", TWO), ["10: dead-join"]),
    "within the rule": (group(ONE.replace("    for", f"    {PASS}\n    for"), TWO), ["11: dead-join"]),
    "in the expression": (
        group(ONE.replace("expr: ", f"expr: |\n      {PASS}\n      "), TWO), ["12: dead-join"]),
    "behind the expression": (
        group(ONE.replace("expr: ", "expr: |\n      ").replace("> 0.9", f"> 0.9 {PASS}"), TWO), ["11: dead-join"]),
    "before the group": (group(ONE, TWO).replace("- name", f"{PASS}\n- name"), []),
    "on the group's first line": (group(ONE, TWO).replace("name: db", f"name: db {PASS}"), []),
    "before the group's rules": (group(ONE, TWO).replace("  rules", f"  {PASS}\n  rules"), []),
    "for the file": (group(ONE, TWO) + PASS.replace("disable", "disable-file") + "\n", []),
    "for one of two groups": (
        group(ONE).replace("- name", f"{PASS}\n- name") + group(TWO, name="other").removeprefix("groups:\n"), ["13: dead-join"]),
}


@pytest.mark.parametrize(("text", "left"), PLACES.values(), ids=PLACES)
def test_where_a_comment_may_stand(text: str, left: list[str]) -> None:
    files(Path(), rules__yml=text)
    ran = run("rules.yml")
    assert ran.found == left
    assert ("suppressed" in ran.out) == (len(left) < 2)
    assert ran.code == bool(left)


WRONG = {
    # the comment: (what is found beside the defect, words of it)
    '# vitals: disable=dead-join until=2024-01-31 reason="soon"': ("suppression-expired", "expired on 2024-01-31"),
    "# vitals: disable=dead-join": ("suppression-invalid", "without a reason"),
    '# vitals: disable=dead-join reason=""': ("suppression-invalid", "without a reason"),
    '# vitals: disable=dead-joint reason="x"': ("suppression-invalid", "did you mean dead-join?"),
    '# vitals: disable=all reason="x"': ("suppression-invalid", "there is no check 'all'"),
    '# vitals: disable= reason="x"': ("suppression-invalid", ""),
    '# vitals: disabel=dead-join reason="x"': ("suppression-invalid", "no `disable=`"),
    '# vitals: disable=dead-join because="x"': ("suppression-invalid", "'because' is not understood"),
    "# vitals: disable=dead-join reason=not quoted": ("suppression-invalid", "'quoted' is not understood"),
    '# vitals: disable=dead-join until=January reason="x"': ("suppression-invalid", "`until=January` is not a date"),
    '# vitals: disable=dead-join until=2024-02-30 reason="x"': ("suppression-invalid", "is not a date"),
}


@pytest.mark.parametrize(("comment", "check", "said"), [(k, *v) for k, v in WRONG.items()], ids=WRONG)
def test_one_that_does_not_count(comment: str, check: str, said: str) -> None:
    files(Path(), rules__yml=group(f"  {comment}\n", ONE))
    ran = run("rules.yml")
    assert ran.found == [f"4: {check}", "6: dead-join"]
    assert said in ran.out
    assert ran.code == 1


def test_one_that_still_counts() -> None:
    files(Path(), rules__yml=group('  # vitals: disable=dead-join until=2999-12-31 reason="later"\n', ONE))
    assert (run("rules.yml").found, run("rules.yml").code) == ([], 0)


def test_one_at_nothing() -> None:
    files(Path(), rules__yml=group(ONE) + f"\n{PASS}\n")
    ran = run("rules.yml")
    assert ran.found == ["5: dead-join", "10: suppression-invalid"]
    assert "stands at no rule and no group" in ran.out


def test_one_between_rules() -> None:
    files(Path(), rules__yml=group(ONE, f"\n  {PASS}\n\n", TWO))
    assert run("rules.yml").found == ["5: dead-join", "10: suppression-invalid", "13: dead-join"]


def test_one_that_nothing_needs() -> None:
    files(Path(), rules__yml=group(f"  {PASS.replace('dead-join', 'dead-join,rule-schema')}\n", ONE))
    ran = run("rules.yml")
    assert ran.found == ["4: suppression-unused"]
    assert "remove rule-schema from it" in ran.out
    assert (ran.code, run("--fail-on", "info", "rules.yml").code) == (0, 1)
    files(Path(), config__yaml="checks: {disable: [rule-schema]}\n")
    assert run("--config-file", "config.yaml", "rules.yml").found == []  # of what does not run, nobody knows


def test_a_dashboard_has_no_comments_but_descriptions() -> None:
    def board(panel: str = "", whole: str = "") -> str:
        panels = [{"id": i, "type": "timeseries", "title": f"P{i}", "description": panel if i == 1 else "", "unit": "short",
                   "targets": [{"expr": "sum by (a) (x) / sum by (b) (y)"}]} for i in (1, 2)]
        return json.dumps({"title": "T", "uid": "t", "schemaVersion": 39, "description": whole, "panels": panels})

    def left(**texts: str) -> list[tuple[str, str]]:
        files(Path(), board__json=board(**texts))
        report = json.loads(run("-f", "json", "board.json").out)
        return [(found["subject"], found["check"]) for found in report["findings"]
                if found["check"] in ("dead-join", "suppression-invalid")]

    note = 'Shares.\n\nvitals: disable=dead-join reason="never both"'
    both = [("panel P1", "dead-join"), ("panel P2", "dead-join")]
    assert left() == both
    assert left(panel=note) == both[1:]
    assert left(whole=note) == []
    assert set(left(panel="vitals: disable=dead-join")) == {*both, ("suppression", "suppression-invalid")}
    assert left(panel="The vitals: how it does.") == both


def test_the_configuration_file() -> None:
    files(Path(), rules__yml=group(ONE, TWO), other__yml=group(ONE))
    entry = "suppress:\n- checks: [dead-join]\n  path: rules.yml\n  subject: alert One\n  reason: known\n"
    files(Path(), **{".vitals-lint.yaml": entry})
    assert run("rules.yml", "other.yml").found == ["10: dead-join", "5: dead-join"]
    files(Path(), **{".vitals-lint.yaml": entry + "  until: 2024-01-01\n"})
    ran = run("rules.yml")
    assert ran.found == ["5: dead-join", "10: dead-join", "2: suppression-expired"]
    assert ".vitals-lint.yaml:2:" in ran.out
    files(Path(), **{".vitals-lint.yaml": entry.replace("One", "Three")})
    assert run("rules.yml").found == ["5: dead-join", "10: dead-join", "2: suppression-unused"]
    assert run("other.yml").found == ["5: dead-join"]  # what the entry is about was not read


def test_what_is_suppressed_is_told_to_programs() -> None:
    files(Path(), rules__yml=group(f"  {PASS}\n", ONE))
    entry, = json.loads(run("-f", "json", "rules.yml").out)["suppressed"]
    assert (entry["check"], entry["reason"], entry["until"]) == ("dead-join", "looked at", None)
    result, = json.loads(run("-f", "sarif", "rules.yml").out)["runs"][0]["results"]
    assert result["suppressions"] == [{"kind": "inSource", "justification": "looked at"}]

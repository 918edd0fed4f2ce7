"""How findings are told: to people, and to the programs that read reports. Each format is read back."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest

from tests.lint.running import DEAD, alert, files, group, run
from vitals.lint import formats, manual, reports, sources
from vitals.lint.located import Unreadable
from vitals.lint.model import Edit, Finding, Place, Source
from vitals.lint.suppressions import Suppression

# What could break out of a report: markup, line ends, workflow commands, escapes of terminals, half a surrogate pair.
HOSTILE = "a]]><b>&\"'%0A\r\n::stop-commands::x\x1b[31m\x00\x08\ufffe\ud800 \u202e\U0001f525,:#{\t}"
EXPR = 'sum(rate(errors_total{code="5.."}[5m])) / sum(rate(requests_total[5m])) > 0.5'


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(expr: str = EXPR, style: str = "expr: >-\n        ") -> Source:
    source = sources.read_text("rules/my rules.yml", f"groups:\n- name: g\n  rules:\n  - alert: A\n    {style}{expr}\n")
    assert source
    return source


def finding(source: Source, part: str, words: str = "wrong", **more: Any) -> Finding:
    text = source.groups[0].rules[0].expr
    start = text.value.index(part)
    return Finding("dead-join", more.pop("severity", "error"), words, more.pop("fix", words), text.locate(start),
                   more.pop("subject", words), text, (start, start + len(part)), **more)


def report(*found: Finding, source: Source | None = None, **more: Any) -> reports.Report:
    return reports.Report(list(found), sources=[source or read()], **more)


# --- text


def test_the_guilty_part_is_underlined() -> None:
    source = read()
    lines = reports.text(report(finding(source, 'code="5.."', "never matches", fix="use =~", subject="alert A"))).split("\n")
    assert lines == ["rules/my rules.yml:6:31: error: alert A: never matches [dead-join]",
                     f"    {EXPR}", "    " + " " * EXPR.index("code") + "^" * 10, "  fix: use =~", "",
                     "1 error in 1 rule of 1 file", ""]


def test_wide_characters_and_long_lines_keep_the_underline_in_place() -> None:
    source = read('sum(x{a="\u4f60\u597d", b="bad"})')
    _, line, marks, *_ = reports.text(report(finding(source, '"bad"'))).split("\n")
    assert marks == "    " + " " * (line.index('"bad"') - 4 + 2) + "^" * 5
    source = read(" + ".join(f"metric_{i}" for i in range(100)))
    _, line, marks, *_ = reports.text(report(finding(source, "metric_50 "))).split("\n")
    assert len(line) < 130
    assert line[marks.index("^"):].startswith("metric_50") and line.startswith("    …") and line.endswith("…")


def test_a_part_of_several_lines() -> None:
    source = read("sum(\n        a)\n\n          / sum(b)", "expr: |\n        ")
    text = source.groups[0].rules[0].expr
    found = Finding("dead-join", "error", "m", "f", text.place, "s", text, (0, len(text.value)))
    assert reports.text(report(found)).split("\n")[1:-4] == ["    sum(", "    ^^^^", "    a)", "    ^^", "      / sum(b)", "      ^^^^^^^^"]


def test_nothing_of_an_input_reaches_the_terminal_raw() -> None:
    source = read()
    told = reports.text(report(finding(source, "5..", HOSTILE), unreadable=[Unreadable(Place(HOSTILE, 1, 1), HOSTILE)],
                               skipped=[(Place(HOSTILE, 1, 1), HOSTILE)]))
    assert [c for c in told if not c.isprintable() and c != "\n"] == []
    assert not [line for line in told.split("\n") if line.startswith("::")]
    assert "\x1b[31m" in reports.text(report(finding(source, "5..")), colour=True)


def test_colour_is_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    import os
    import pty
    import subprocess

    files(Path(), **{"a.yml": group(alert())})

    def told(**env: str) -> str:
        ours, theirs = pty.openpty()
        done = subprocess.Popen([Path(sys.executable).parent / "vitals", "lint", "a.yml"], stdout=theirs,
                                env={**os.environ, "TERM": "xterm", "NO_COLOR": "", **env})
        os.close(theirs)
        data = b""
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:
                break
            if not piece:
                break
            data += piece
        done.wait()
        os.close(ours)
        return data.decode()

    assert "\x1b[31merror\x1b[0m" in told()
    assert "\x1b" not in told(NO_COLOR="1")
    assert "\x1b" not in told(TERM="dumb")
    assert "\x1b" not in run("a.yml").out


# --- GitHub


def commands(text: str) -> list[tuple[str, dict[str, str], str]]:
    """Workflow commands as the runner reads them: level, properties, message."""
    found = []
    for line in text.splitlines():
        if match := re.match(r"::(\w+) ([^:]*(?:%3A[^:]*)*?)::(.*)", line):
            def plain(words: str) -> str:
                for code, sign in (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
                    words = words.replace(code, sign)
                return words
            properties = dict(pair.split("=", 1) for pair in match[2].split(","))
            found.append((match[1], {key: plain(value) for key, value in properties.items()}, plain(match[3])))
    return found


def test_github() -> None:
    source = read()
    found = finding(source, 'code="5.."', "100% wrong: a, b", fix="see\r\nbelow", subject="alert A")
    (level, at, words), = commands(formats.github(report(found)))
    assert level == "error"
    assert at == {"file": "rules/my rules.yml", "line": "6", "col": "31", "endLine": "6", "endColumn": "41", "title": "dead-join"}
    assert words == "alert A: 100% wrong: a, b\nfix: see\r\nbelow"
    levels = [commands(formats.github(report(finding(source, "5..", severity=s))))[0][0] for s in reports.SEVERITIES]
    assert levels == ["error", "warning", "notice"]


def test_github_takes_no_commands_from_inputs() -> None:
    source = sources.read_text("f,::x%.yml", read().text)
    assert source
    told = formats.github(report(finding(source, "5..", HOSTILE), unreadable=[Unreadable(Place("a:b,c\n::d", 0, 0), HOSTILE)]))
    assert len([line for line in re.split(r"[\r\n]", told) if line.lstrip().startswith("::")]) == 2
    assert [at["file"] for _, at, _ in commands(told)] == ["a:b,c\n::d", "f,::x%.yml"]
    assert told.splitlines()[-1].startswith("1 error")


# --- SARIF


def test_sarif() -> None:
    source = read()
    text = source.groups[0].rules[0].expr
    start = text.value.index("=")
    found = finding(source, 'code="5.."', "never matches", edits=(Edit(start, start + 1, "=~"),))
    suppressed = (finding(source, "0.5", severity="info"), Suppression(Place("f", 1, 1), ("dead-join",), None, "known"))
    log = json.loads(formats.sarif(report(found, source=source, suppressed=[suppressed], unreadable=[
        Unreadable(Place("b.yml", 3, 1), "not YAML")], skipped=[(Place("c.yml", 2, 1), "LogQL")])))
    sarif_shape(log)
    run_, = log["runs"]
    first, second = run_["results"]
    where = first["locations"][0]["physicalLocation"]
    assert where["artifactLocation"]["uri"] == "rules/my%20rules.yml"
    assert where["region"] == {"startLine": 6, "startColumn": 31, "endLine": 6, "endColumn": 41}
    assert first["fixes"][0]["artifactChanges"][0]["replacements"] == [
        {"deletedRegion": {"startLine": 6, "startColumn": 35, "endLine": 6, "endColumn": 36}, "insertedContent": {"text": "=~"}}]
    assert (first["level"], second["level"]) == ("error", "note")
    assert second["suppressions"] == [{"kind": "inSource", "justification": "known"}]
    assert run_["invocations"][0]["executionSuccessful"] is False
    rule = run_["tool"]["driver"]["rules"][first["ruleIndex"]]
    assert rule["id"] == "dead-join" and rule["help"]["text"] == manual.explain("dead-join")


def test_sarif_of_hostile_input() -> None:
    source = read()
    log = json.loads(formats.sarif(report(finding(source, "5..", HOSTILE), unreadable=[Unreadable(Place(HOSTILE, 1, 1), HOSTILE)],
                                          skipped=[(Place("/abs/ü.yml", 2, 1), HOSTILE)])))
    sarif_shape(log)
    json.dumps(log, ensure_ascii=False).encode()  # no half of a surrogate pair is left


def sarif_shape(log: dict[str, Any]) -> None:
    """What the standard requires of the objects used here (SARIF 2.1.0, sections 3.13 to 3.59)."""
    assert log["version"] == "2.1.0" and set(log) == {"$schema", "version", "runs"}
    for run_ in log["runs"]:
        assert set(run_) <= {"tool", "results", "invocations", "columnKind"}
        assert run_["columnKind"] in ("utf16CodeUnits", "unicodeCodePoints")
        driver = run_["tool"]["driver"]
        assert driver["name"] and re.fullmatch(r"\d+\.\d+\.\d+\S*", driver["semanticVersion"])
        assert len({rule["id"] for rule in driver["rules"]}) == len(driver["rules"])
        for rule in driver["rules"]:
            assert set(rule) <= {"id", "name", "shortDescription", "fullDescription", "help", "defaultConfiguration", "properties"}
            assert rule["shortDescription"]["text"] and rule["fullDescription"]["text"] and rule["help"]["text"]
            assert rule["defaultConfiguration"]["level"] in ("none", "note", "warning", "error")
            assert len(set(rule["properties"]["tags"])) == len(rule["properties"]["tags"])
        for result in run_["results"]:
            assert set(result) <= {"ruleId", "ruleIndex", "level", "message", "locations", "partialFingerprints", "fixes", "suppressions"}
            assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
            assert result["level"] in ("none", "note", "warning", "error") and result["message"]["text"]
            assert all(isinstance(mark, str) for mark in result["partialFingerprints"].values())
            for entry in result.get("suppressions", ()):
                assert entry["kind"] in ("inSource", "external")
            for change in (c for fix in result.get("fixes", ()) for c in fix["artifactChanges"]):
                uri(change["artifactLocation"]["uri"])
                assert change["replacements"] and all("deletedRegion" in one for one in change["replacements"])
        for invocation in run_["invocations"]:
            assert isinstance(invocation["executionSuccessful"], bool)
            assert all(note["message"]["text"] for note in invocation["toolExecutionNotifications"])
        places = [place["physicalLocation"] for result in [*run_["results"], *run_["invocations"][0]["toolExecutionNotifications"]]
                  for place in result["locations"]]
        for place in places:
            uri(place["artifactLocation"]["uri"])
            region = place.get("region", {"startLine": 1})
            assert all(isinstance(n, int) and n >= 1 for n in region.values())
            assert (region.get("endLine", region["startLine"]), region.get("endColumn", 1 << 30)) >= (
                region["startLine"], region.get("startColumn", 1))


def uri(text: str) -> None:
    """A URI reference (RFC 3986): no raw spaces, controls or characters beyond ASCII."""
    assert re.fullmatch(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+", text), text
    assert unquote(text)


def test_fingerprints_do_not_move_with_lines() -> None:
    files(Path(), **{"a.yml": group(alert("One"), alert("Two"))})

    def marks() -> dict[str, str]:
        results = json.loads(run("-f", "sarif", "a.yml").out)["runs"][0]["results"]
        return {r["locations"][0]["logicalLocations"][0]["fullyQualifiedName"]: r["partialFingerprints"]["vitalsLint/v1"]
                for r in results if r["ruleId"] == "dead-join"}

    before = marks()
    assert len(set(before.values())) == 2
    files(Path(), **{"a.yml": "# New.\n" + group(alert("Two"), alert("One", DEAD.replace(" / ", "\n      / ")))})
    assert marks() == before


# --- JSON


def test_json() -> None:
    source = read()
    found = finding(source, 'code="5.."', "never matches", fix="use =~", subject="alert A", edits=(Edit(3, 4, "x"),))
    data = json.loads(formats.as_json(report(found, source=source, hidden=2)))
    assert (data["version"], data["summary"]) == (1, {
        "files": 1, "rules": 1, "queries": 0, "error": 1, "warning": 0, "info": 0, "suppressed": 0, "not_new": 2})
    entry, = data["findings"]
    assert re.fullmatch("[0-9a-f]{32}", entry.pop("fingerprint"))
    assert entry == {
        "check": "dead-join", "severity": "error", "file": "rules/my rules.yml", "line": 6, "column": 31, "end_line": 6,
        "end_column": 41, "subject": "alert A", "message": "never matches", "fix": "use =~", "text": EXPR,
        "span": [EXPR.index("code"), EXPR.index("code") + 10], "edits": [{"start": 3, "end": 4, "new": "x"}], "fails": True}
    json.loads(formats.as_json(report(finding(source, "5..", HOSTILE), unreadable=[Unreadable(Place(HOSTILE, 1, 1), HOSTILE)])))


def test_json_is_as_documented() -> None:
    """docs/linting.md lists every field; a report has these and no others."""
    page = (Path(__file__).parents[2] / "docs/linting.md").read_text()
    table = page[page.index("## The JSON report"):]
    files(Path(), **{"a.yml": group(alert(), '  # vitals: disable=dead-join reason="x"\n', alert("B")), "b.yml": "groups: [\n",
                     "c.yml": 'groups:\n- name: l\n  rules:\n  - alert: L\n    expr: \'{a="b"} |= "c"\'\n'})
    data = json.loads(run("-f", "json", "a.yml", "b.yml", "c.yml").out)
    used = {key for key in data}
    for name, entries in data.items():
        for entry in entries if isinstance(entries, list) else [entries] if isinstance(entries, dict) else []:
            used |= {f"{name}.{key}" for key in entry}
    listed = set(re.findall(r"^\| `([\w.]+)`", table, re.M))
    shared = [name for name in listed if name.startswith("findings.")]
    listed |= {name.replace("findings", "suppressed") for name in shared if name not in ("findings.fingerprint", "findings.fails")}
    assert used == listed


# --- XML


def test_junit() -> None:
    source = read()
    told = formats.junit(report(finding(source, "5..", "wrong", subject="alert A"), finding(source, "0.5", "note", severity="info"),
                                source=source, unreadable=[Unreadable(Place("b.yml", 1, 1), "not YAML")]))
    suites = ElementTree.fromstring(told)
    first, second = suites
    assert (first.get("name"), first.get("tests"), first.get("failures"), first.get("errors")) == ("rules/my rules.yml", "2", "1", "0")
    assert [case.find("failure") is not None for case in first] == [True, False]
    assert first[0].get("name") == "dead-join: alert A (6:37)"
    assert second[0].find("error").get("message") == "not YAML"  # type: ignore[union-attr]
    clean = ElementTree.fromstring(formats.junit(report()))
    assert [(case.get("name"), len(case)) for case in clean[0]] == [("no findings", 0)]


def test_checkstyle() -> None:
    source = read()
    told = formats.checkstyle(report(finding(source, "5..", "wrong", fix="mend", subject="alert A"), source=source, unreadable=[
        Unreadable(Place("b.yml", 0, 0), "not YAML")]))
    first, second = ElementTree.fromstring(told)
    assert first[0].attrib == {"line": "6", "column": "37", "severity": "error", "message": "alert A: wrong; mend",
                               "source": "vitals.lint.dead-join"}
    assert (second.get("name"), second[0].get("line"), second[0].get("source")) == ("b.yml", "1", "vitals.lint.unreadable")


@pytest.mark.parametrize("format", ["junit", "checkstyle"])
def test_xml_of_hostile_input_is_well_formed(format: str) -> None:
    source = sources.read_text(HOSTILE, read().text)
    assert source
    told = formats.render(format, report(finding(source, "5..", HOSTILE), source=source,
                                         unreadable=[Unreadable(Place(HOSTILE, 1, 1), HOSTILE)]))
    words = "".join(value for node in ElementTree.fromstring(told.encode()).iter() for value in node.attrib.values())
    assert "a]]><b>&\"'%0A" in words

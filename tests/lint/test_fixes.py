"""Edits in place: the file says what was meant, and no other byte of it has changed."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path

import pytest

from tests.lint.running import alert, files, group, run
from vitals.errors import VitalsError
from vitals.lint import fixes, sources
from vitals.lint.model import Edit, Finding, Source, Text

# Matched as text where a pattern is meant: `pattern-as-text` mends it.
BAD, GOOD = 'up{job="a.*"} == 0', 'up{job=~"a.*"} == 0'


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def replacing(old: str, new: str) -> Replacing:
    return Replacing(old, new)


class Replacing:
    """Finds each ``old`` in an expression, and has the edit for it."""

    def __init__(self, old: str, new: str) -> None:
        self.old, self.new = old, new

    def __call__(self, read: list[Source]) -> list[Finding]:
        texts = [rule.expr for source in read for group_ in source.groups for rule in group_.rules]
        texts += [query.expr for source in read for board in source.dashboards for panel in board.panels
                  for query in panel.queries]
        return [self.finding(text, match.start(), match.end()) for text in texts
                for match in re.finditer(re.escape(self.old), text.value)]

    def finding(self, text: Text, start: int, end: int) -> Finding:
        return Finding("x", "error", "m", "f", text.locate(start), "s", text, (start, end), (Edit(start, end, self.new),))


def mended(text: str, old: str, new: str, file: str = "a.yml") -> tuple[str, int]:
    source = sources.read_text(file, text)
    assert source
    (after,), count = fixes.mend([source], replacing(old, new))
    return after.text, count


STYLES = {
    "plain": 'expr: foo{b="c"} > 1   # why',
    "single": "expr: 'foo{b=\"c\"} > 1' # it''s",
    "double": 'expr: "foo{b=\\"c\\"} > 1"',
    "literal": 'expr: |-\n        foo{b="c"}\n          > 1\n    # behind',
    "folded": 'expr: >\n        foo{b="c"}\n        > 1',
    "plain on two lines": 'expr: foo{b="c"}\n        > 1',
}


@pytest.mark.parametrize("written", STYLES.values(), ids=STYLES)
@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_only_what_is_meant_changes(written: str, newline: str) -> None:
    text = f"# é\ngroups:\n- name: \"a\"\n  rules:\n  - alert: A\n    {written}\n    for:   5m\n\n\n".replace("\n", newline)
    new = '=~"d|e"'
    quoted = new.replace('"', '\\"') if written.startswith('expr: "') else new
    old = '="c"' if not written.startswith('expr: "') else '=\\"c\\"'
    after, count = mended(text, '="c"', new)
    assert count == 1
    assert after == text.replace(old, quoted)
    assert mended(after, '="c"', new) == (after, 0)


def test_quotes_in_what_is_put_in() -> None:
    text = "groups:\n- name: a\n  rules:\n  - {record: x, expr: 'foo{a=\"b\"}'}\n"
    assert mended(text, '"b"', "'b'") == (text.replace('"b"', "''b''"), 1)


def test_json_keeps_its_escapes() -> None:
    text = '{"title": "T", "uid":"t", "panels": [ {"type": "stat", "targets": [{"expr": "a{b=\\"c\\",d=\\"\\u00e9\\"}"}]}  ]}\n'
    after, count = mended(text, '="c"', '=~"c.*"', "d.json")
    assert (count, after) == (1, text.replace('=\\"c\\"', '=~\\"c.*\\"'))


def test_several_in_one_expression_and_one_after_the_other() -> None:
    text = "groups:\n- name: a\n  rules:\n  - {record: x, expr: foo + foo + foo}\n  - {record: y, expr: foo}\n"
    assert mended(text, "foo", "barr") == (text.replace("foo", "barr"), 4)


def test_an_edit_that_would_break_the_file_is_not_made() -> None:
    """A plain scalar cannot hold `: ` or ` #`, and a literal's new line has no indent."""
    text = "groups:\n- name: a\n  rules:\n  - alert: A\n    expr: foo > 1\n"
    for new in ("a: b", "a #", "a\nb", "'", "[", "\x01"):
        assert mended(text, "foo", new) == (text, 0)
    literal = text.replace("foo > 1", "|\n      foo > 1")
    assert mended(literal, "foo", "a\nb") == (literal, 0)
    assert mended(literal, "foo", "a: b #")[1] == 1


def test_endless_edits_end() -> None:
    text = "groups:\n- name: a\n  rules:\n  - {record: x, expr: foo}\n"
    assert mended(text, "foo", "foo+foo")[1] < 5000


def test_a_dashboard_within_a_manifest_is_left_alone() -> None:
    """Its text is a text of another: an edit would have to be escaped twice."""
    board = json.dumps({"title": "T", "uid": "t", "panels": [{"type": "stat", "targets": [{"expr": "foo"}]}]})
    for text in (f"kind: ConfigMap\ndata:\n  a.json: {json.dumps(board)}\n",
                 f"kind: ConfigMap\ndata:\n  a.json: |\n{textwrap.indent(board, '    ')}\n"):
        after, count = mended(text, "foo", 'bar{a="b"}')
        assert (after, count) in ((text, 0), (text.replace("foo", 'bar{a=\\"b\\"}'), 1))
        assert sources.read_text("a.yml", after)


def test_fix_and_diff(here: Path) -> None:
    text = group(alert("One", BAD), alert("Two", "up == 1")).replace("\n", "\r\n")
    path = here / "a.yml"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    path.chmod(0o640)
    (here / "link.yml").symlink_to("a.yml")
    ran = run("--diff", "link.yml")
    assert ran.code == 1
    assert ran.out.replace("\r", "").split("\n")[:3] == ["--- a/link.yml", "+++ b/link.yml", "@@ -2,7 +2,7 @@"]
    assert f"-    expr: {BAD}" in ran.out and f"+    expr: {GOOD}" in ran.out
    assert path.read_bytes() == b"\xef\xbb\xbf" + text.encode()
    ran = run("--fix", "link.yml")
    assert "mended 1 in 1 file" in ran.err
    assert "pattern-as-text" not in ran.out
    assert path.read_bytes() == b"\xef\xbb\xbf" + text.replace(BAD, GOOD).encode()
    assert (here / "link.yml").is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in here.iterdir()) == ["a.yml", "link.yml"]
    assert (run("--diff", "link.yml").code, run("--diff", "link.yml").out) == (0, "")


def test_the_diff_applies(here: Path) -> None:
    import subprocess

    files(here, **{"rules/a.yml": group(alert("One", BAD), alert("Two", "up == 1"), alert("Three", BAD)).rstrip()})
    ran = run("--diff", "rules")
    subprocess.run(["git", "apply", "-p1"], input=ran.out, text=True, check=True)
    assert run("--diff", "rules").out == ""
    assert (here / "rules/a.yml").read_text().count(GOOD) == 2


def test_what_is_suppressed_or_known_is_not_mended(here: Path) -> None:
    files(here, **{"a.yml": group(alert("One", BAD + ' # vitals: disable=pattern-as-text reason="a dot is a dot"'))})
    assert run("--diff", "a.yml").out == ""
    files(here, **{"b.yml": group(alert("One", BAD))})
    run("--write-baseline", "known.json", "b.yml")
    assert run("--diff", "--baseline", "known.json", "b.yml").out == ""


def test_a_file_that_changed_meanwhile_is_not_overwritten(here: Path) -> None:
    files(here, **{"a.yml": group(alert("One", "foo"))})
    (before,), _ = sources.read(["a.yml"])
    (after,), _ = fixes.mend([before], replacing("foo", "bar"))
    files(here, **{"a.yml": "groups: []\n"})
    with pytest.raises(VitalsError, match="has changed while it was linted"):
        fixes.write(before, after)
    assert (here / "a.yml").read_text() == "groups: []\n"


def test_what_cannot_be_written_leaves_nothing(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files(here, **{"a.yml": group(alert("One", BAD))})
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    ran = run("--fix", "a.yml")
    assert (ran.code, ran.err) == (2, "vitals lint: a.yml: cannot be written: No space left on device\n")
    assert [path.name for path in here.iterdir()] == ["a.yml"]


def test_standard_input() -> None:
    ran = run("--diff", "-", input=group(alert("One", BAD)))
    assert "+++ b/<stdin>" in ran.out
    assert run("--fix", "-", input="").code == 2
    assert run("--fix", "--diff", ".").code == 2

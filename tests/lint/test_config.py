"""`.vitals-lint.yaml`: where it is found, what it changes, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lint.running import alert, files, group, run
from vitals.lint import config

NAME = ".vitals-lint.yaml"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    files(tmp_path, **{"rules/new.yml": group(alert()), "rules/old/a.yml": group(alert())})
    return tmp_path


def found(text: str, *arguments: str) -> list[str]:
    files(Path(), **{NAME: text})
    return run(*(arguments or ["rules"])).found


def test_without_one() -> None:
    assert run("rules").found == ["5: dead-join", "5: dead-join"]


def test_checks_on_and_off() -> None:
    assert found("checks: {disable: [dead-join]}\n") == []
    assert found("paths:\n- path: rules/old\n  disable: [dead-join]\n") == ["5: dead-join"]
    assert found("checks: {disable: [dead-join]}\npaths:\n- path: old/\n  enable: [dead-join]\n") == ["5: dead-join"]
    assert found("paths:\n- {path: '**', disable: [dead-join]}\n- {path: new.yml, enable: [dead-join]}\n") == ["5: dead-join"]


def test_severities() -> None:
    files(Path(), **{NAME: "checks: {severity: {dead-join: info}}\npaths:\n- {path: old, severity: {dead-join: warning}}\n"})
    ran = run("rules")
    assert "1 warning, 1 info in" in ran.out
    assert [run("--fail-on", severity, "rules").code for severity in ("error", "warning", "info", "never")] == [0, 1, 1, 0]
    assert "1 warning in" in run("--min-severity", "warning", "rules").out
    assert found("min_severity: error\nchecks: {severity: {dead-join: info}}\n") == []
    files(Path(), **{NAME: "fail_on: never\n"})
    assert (run("rules").code, run("--fail-on", "error", "rules").code) == (0, 1)


def test_what_is_excluded_is_not_read() -> None:
    files(Path(), **{"rules/charts/t.yaml": "{{ if .Values.x }}\ngroups:\n- name: a\n{{ end }}\n"})
    assert run("rules").code == 2
    assert found("exclude: [charts, rules/old/*.yml]\n") == ["5: dead-join"]
    assert run("rules/charts/t.yaml").code == 2  # named, so wanted


PATTERNS = {
    # pattern: (matches, does not match)
    "a.yml": (["a.yml", "x/a.yml", "x/y/a.yml"], ["b.yml", "ba.yml", "a.ymlx"]),
    "*.yml": (["a.yml", "x/a.yml"], ["a.yaml"]),
    "x": (["x", "x/a.yml", "y/x/b/c.yml"], ["xy/a.yml"]),
    "x/": (["x/a.yml", "y/x/b.yml"], ["xx/a.yml"]),
    "x/*.yml": (["x/a.yml"], ["x/y/a.yml", "y/x/a.yml"]),
    "x/**/*.yml": (["x/a.yml", "x/y/z/a.yml"], ["y/x/a.yml"]),
    "**/x/a.yml": (["x/a.yml", "y/z/x/a.yml"], ["x/b.yml"]),
    "/x/a.yml": (["x/a.yml"], ["y/x/a.yml"]),
    "x/?.yml": (["x/a.yml"], ["x/ab.yml"]),
    "a+(b).yml": (["a+(b).yml"], ["aab.yml"]),
}


@pytest.mark.parametrize(("pattern", "yes", "no"), [(k, *v) for k, v in PATTERNS.items()], ids=PATTERNS)
def test_patterns(pattern: str, yes: list[str], no: list[str]) -> None:
    own = config.Config()
    assert [path for path in yes if not own.matches(pattern, path)] == []
    assert [path for path in no if own.matches(pattern, path)] == []


def test_where_it_is_found(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files(Path(), **{NAME: "checks: {disable: [dead-join]}\n"})
    assert run("rules/old/a.yml").found == []
    assert run("--no-config", "rules/old/a.yml").found == ["5: dead-join"]
    files(Path(), **{f"rules/old/{NAME}": "fail_on: never\n"})
    assert run("rules/old/a.yml").found == ["5: dead-join"]  # the nearest one alone
    assert run("rules/new.yml").found == []
    monkeypatch.chdir(here / "rules/old")
    assert run("-", input=group(alert())).found == ["5: dead-join"]
    assert run("--config-file", here / NAME, "a.yml").found == []
    assert run("--config-file", "nope.yaml", "a.yml").code == 2


WRONG = {
    # what is wrong: (the file, line, words of the message)
    "not YAML": ("checks: [\n", 2, ["not YAML"]),
    "an unknown key": ("fail_on: error\nexcludes: []\n", 2, ["excludes: unknown key", "did you mean 'exclude'?"]),
    "an unknown key below": ("checks:\n  disabled: []\n", 2, ["checks.disabled: unknown key", "did you mean 'disable'?"]),
    "an unknown check": ("checks:\n  disable:\n  - dead-joint\n", 3, ["no check 'dead-joint'", "did you mean 'dead-join'?"]),
    "an unknown check's severity": ("checks:\n  severity:\n    dead-joint: info\n", 3, ["no check 'dead-joint'"]),
    "an unknown severity": ("checks:\n  severity:\n    dead-join: critical\n", 3, ["'error', 'warning' or 'info'"]),
    "both": ("checks:\n  enable: [dead-join]\n  disable: [dead-join]\n", 1, ["both enabled and disabled"]),
    "a path that is none": ("paths:\n- disable: [dead-join]\n", 2, ["path is missing"]),
    "a duration": ("scrape_interval: fast\n", 1, ["scrape_interval", "fast is not a duration"]),
    "a duration without a unit": ("scrape_interval: 30\n", 1, ["30 is not a duration"]),
    "a version": ("prometheus: three\n", 1, ["three is not a version"]),
    "a suppression without a reason": ("suppress:\n- checks: [dead-join]\n", 2, ["reason is missing"]),
    "a date": ("suppress:\n- {checks: [dead-join], reason: abc, until: soon}\n", 2, ["suppress.0.until"]),
    "a key twice": ("exclude: []\nexclude: []\n", 2, ["given twice"]),
}


@pytest.mark.parametrize(("text", "line", "words"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_it(text: str, line: int, words: list[str]) -> None:
    files(Path(), **{NAME: text})
    ran = run("rules")
    assert (ran.code, ran.out) == (2, "")
    assert f"{NAME}:{line}:" in ran.err
    assert [word for word in words if word not in ran.err] == []


def test_what_the_checks_are_told(here: Path) -> None:
    files(here, **{NAME: "scrape_interval: 15s\nevaluation_interval: 1m\nprometheus: 2.50\nrequired_labels: [team]\n"
                         "catalogues: [pages/app.txt, node_exporter]\nbaseline: known.json\n", "pages/app.txt": ""})
    own = config.effective(["rules"], None)
    assert (own.options.scrape_interval, own.options.evaluation_interval, own.options.prometheus) == (15, 60, (2, 50))
    assert own.options.required_labels == ("team",)
    assert own.options.required_annotations == config.Options().required_annotations
    assert own.catalogues == (str(here / "pages/app.txt"), "node_exporter")
    assert own.baseline == str(here / "known.json")


def test_none_is_needed_to_be_fast() -> None:
    """Pydantic is imported for a configuration file only: it takes longer than most runs."""
    import subprocess
    import sys

    code = "import sys; from vitals.cli import cli; cli(['lint', 'rules'], standalone_mode=False)"
    done = subprocess.run([sys.executable, "-c", f"import sys\ntry:\n    {code.split('; ', 1)[1]}\nexcept SystemExit: pass\n"
                           "print('pydantic' in sys.modules, 'rich' in sys.modules)"], capture_output=True, text=True)
    assert done.stdout.split()[-2:] == ["False", "False"], done.stderr

"""The command as people and CI call it; and that its documentation tells the truth."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.lint.running import DEAD, alert, files, group, run
from vitals.lint import configfile, manual

ROOT = Path(__file__).parents[2]
VITALS = Path(sys.executable).parent / "vitals"
PAGE = (ROOT / "docs/linting.md").read_text()


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_exit_codes() -> None:
    files(Path(), **{"bad.yml": group(alert()), "good.yml": group(alert("A", "up == 0")), "broken.yml": "groups: [\n",
                     "odd.yml": group(alert("A", "up == 0")).replace("for: 5m", "for: 5m # vitals: disable=dead-join reason=\"x\"")})
    codes = {name: run(f"{name}.yml").code for name in ("good", "odd", "bad", "broken", "none")}
    assert codes == {"good": 0, "odd": 0, "bad": 1, "broken": 2, "none": 2}
    assert run("bad.yml", "broken.yml").code == 2
    assert run("bad.yml", "--fail-on", "never").code == 0
    assert run("broken.yml", "--fail-on", "never").code == 2
    assert run("odd.yml", "--fail-on", "info").code == 1
    for wrong in (["--format", "html"], ["--fail-on", "critical"], ["--nope"], ["--explain", "nope"], ["--prometheus", "ftp://x"]):
        assert run("good.yml", *wrong).code == 2, wrong


def test_what_is_readable_is_told_beside_what_is_not() -> None:
    files(Path(), **{"a.yml": group(alert()), "b.yml": "groups: [\n"})
    ran = run("b.yml", "a.yml")
    assert ran.out.startswith("b.yml:2:1: unreadable: not YAML")
    assert ran.found == ["5: dead-join"]
    assert "1 file could not be read" in ran.out


def test_this_folder_is_the_default() -> None:
    files(Path(), **{"deep/a.yml": group(alert())})
    assert "deep/a.yml:5:" in run().out
    assert run("nothing-here*").code == 2


def test_nothing_to_lint_is_no_success() -> None:
    """A mistyped folder in CI would be green for ever."""
    files(Path(), **{"empty/values.yaml": "replicas: 2\n"})
    for path in ("empty", "empty/*.yaml", "."):
        ran = run(path)
        assert (ran.code, ran.err) == (2, f"vitals lint: no rules and no dashboards in {path}\n")
    assert run("--skip-others", "empty").code == 0


def test_a_file_for_the_report(here: Path) -> None:
    files(here, **{"a.yml": group(alert())})
    ran = run("-f", "json", "-o", "report.json", "a.yml")
    assert (ran.code, ran.out) == (1, "")
    assert "1 error" in ran.err
    assert json.loads((here / "report.json").read_text())["summary"]["error"] == 1
    ran = run("-o", "no/such/report.txt", "a.yml")
    assert (ran.code, ran.err) == (2, "vitals lint: no/such/report.txt: cannot be written: No such file or directory\n")


def test_a_page_of_metrics() -> None:
    files(Path(), **{"a.yml": group(alert("A", "rate(shop_orders[5m]) > 1")),
                     "page.txt": "# TYPE shop_orders_total counter\nshop_orders_total 1\n# TYPE shop_stock gauge\nshop_stock 1\n"})
    assert "unknown-metric" not in run("a.yml").out
    assert "unknown-metric" in run("--catalogue", "page.txt", "a.yml").out
    assert run("--catalogue", "nope.txt", "a.yml").code == 2


def test_a_prometheus_that_is_not_there() -> None:
    files(Path(), **{"a.yml": group(alert())})
    ran = run("--prometheus", "http://127.0.0.1:9", "a.yml")
    assert ran.code == 2
    assert "does not answer" in ran.err


def test_every_check_is_explained() -> None:
    listed = {line.split()[0] for line in run("--list").out.splitlines()}
    assert listed == set(manual.checks())
    for name, check in manual.checks().items():
        ran = run("--explain", name)
        assert ran.code == 0
        assert check.why.strip() in ran.out
    assert "did you mean 'dead-join'?" in run("--explain", "dead-joint").err


def test_without_a_terminal_and_with_any_locale(here: Path) -> None:
    """Nothing but the report is on standard output, whatever the encoding; and a reader may leave early."""
    files(here, **{"ü.yml": group(alert("Ünïcode", 'foo{a="\u4f60"} == bar and ' + DEAD))})
    for env in ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"PYTHONIOENCODING": "latin-1"}, {"LC_ALL": "C.UTF-8"}):
        done = subprocess.run([VITALS, "lint", "."], capture_output=True, env={"PATH": os.environ["PATH"], **env})
        assert done.returncode == 1, done.stderr
        assert (done.stderr, b"dead-join" in done.stdout) == (b"", True)
    files(here, **{f"more/{i}.yml": group(*(alert(f"A{n}") for n in range(40))) for i in range(40)})
    done = subprocess.run(f"{VITALS} lint more | head -1", shell=True, capture_output=True, text=True)
    assert done.stdout.startswith("more/0.yml:5:")
    assert "Traceback" not in done.stderr


def test_no_settings_file_is_needed(here: Path) -> None:
    """`vitals.yaml` belongs to the stack."""
    files(here, **{"a.yml": group(alert("A", "up == 0")), "vitals.yaml": "nonsense: true\n"})
    done = subprocess.run([VITALS, "lint", "a.yml"], capture_output=True, text=True, env={"VITALS_CONFIG": "/nonexistent"})
    assert (done.returncode, done.stderr) == (0, "")


# --- what the documentation says


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.S)


def test_the_first_example() -> None:
    said = re.search(r"^    (rules/pool\.yml:.*?)\n\n", PAGE, re.S | re.M)
    assert said
    files(Path(), **{"rules/pool.yml": "groups:\n- name: pool\n  rules:\n  - alert: PoolFull\n    for: 5m\n"
                                       f"    expr: {DEAD}\n"})
    told = run("rules/pool.yml").out
    start = told.index("rules/pool.yml:6:")
    assert [line.strip() for line in told[start:].splitlines()[:4]] == [line.strip() for line in said[1].splitlines()]


def test_the_example_of_a_suppression() -> None:
    text = next(block for block in blocks("yaml") if "Watchdog" in block)
    files(Path(), **{"a.yml": text})
    ran = run("a.yml")
    assert "suppressed" in ran.out and ran.found == []
    assert "missing-annotation" in run("-", input=re.sub(r" *# vitals.*\n", "", text)).out


def test_the_example_of_a_configuration_has_every_key(here: Path) -> None:
    text = next(block for block in blocks("yaml") if "scrape_interval" in block)
    files(here, **{".vitals-lint.yaml": text})
    configfile.load(here / ".vitals-lint.yaml")
    assert set(yaml.safe_load(text)) == set(configfile.File.model_fields)


def test_the_pages_of_the_checks() -> None:
    found = {path.name: path.read_text() for path in (ROOT / "docs/lint").glob("*.md")}
    assert found == manual.pages()
    for name in re.findall(r"`([a-z]+(?:-[a-z]+)+)`", PAGE):
        assert name in manual.checks() or name in ("fail-on", "config-file")


def test_the_pre_commit_hook() -> None:
    hook, = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    files(Path(), **{"rules/a.yml": group(alert())})
    done = subprocess.run([str(VITALS), *hook["entry"].split()[1:], *hook["args"]], capture_output=True, text=True)
    assert done.returncode == 1
    assert "rules/a.yml:5:" in done.stdout
    assert [bool(re.search(hook["files"], name)) for name in ("a.yml", "b/c.yaml", "d.json", "e.rules", "f.md")] == [True] * 4 + [False]


def test_the_github_action(here: Path) -> None:
    """Its last step, run as GitHub runs it, with what a stranger might put into its inputs."""
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    step = action["runs"]["steps"][-1]
    names = {variable: re.fullmatch(r"\$\{\{ inputs\.([\w-]+) \}\}", value) for variable, value in step["env"].items()}
    assert all(names.values()) and {match[1] for match in names.values() if match} == set(action["inputs"])
    assert "${{" not in "".join(part["run"] for part in action["runs"]["steps"])
    (here / "vitals-lint/bin").mkdir(parents=True)
    (here / "vitals-lint/bin/vitals").symlink_to(VITALS)
    files(here, **{"a b.yml": group(alert()), "rules/a.yml": group(alert()), "rules/b.yml": group(alert("B", "up == 0"))})

    def act(**inputs: str) -> subprocess.CompletedProcess[str]:
        env = {variable: inputs.get(match[1].replace("-", "_"), action["inputs"][match[1]]["default"])
               for variable, match in names.items() if match}
        return subprocess.run(["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]], capture_output=True, text=True,
                              env={"PATH": os.environ["PATH"], "RUNNER_TEMP": str(here), **env})

    assert act().returncode == 1
    done = act(paths="rules/a.yml\n  rules/b.yml")
    assert (done.returncode, done.stdout.count("::error file=rules/a.yml")) == (1, 1)
    assert act(paths="rules/*b.yml").returncode == 0
    assert act(paths="rules", fail_on="never").returncode == 0
    assert act(paths="$(touch owned); `touch owned`", format="text").returncode == 2
    assert act(paths="--fix rules").returncode == 2
    assert not (here / "owned").exists()
    act(paths="rules", format="sarif", output="lint.sarif")
    assert json.loads((here / "lint.sarif").read_text())["version"] == "2.1.0"

"""`vitals export`: what each form holds, and that a folder is only ever written when it is the export's own."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import hcl2
import pytest

from vitals import export, settings
from vitals.export import archive, folder
from vitals.export.bundle import Bundle

from .command import vitals


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.of(settings.load(settings.ROOT / "vitals.yaml"))


@pytest.fixture(scope="module", params=sorted(export.FORMS))
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


# --- every form -----------------------------------------------------------------------------------------


def test_a_form_says_what_to_do_with_its_files(form: str, bundle: Bundle) -> None:
    found = export.files(form, bundle)
    assert found["README.md"].startswith("# ")
    for path, text in found.items():
        assert not Path(path).is_absolute()
        assert ".." not in Path(path).parts
        assert text.endswith("\n"), path


def test_a_form_is_the_same_twice(form: str, bundle: Bundle) -> None:
    again = Bundle.of(settings.load(settings.ROOT / "vitals.yaml"))
    assert export.files(form, bundle) == export.files(form, again)


def test_nobody_is_alerted_that_the_demo_is_absent(bundle: Bundle) -> None:
    """vitals.yaml as it comes has the demo and no app of one's own: no app is expected."""
    records = {rule.get("record") for content in bundle.rules.values() for group in content["groups"] for rule in group["rules"]}
    assert len(records) > 500
    assert not records & {"job:app:expected", "job:logs:expected"}


# --- grafana --------------------------------------------------------------------------------------------


def dashboards(bundle: Bundle) -> Iterator[dict[str, Any]]:
    for path, text in export.files("grafana", bundle).items():
        if path.endswith(".json"):
            yield json.loads(text)


def answered(value: Any, answers: dict[str, str]) -> Any:
    """What Grafana's import makes of a dashboard: `${NAME}` of every input becomes the answer, wherever it stands."""
    if isinstance(value, dict):
        return {key: answered(inner, answers) for key, inner in value.items() if key != "__inputs"}
    if isinstance(value, list):
        return [answered(inner, answers) for inner in value]
    if isinstance(value, str):
        return re.sub(r"\$\{.+?\}", lambda found: answers.get(found[0], found[0]), value)
    return value


def test_every_dashboard_is_exported(bundle: Bundle) -> None:
    assert {model["uid"] for model in dashboards(bundle)} == set(bundle.dashboards)


def test_an_import_leaves_the_dashboard_with_the_chosen_data_sources(bundle: Bundle) -> None:
    for model in dashboards(bundle):
        assert model["id"] is None
        asked = {"${" + entry["name"] + "}": f"chosen-{entry['pluginId']}" for entry in model["__inputs"]}
        assert all(entry["type"] == "datasource" and entry["pluginName"] and entry["label"] for entry in model["__inputs"])
        imported = answered(model, asked)
        assert "${DS_" not in json.dumps(imported)
        original = bundle.dashboards[model["uid"]]
        for variable in imported["templating"]["list"]:
            if variable["type"] == "datasource":
                assert variable["current"]["value"] == f"chosen-{variable['query']}"
        # Everything else is as provisioned.
        for key in original.keys() - {"templating"}:
            assert imported[key] == original[key], key
        others = [[v for v in m["templating"]["list"] if v["type"] != "datasource"] for m in (imported, original)]
        assert others[0] == others[1]


def test_a_dashboard_requires_the_plugins_that_it_uses(bundle: Bundle) -> None:
    for model in dashboards(bundle):
        panels = {panel["type"] for row in model["panels"] for panel in (row, *row.get("panels", []))} - {"row"}
        sources = set(re.findall(r'"type": "([a-z]+)", "uid": "\$', json.dumps(model)))
        required = {(entry["type"], entry["id"]) for entry in model["__requires"]}
        assert {name for kind, name in required if kind == "panel"} == panels
        assert {name for kind, name in required if kind == "datasource"} == sources
        assert ("grafana", "grafana") in required
        assert all(entry["name"] and "version" in entry for entry in model["__requires"])


# --- prometheus -----------------------------------------------------------------------------------------


def test_prometheus_loads_the_rules(bundle: Bundle, tmp_path: Path) -> None:
    from vitals.engines import parts

    done = vitals("export", "prometheus", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    rules = sorted((tmp_path / "out" / "rules").glob("*.yml"))
    promtool = parts.tool(bundle.settings, "promtool")
    checked = subprocess.run([promtool, "check", "rules", "--lint=all", "--lint-fatal", *rules], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert {path.stem for path in rules} == set(bundle.rules)


def test_every_alert_comes_with_its_runbook(bundle: Bundle) -> None:
    found = export.files("prometheus", bundle)
    wanted = {rule["annotations"]["runbook_url"].rpartition("/")[2] for content in bundle.rules.values()
              for group in content["groups"] for rule in group["rules"] if "alert" in rule}
    assert len(wanted) > 100
    assert {f"runbooks/{name}.md" for name in wanted} <= set(found)
    for path, text in found.items():
        if path.startswith("runbooks/"):
            for link in re.findall(r"\]\(([^)#:]+\.md)", text):
                assert f"runbooks/{link}" in found, path


def test_an_app_of_ones_own_is_expected(tmp_path: Path) -> None:
    config = tmp_path / "vitals.yaml"
    config.write_text("demo: true\napps:\n  - {job: mine, profile: litellm, targets: ['mine:80']}\n"
                      "prices: {as_of: 2026-11-01}\n")
    rules = Bundle.of(settings.load(config)).rules
    assert [rule["labels"]["job"] for rule in rules["apps"]["groups"][0]["rules"] if rule["record"] == "job:app:expected"] == ["mine"]


# --- terraform ------------------------------------------------------------------------------------------


def blocks(bundle: Bundle) -> dict[str, list[Any]]:
    """What an HCL parser finds in all .tf files together: kind of block → blocks."""
    found: dict[str, list[Any]] = {}
    for path, text in export.files("terraform", bundle).items():
        if path.endswith(".tf"):
            for kind, inner in hcl2.loads(text).items():
                found.setdefault(kind, []).extend(inner)
    return found


def test_terraform_pins_the_official_provider(bundle: Bundle) -> None:
    provider = str(blocks(bundle)["terraform"])
    assert "grafana/grafana" in provider
    assert re.search(r"version[^,}]*\d+\.\d+\.\d+", provider)


def test_terraform_has_a_folder_for_every_dashboard(bundle: Bundle) -> None:
    found = blocks(bundle)
    folders = set(re.findall(r"[a-z-]+", " ".join(found["locals"][0]["folders"])))
    files = [path for path in export.files("terraform", bundle) if path.endswith(".json")]
    assert len(files) == len(bundle.dashboards)
    assert {path.split("/")[1] for path in files} <= folders
    resources = str(found["resource"])
    assert "grafana_folder" in resources
    assert 'fileset("${path.module}/dashboards", "*/*.json")' in export.files("terraform", bundle)["main.tf"]


def test_terraform_declares_every_variable_it_reads(bundle: Bundle) -> None:
    text = "".join(text for path, text in export.files("terraform", bundle).items() if path.endswith(".tf"))
    declared = {name.strip('"') for block in blocks(bundle)["variable"] for name in block}
    assert set(re.findall(r"\bvar\.(\w+)", text)) == declared
    assert re.search(r'variable "grafana_auth" {[^}]*sensitive +=  *true', text)
    for key in re.findall(r"\$\$\{(DS_\w+)\}", text):
        assert any(f"${{{key}}}" in inner for inner in export.files("terraform", bundle).values())


@pytest.mark.skipif(not shutil.which("terraform"), reason="no terraform on PATH")
def test_terraform_reads_it(bundle: Bundle, tmp_path: Path) -> None:
    """Its own formatter and functions; applying it would take the provider, which is a download."""
    export.write("terraform", bundle.settings, tmp_path)
    env = {**os.environ, "CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": "/dev/null"}

    def terraform(*args: str, **more: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["terraform", *args], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120, **more)

    formatted = terraform("fmt", "-check", "-diff", "-recursive")
    assert formatted.returncode == 0, formatted.stdout + formatted.stderr
    text = (tmp_path / "main.tf").read_text()
    for file in tmp_path.glob("*.tf"):
        file.unlink()
    expression = re.search(r"config_json = (.*?)\n  message", text, re.S)
    assert expression
    one = " ".join(expression[1].split())
    one = one.replace("${each.value}", "on-call/vitals-logs.json").replace("var.prometheus_uid", '"metrics"').replace("var.elasticsearch_uid", '""')
    found = terraform("console", input=f"sha256({one})\n")
    model = export.files("terraform", bundle)["dashboards/on-call/vitals-logs.json"]
    wanted = model.replace("${DS_PROMETHEUS}", "metrics").replace("${DS_ELASTICSEARCH}", "")
    assert found.stdout.strip() == f'"{hashlib.sha256(wanted.encode()).hexdigest()}"', found.stderr


# --- the archive ----------------------------------------------------------------------------------------


def test_a_release_is_the_same_bytes_everywhere(tmp_path: Path) -> None:
    made = []
    for name, env in (("one", {"TZ": "UTC", "PYTHONHASHSEED": "1"}), ("two", {"TZ": "Asia/Tokyo", "PYTHONHASHSEED": "2", "LC_ALL": "C"})):
        (tmp_path / name).mkdir()
        done = subprocess.run([sys.executable, "-m", "vitals.cli", "export", "all", "out"], cwd=tmp_path / name,
                              env={**os.environ, **env}, capture_output=True, text=True, timeout=300,
                              umask=0o077 if name == "two" else 0o022)
        assert done.returncode == 0, done.stderr
        file, = (tmp_path / name / "out").iterdir()
        made.append(file.read_bytes())
        assert hashlib.sha256(made[-1]).hexdigest() in done.stdout
    assert made[0] == made[1]
    assert file.name == f"agent-vitals-{version('agent-vitals')}.tar.gz"
    again = vitals("export", "all", tmp_path / "two" / "out")
    assert (again.returncode, again.stdout.startswith("the same: ")) == (0, True)


def test_a_release_verifies_and_holds_every_form(bundle: Bundle, tmp_path: Path) -> None:
    file, digest, new = archive.write(bundle.settings, tmp_path)
    assert (new, hashlib.sha256(file.read_bytes()).hexdigest()) == (True, digest)
    with tarfile.open(file) as tar:
        members = tar.getmembers()
        tar.extractall(tmp_path, filter="data")
    assert [member.name for member in members] == sorted(member.name for member in members)
    assert {(member.mtime, member.mode, member.uid, member.uname, member.isreg()) for member in members} == {(0, 0o644, 0, "", True)}
    root = tmp_path / archive.name(bundle)
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=root, check=True)
    listed = {line.split("  ")[1] for line in (root / "SHA256SUMS").read_text().splitlines()}
    assert listed == set(tree(root)) - {"SHA256SUMS"}
    for form in export.FORMS:
        assert (root / form / "README.md").is_file()
    assert (root / "LICENSE").read_bytes() == (settings.ROOT / "LICENSE").read_bytes()
    assert f"# Agent Vitals {version('agent-vitals')}" in (root / "README.md").read_text()


def test_a_release_replaces_an_earlier_one_and_nothing_else(bundle: Bundle, tmp_path: Path) -> None:
    file, _, _ = archive.write(bundle.settings, tmp_path)
    content = file.read_bytes()
    with tarfile.open(file, "w:gz") as tar:  # made before something was changed
        tar.addfile(tarfile.TarInfo(f"{archive.name(bundle)}/README.md"))
    assert archive.write(bundle.settings, tmp_path)[2]
    assert file.read_bytes() == content
    file.write_text("mine")
    done = vitals("export", "all", tmp_path)
    assert (done.returncode, "is no archive of this project's; move it" in done.stderr, file.read_text()) == (1, True, "mine")


# --- folders --------------------------------------------------------------------------------------------


def test_an_export_is_written_told_and_repeated(tmp_path: Path) -> None:
    first = vitals("export", "grafana", tmp_path / "out")
    assert first.returncode == 0, first.stderr
    written = tree(tmp_path / "out")
    assert {f"wrote {tmp_path / 'out' / path}" for path in written if path != ".vitals-export.json"} <= set(first.stdout.splitlines())
    again = vitals("export", "grafana", tmp_path / "out")
    assert again.returncode == 0
    assert "0 written" in again.stdout
    assert tree(tmp_path / "out") == written


def test_what_is_no_longer_made_goes_and_what_is_not_ours_stays(tmp_path: Path) -> None:
    folder.write(tmp_path / "out", "grafana", {"a/one.json": "1\n", "two.json": "2\n"})
    (tmp_path / "out" / "terraform.tfstate").write_text("state")
    done = folder.write(tmp_path / "out", "grafana", {"two.json": "22\n"})
    assert (done.written, done.removed, done.same) == (("two.json",), ("a/one.json",), 0)
    assert set(tree(tmp_path / "out")) == {".vitals-export.json", "terraform.tfstate", "two.json"}
    assert not (tmp_path / "out" / "a").exists()


def refused(into: Path, *args: str) -> str:
    before = tree(into)
    done = vitals("export", *args, into)
    assert done.returncode == 1
    assert done.stderr.startswith("vitals: ")
    assert done.stderr.count("\n") == 1
    assert tree(into) == before
    return done.stderr


def test_a_folder_that_no_export_made_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert "is not empty, and no export made it" in refused(tmp_path, "grafana")


def test_a_changed_file_is_not_lost(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert vitals("export", "grafana", out).returncode == 0
    (out / "README.md").write_text("my own words\n")
    assert "changed since the last export: README.md" in refused(out, "grafana")
    done = vitals("export", "grafana", out, "--overwrite")
    assert (done.returncode, "1 written" in done.stdout) == (0, True)


def test_a_file_in_the_way_is_not_lost(tmp_path: Path) -> None:
    out = tmp_path / "out"
    folder.write(out, "grafana", {"one.json": "1\n"})
    (out / "README.md").write_text("mine\n")
    assert "in its way: README.md" in refused(out, "grafana")


@pytest.mark.parametrize(("marker", "says"), [
    ("{", "damaged"), ("[]", "damaged"), ('{"form": "grafana", "files": {"../x": "1"}}', "outside the folder"),
    ('{"form": "other", "files": {}}', "holds an export of the form other"),
])
def test_a_strange_marker_stops_the_export(tmp_path: Path, marker: str, says: str) -> None:
    (tmp_path / ".vitals-export.json").write_text(marker)
    assert says in refused(tmp_path, "grafana")


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = vitals("export", "grafana", tmp_path / "file")
    assert (done.returncode, "is a file; name a folder" in done.stderr) == (1, True)
    done = vitals("export", "grafana", tmp_path / "file" / "below")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1


def test_bad_words_get_one_message(tmp_path: Path) -> None:
    for args, says in (((), "give a form and a folder"), (("grafana",), "give a form and a folder"),
                       (("grafna", tmp_path / "out"), "did you mean 'grafana'?")):
        done = vitals("export", *args)
        assert done.returncode == 1
        assert says in done.stderr
    assert not (tmp_path / "out").exists()


def test_the_list_names_every_form() -> None:
    done = vitals("export", "--list")
    assert [line.split()[0] for line in done.stdout.splitlines()] == [*export.FORMS, "all"]

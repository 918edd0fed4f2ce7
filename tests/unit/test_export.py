"""`vitals export`: what each form holds, and that a folder is only ever written when it is the export's own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vitals import export, settings
from vitals.export.bundle import Bundle


def vitals(*args: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "vitals.cli", *map(str, args)], capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.of(settings.load(settings.ROOT / "vitals.yaml"))


@pytest.fixture(scope="module", params=sorted(export.FORMS))
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


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
    from vitals.export import folder

    folder.write(tmp_path / "out", "grafana", {"a/one.json": "1\n", "two.json": "2\n"})
    (tmp_path / "out" / "terraform.tfstate").write_text("state")
    done = folder.write(tmp_path / "out", "grafana", {"two.json": "22\n"})
    assert (done.written, done.removed, done.same) == (("two.json",), ("a/one.json",), 0)
    assert set(tree(tmp_path / "out")) == {".vitals-export.json", "terraform.tfstate", "two.json"}
    assert not (tmp_path / "out" / "a").exists()


def refused(folder: Path, *args: str) -> str:
    before = tree(folder)
    done = vitals("export", *args, folder)
    assert done.returncode == 1
    assert done.stderr.startswith("vitals: ")
    assert done.stderr.count("\n") == 1
    assert tree(folder) == before
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
    from vitals.export import folder

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
    assert [line.split()[0] for line in done.stdout.splitlines()] == list(export.FORMS)

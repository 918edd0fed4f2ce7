"""The forms for Mimir's ruler and for vmalert hold the rules unchanged, and say what the ruler must allow."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from vitals import export, settings
from vitals.export.bundle import Bundle, Json


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.of(settings.load(settings.ROOT / "vitals.yaml"))


def of(form: str, bundle: Bundle) -> tuple[dict[str, Json], str]:
    """Path → content of its YAML files, and its README."""
    found = export.files(form, bundle)
    return {path: yaml.load(text, yaml.CSafeLoader) for path, text in found.items() if path.endswith((".yml", ".yaml"))}, \
        found["README.md"]


def plain(content: Json) -> Json:
    return json.loads(json.dumps(content))


# --- Mimir ------------------------------------------------------------------------------------------------------


def test_each_file_is_a_namespace_of_its_own_with_the_rules_as_they_are(bundle: Bundle) -> None:
    """mimirtool refuses two files of one namespace; a ruler, two groups of one name in a namespace."""
    found, _ = of("mimir", bundle)
    assert {path: content.pop("namespace") for path, content in found.items()} == {
        f"rules/{name}.yaml": f"agent-vitals-{name}" for name in bundle.rules}
    assert found == {f"rules/{name}.yaml": plain(content) for name, content in bundle.rules.items()}
    for content in found.values():
        assert set(content) == {"groups"}
        assert len({group["name"] for group in content["groups"]}) == len(content["groups"])


def test_the_limits_that_a_tenant_needs_are_said(bundle: Bundle) -> None:
    found, readme = of("mimir", bundle)
    groups = [group for content in found.values() for group in content["groups"]]
    rules, most = (int(re.search(rf"{key}: (\d+)", readme)[1]) for key in (
        "ruler_max_rules_per_rule_group", "ruler_max_rule_groups_per_tenant"))
    largest = max(len(group["rules"]) for group in groups)
    assert largest < rules < 2 * largest
    assert len(groups) < most < 2 * len(groups)
    assert f"the largest group has {largest}" in readme
    sync = re.search(r"--namespaces-regex='(.*?)'", readme)[1]  # what sync may delete: what is ours
    assert all(re.fullmatch(sync, content["namespace"]) for content in found.values())
    table = {name: (int(count), int(size)) for name, count, size in re.findall(r"\| ([\w-]+) \| (\d+) \| (\d+) \|", readme)}
    assert set(table) == set(bundle.profiles)
    of_all = int(re.search(r"That is (\d+) groups and three", readme)[1])
    assert of_all + sum(count for count, _ in table.values()) == len(groups)
    assert max(size for _, size in table.values()) == largest
    assert max(count for count, _ in table.values()) == 3


# --- VictoriaMetrics ----------------------------------------------------------------------------------------------


def test_vmalert_s_files_and_objects_have_the_rules_as_they_are(bundle: Bundle) -> None:
    found, _ = of("victoriametrics", bundle)
    kustomization = found.pop("operator/kustomization.yaml")
    files = {path: content for path, content in found.items() if path.startswith("rules/")}
    objects = {path: content for path, content in found.items() if path.startswith("operator/")}
    assert files == {f"rules/{name}.yml": plain(content) for name, content in bundle.rules.items()}
    assert sorted(f"operator/{path}" for path in kustomization["resources"]) == sorted(objects)
    assert set(objects) == {f"operator/{name}.yaml" for name in bundle.rules}
    for name in bundle.rules:
        one = objects[f"operator/{name}.yaml"]
        assert (one["apiVersion"], one["kind"]) == ("operator.victoriametrics.com/v1beta1", "VMRule")
        assert one["metadata"]["name"] == f"vitals-{name}"
        assert one["spec"] == plain(bundle.rules[name])

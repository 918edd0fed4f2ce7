"""The objects for Kubernetes hold the rules and dashboards unchanged, and have the form that the cluster asks for."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from vitals import export, settings
from vitals.export.bundle import Bundle, Json

# What prometheus-operator's CRD (0.82) allows in a PrometheusRule, read from its OpenAPI schema: key → pattern of its text,
# or the kind of value. `expr` may be a number there; here it is always text. x-kubernetes-list-map-keys: the groups' names.
DURATION = r"(0|(([0-9]+)y)?(([0-9]+)w)?(([0-9]+)d)?(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?(([0-9]+)ms)?)"
TEXTS: Any = dict
GROUP = {"name": r"(?s).+", "interval": DURATION, "query_offset": DURATION, "limit": int, "labels": TEXTS,
         "partial_response_strategy": "(?i)(abort|warn)?", "rules": list}
RULE = {"alert": r"(?s).+", "record": r"(?s).+", "expr": r"(?s).+", "for": DURATION, "keep_firing_for": DURATION, "labels": TEXTS,
        "annotations": TEXTS}

DNS_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
LABEL_VALUE = r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?"
LABEL_KEY = rf"([a-z0-9]([-a-z0-9.]{{0,251}}[a-z0-9])?/)?{LABEL_VALUE}"

APPLIED_MAX = 262_144  # bytes of all annotations of an object; a client-side apply makes the whole object one
OPERATOR_MAX = 524_288  # bytes of a PrometheusRule: the operator puts whole ones into ConfigMaps half the size of an object


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.of(settings.load(settings.ROOT / "vitals.yaml"))


@pytest.fixture(scope="module")
def files(bundle: Bundle) -> dict[str, str]:
    return export.files("kubernetes", bundle)


@pytest.fixture(scope="module")
def objects(files: dict[str, str]) -> dict[str, Json]:
    return {path: yaml.load(text, yaml.CSafeLoader) for path, text in files.items()
            if path.startswith(("rules/", "dashboards/"))}


def of_kind(objects: dict[str, Json], kind: str) -> dict[str, Json]:
    return {path: found for path, found in objects.items() if found["kind"] == kind}


def fits(thing: Json, schema: dict[str, Any]) -> None:
    assert not thing.keys() - schema.keys()
    for key, value in thing.items():
        if isinstance(schema[key], str):
            assert isinstance(value, str), key
            assert re.fullmatch(schema[key], value), (key, value)
        else:
            assert isinstance(value, schema[key]), key
        if schema[key] is TEXTS:
            assert all(isinstance(k, str) and isinstance(v, str) for k, v in value.items()), value


def test_rules_have_the_form_of_the_operator_s_schema(objects: dict[str, Json]) -> None:
    found = of_kind(objects, "PrometheusRule")
    assert len(found) > 50
    for path, rule in found.items():
        assert path.startswith("rules/")
        assert set(rule) == {"apiVersion", "kind", "metadata", "spec"}
        assert rule["apiVersion"] == "monitoring.coreos.com/v1"
        assert set(rule["spec"]) == {"groups"}
        names = [group["name"] for group in rule["spec"]["groups"]]
        assert len(set(names)) == len(names)
        for group in rule["spec"]["groups"]:
            fits(group, GROUP)
            for one in group["rules"]:
                fits(one, RULE)
                assert ("alert" in one) != ("record" in one)


def test_rules_are_those_of_the_rule_files(objects: dict[str, Json], bundle: Bundle) -> None:
    found = {rule["metadata"]["name"]: rule["spec"] for rule in of_kind(objects, "PrometheusRule").values()}
    assert found == {f"vitals-{name}": json.loads(json.dumps(content)) for name, content in bundle.rules.items()}
    for name, spec in found.items():  # and so those of prometheus/rules, but for the demo's apps, who are expected there
        if name not in ("vitals-apps", "vitals-logs", "vitals-alerts-logs"):
            file = settings.ROOT / "prometheus" / "rules" / f"{name.removeprefix('vitals-')}.yml"
            assert yaml.load(file.read_text(), yaml.CSafeLoader) == spec


def test_dashboards_are_found_and_filed_by_the_sidecar(objects: dict[str, Json], bundle: Bundle) -> None:
    found = of_kind(objects, "ConfigMap")
    assert {json.loads(text)["uid"]: json.loads(text) for one in found.values() for text in one["data"].values()} == bundle.dashboards
    for path, one in found.items():
        (file, _), = one["data"].items()
        assert file == f"{one['metadata']['name']}.json"
        assert path == f"dashboards/{one['metadata']['name']}.yaml"
        assert one["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert one["metadata"]["annotations"] == {"grafana_folder": bundle.folders[bundle.audiences[one["metadata"]["name"]]]}


def test_names_and_labels_are_fit_for_kubernetes(objects: dict[str, Json]) -> None:
    seen = set()
    for one in objects.values():
        name = one["metadata"]["name"]
        assert re.fullmatch(DNS_LABEL, name), name
        assert (one["kind"], name) not in seen
        seen.add((one["kind"], name))
        assert "namespace" not in one["metadata"]  # the kustomization's business
        assert one["metadata"]["labels"]["release"] == "kube-prometheus-stack"
        for key, value in one["metadata"]["labels"].items():
            assert re.fullmatch(LABEL_KEY, key), key
            assert re.fullmatch(LABEL_VALUE, value), value


def test_objects_are_small_enough(objects: dict[str, Json], files: dict[str, str]) -> None:
    for path, one in objects.items():
        applied = len(json.dumps(json.dumps(one)).encode())  # as an annotation: quoted once more
        assert applied < (APPLIED_MAX if one["kind"] == "ConfigMap" else min(APPLIED_MAX, OPERATOR_MAX)), path
    largest = max(len(files[path].encode()) for path in objects) // 1024
    assert f"The largest object here has {largest} KiB" in files["README.md"]


def test_the_kustomization_names_every_object_once(files: dict[str, str], objects: dict[str, Json]) -> None:
    found = yaml.load(files["kustomization.yaml"], yaml.CSafeLoader)
    assert found["resources"] == sorted(set(found["resources"]), key=found["resources"].index)
    assert set(found["resources"]) == set(objects)
    assert found["namespace"] == "monitoring"
    assert found["labels"] == [{"pairs": {"app.kubernetes.io/name": "agent-vitals", "app.kubernetes.io/component": "monitoring",
                                          "release": "kube-prometheus-stack"}}]


def test_the_examples_give_targets_the_labels_that_rules_ask_for(files: dict[str, str], bundle: Bundle) -> None:
    service, pod = yaml.load_all(files["examples/monitors.yaml"], yaml.CSafeLoader)
    assert (service["kind"], pod["kind"]) == ("ServiceMonitor", "PodMonitor")
    for endpoint in (*service["spec"]["endpoints"], *pod["spec"]["podMetricsEndpoints"]):
        assert {rule["targetLabel"] for rule in endpoint["relabelings"]} == {"profile", "job"}
    assert service["spec"]["endpoints"][0]["relabelings"][0]["replacement"] in bundle.profiles
    key = pod["spec"]["selector"]["matchExpressions"][0]["key"]
    label = "__meta_kubernetes_pod_label_" + re.sub(r"[^a-zA-Z0-9_]", "_", key)
    assert pod["spec"]["podMetricsEndpoints"][0]["relabelings"][0]["sourceLabels"] == [label]


def test_the_linter_reads_all_of_it_and_finds_nothing(tmp_path: Path, objects: dict[str, Json], bundle: Bundle) -> None:
    export.write("kubernetes", bundle.settings, tmp_path / "out")
    done = subprocess.run([sys.executable, "-m", "vitals.cli", "lint", "--no-config", "-f", "json", tmp_path / "out"],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["findings"] == []
    assert report["summary"]["rules"] == sum(len(g["rules"]) for c in bundle.rules.values() for g in c["groups"])

# ruff: noqa: E501  (texts read best on one line)
"""Objects for a cluster with the Prometheus operator: PrometheusRule, dashboards as ConfigMaps, and a kustomization.

What differs from cluster to cluster (namespace, labels) is left to a kustomization of the user's own over this one.
"""

from __future__ import annotations

import json
from typing import Any

from vitals.export.bundle import Bundle, Json
from vitals.render import as_yaml

NAMESPACE = "monitoring"
LABELS = {"app.kubernetes.io/name": "agent-vitals", "app.kubernetes.io/component": "monitoring"}
RELEASE = {"release": "kube-prometheus-stack"}  # what the chart's Prometheus selects rules by, unless told otherwise

MONITORS = """\
# An example, and not a part of the kustomization: how targets get the label `profile`, which says how an app names its
# metrics. One ServiceMonitor for one app whose Service has a port `metrics`.
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata:
  name: my-agents
  labels:
    release: kube-prometheus-stack
spec:
  selector:
    matchLabels:
      app.kubernetes.io/name: my-agents
  endpoints:
  - port: metrics
    relabelings:
    - targetLabel: profile
      replacement: otel-genai
    - targetLabel: job
      replacement: my-agents
---
# Or one PodMonitor for every pod that says so itself, by the labels agent-vitals/profile and app.kubernetes.io/name.
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata:
  name: agent-vitals
  labels:
    release: kube-prometheus-stack
spec:
  namespaceSelector:
    any: true
  selector:
    matchExpressions:
    - key: agent-vitals/profile
      operator: Exists
  podMetricsEndpoints:
  - port: metrics
    relabelings:
    - sourceLabels: [__meta_kubernetes_pod_label_agent_vitals_profile]
      targetLabel: profile
    - sourceLabels: [__meta_kubernetes_pod_label_app_kubernetes_io_name]
      targetLabel: job
"""

README = """\
# Agent Vitals {version} for Kubernetes

{rules} PrometheusRule objects, one for each rule file, and {boards} dashboards as ConfigMaps: for kube-prometheus-stack,
kube-prometheus, or any Prometheus operator with Prometheus 2.42 or newer, and Grafana 12 or newer with the dashboard
sidecar.

```sh
kubectl apply --server-side -k .
```

Do not edit these files: the next export writes them anew. Put a kustomization of your own beside this folder,

```yaml
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: observability
resources: [agent-vitals]
labels:
- pairs: {{release: my-release}}
```

and apply that.

- **Rules** are found by labels: kube-prometheus-stack's Prometheus takes what is labelled with its own Helm release
  (`release: kube-prometheus-stack` here; `helm list` shows yours). kube-prometheus takes all.
- **Dashboards** are found by `grafana_dashboard: "1"`, in the sidecar's namespaces. The annotation `grafana_folder` names
  their folder, where the sidecar has `folderAnnotation: grafana_folder` and `provider.foldersFromFilesStructure: true`
  (of the chart's `grafana.sidecar.dashboards`); else they lie in the general one.
- **Server-side**, since `kubectl apply` alone writes the whole object into an annotation, which holds 256 KiB; with Argo CD
  `ServerSideApply=true`. The largest object here has {largest} KiB, so it works either way, until a dashboard grows.
- **Targets** need a label `profile`, and a `job` that stands for one app: [examples/monitors.yaml](examples/monitors.yaml).
  The exporters that you run already (node-exporter, Prometheus itself, …) get their profile by the same relabeling of
  their own ServiceMonitor; without it, their part of the rules and dashboards stays empty, and nothing breaks.
- Where Prometheus has an `enforcedNamespaceLabel`, rules see only the metrics of their own namespace: apply them to each,
  or exclude them from enforcement (`excludedFromEnforcement`).
- Alerts carry `severity` (critical, warning, info) and `area`; your Alertmanager's routes decide who is told. Where the
  texts point to is `links` in vitals.yaml: set it, and export again.

| folder | what |
|---|---|
{table}
"""


def files(bundle: Bundle) -> dict[str, str]:
    rules = {f"rules/{name}.yaml": as_yaml(prometheus_rule(name, content)) for name, content in bundle.rules.items()}
    boards = {f"dashboards/{uid}.yaml": as_yaml(config_map(bundle, uid)) for uid in bundle.dashboards}
    largest = max(len(text) for text in (*rules.values(), *boards.values())) // 1024
    table = "\n".join(("| rules/ | what is recorded and alerted on |", "| dashboards/ | "
                       + ", ".join(sorted(model["title"].removeprefix("Agent Vitals: ")
                                          for model in bundle.dashboards.values())) + " |",
                       "| examples/ | how targets get their profile |"))
    readme = README.format(version=bundle.version, rules=len(rules), boards=len(boards), largest=largest, table=table)
    return {**rules, **boards, "examples/monitors.yaml": MONITORS, "README.md": readme,
            "kustomization.yaml": as_yaml(kustomization([*rules, *boards], RELEASE))}


def kustomization(resources: list[str], labels: dict[str, str] | None = None) -> Json:
    return {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "namespace": NAMESPACE,
            "labels": [{"pairs": {**LABELS, **(labels or {})}}], "resources": resources}


def manifest(api: str, kind: str, name: str, labels: dict[str, str], **rest: Json) -> Json:
    """An object without a namespace, which the kustomization gives it. Names are those of files: fit for DNS."""
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "labels": {**LABELS, **labels}}, **rest}


def prometheus_rule(name: str, content: Json) -> Json:
    return manifest("monitoring.coreos.com/v1", "PrometheusRule", f"vitals-{name}", RELEASE, spec=content)


def config_map(bundle: Bundle, uid: str) -> Json:
    found = manifest("v1", "ConfigMap", uid, {**RELEASE, "grafana_dashboard": "1"},
                     data={f"{uid}.json": _lines(bundle.dashboards[uid])})
    found["metadata"]["annotations"] = {"grafana_folder": bundle.folders[bundle.audiences[uid]]}
    return found


def _lines(model: Json) -> str:
    """JSON with a line for each panel: a third of the size of indented JSON, and a change is still seen."""
    def short(value: Any) -> str:
        return json.dumps(value, separators=(",", ":"), sort_keys=True)

    parts = [f"{short(key)}:{short(value)}" for key, value in sorted(model.items()) if key != "panels"]
    panels = ",\n".join(short(panel) for panel in model["panels"])
    return "{" + ",\n".join(parts) + f',\n"panels":[\n{panels}\n]}}\n'

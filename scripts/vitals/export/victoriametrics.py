# ruff: noqa: E501  (texts read best on one line)
"""Rules for vmalert, as files and as VMRule objects for VictoriaMetrics' operator. The rules are the same as everywhere."""

from __future__ import annotations

from vitals.export.bundle import Bundle
from vitals.export.kubernetes import kustomization, manifest
from vitals.render import as_yaml

README = """\
# Agent Vitals {version} for VictoriaMetrics

{files} rule files with {rules} rules, twice: in rules/ for vmalert, in operator/ as VMRule objects.

```sh
vmalert -rule='rules/*.yml' -datasource.url=http://victoriametrics:8428 -remoteWrite.url=http://victoriametrics:8428 \\
  -remoteRead.url=http://victoriametrics:8428 -notifier.url=http://alertmanager:9093
```

```sh
kubectl apply --server-side -k operator
```

VMAlert takes VMRules by its `ruleSelector`; without one it takes none unless `selectAllByDefault` is set. An operator that
converts Prometheus' objects (it does, unless told otherwise) takes the form `kubernetes` as well; do not load both.

Targets need a label `profile`, which says how an app names its metrics, and a `job` that stands for one app.

## What VictoriaMetrics sees differently

- **A rule sees what its own group recorded one evaluation earlier**, since vmalert writes results while it goes on. A share
  of failures is worked out in three or four steps, so it is a minute or two behind. Both of its sides are equally late, but
  for means, whose sum and count are 30 seconds apart. Do not move the steps into groups with `eval_offset`: with
  VictoriaMetrics' own `-search.latencyOffset` of 30 seconds each step would come later still.
- **rate() needs no full window**: from a counter's second sample on, it gives the rate of what there is. A floor (so many
  requests in five minutes) is passed some minutes earlier when an app is new.
- **rate() and increase() count from the last sample before the window**: what ended is in view for one sample more, so some
  alerts end a minute later.
- **changes() counts a series' first sample**: an app that is new has started once more.

Alerts get a label `alertgroup` unless vmalert runs with `-disableAlertgroupLabel`; nothing here depends on it.
Dashboards are the same: the forms `grafana` and `kubernetes`.
"""


def files(bundle: Bundle) -> dict[str, str]:
    found = {f"rules/{name}.yml": as_yaml(content) for name, content in bundle.rules.items()}
    objects = {f"{name}.yaml": manifest("operator.victoriametrics.com/v1beta1", "VMRule", f"vitals-{name}", {}, spec=content)
               for name, content in bundle.rules.items()}
    rules = sum(len(group["rules"]) for content in bundle.rules.values() for group in content["groups"])
    return {**found, **{f"operator/{path}": as_yaml(content) for path, content in objects.items()},
            "operator/kustomization.yaml": as_yaml(kustomization(list(objects))),
            "README.md": README.format(version=bundle.version, files=len(bundle.rules), rules=rules)}

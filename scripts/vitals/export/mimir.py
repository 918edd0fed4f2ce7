# ruff: noqa: E501  (texts read best on one line)
"""Rule files for the ruler of Mimir or Cortex: one namespace for each, as mimirtool reads and writes them.

Groups are not split to fit the ruler's limits: detail and headline of a profile must be evaluated in one group, in
order, or shares are made of two moments. The limits that they need are worked out and said.
"""

from __future__ import annotations

from vitals.export.bundle import Bundle
from vitals.render import as_yaml

PREFIX = "agent-vitals-"
# Mimir's defaults for a tenant (-ruler.max-rules-per-rule-group, -ruler.max-rule-groups-per-tenant).
MAX_RULES, MAX_GROUPS = 20, 70
# Files that every choice of profiles needs: all but those of single profiles.
OF_PROFILE = ("profile-", "windows-", "slo-")

README = """\
# Agent Vitals {version} for Mimir and Cortex

{files} files of {groups} rule groups with {rules} rules in all, each file a namespace of the ruler.

```sh
mimirtool rules check rules/*.yaml
mimirtool rules sync --rule-dirs=rules --namespaces-regex='{prefix}.*' --address=https://mimir.example.com --id=my-tenant
```

Without `--namespaces-regex`, `sync` deletes every other namespace of the tenant; `rules diff` with the same options shows
first what it would do. For several tenants, repeat it with each `--id`. With Cortex, `cortextool` does the same.

## Limits of the tenant

The ruler takes {max_rules} rules in a group and {max_groups} groups from a tenant, unless its limits say otherwise. These
rules need more: the largest group has {largest}, since what is recorded of one profile is worked out in one group, in
order. Evaluated in groups of their own, a failure and its request would be counted at different moments.

```yaml
# The runtime configuration (-runtime-config.file), or `limits` for all tenants.
overrides:
  my-tenant:
    ruler_max_rules_per_rule_group: {need_rules}
    ruler_max_rule_groups_per_tenant: {need_groups}  # beside those that the tenant has already
```

Fewer groups do as well: of the profiles, keep the files of those that your apps have (profile-, windows- and slo-), and all
files without a profile in their name. `slo.yaml` and `slo-budget.yaml` are for all. That is {least} groups and three for
each profile; but a group is as large as it is: the largest of each profile is

| profile | groups | rules in the largest |
|---|---|---|
{table}

## What else to know

- Targets need a label `profile`, which says how an app names its metrics, and a `job` that stands for one app.
- Recorded series carry `job` and `profile`, and none of the labels that tell clusters apart: where one tenant gets the
  metrics of several clusters, apps of the same job are one app to these rules. Evaluate them in each cluster's Prometheus
  instead, or use the form `mixin`, whose README says how.
- The ruler evaluates a minute late by default (`ruler_evaluation_delay_duration`), so alerts come that much later.
- Not for Loki: these rules are PromQL. Its limits for lines of logs are another thing.
- Dashboards: the forms `grafana` and `kubernetes`.
"""


def files(bundle: Bundle) -> dict[str, str]:
    found = {f"rules/{name}.yaml": as_yaml({"namespace": PREFIX + name, **content}) for name, content in bundle.rules.items()}
    return {**found, "README.md": _readme(bundle)}


def _readme(bundle: Bundle) -> str:
    groups = [group for content in bundle.rules.values() for group in content["groups"]]
    largest = max(len(group["rules"]) for group in groups)
    table = []
    for name in bundle.profiles:
        own = [group for prefix in OF_PROFILE for group in bundle.rules.get(prefix + name, {"groups": []})["groups"]]
        table.append(f"| {name} | {len(own)} | {max(len(group['rules']) for group in own)} |")
    profiles = {prefix + name for prefix in OF_PROFILE for name in bundle.profiles}
    return README.format(
        version=bundle.version, files=len(bundle.rules), groups=len(groups), prefix=PREFIX, largest=largest,
        rules=sum(len(group["rules"]) for group in groups), max_rules=MAX_RULES, max_groups=MAX_GROUPS,
        need_rules=_round_up(largest), need_groups=_round_up(len(groups)), table="\n".join(table),
        least=sum(len(content["groups"]) for name, content in bundle.rules.items() if name not in profiles))


def _round_up(number: int) -> int:
    """To the next fifty that leaves a tenth to grow by."""
    return -(-number * 11 // 500) * 50

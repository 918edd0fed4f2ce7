"""What every form is made of: rules and dashboards as plain data, from vitals.yaml and the profiles as they are now."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from typing import Any

from vitals.recording import Profiles
from vitals.settings import Settings, load_profiles

Json = dict[str, Any]


@dataclass(frozen=True)
class Bundle:
    """For the user's own apps alone: the demo's apps, and alerts on their absence, belong to this project's stack."""

    settings: Settings
    profiles: Profiles

    @classmethod
    def of(cls, settings: Settings) -> Bundle:
        """Raises VitalsError when vitals.yaml or a profile is wrong."""
        without = settings.having(frozenset())
        return cls(without, load_profiles(without))

    @property
    def version(self) -> str:
        return version("agent-vitals")

    @cached_property
    def rules(self) -> dict[str, Json]:
        """Name → a rule file's content, {"groups": [{"name", "interval", "rules"}, …]}. No group is empty."""
        from vitals import render

        found = {}
        for name, (content, _) in sorted(render.rules(self.settings, self.profiles).items()):
            if groups := [group for group in content["groups"] if group["rules"]]:
                found[name] = {**content, "groups": groups}
        return found

    @cached_property
    def rule_files(self) -> dict[str, str]:
        """File name → text, as Prometheus loads it."""
        from vitals import render

        header = f"# Agent Vitals {self.version}, written by `vitals export`.\n"
        return {f"{name}.yml": header + render.as_yaml(content) for name, content in self.rules.items()}

    @cached_property
    def dashboards(self) -> dict[str, Json]:
        """uid → the dashboard's model, as Grafana's provisioning of files loads it."""
        from vitals import dashboards

        return dict(sorted(dashboards.models(self.settings, self.profiles).items()))

    @cached_property
    def audiences(self) -> dict[str, str]:
        """uid of a dashboard → the audience whose folder it belongs to: a key of ``folders``."""
        from vitals import dashboards

        return dashboards.audiences()

    @cached_property
    def folders(self) -> dict[str, str]:
        """Audience → title of its folder in Grafana; the folder's uid is ``vitals-<audience>``."""
        from vitals.dashboards import grafana

        return grafana.AUDIENCES

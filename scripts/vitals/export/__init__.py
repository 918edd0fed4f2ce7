"""Rules and dashboards as files for what people already run: `vitals export FORM FOLDER`.

A form is one module of this package and one line of FORMS. The module offers

    files(bundle: Bundle) -> dict[str, str]    path within the folder → text

and README.md is among the paths: it says what to do with the rest. Nothing else has to know of a form.
"""

from __future__ import annotations

import importlib
from pathlib import Path

from vitals.errors import VitalsError
from vitals.export import folder
from vitals.export.bundle import Bundle
from vitals.settings import Settings
from vitals.yamlfile import nearest

# Form → what it is for. Its module has the same name, with _ for -.
FORMS = {
    "prometheus": "rule files for Prometheus, runbooks, and templates for Alertmanager",
    "grafana": "dashboards for Grafana's page Import dashboard, which asks for the data sources",
    "terraform": "folders and dashboards for Terraform and OpenTofu, by the provider grafana/grafana",
    "kubernetes": "PrometheusRule objects, dashboards as ConfigMaps, and a kustomization of them",
    "mimir": "rule files for the ruler of Mimir or Cortex, as mimirtool takes them",
    "mixin": "a jsonnet mixin: prometheusRules, prometheusAlerts and grafanaDashboards, with _config",
    "victoriametrics": "rule files for vmalert, and VMRule objects for its operator",
}


def files(form: str, bundle: Bundle) -> dict[str, str]:
    """What a form consists of: path within its folder → text. Raises VitalsError for a form that there is not."""
    if form not in FORMS:
        raise VitalsError(f"there is no form {form!r}{nearest(form, FORMS)} (`vitals export --list`)")
    module = importlib.import_module(f"vitals.export.{form.replace('-', '_')}")
    return dict(sorted(module.files(bundle).items()))


def write(form: str, settings: Settings, into: Path, overwrite: bool = False) -> folder.Written:
    """Writes a form into a folder that is new, empty, or of an earlier export of it. Raises VitalsError."""
    return folder.write(into, form, files(form, Bundle.of(settings)), overwrite)

"""Folders and dashboards for Terraform and OpenTofu, with the official provider grafana/grafana.

Its documentation: https://registry.terraform.io/providers/grafana/grafana/latest/docs
"""

from __future__ import annotations

import json

from vitals.export import grafana
from vitals.export.bundle import Bundle, Json

PROVIDER = "4.45.2"

VERSIONS = f"""\
terraform {{
  required_version = ">= 1.5"

  required_providers {{
    grafana = {{
      source  = "grafana/grafana"
      version = "{PROVIDER}"
    }}
  }}
}}
"""

VARIABLES = """\
variable "grafana_url" {
  description = "Grafana's own address, with its path when it is served below one."
  type        = string
}

variable "grafana_auth" {
  description = "A service account's token. Left out, the environment's GRAFANA_AUTH is taken."
  type        = string
  sensitive   = true
  default     = null
}

variable "prometheus_uid" {
  description = "The uid of the data source that holds what the rules record. Empty: Grafana's default."
  type        = string
  default     = ""
}

variable "elasticsearch_uid" {
  description = "The uid of the data source that holds the apps' log lines. Empty: the first that there is, if any."
  type        = string
  default     = ""
}
"""

MAIN = """\
provider "grafana" {{
  url                    = var.grafana_url
  auth                   = var.grafana_auth
  store_dashboard_sha256 = true
}}

locals {{
  folders = {{
{folders}
  }}
}}

resource "grafana_folder" "audience" {{
  for_each = local.folders

  uid   = "vitals-${{each.key}}"
  title = each.value
}}

resource "grafana_dashboard" "board" {{
  for_each = fileset("${{path.module}}/dashboards", "*/*.json")

  folder = grafana_folder.audience[dirname(each.value)].uid
  config_json = replace(replace(file("${{path.module}}/dashboards/${{each.value}}"),
    "$${{DS_PROMETHEUS}}", var.prometheus_uid),
  "$${{DS_ELASTICSEARCH}}", var.elasticsearch_uid)
  message = "Agent Vitals {version}"
}}

output "dashboards" {{
  description = "Dashboard's file: its address."
  value       = {{ for file, board in grafana_dashboard.board : file => board.url }}
}}
"""

README = """\
# Agent Vitals {version}: dashboards for Terraform

For Terraform 1.5 or newer, or OpenTofu, with the provider grafana/grafana {provider}: a folder for each audience, a
dashboard for each file in `dashboards/`. Load the rules into Prometheus first; dashboards read what they record.

```sh
export GRAFANA_AUTH="$(cat token)"         # of a service account that may make folders and dashboards
export TF_VAR_grafana_url=https://grafana.example.com
export TF_VAR_prometheus_uid=prometheus    # the data source that holds what the rules record
terraform init && terraform plan && terraform apply
```

As a module: `source = "./agent-vitals"`, with the provider block taken out of main.tf and configured by the caller.

Folders and dashboards keep their uids: `vitals-on-call`, `vitals-overview`, ... Let one tool own them: what
`vitals import` or a person made is first brought into the state, by
`terraform import 'grafana_folder.audience["on-call"]' vitals-on-call`.

What was checked: the syntax. No Grafana has been set up with it here.
"""


def files(bundle: Bundle) -> dict[str, str]:
    keys = {f'"{name}"': title for name, title in bundle.folders.items()}
    folders = "\n".join(f'    {key:{max(map(len, keys))}} = "{title}"' for key, title in keys.items())
    return {
        "README.md": README.format(version=bundle.version, provider=PROVIDER),
        "versions.tf": VERSIONS,
        "variables.tf": VARIABLES,
        "main.tf": MAIN.format(folders=folders, version=bundle.version),
        **{f"dashboards/{grafana.path(bundle, uid)}": json.dumps(_model(model), indent=1, sort_keys=True) + "\n"
           for uid, model in bundle.dashboards.items()},
    }


def _model(model: Json) -> Json:
    """The portable model without what the import page alone understands."""
    return {key: value for key, value in grafana.portable(model).items() if not key.startswith("__") and key != "id"}

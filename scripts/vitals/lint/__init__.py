"""The linter for Prometheus rules and Grafana dashboards: reads files, judges expressions, reports findings.

`sources` reads files into the models of `model`; `expression` parses PromQL; each module under `checks/` judges one
family of defects; `reports` prints. No server is needed, and nothing here knows of signals or profiles but `catalogue`.
"""

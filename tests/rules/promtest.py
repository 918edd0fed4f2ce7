"""The test files of prometheus/tests, as promtool reads them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from vitals import settings

FILES = sorted((settings.ROOT / "prometheus" / "tests").glob("*.yml"))


class _Loader(yaml.CSafeLoader):
    """Leaves 0x40, forty zeroes more, the text it is for promtool."""


_Loader.add_constructor("tag:yaml.org,2002:int", lambda _, node: node.value if "x" in node.value else int(node.value))


def load(file: Path) -> dict[str, Any]:
    return yaml.load(file.read_text(), _Loader)


def cases(test: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Of alerts, and of expressions."""
    yield from test.get("alert_rule_test", [])
    yield from test.get("promql_expr_test", [])

"""Stopping and starting again: the data stays."""

from __future__ import annotations

import json
import urllib.request
from datetime import UTC, datetime, timedelta

from .conftest import ComposeStack, get, poll


def samples(stack: ComposeStack) -> float:
    return float(stack.query('sum(count_over_time(up{job="node"}[1h]))')[0]["value"][1])


def test_up_again_says_so_and_starts_nothing(stack: ComposeStack) -> None:
    before = {name: container["State"]["StartedAt"] for name, container in stack.containers().items()}
    stack.vitals("up")
    assert {name: container["State"]["StartedAt"] for name, container in stack.containers().items()} == before


def test_down_and_up_keep_every_services_data(stack: ComposeStack) -> None:
    """Samples, silences, notifications, rows and keys."""
    now = datetime.now(UTC)
    silence = {"matchers": [{"name": "alertname", "value": "Nothing", "isRegex": False}], "comment": "kept?",
               "createdBy": "test", "startsAt": now.isoformat(), "endsAt": (now + timedelta(hours=1)).isoformat()}
    urllib.request.urlopen(urllib.request.Request(stack.url("alertmanager") + "/api/v2/silences", json.dumps(silence).encode(),
                                                  {"Content-Type": "application/json"}), timeout=10).close()
    stack.execute("postgres", "psql", "-U", "postgres", "-c", "create table kept as select 42 as answer")
    redis = 'REDISCLI_AUTH="$(cat /run/secrets/redis)" redis-cli'
    stack.execute("redis", "sh", "-c", f"{redis} set kept 42")
    stored, told = samples(stack), len(stack.notifications())
    assert told > 0

    stack.vitals("down")
    assert stack.containers() == {}
    stack.vitals("up")

    assert samples(stack) > stored
    assert len(stack.notifications()) >= told
    poll(lambda: "kept?" in [s["comment"] for s in get(stack.url("alertmanager") + "/api/v2/silences")], 10, "the silence")
    assert stack.execute("postgres", "psql", "-U", "postgres", "-Atc", "select answer from kept") == "42"
    assert stack.execute("redis", "sh", "-c", f"{redis} get kept") == "42"

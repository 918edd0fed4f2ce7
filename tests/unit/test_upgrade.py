"""What an upgrade refuses. A real stack is upgraded in tests/stack."""

from __future__ import annotations

import pytest

from vitals import upgrade
from vitals.errors import VitalsError


@pytest.mark.parametrize("changes", [
    {"prometheus": ("prom/prometheus:v3.13.0", "prom/prometheus:v3.14.0")},
    {"prometheus": ("prom/prometheus:v3.14.0", "prom/prometheus:v3.13.0")},  # reads what 3.14 wrote
    {"postgres": ("postgres:18.5", "postgres:18.6"), "redis": ("redis:7.4", "redis:8.0.6")},
    {"grafana": ("grafana/grafana:13.1.0", "grafana/grafana:13.2.3")},
    {"inbox": ("agent-vitals/inbox:local", "agent-vitals/inbox:other")},
])
def test_what_can_be_read_is_let_through(changes: upgrade.Changes) -> None:
    upgrade.refuse_unreadable(changes)


@pytest.mark.parametrize(("changes", "words"), [
    ({"prometheus": ("prom/prometheus:v3.14.0", "prom/prometheus:v2.54.0")}, "it takes 2.55 or newer"),
    ({"grafana": ("grafana/grafana:13.2.3", "grafana/grafana:13.1.0")}, "grafana 13.1.0 cannot read"),
    ({"redis": ("redis:8.0.6", "redis:7.4")}, "redis 7.4 cannot read"),
    ({"postgres": ("postgres:18.6", "postgres:17.2")}, "postgres 17.2 cannot read"),
    ({"postgres": ("postgres:18.6", "postgres:19.0")}, "make backup DEMO=1"),
    ({"postgres": ("15", "17")}, "PostgreSQL 17 does not read the files of PostgreSQL 15"),
])
def test_what_could_not_be_read_is_refused_with_the_way_to_do_it(changes: upgrade.Changes, words: str) -> None:
    with pytest.raises(VitalsError, match=words) as caught:
        upgrade.refuse_unreadable(changes)
    assert "othing was changed" in str(caught.value)

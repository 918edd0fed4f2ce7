"""Every recording rule of every profile records what the profile and the signals say, whatever is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rules import oracle, recorded

from vitals import settings
from vitals.engines import parts

CASES = recorded.cases()


@pytest.fixture(scope="session")
def promtool() -> Path:
    return parts.tool(settings.load(), "promtool")


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_values(case: recorded.Case, promtool: Path, tmp_path: Path) -> None:
    rules = recorded.load(case.rules)
    got = recorded.record(promtool, case, rules, tmp_path)
    names = {rule["record"] for rule in rules} - recorded.BY_HAND - case.given
    wrong = {name: (oracle.plain(case.expected.get(name, {})), oracle.plain(got.get(name, {}))) for name in sorted(names)
             if recorded.differs(case.expected.get(name, {}), got.get(name, {}))}
    assert not wrong


def test_something_is_expected_of_every_rule() -> None:
    seen = {(case.rules, name) for case in CASES.values() for name, vector in case.expected.items() if vector}
    rules = {(case.rules, rule["record"]) for case in CASES.values() for rule in recorded.load(case.rules)}
    assert {one for one in rules - seen if one[1] not in recorded.BY_HAND} == set()

"""Every recording rule of every profile records what the profile and the signals say, whatever is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rules import oracle, recorded

from vitals import settings
from vitals.engines import parts

CASES = recorded.cases()
PROFILES = sorted({case.profile for case in CASES.values() if case.rules.startswith("profile-")})
DISTURBED = {profile: pair for profile in PROFILES if (pair := recorded.disturbed(profile))}


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


@pytest.mark.parametrize("profile", DISTURBED)
def test_expressions_read_their_own_profile_and_windows(profile: str, promtool: Path, tmp_path: Path) -> None:
    """Neither another profile's metrics nor what was before a window changes what is recorded."""
    cases = DISTURBED[profile]
    rules = recorded.load(cases[0].rules)
    calm, other = (recorded.record(promtool, case, rules, tmp_path) for case in cases)
    assert [name for name, got in calm.items() if recorded.differs(got, other.get(name, {}))] == []
    assert calm.keys() == {rule["record"] for rule in rules} - cases[0].given
    assert {name for name, got in calm.items() if not recorded.labelled(name, profile, got)} == set()


def test_something_is_expected_of_every_rule() -> None:
    seen = {(case.rules, name) for case in CASES.values() for name, vector in case.expected.items() if vector}
    rules = {(case.rules, rule["record"]) for case in CASES.values() for rule in recorded.load(case.rules)}
    assert {one for one in rules - seen if one[1] not in recorded.BY_HAND} == set()

# ruff: noqa: E501  (a table reads best with one entry to a line)
"""Service level objectives → error budgets and burn rates, over canonical series.

An indicator (SLI) counts events and the bad ones among them. Both are recorded as rates, then summed over the
windows; a ratio is always bad events over all events of the same window, never an average of ratios. The
windows and the shares of the budget that they may use are data; the limits follow from them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from vitals import promql as q
from vitals.recording import APP_INFO, Group, Profiles, Rule, bounds, feeds, le_pattern
from vitals.settings import Objective, Profile, Settings
from vitals.signals import INTERVAL_SECONDS
from vitals.yamlfile import Document, nearest

PERIOD = "30d"
SECONDS = {"5m": 300, "30m": 1800, "1h": 3600, "2h": 7200, "6h": 21600, "1d": 86400, "3d": 259200, "30d": 2592000}

EVENTS = "job_slo:slo_events:rate5m"
BAD = "job_slo:slo_bad_events:rate5m"
OBJECTIVE = "job_slo:slo_objective:ratio"
BUDGET_LEFT = "job_slo:slo_budget_left_ratio:30d"


def ratio(window: str) -> str:
    """The series with the share of bad events over a window."""
    return f"job_slo:slo_bad_ratio:{window}"


def bad(window: str) -> str:
    """The series with the number of bad events in a window."""
    return f"job_slo:slo_bad_events:increase{window}"


def covered(window: str) -> str:
    """The series with the share of a long window that has been seen: below 1 while the stack is younger than it."""
    return f"job_slo:slo_covered_ratio:{window}"


def limit(window: str) -> str:
    """The series with the share of bad events that a long window may show."""
    return f"job_slo:slo_burn_limit:{window}"


@dataclass(frozen=True)
class Burn:
    """A pair of windows: when both use up the budget faster than ``share`` of it per long window, somebody is told."""

    long: str
    short: str
    share: Decimal

    @property
    def factor(self) -> Decimal:
        """How many times faster than sustainable."""
        return self.share * SECONDS[PERIOD] / SECONDS[self.long]


BURNS = (
    Burn("1h", "5m", Decimal("0.02")),  # 14.4
    Burn("6h", "30m", Decimal("0.05")),  # 6
    Burn("1d", "2h", Decimal("0.10")),  # 3
    Burn("3d", "6h", Decimal("0.10")),  # 1
)


LONG = (*(burn.long for burn in BURNS), PERIOD)


@dataclass(frozen=True)
class Sli:
    """What counts as a good event.

    ``events`` is the recorded rate of all of them; exactly one of ``bad`` (the rate of the bad ones), ``good``
    (of the good ones) and ``within`` (a histogram: good is what took no longer than the objective says) tells
    them apart. ``promise`` is the threshold that says the same as the objective, drawn as a line; one that
    states the bad share has ``promise_is_bad``.
    """

    name: str
    text: str
    needs: tuple[str, ...]
    events: str = ""
    bad: str = ""
    good: str = ""
    within: str = ""
    promise: str = ""
    promise_is_bad: bool = False


def _latency(name: str, text: str, histogram: str, promise: str = "") -> Sli:
    return Sli(name, text, (histogram,), f"job:{histogram}:rate5m", within=histogram, promise=promise)


# fmt: off
_SLIS = (
    Sli("availability", "time in which the app answers its scrapes", ("availability",), promise="availability_target"),
    Sli("http_success", "HTTP requests not answered with a 5xx code", ("http_requests",), "job:http_requests:rate5m", bad="job:http_errors:rate5m", promise="http_error_ratio_target", promise_is_bad=True),
    _latency("http_latency", "HTTP requests served in time", "http_latency_seconds"),
    Sli("agent_success", "agent runs that succeed", ("agent_runs",), "job:agent_runs:rate5m", bad="job:agent_failures:rate5m"),
    _latency("agent_latency", "agent runs done in time", "agent_latency_seconds"),
    Sli("workflow_success", "workflows that succeed", ("workflow_runs",), "job:workflow_runs:rate5m", bad="job:workflow_failures:rate5m"),
    Sli("llm_success", "model calls that succeed", ("llm_requests",), "job:llm_requests:rate5m", bad="job:llm_failures:rate5m"),
    _latency("llm_latency", "model calls answered in time", "llm_latency_seconds"),
    _latency("llm_first_token", "model calls whose first token comes in time", "llm_first_token_seconds"),
    Sli("tool_success", "tool calls that succeed", ("tool_runs",), "job:tool_runs:rate5m", bad="job:tool_failures:rate5m"),
    Sli("action_success", "calls to outside services that succeed", ("integration_requests",), "job:integration_requests:rate5m", bad="job:integration_failures:rate5m", promise="integration_failure_ratio_target", promise_is_bad=True),
    _latency("rag_latency", "retrieval stages done in time", "rag_latency_seconds"),
    Sli("automation", "conversations that need no person", ("conversations", "conversations_escalated"), "job:conversations:rate5m", bad="job:conversations_escalated:rate5m", promise="automation_ratio_target"),
    Sli("resolution", "conversations that are resolved", ("conversations", "conversations_resolved"), "job:conversations:rate5m", good="job:conversations_resolved:rate5m", promise="resolution_ratio_target"),
    Sli("answer_success", "messages answered without an error", ("response_latency_seconds", "app_errors"), "job:response_latency_seconds:rate5m", bad="job:app_errors:rate5m"),
    _latency("answer_latency", "messages answered in time", "response_latency_seconds"),
    _latency("first_answer_latency", "conversations whose first answer comes in time", "first_response_seconds", "first_response_target_seconds"),
)
# fmt: on
SLIS: dict[str, Sli] = {sli.name: sli for sli in _SLIS}


# --- what is promised ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Slo:
    """One objective of one profile's apps, or of one app (``job``) that has its own."""

    sli: Sli
    profile: str
    job: str | None
    objective: Decimal
    within: Decimal | None
    but: tuple[str, ...] = ()  # the profile's jobs that have their own, or none

    @property
    def budget(self) -> Decimal:
        return 1 - self.objective

    def limit(self, burn: Burn) -> Decimal:
        """The share of bad events at which a burn counts.

        A low objective has a budget so large that factor × budget is more than everything failing: the limit
        then stands halfway between the budget and everything, or the alert could never fire.
        """
        wanted = burn.factor * self.budget
        return min(wanted, (1 + self.budget) / 2)

    def capped(self, burn: Burn) -> bool:
        return self.limit(burn) < burn.factor * self.budget


def slos(settings: Settings, profiles: Profiles) -> list[Slo]:
    """Every objective, checked. Raises VitalsError with file, line and reason."""
    found = []
    for name, (profile, document) in profiles.items():
        for key, objective in profile.slos.items():
            _check(key, objective, profile, document, ("slos", key))
            own = tuple(app.job for app in settings.apps if app.profile == name and key in app.slos)
            found.append(Slo(SLIS[key], name, None, objective.objective, objective.within_seconds, own))
    for i, app in enumerate(settings.apps):
        for key, wish in app.slos.items():
            where = ("apps", i, "slos", key)
            if key not in SLIS:
                raise settings.document.error(where, "unknown indicator" + nearest(key, SLIS))
            if wish:
                profile = profiles[app.profile][0]
                _check(key, wish, profile, settings.document, where, app.thresholds)
                found.append(Slo(SLIS[key], app.profile, app.job, wish.objective, wish.within_seconds))
    return found


def _check(key: str, slo: Objective, profile: Profile, document: Document, where: tuple[str | int, ...],
           own: dict[str, Decimal] | None = None) -> None:
    sli = SLIS.get(key)
    if sli is None:
        raise document.error(where, "unknown indicator" + nearest(key, SLIS))
    if missing := [name for name in sli.needs if name not in feeds(profile)]:
        raise document.error(where, f"measures nothing: profile {profile.profile} feeds no {', '.join(missing)}")
    if not sli.within:
        if slo.within_seconds is not None:
            raise document.error((*where, "within_seconds"), f"{key} counts outcomes, not times; leave it out")
    elif slo.within_seconds is None:
        raise document.error(where, "says no time: give {within_seconds: …, objective: …}")
    elif slo.within_seconds not in (known := bounds(profile, sli.within)):
        listed = ", ".join(q.number(b) for b in known)
        raise document.error((*where, "within_seconds"), f"{q.number(slo.within_seconds)} is not one of "
                             f"{sli.within}'s buckets ({listed}): how many took longer is not known")
    said = {**profile.thresholds, **(own or {})}.get(sli.promise)
    promised = slo.within_seconds or (1 - slo.objective if sli.promise_is_bad else slo.objective)
    if said is not None and said != promised:
        raise document.error(where, f"contradicts the threshold {sli.promise}: {q.number(said)} there, "
                             f"{q.number(promised)} here; make them agree, or remove one")


# --- rules -----------------------------------------------------------------------------------------------


def groups(settings: Settings, profiles: Profiles) -> dict[str, list[Group]]:
    """The recording rules, by file: events and limits for each profile, and the windows over all of them."""
    files: dict[str, list[Rule]] = {}
    for slo in slos(settings, profiles):
        files.setdefault(slo.profile, []).extend(_rules(slo))
    every = f"{INTERVAL_SECONDS}s"
    found = {f"slo-{name}": [Group(f"{name}:slo", every, rules)] for name, rules in files.items()}
    by_length = sorted({*LONG, *(burn.short for burn in BURNS)}, key=SECONDS.__getitem__)
    hours = [rule for w in by_length if SECONDS[w] < 86400 for rule in _window(w)]
    days = [rule for w in by_length if SECONDS[w] >= 86400 for rule in _window(w)]
    found["slo"] = [Group("slo:windows", every, hours)]
    found["slo-budget"] = [Group("slo:budget", "2m", [*days, _budget()])]  # they move slowly and cost most
    return found


def _rules(slo: Slo) -> Iterator[Rule]:
    tags = {"profile": slo.profile, "slo": slo.sli.name}
    jobs = f'job="{slo.job}"' if slo.job else f'job!~"{q.any_of(slo.but)}"' if slo.but else ""
    here = q.selector(f'profile="{slo.profile}"', jobs)
    info = f"group by (job) ({APP_INFO}{here})"
    yield Rule(OBJECTIVE, f"{info} * {q.number(slo.objective)}", tags)
    for burn in BURNS:
        yield Rule(limit(burn.long), f"{info} * {q.number(slo.limit(burn))}", tags)
    events, failed = _events(slo, jobs)
    yield Rule(EVENTS, events, tags)
    yield Rule(BAD, failed, tags)


def _events(slo: Slo, jobs: str) -> tuple[str, str]:
    """All events and the bad ones, as rates. A counter that has not counted yet is zero, not unknown."""
    sli, profile = slo.sli, f'profile="{slo.profile}"'

    def read(name: str, *matchers: str) -> str:
        return f"{name}{q.selector(profile, jobs, *matchers)}"

    if sli.name == "availability":
        up = read("job:availability:current")
        return f"0 * {up} + 1", f"1 - {up}"
    events = read(sli.events)
    if sli.bad:
        return events, f"{read(sli.bad)} or 0 * {events}"
    if sli.good:
        # An answer may fall into a later window than its question: over a longer one that evens out.
        return events, f"{events} - ({read(sli.good)} or 0 * {events})"
    assert slo.within is not None
    in_time = read(f"job_le:{sli.within}_bucket:rate5m", f'le=~"{le_pattern(slo.within)}"')
    return events, f"{events} - {q.on('job')} sum by (job) ({in_time})"


def _window(window: str) -> Iterator[Rule]:
    if window == "5m":
        yield Rule(ratio("5m"), f"clamp_min({BAD} / ({EVENTS} > 0), 0)")
        return
    events = f"job_slo:slo_events:increase{window}"
    yield Rule(events, f"sum_over_time({EVENTS}[{window}]) * {INTERVAL_SECONDS}")
    yield Rule(bad(window), f"sum_over_time({BAD}[{window}]) * {INTERVAL_SECONDS}")
    yield Rule(ratio(window), f"clamp_min({bad(window)} / ({events} > 0), 0)")
    if window in LONG:
        yield Rule(covered(window), f"clamp_max(count_over_time({EVENTS}[{window}]) * {INTERVAL_SECONDS} / "
                                    f"{SECONDS[window]}, 1)")


def _budget() -> Rule:
    """What is left of the 30 days' budget. A stack younger than that has used only its own days' part of it."""
    return Rule(BUDGET_LEFT, f"1 - {ratio(PERIOD)} * {covered(PERIOD)} / (1 - {OBJECTIVE})")


def recorded(profile: Profile) -> set[str]:
    """The series that the apps of a profile have beside its signals; none without objectives."""
    if not profile.slos:
        return set()
    windows = {record.record for window in SECONDS for record in _window(window)}
    return {OBJECTIVE, EVENTS, BAD, BUDGET_LEFT, *(limit(burn.long) for burn in BURNS), *windows}

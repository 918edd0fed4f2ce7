"""Which of Grafana's data sources the dashboards read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vitals.errors import VitalsError
from vitals.importing.api import Api, Refused, Stop, plain, segment

if TYPE_CHECKING:
    from vitals.export.bundle import Bundle, Json


@dataclass(frozen=True)
class Source:
    """One of Grafana's data sources."""

    name: str
    uid: str


# Type of data source → the one that variables of that type begin with. A type that is not in it begins with the
# first that Grafana has.
Sources = dict[str, Source]


def choose(api: Api, bundle: Bundle, datasource: str | None, log_source: str | None,
           say: Callable[[str], None]) -> Sources:
    """The sources that were named, else the only ones of their type. Raises VitalsError when that is not clear.

    ``log_source`` may be "none".
    """
    try:
        there = [entry for entry in api.get("/api/datasources") if isinstance(entry, dict)]
    except Refused as err:
        if err.status != 403:
            raise
        return _unseen(err, datasource, log_source, say)
    prometheus = _one(there, "prometheus", "--datasource NAME", datasource)
    if prometheus is None:
        raise Stop("Grafana has no data source of type prometheus; add the Prometheus that loads the rules, under "
                   "Connections, Data sources")
    say(f"metrics: data source {plain(prometheus.name)} (uid {plain(prometheus.uid)})")
    _look(api, prometheus, say)
    chosen = {"prometheus": prometheus}
    if log_source != "none" and any(variable["query"] == "elasticsearch" for model in bundle.dashboards.values()
                                    for variable in model["templating"]["list"] if variable["type"] == "datasource"):
        lines = _one(there, "elasticsearch", "--log-source NAME (or none)", log_source)
        if lines:
            chosen["elasticsearch"] = lines
            say(f"log lines: data source {plain(lines.name)} (uid {plain(lines.uid)})")
        else:
            say("log lines: Grafana has no data source of type elasticsearch; their panel stays empty")
    return chosen


def _unseen(err: Refused, datasource: str | None, log_source: str | None, say: Callable[[str], None]) -> Sources:
    """Where the login may not list the sources, which takes an Admin: what was named, taken at its word."""
    if datasource is None:
        raise Stop(f"the data sources cannot be listed: {err}. Give it datasources:read (role Admin has it), or name "
                   "the Prometheus by its uid: --datasource UID") from err
    say(f"the data sources cannot be listed ({err}): what was named is taken as a uid, unseen")
    given = {"prometheus": datasource, "elasticsearch": log_source}
    return {kind: Source(uid, uid) for kind, uid in given.items() if uid not in (None, "none")}


def _one(there: list[Json], kind: str, option: str, wanted: str | None) -> Source | None:
    """The source that was named, by uid or name; else the only one of its type. None: there is none."""
    fitting = [Source(str(entry.get("name")), str(entry.get("uid"))) for entry in there if entry.get("type") == kind]
    if wanted is None:
        if len(fitting) > 1:
            raise Stop(f"Grafana has {len(fitting)} data sources of type {kind}; say which, by {option}:"
                       + _listed(fitting))
        return fitting[0] if fitting else None
    for source in (*(s for s in fitting if s.uid == wanted), *(s for s in fitting if s.name == wanted)):
        return source
    other = next((entry for entry in there if wanted in (entry.get("uid"), entry.get("name"))), None)
    raise Stop((f"data source {wanted} is of type {plain(other.get('type'))}, not {kind}" if other else
                f"Grafana has no data source {wanted}")
               + (f"; of type {kind} it has:{_listed(fitting)}" if fitting else f"; it has none of type {kind}"))


def _listed(sources: list[Source]) -> str:
    return "".join(f"\n  {plain(s.name)} (uid {plain(s.uid)})" for s in sorted(sources, key=lambda s: s.name))


def _look(api: Api, source: Source, say: Callable[[str], None]) -> None:
    """Whether the rules are loaded there: dashboards read what they record, and nothing else."""
    try:
        answer = api.get(f"/api/datasources/proxy/uid/{segment(source.uid)}/api/v1/query", query="count(job:app:info)")
        recorded = bool(answer["data"]["result"])
    except (VitalsError, KeyError, TypeError) as err:
        why = f": {err}" if isinstance(err, VitalsError) else ""
        say(f"whether the rules are loaded there was not to be found out{why}")
        return
    if not recorded:
        say("warning: no series job:app:info there yet: dashboards stay empty until it loads the rules, and targets "
            "have a profile label (docs/importing.md)")

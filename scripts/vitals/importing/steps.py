"""What is to be done with each dashboard, from what is there. Writes nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from vitals.importing import compare
from vitals.importing.api import Api, Refused, plain, segment
from vitals.importing.sources import Sources

if TYPE_CHECKING:
    from vitals.export.bundle import Bundle, Json

TAG = "agent-vitals"
# In the message of a version: what an import saved, and as which version.
MARK = re.compile(r"\bvitals import, sha256:([0-9a-f]+), version (\d+)")


Action = Literal["create", "update", "same", "refuse"]


@dataclass(frozen=True)
class Step:
    """What is to be done with one dashboard."""

    uid: str
    title: str
    action: Action
    why: str = ""  # it is refused
    model: Json | None = None  # as it will be saved
    there: Json | None = None  # as it is
    version: int = 0  # that it has
    folder: str = ""  # uid of the one that it is, or will be, in; empty: none

    def mark(self, version: str) -> str:
        """The message to save it with."""
        return (f"Agent Vitals {version}: vitals import, sha256:{compare.digest(self.model or {})}, "
                f"version {self.version + 1}")


def folder(audience: str) -> str:
    """The uid of an audience's folder."""
    return f"vitals-{audience}"


def examine(api: Api, bundle: Bundle, uid: str, sources: Sources, overwrite: bool) -> Step:
    """Looks at what is there under this uid. Raises Stop when Grafana cannot be asked."""
    wanted = _with(bundle.dashboards[uid], sources)
    title = wanted["title"]
    try:
        found = api.found(f"/api/dashboards/uid/{segment(uid)}")
    except Refused as err:
        return Step(uid, title, "refuse", f"cannot be read: {err}")
    if found is None:
        return Step(uid, title, "create", model=wanted, folder=folder(bundle.audiences[uid]))
    there, meta = (found.get(key) if isinstance(found, dict) else None for key in ("dashboard", "meta"))
    if not isinstance(there, dict) or not isinstance(meta, dict) or not isinstance(meta.get("version"), int):
        return Step(uid, title, "refuse", "cannot be read: Grafana's answer holds no dashboard with its version")
    version = meta["version"]

    def step(action: Action, why: str = "") -> Step:
        # Whoever moved it to another folder finds it there again.
        return Step(uid, title, action, why, wanted, there, version, str(meta.get("folderUid") or ""))

    if meta.get("provisioned"):
        return step("refuse", "it is provisioned from a file; change it there")
    if TAG not in (there.get("tags") or []):
        return step("refuse", f"a dashboard that no import made has its uid: {plain(there.get('title'))}; "
                              "give that one another")
    digest = compare.digest(wanted)
    if compare.digest(there) == digest:
        return step("same")
    saved, edit = _history(api, uid, there, meta)
    if edit and not overwrite:
        return step("refuse", f"{edit}; --overwrite replaces it, and Grafana keeps its earlier versions")
    return step("same" if saved == digest and not edit else "update")


def _history(api: Api, uid: str, there: Json, meta: Json) -> tuple[str, str]:
    """What the last import saved (its digest), and what was changed by hand since then; each may be empty.

    Either witness will do: the last version is the import's, or the model is what the import saved. Grafana may have
    rewritten the model on its own, and an older version may have been restored.
    """
    entries = sorted(_versions(api, uid), key=lambda entry: int(entry["version"]))
    marks = [mark for entry in entries if (mark := MARK.search(str(entry.get("message") or "")))]
    if not marks:
        return "", "it was not made by an import, or Grafana does not tell of its versions"
    saved, version = marks[-1][1], int(marks[-1][2])
    last = entries[-1]
    if last["version"] == version or compare.digest(there) == saved:
        return saved, ""
    who = plain(last.get("createdBy") or meta.get("updatedBy") or "somebody")
    when = plain(last.get("created") or meta.get("updated") or "an unknown time")
    return saved, f"changed by hand since its import as version {version}: version {last['version']} by {who} at {when}"


def _versions(api: Api, uid: str) -> list[Json]:
    """What Grafana keeps of its history; since 11.6 inside an object."""
    try:
        found = api.get(f"/api/dashboards/uid/{segment(uid)}/versions", limit=50)
    except Refused:
        return []
    entries = found.get("versions") if isinstance(found, dict) else found
    return [entry for entry in entries or [] if isinstance(entry, dict) and isinstance(entry.get("version"), int)]


def _with(model: Json, sources: Sources) -> Json:
    """The model, its data-source variables beginning with these."""
    variables = []
    for variable in model["templating"]["list"]:
        source = sources.get(variable["query"]) if variable["type"] == "datasource" else None
        variables.append(variable | {"current": {"selected": True, "text": source.name, "value": source.uid}}
                         if source else variable)
    return {**model, "templating": {"list": variables}}

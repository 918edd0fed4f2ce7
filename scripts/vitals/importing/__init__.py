"""`vitals import`: the dashboards into a Grafana that runs already, over its HTTP API.

An import leaves everything alone that it did not make. Its dashboards have the tag ``agent-vitals``, and each version
that it saves tells in its message the digest of what was saved. Once a later version is somebody else's, the dashboard
is changed by hand, and only replaced when that is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from vitals.errors import VitalsError
from vitals.importing import compare, sources
from vitals.importing.api import Api, Refused, Stop, plain, segment
from vitals.importing.steps import TAG, Step, examine, folder

if TYPE_CHECKING:
    from vitals.export.bundle import Bundle
    from vitals.settings import Settings

OLDEST = 12  # Grafana that the dashboards are written for
DIFFERENCES_SHOWN = 40  # lines for one dashboard
Say = Callable[[str], None]


def run(settings: Settings, api: Api, say: Say, *, dry_run: bool = False, overwrite: bool = False,
        datasource: str | None = None, log_source: str | None = None) -> None:
    """Brings every dashboard into Grafana, or says what that would do.

    Nothing is written before everything that is there has been looked at. Raises VitalsError when anything is left
    undone, after telling what was done and what was not; another run takes up what is left.
    """
    from vitals.export.bundle import Bundle

    _greet(api, say)
    bundle = Bundle.of(settings)
    chosen = sources.choose(api, bundle, datasource, log_source, say)
    steps = [examine(api, bundle, uid, chosen, overwrite) for uid in bundle.dashboards]
    wanted = {step.folder for step in steps if step.action == "create"}
    missing = {folder(name): title for name, title in bundle.folders.items()
               if folder(name) in wanted and api.found(f"/api/folders/{segment(folder(name))}") is None}
    failed = (_tell if dry_run else _do)(api, bundle, missing, steps, say)
    _tell_rest(api, bundle, say)
    if dry_run:
        say("nothing was written: this was a dry run")
    if failed:
        raise VitalsError(f"{len(failed)} of {len(steps)} dashboards {'would not be' if dry_run else 'were not'} "
                          f"imported: {', '.join(failed)}")


def _greet(api: Api, say: Say) -> None:
    """Raises Stop unless a Grafana answers that is well."""
    health = api.get("/api/health")
    if not isinstance(health, dict) or "database" not in health:
        raise Stop(f"{api.url} answers, but is no Grafana")
    version = plain(health.get("version") or "")
    say(f"Grafana {version or '(it hides its version)'} at {api.url}, as {api.who.name}")
    if health["database"] != "ok":
        raise Stop(f"{api.url}: Grafana's own database is not well; look into its log")
    major = re.match(r"\d+", version)
    if major and int(major[0]) < OLDEST:
        say(f"warning: the dashboards are written for Grafana {OLDEST} and newer")


def _tell(api: Api, bundle: Bundle, missing: dict[str, str], steps: list[Step], say: Say) -> list[str]:
    """The plan. Gives the titles of those that would not be imported."""
    for uid, title in missing.items():
        say(f"would create  folder {title} (uid {uid})")
    for step in steps:
        match step.action:
            case "create":
                say(f"would create  {step.title} (uid {step.uid}, in folder {step.folder})")
            case "update":
                say(f"would update  {step.title} (uid {step.uid}, version {step.version})")
            case "same":
                say(f"the same      {step.title}")
            case "refuse":
                say(f"not touched   {step.title}: {step.why}")
        if step.there is not None and step.model and step.action != "same":
            lines = compare.differences(step.there, step.model)
            for line in lines[:DIFFERENCES_SHOWN]:
                say(f"    {plain(line)}")
            if len(lines) > DIFFERENCES_SHOWN:
                say(f"    … and {len(lines) - DIFFERENCES_SHOWN} more")
    return [step.title for step in steps if step.action == "refuse"]


def _do(api: Api, bundle: Bundle, missing: dict[str, str], steps: list[Step], say: Say) -> list[str]:
    """Carries the plan out. Gives the titles that were not imported; raises VitalsError when it cannot go on."""
    failed: list[str] = []
    done = 0
    try:
        without = dict(_make_folders(api, missing, say))
        for step in steps:
            if step.action == "create" and step.folder in without:
                step = replace(step, action="refuse", why=without[step.folder])
            if not _save(api, bundle, step, say):
                failed.append(step.title)
            done += 1
    except Stop as err:
        left = [step.title for step in steps[done:] if step.action != "same"]
        raise VitalsError(f"{err}\nnot imported: {', '.join(failed + left)}\n"
                          "run it again: it does what is left") from err
    return failed


def _make_folders(api: Api, missing: dict[str, str], say: Say) -> Iterator[tuple[str, str]]:
    """The uid of each that could not be made, and why."""
    for uid, title in missing.items():
        try:
            api.post("/api/folders", {"uid": uid, "title": title})
        except Refused as err:
            if err.status in (409, 412) and api.found(f"/api/folders/{segment(uid)}") is not None:
                continue  # somebody else made it just now
            yield uid, f"its folder could not be made: {err}; let it make folders (folders:create), or make one with " \
                       f"the uid {uid}"
        else:
            say(f"created  folder {title}")


def _save(api: Api, bundle: Bundle, step: Step, say: Say) -> bool:
    if step.action == "same":
        say(f"same     {step.title}")
        return True
    if step.action == "refuse" or step.model is None:
        say(f"refused  {step.title}: {step.why}")
        return False
    # The version that was looked at: when somebody has saved since, Grafana refuses.
    dashboard = {**step.model, "id": (step.there or {}).get("id"), "version": step.version}
    body = {"dashboard": dashboard, "message": step.mark(bundle.version), "overwrite": False}
    try:
        saved = api.post("/api/dashboards/db", body | ({"folderUid": step.folder} if step.folder else {}))
    except Refused as err:
        moved = "somebody saved it meanwhile; run it again to see what changed"
        say(f"failed   {step.title}: {moved if err.kind == 'version-mismatch' else err}")
        return False
    if not isinstance(saved, dict) or saved.get("status") != "success":
        say(f"failed   {step.title}: Grafana does not say that it was saved")
        return False
    say(f"{step.action}d  {step.title}: {api.url}/d/{step.uid} (version {plain(saved.get('version'))})")
    return True


def _tell_rest(api: Api, bundle: Bundle, say: Say) -> None:
    """What an import does not do."""
    try:
        found = api.get("/api/search", tag=TAG, type="dash-db", limit=5000)
    except Refused:
        found = []
    for hit in found if isinstance(found, list) else []:
        uid = str(hit.get("uid")) if isinstance(hit, dict) else ""
        if uid.startswith("vitals-") and uid not in bundle.dashboards:
            say(f"left     {plain(hit.get('title'))} ({api.url}/d/{plain(uid)}): this version has no such dashboard; "
                "delete it when you like")
    say("alerts are Prometheus rules, not Grafana's: prometheus/rules/ goes into Prometheus, Mimir or VictoriaMetrics "
        "(docs/importing.md)")
    links = bundle.settings.file.links
    if links.grafana != api.url:
        say(f"alerts link to dashboards at {links.grafana}; for this Grafana set links.grafana: {api.url} "
            "in vitals.yaml")
    say(f"alerts and panels link to runbooks at {links.runbooks}; links.runbooks in vitals.yaml says where yours are")

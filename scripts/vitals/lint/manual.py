"""What is said about the checks themselves: `--list`, `--explain`, and the pages of docs/lint/."""

from __future__ import annotations

import functools

from vitals.errors import VitalsError
from vitals.lint.model import Check


@functools.cache
def checks() -> dict[str, Check]:
    """Every check by id: those that judge expressions, and the reader's own."""
    from vitals.lint import baseline, rulefiles, suppressions
    from vitals.lint.checks import ALL

    own = (rulefiles.SCHEMA, *suppressions.CHECKS, baseline.GONE)
    return {check.id: check for check in (*ALL.values(), *own)}


def listing() -> str:
    """A line for each check."""
    found = sorted(checks().values(), key=lambda check: check.id)
    width = max(len(check.id) for check in found)
    lines = [f"{check.id:{width}}  {check.severity:7}  {check.title}" +
             ("" if check.enabled else " (only where enabled)") for check in found]
    return "\n".join(lines) + "\n"


def explain(name: str) -> str:
    """All that is known about one check."""
    import difflib

    if name not in checks():
        close = difflib.get_close_matches(name, checks(), n=1, cutoff=0.5)
        raise VitalsError(f"no check {name!r}" + (f"; did you mean {close[0]!r}?" if close else "; see --list"))
    check = checks()[name]
    notes = [f"severity {check.severity}", "judges " + " and ".join(_KINDS[kind] for kind in check.kinds)]
    notes += [] if check.enabled else ["only where enabled"]
    notes += ["--fix mends some"] if check.fixes else []
    parts = [f"{check.id}: {check.title}", ", ".join(notes), check.why.strip()]
    parts += [f"{name}:\n\n{_indented(text)}" for name, text in (("Bad", check.bad), ("Good", check.good)) if text]
    parts.append(f"To let one pass:\n\n    # vitals: disable={check.id} reason=\"…\"")
    return "\n\n".join(parts) + "\n"


_KINDS = {"rules": "rules", "dashboard": "dashboards", "tests": "tests"}


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.strip().split("\n"))

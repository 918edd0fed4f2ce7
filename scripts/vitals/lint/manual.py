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


def pages() -> dict[str, str]:
    """File name under docs/lint/ → text: a page for each check, and an index."""
    found = {f"{check.id}.md": _page(check) for check in checks().values()}
    lines = [NOTE, "# What `vitals lint` finds\n", "How to run it, in CI and elsewhere: [linting.md](../linting.md).\n",
             "| check | severity | judges | what is wrong |", "|---|---|---|---|"]
    for check in sorted(checks().values(), key=lambda check: check.id):
        marks = "".join([" (only where enabled)" if not check.enabled else "", " · `--fix`" if check.fixes else ""])
        kinds = ", ".join(_KINDS[kind] for kind in check.kinds)
        lines.append(f"| [{check.id}]({check.id}.md) | {check.severity} | {kinds} | {_title(check)}{marks} |")
    return {**found, "README.md": "\n".join(lines) + "\n"}


NOTE = "<!-- Made by `vitals build`. Change scripts/vitals/lint/ instead, then build again. -->\n"


def _title(check: Check) -> str:
    return check.title.rstrip(".").replace("|", "\\|")


def _page(check: Check) -> str:
    notes = [check.severity, "judges " + " and ".join(_KINDS[kind] for kind in check.kinds)]
    notes += [] if check.enabled else ["runs only where the configuration enables it"]
    notes += ["`--fix` mends some"] if check.fixes else []
    parts = [NOTE, f"# {check.id}\n", f"{_title(check)}.\n", " · ".join(notes) + "\n", check.why.strip() + "\n"]
    for title, text in (("Bad", check.bad), ("Good", check.good)):
        if text.strip():
            parts.append(f"{title}:\n\n```yaml\n{text.strip()}\n```\n")
    parts.append(f'To let one pass: `# vitals: disable={check.id} reason="…"` '
                 "([more](../linting.md#letting-one-pass)).")
    return "\n".join(parts) + "\n"


_KINDS = {"rules": "rules", "dashboard": "dashboards", "tests": "tests"}


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.strip().split("\n"))

"""`vitals lint`: options in, a report and an exit code out. The linter itself is imported when it is called."""

from __future__ import annotations

import os
import sys

import click

from vitals.errors import VitalsError

CLEAN, FOUND, FAILED = 0, 1, 2
EXIT_CODES = """\b
Exit codes: 0 nothing at or above --fail-on, 1 findings, 2 bad usage or an input that cannot be read."""


@click.command(epilog=EXIT_CODES)
@click.argument("paths", nargs=-1)
@click.option("--fail-on", type=click.Choice(["error", "warning", "info", "never"]), default="warning",
              show_default=True, help="The least severity that makes the exit code 1.")
def lint(paths: tuple[str, ...], fail_on: str) -> None:
    """Find what is wrong in Prometheus rules and Grafana dashboards, offline.

    PATHS are files, folders, quoted patterns, or - for standard input (rendered manifests); without any, this folder.
    """
    try:
        code = _lint(paths or (".",), fail_on)
    except VitalsError as err:
        click.secho(f"vitals lint: {err}", err=True, fg="red" if sys.stderr.isatty() else None)
        code = FAILED
    sys.exit(code)


def _lint(paths: tuple[str, ...], fail_on: str) -> int:
    from vitals.lint import reports, run, sources

    read, unreadable = sources.read(paths)
    result = run.lint(read)
    findings = [*(finding for source in read for finding in source.findings), *result]
    skipped = [entry for source in read for entry in source.skipped]
    skipped += [(expr.place, "an expression that is not PromQL as it is known here") for expr in result.not_analysed]
    report = reports.Report(findings, unreadable, skipped, read)
    sys.stdout.write(reports.text(report, _colour()))
    if unreadable:
        return FAILED
    failing = reports.SEVERITIES[:reports.SEVERITIES.index(fail_on) + 1] if fail_on != "never" else ()
    return FOUND if any(finding.severity in failing for finding in findings) else CLEAN


def _colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

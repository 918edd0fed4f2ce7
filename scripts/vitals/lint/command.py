"""`vitals lint`: options in, a report and an exit code out. The linter itself is imported when it is called."""

from __future__ import annotations

import gc
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vitals.errors import VitalsError

if TYPE_CHECKING:
    from vitals.lint.catalogue import Catalogue
    from vitals.lint.config import Config
    from vitals.lint.model import Finding, Source
    from vitals.lint.reports import Report

CLEAN, FOUND, FAILED = 0, 1, 2
EPILOG = """\b
Exit codes: 0  nothing found at or above --fail-on
            1  findings (with --diff: something to mend)
            2  bad usage, or an input that cannot be read
\b
Examples:
  vitals lint prometheus/rules grafana/dashboards
  helm template . | vitals lint -
  vitals lint --since origin/main --format github .
"""
Severities = click.Choice(["error", "warning", "info"])
File = click.Path(path_type=Path, dir_okay=False)


@dataclass(frozen=True)
class Request:
    """The command line."""

    paths: tuple[str, ...]
    format: str
    output: Path | None
    fail_on: str | None
    min_severity: str | None
    config_file: Path | None
    no_config: bool
    catalogues: tuple[str, ...]
    prometheus: str | None
    online: bool
    since: str | None
    baseline: Path | None
    write_baseline: Path | None
    fix: bool
    diff: bool
    skip_others: bool


@click.command(epilog=EPILOG)
@click.argument("paths", nargs=-1)
@click.option("-f", "--format", type=click.Choice(["text", "github", "sarif", "json", "junit", "checkstyle"]),
              default="text", show_default=True, help="How the report is written.")
@click.option("-o", "--output", type=File, help="Write the report to this file instead of standard output.")
@click.option("--fail-on", type=click.Choice(["error", "warning", "info", "never"]),
              help="The least severity that makes the exit code 1.  [default: warning]")
@click.option("--min-severity", type=Severities, help="Tell nothing below this severity.  [default: info]")
@click.option("--config-file", type=File,
              help="Configuration.  [default: .vitals-lint.yaml beside or above the first path]")
@click.option("--no-config", is_flag=True, help="Read no configuration file.")
@click.option("--catalogue", "catalogues", multiple=True, metavar="PAGE",
              help="A saved /metrics page, or its address: what metrics there are. May be repeated.")
@click.option("--prometheus", metavar="URL", help="A Prometheus to ask which metrics there are.")
@click.option("--online", is_flag=True, help="Also ask whether the addresses in annotations answer.")
@click.option("--since", metavar="REF", help="Only rules and panels that have changed since this git commit or branch.")
@click.option("--baseline", type=File, help="A file of findings that were there before, and do not count.")
@click.option("--write-baseline", type=File, help="Put all findings into this baseline file.")
@click.option("--fix", is_flag=True, help="Mend in place what can be mended without changing what is meant.")
@click.option("--diff", is_flag=True, help="Print what --fix would change, and change nothing.")
@click.option("--skip-others", is_flag=True,
              help="Pass over named files that are neither rules nor dashboards; nothing to lint is fine.")
@click.option("--list", "list_", is_flag=True, help="List the checks.")
@click.option("--explain", metavar="ID", help="Explain a check.")
def lint(list_: bool, explain: str | None, **given: object) -> None:
    """Find what is wrong in Prometheus rules and Grafana dashboards, offline.

    PATHS are files, folders, quoted patterns, or - for standard input (rendered manifests); without any, this folder.
    Read are rule files, PrometheusRule and ConfigMap manifests, dashboards, and promtool's test files.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        if list_ or explain:
            from vitals.lint import manual

            click.echo(manual.explain(explain) if explain else manual.listing(), nl=False)
            return
        code = _lint(Request(**given))  # type: ignore[arg-type]
    except VitalsError as err:
        click.secho(f"vitals lint: {err}", err=True, fg="red" if sys.stderr.isatty() else None)
        code = FAILED
    sys.exit(code)


def _lint(request: Request) -> int:
    gc.disable()  # what is read stays: to look through it again and again frees nothing
    from vitals.lint import catalogues, config, sources

    if request.fix and request.diff:
        raise click.UsageError("--fix changes files and --diff does not: give one of the two")
    paths = request.paths or (".",)
    if request.fix and "-" in paths:
        raise click.UsageError("--fix mends files; for standard input, take --diff")
    wanted = config.Config() if request.no_config else config.effective(paths, request.config_file)
    read, unreadable = sources.read(paths, wanted.excluded, strict=not request.skip_others)
    if not read and not unreadable and not request.skip_others:
        raise VitalsError(f"no rules and no dashboards in {' '.join(paths)}")
    catalogue = catalogues.gather([*wanted.catalogues, *request.catalogues], request.prometheus)
    job = _Job(request, wanted, catalogue)
    if request.fix or request.diff:
        from vitals.lint import fixes

        mended, count = fixes.mend(read, lambda found: job.report(found).findings)
        changed = [(before, after) for before, after in zip(read, mended, strict=True) if before.text != after.text]
        if request.diff:
            for before, after in changed:
                sys.stdout.write(fixes.diff(before, after))
            for problem in unreadable:
                click.echo(f"vitals lint: {problem}", err=True)
            return FAILED if unreadable else FOUND if changed else CLEAN
        for before, after in changed:
            fixes.write(before, after)
        click.echo(f"mended {count} in {len(changed)} file{'' if len(changed) == 1 else 's'}", err=True)
        read = mended
    report = job.report(read)
    report.unreadable = unreadable
    if request.write_baseline:
        from vitals.lint import baseline

        baseline.write(request.write_baseline, report.findings)
        click.echo(f"{len(report.findings)} findings are now in {request.write_baseline}", err=True)
        return FAILED if unreadable else CLEAN
    _print(request, report)
    return FAILED if unreadable else FOUND if any(report.fails(finding) for finding in report.findings) else CLEAN


class _Job:
    """Judges sources as the command line and the configuration want it."""

    def __init__(self, request: Request, config: Config, catalogue: Catalogue) -> None:
        self.request = request
        self.config = config
        self.catalogue = catalogue

    def report(self, sources: list[Source]) -> Report:
        from dataclasses import replace
        from datetime import date

        from vitals.lint import reports, run, suppressions

        request, config = self.request, self.config
        options = replace(config.options, online=request.online)
        running = config.running()
        result = run.lint(sources, self.catalogue, options, running)
        findings = [finding for source in sources for finding in source.findings] + list(result)
        outcome = suppressions.apply(sources, config.judge(findings), config, running, date.today())
        kept, hidden = self._new(config.judge(outcome.findings), sources)
        least = reports.SEVERITIES.index(request.min_severity or config.min_severity or "info")
        kept = [finding for finding in kept if reports.SEVERITIES.index(finding.severity) <= least]
        order = {source.file: i for i, source in enumerate(sources)}
        kept.sort(key=lambda f: (order.get(f.place.file, len(order)), f.place.line, f.place.column, f.check))
        skipped = [entry for source in sources for entry in source.skipped]
        told = {finding.text.place for finding in result if finding.check == "promql-syntax" and finding.text}
        skipped += [(expr.place, "an expression that is not PromQL as it is known here")
                    for expr in result.not_analysed if expr.place not in told]
        return reports.Report(kept, [], skipped, sources, outcome.suppressed, hidden,
                              request.fail_on or config.fail_on or "warning")

    def _new(self, findings: list[Finding], sources: list[Source]) -> tuple[list[Finding], int]:
        """Without what has not changed, and what the baseline has."""
        count = len(findings)
        if self.request.since is not None:
            from vitals.lint import since

            findings = since.filter(findings, sources, self.request.since)
        hidden = count - len(findings)
        path = self.request.baseline or (Path(self.config.baseline) if self.config.baseline else None)
        if path and not self.request.write_baseline:
            from vitals.lint import baseline

            findings, known = baseline.apply(path, findings, sources)
            hidden += known
        return findings, hidden


def _print(request: Request, report: Report) -> None:
    from vitals.lint import reports

    if request.format == "text":
        text = reports.text(report, not request.output and _colour())
    else:
        from vitals.lint import formats

        text = formats.render(request.format, report)
    if not request.output:
        sys.stdout.write(text)
        return
    try:
        request.output.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as err:
        raise VitalsError(f"{request.output}: cannot be written: {err.strerror}") from err
    click.echo(reports.summary(report), err=True)


def _colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

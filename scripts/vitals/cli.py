"""The `vitals` command: parse, call, print. Everything heavy is imported where it is used."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vitals.errors import VitalsError
from vitals.lint.command import lint

if TYPE_CHECKING:
    from vitals.engines import Engine, Images


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", type=click.Path(path_type=Path), help="Settings file (default: vitals.yaml).")
@click.pass_context
def cli(ctx: click.Context, config: Path | None) -> None:
    """Agent Vitals: monitoring for AI-agent applications."""
    ctx.obj = config


cli.add_command(lint)


@cli.command()
@click.option("--check", is_flag=True, help="Write nothing; fail when a generated file is stale.")
@click.pass_obj
def build(config: Path | None, check: bool) -> None:
    """Make rules, dashboards, routes and pages from vitals.yaml and the profiles."""
    from vitals import render, settings

    loaded = settings.load(config)
    if check:
        if stale := render.stale(loaded):
            names = "\n  ".join(str(path.relative_to(loaded.root)) for path in stale)
            raise VitalsError(f"stale, run `make build`:\n  {names}")
        click.echo("generated files are fresh")
        return
    touched = render.build(loaded)
    for path in touched:
        click.echo(f"{'wrote' if path.exists() else 'removed'} {path.relative_to(loaded.root)}")
    if not touched:
        click.echo("nothing to do: generated files are fresh")


@cli.command()
@click.pass_obj
def check(config: Path | None) -> None:
    """Check generated files, rules, routes, parity, types and style (no stack needed)."""
    from vitals import checks, settings

    failed = 0
    for result in checks.run(settings.load(config)):
        click.echo(f"{'ok  ' if not result.problems else 'FAIL'} {result.seconds:5.1f} s  {result.name}")
        if result.problems:
            failed += 1
            click.echo("     " + result.problems.replace("\n", "\n     "))
    if failed:
        raise VitalsError(f"{failed} of the checks failed")


@cli.command()
@click.argument("form", required=False)
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option("--list", "listing", is_flag=True, help="The forms, and what each is for.")
@click.option("--overwrite", is_flag=True, help="Also replace files of an earlier export that were changed by hand.")
@click.pass_obj
def export(config: Path | None, form: str | None, folder: Path | None, listing: bool, overwrite: bool) -> None:
    """Write rules and dashboards as files for what you already run."""
    from vitals import export, settings

    if listing:
        for name, text in {**export.FORMS, "all": "every form in one archive, the same bytes each time"}.items():
            click.echo(f"{name:16} {text}")
        return
    if form is None or folder is None:
        raise VitalsError("give a form and a folder, as in `vitals export grafana out/`; "
                          "`vitals export --list` shows the forms")
    if form == "all":
        from vitals.export import archive

        file, digest, new = archive.write(settings.load(config), folder)
        click.echo(f"{'wrote' if new else 'the same:'} {file} (sha256 {digest})")
        return
    done = export.write(form, settings.load(config), folder, overwrite)
    for path in done.written:
        click.echo(f"wrote {folder / path}")
    for path in done.removed:
        click.echo(f"removed {folder / path}")
    click.echo(f"{len(done.written)} written, {len(done.removed)} removed, {done.same} the same; "
               f"{folder / 'README.md'} says what to do with them")


@cli.command("import")
@click.argument("url", envvar="GRAFANA_URL", required=False)
@click.option("--dry-run", is_flag=True, help="Write nothing; say what would be done, and how dashboards would change.")
@click.option("--overwrite", is_flag=True, help="Also replace dashboards that were changed by hand.")
@click.option("--datasource", metavar="NAME|UID", help="Where the rules are recorded (default: the only Prometheus).")
@click.option("--log-source", metavar="NAME|UID|none", help="Where log lines are (default: the only Elasticsearch).")
@click.pass_obj
def import_(config: Path | None, url: str | None, dry_run: bool, overwrite: bool, datasource: str | None,
            log_source: str | None) -> None:
    """Bring the dashboards into a Grafana that runs already.

    It logs in with GRAFANA_TOKEN_FILE (or GRAFANA_TOKEN), or with GRAFANA_USER and GRAFANA_PASSWORD_FILE.
    """
    import os

    from vitals import importing, settings
    from vitals.importing import api

    if not url:
        raise VitalsError("which Grafana? `vitals import https://grafana.example.com`, or set GRAFANA_URL")
    grafana = api.Api(url, api.login(os.environ), click.echo)
    importing.run(settings.load(config), grafana, click.echo, dry_run=dry_run, overwrite=overwrite,
                  datasource=datasource, log_source=log_source)


@cli.command()
@click.argument("address", metavar="URL")
@click.option("--profile", help="Examine by this profile instead of the one that fits best.")
@click.option("--token-file", type=click.Path(path_type=Path), help="A file with the bearer token the page wants.")
@click.pass_obj
def doctor(config: Path | None, address: str, profile: str | None, token_file: Path | None) -> None:
    """Read a live /metrics page: which profile fits, what comes alive, what is missing or unbounded."""
    from vitals import doctor, settings

    loaded = settings.load(config)
    profiles = settings.load_profiles(loaded)
    doctor.render(doctor.examine(address, loaded, profiles, profile=profile, token_file=token_file))


def _engine(config: Path | None, name: str | None, extras: str | None = None,
            images: Images | None = None) -> Engine:
    from vitals import engines, settings
    from vitals.engines import extras as extras_module

    wanted = None if extras is None else extras_module.parse(extras)
    engine, reason = engines.choose(settings.load(config), name, wanted, images)
    click.echo(f"engine: {engine.name} ({reason})", err=True)
    return engine


engine_option = click.option("--engine", type=click.Choice(["compose", "native"]), envvar="ENGINE",
                             help="Run by Docker Compose or natively (default: chosen, with the reason printed).")


@cli.command()
@engine_option
@click.option("--with", "extras", help="What runs beside the core: demo,logs,ha; nothing: the core alone.")
@click.option("--images", type=click.Choice(["official", "offline"]), envvar="IMAGES",
              help="The compose engine's images (default: the official ones where they can be had).")
@click.pass_obj
def up(config: Path | None, engine: str | None, extras: str | None, images: Images | None) -> None:
    """Start the stack and wait until every target is up."""
    _engine(config, engine, extras, images).up()


@cli.command()
@engine_option
@click.option("--with", "extras", help="What would run beside the core (default: as `up` would choose).")
@click.pass_obj
def preflight(config: Path | None, engine: str | None, extras: str | None) -> None:
    """Look at what a start needs of this machine: Docker, memory, disk, ports, files."""
    findings = _engine(config, engine, extras).examine()
    for finding in sorted(findings, key=lambda f: f.level):
        click.echo(str(finding))
    errors = sum(finding.level == "error" for finding in findings)
    if errors:
        raise VitalsError(f"{errors} of these stop a start")
    click.echo("nothing stands in the way" if not findings else "none of these stops a start")


@cli.command()
@engine_option
@click.pass_obj
def down(config: Path | None, engine: str | None) -> None:
    """Stop the stack; its data stays."""
    _engine(config, engine).down()


@cli.command()
@engine_option
@click.pass_obj
def clean(config: Path | None, engine: str | None) -> None:
    """Stop the stack and remove its data and secrets."""
    _engine(config, engine).clean()


@cli.command()
@engine_option
@click.pass_obj
def reload(config: Path | None, engine: str | None) -> None:
    """Bring vitals.yaml, profiles and targets into the running stack."""
    _engine(config, engine).reload()


@cli.command()
@engine_option
@click.pass_obj
def rotate_secrets(config: Path | None, engine: str | None) -> None:
    """Give everything new secrets, and start anew what uses them."""
    _engine(config, engine).rotate_secrets()


@cli.command()
@engine_option
@click.option("-v", "--versions", is_flag=True, help="Also the Debian packages that the native engine fetched.")
@click.pass_obj
def status(config: Path | None, engine: str | None, versions: bool) -> None:
    """What runs, where, and whether it is well."""
    from vitals import settings
    from vitals.engines import probes

    services = _engine(config, engine).status()
    for service in services:
        click.echo(f"{service.name:18} {service.state:9} {service.address:22} {service.detail}".rstrip())
    if any(service.name == "inbox" and service.state == "up" for service in services):
        inbox = f"127.0.0.1:{settings.load(config).ports['inbox']}"
        alive = probes.http_ok(f"http://{inbox}/-/alerting")()
        click.echo(f"{'alerting':18} {'works' if alive else 'silent':9} {inbox:22} "
                   + ("its heartbeat reaches the inbox" if alive else
                      "no heartbeat has reached the inbox lately; the first comes a minute after the start"))
    if versions:
        from vitals.engines import parts

        for package, version in parts.versions(settings.load(config)).items():
            click.echo(f"  {package:32} {version}")
    if any(service.state == "failed" for service in services):
        raise VitalsError("something failed; `make logs`")


@cli.command()
@click.option("--prometheus", metavar="URL", help="Where the data are (default: the running stack's Prometheus).")
@click.option("--token-file", type=click.Path(path_type=Path), help="A file with Prometheus' bearer token.")
@click.option("--dashboards", type=click.Path(path_type=Path), help="Their folder (default: grafana/dashboards).")
@click.option("--listen", metavar="HOST:PORT", default="127.0.0.1:0",
              help="Serve here (default: a free loopback port).")
@click.option("--allow-host", "hosts", multiple=True, help="Another name under which the page may be asked for.")
@click.option("--static", "into", metavar="DIR", type=click.Path(path_type=Path),
              help="Serve nothing; write the page with its data into this folder, to open or to hand on.")
@click.option("--since", metavar="6h", help="--static: so much of the past, up to now (default: 6h).")
@click.option("--from", "start", metavar="TIME", help="--static: from here, such as 2026-11-21T16:00 or now-2d.")
@click.option("--to", "end", metavar="TIME", help="--static: up to here (default: now).")
@click.option("--board", "wanted", multiple=True, help="--static: only this dashboard, such as overview.")
@click.option("--var", "choices", multiple=True, metavar="NAME=VALUE", help="--static: such as job=support-agent.")
@click.pass_obj
def view(config: Path | None, prometheus: str | None, token_file: Path | None, dashboards: Path | None, listen: str,
         hosts: tuple[str, ...], into: Path | None, since: str | None, start: str | None, end: str | None,
         wanted: tuple[str, ...], choices: tuple[str, ...]) -> None:
    """Show the dashboards in a browser, without Grafana, from any Prometheus."""
    from vitals import settings, viewer

    loaded = settings.load(config)
    folder = dashboards or loaded.root / "grafana" / "dashboards"
    if into is None:
        if since or start or end or wanted or choices:
            raise VitalsError("--since, --from, --to, --board and --var belong to --static; the page has them itself")
        viewer.serve(folder, viewer.source(loaded, prometheus, token_file), listen, hosts)
        return
    if since and (start or end):
        raise VitalsError("--since or --from and --to, not both")
    viewer.write(folder, viewer.source(loaded, prometheus, token_file), into, start or f"now-{since or '6h'}",
                 end or "now", wanted, choices)


@cli.command()
@engine_option
@click.argument("services", nargs=-1)
@click.option("-f", "--follow", is_flag=True, help="Go on as lines come.")
@click.option("-n", "--lines", default=50, show_default=True, help="Lines of each service.")
@click.pass_obj
def logs(config: Path | None, engine: str | None, services: tuple[str, ...], follow: bool, lines: int) -> None:
    """Show the services' logs."""
    _engine(config, engine).logs(services, follow=follow, lines=lines)


@cli.command()
@engine_option
@click.option("--to", type=click.Path(path_type=Path), help="File or folder (default: backups/ in the state folder).")
@click.option("--secrets", "with_secrets", is_flag=True, help="Also the passwords and the receivers' secret files.")
@click.option("--demo", is_flag=True, help="Also the demo's PostgreSQL and Redis.")
@click.pass_obj
def backup(config: Path | None, engine: str | None, to: Path | None, with_secrets: bool, demo: bool) -> None:
    """Put what the stack has gathered into one file."""
    from vitals import backup, settings

    backup.create(settings.load(config), _engine(config, engine), to, with_secrets, demo)


@cli.command()
@engine_option
@click.argument("archive", type=click.Path(path_type=Path))
@click.option("--overwrite", is_flag=True, help="Replace the data that is there.")
@click.option("--settings", "with_settings", is_flag=True, help="Also replace vitals.yaml, profiles and targets.")
@click.pass_obj
def restore(config: Path | None, engine: str | None, archive: Path, overwrite: bool, with_settings: bool) -> None:
    """Put a backup's data into a stopped or new stack, and start it."""
    from vitals import backup, settings

    backup.restore(settings.load(config), _engine(config, engine), archive, overwrite, with_settings)


@cli.command()
@engine_option
@click.option("--no-backup", is_flag=True, help="Without a backup before.")
@click.pass_obj
def upgrade(config: Path | None, engine: str | None, no_backup: bool) -> None:
    """Bring a running stack to the pinned (compose) or the mirror's newest (native) versions."""
    from vitals import settings, upgrade

    upgrade.upgrade(settings.load(config), _engine(config, engine), not no_backup)


@cli.group()
def images() -> None:
    """The compose engine's images where no registry is reachable."""


@images.command("offline")
@click.pass_obj
def images_offline(config: Path | None) -> None:
    """Make look-alikes of the official images from Debian packages."""
    from vitals import settings
    from vitals.engines import offline

    offline.build(settings.load(config))


@cli.group()
def demo() -> None:
    """Faults on demand in the demo's apps."""


def _demo_url(config: Path | None) -> str:
    from vitals import settings

    return f"http://127.0.0.1:{settings.load(config).ports['demo']}"


@demo.command()
@click.argument("name")
@click.option("--job", required=True, help="The demo app, such as support-agent.")
@click.option("--minutes", type=float, default=10, show_default=True)
@click.pass_obj
def fault(config: Path | None, name: str, job: str, minutes: float) -> None:
    """Make an app misbehave for some minutes."""
    from vitals import demo as client

    client.inject(_demo_url(config), name, job, minutes)
    click.echo(f"{job}: {name} for {minutes:g} minutes")


@demo.command()
@click.pass_obj
def faults(config: Path | None) -> None:
    """List the faults, and those that are active."""
    from vitals import demo as client

    url = _demo_url(config)
    for entry in client.catalogue(url):
        click.echo(f"{entry['name']:22} {entry['text']}\n{'':22} in: {', '.join(entry['jobs'])}")
    for entry in client.active(url):
        click.echo(f"active: {entry['fault']} in {entry['job']}, {entry['seconds_left']:.0f} s left")


@demo.command()
@click.option("--job", help="Only this app.")
@click.option("--fault", help="Only this fault.")
@click.pass_obj
def heal(config: Path | None, job: str | None, fault: str | None) -> None:
    """End the active faults."""
    from vitals import demo as client

    click.echo(f"{client.heal(_demo_url(config), job, fault)} faults ended")


@cli.group()
def alerts() -> None:
    """The alerts: list and explain them, try rules on recorded data, test a receiver."""


@alerts.command("list")
@click.option("--area", help="Only this area, such as llm.")
def alerts_list(area: str | None) -> None:
    """Every alert, with its severity and what it means."""
    from vitals import alertbook

    for name, alert in alertbook.listed(area):
        click.echo(f"{alert.name:28} {alert.severity:9} {name:14} {alert.for_:>4}  {alert.means}")


@alerts.command("explain")
@click.argument("name")
@click.pass_obj
def alerts_explain(config: Path | None, name: str) -> None:
    """Expression, limits of every app, tests and page of one alert."""
    from vitals import alertbook, settings

    loaded = settings.load(config)
    click.echo(alertbook.explain(loaded, settings.load_profiles(loaded), name))


@alerts.command("test")
@click.argument("receiver")
@click.pass_obj
def alerts_test(config: Path | None, receiver: str) -> None:
    """Send one real message to a receiver of vitals.yaml (or to the inbox) through the running Alertmanager."""
    from vitals import alertbook, settings

    click.echo(alertbook.try_receiver(settings.load(config), receiver))


@alerts.command("simulate")
@click.option("--metrics", "file", type=click.Path(path_type=Path), required=True,
              help="OpenMetrics or Prometheus text with timestamps.")
@click.option("--step", default=30, show_default=True, type=click.IntRange(10, 300), help="Seconds between samples.")
@click.pass_obj
def alerts_simulate(config: Path | None, file: Path, step: int) -> None:
    """Run the rules over recorded metrics: what would have fired, when, and who would have been told."""
    from vitals import settings, simulate

    loaded = settings.load(config)
    for line in simulate.report(simulate.run(loaded, settings.load_profiles(loaded), file, step)):
        click.echo(line)


def main() -> None:
    try:
        cli()
    except VitalsError as err:
        click.secho(f"vitals: {err}", err=True, fg="red" if sys.stderr.isatty() else None)
        sys.exit(1)
    except ModuleNotFoundError as err:
        if (err.name or "").split(".")[0] == "vitals":
            raise
        sys.exit(f"vitals: {err.name} is not installed: pip brings what `vitals lint` needs; the rest runs from a "
                 "checkout, by `make`")


if __name__ == "__main__":
    main()

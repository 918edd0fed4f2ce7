"""The `vitals` command: parse, call, print. Everything heavy is imported where it is used."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from vitals.errors import VitalsError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", type=click.Path(path_type=Path), help="Settings file (default: vitals.yaml).")
@click.pass_context
def cli(ctx: click.Context, config: Path | None) -> None:
    """Agent Vitals: monitoring for AI-agent applications."""
    ctx.obj = config


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


def main() -> None:
    try:
        cli()
    except VitalsError as err:
        click.secho(f"vitals: {err}", err=True, fg="red" if sys.stderr.isatty() else None)
        sys.exit(1)


if __name__ == "__main__":
    main()

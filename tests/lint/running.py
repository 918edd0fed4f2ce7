"""Runs `vitals lint` in this process, in a folder of files."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from click.testing import CliRunner

from vitals.lint.command import lint

# A join that can never match: one finding of `dead-join`, at the slash.
DEAD = "pg_stat_database_numbackends / sum by (instance) (pg_settings_max_connections) > 0.9"


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def found(self) -> list[str]:
        """`line: check` of each finding in a text report."""
        lines = [line for line in self.out.split("\n") if line.endswith("]") and ": " in line and "[" in line]
        return [f"{line.split(':')[1]}: {line[line.rindex('[') + 1:-1]}" for line in lines]


def run(*arguments: object, input: str | bytes | None = None) -> Ran:
    result = CliRunner().invoke(lint, [str(word) for word in arguments], input=input)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Ran(result.exit_code, result.stdout, result.stderr)


def files(folder: Path, **texts: str) -> None:
    """``files(folder, a__yml="…")`` writes a.yml."""
    for name, text in texts.items():
        path = folder / name.replace("__", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def alert(name: str = "TooMany", expr: str = DEAD, more: str = "") -> str:
    """An alert as an item of `rules:`, with nothing else to find."""
    return (f"  - alert: {name}\n    expr: {expr}\n    for: 5m\n    labels: {{severity: warning}}\n"
            f"    annotations: {{summary: too many connections, runbook_url: 'https://runbooks/{name}'}}\n{more}")


def group(*rules: str, name: str = "db") -> str:
    return f"groups:\n- name: {name}\n  rules:\n" + "".join(rules)

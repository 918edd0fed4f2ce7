"""New secrets for a stack that has old ones.

Most services read their password from a file when they start: a new file and a restart change it. Some remember it in
their data and have to be told: those are holders. New secrets wait in a folder `next` until their holder knows them, so
that a rotation that breaks off is taken up where it stopped: every file in `.vitals/secrets` is one that works.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from vitals.engines import secrets
from vitals.errors import VitalsError
from vitals.settings import Settings


@dataclass(frozen=True)
class Holder:
    """A server that remembers secrets."""

    name: str
    service: str
    secrets: tuple[str, ...]
    tell: Callable[[dict[str, str]], None]  # makes these known to it, whatever it knew; VitalsError when it cannot


# Role → the secret that is its password.
ROLES = {"postgres": "postgres-admin", "demo": "postgres", "monitor": "postgres-monitor"}


def roles_sql(words: dict[str, str]) -> str:
    """Statements that give PostgreSQL's roles these passwords, and leave them in no log and no statistics."""
    quiet = ["set log_statement = 'none';", "set log_min_error_statement = 'panic';",
             "set log_min_duration_statement = -1;", "set pg_stat_statements.track = 'none';"]
    # Secrets are letters and digits; anything else would have been put there by hand.
    told = [f"alter role {role} password '{words[name].replace(chr(39), chr(39) * 2)}';"
            for role, name in ROLES.items()]
    return "\n\n".join([*quiet, *told]) + "\n"


def rotate(settings: Settings, holders: Sequence[Holder]) -> list[str]:
    """Makes new secrets and tells their holders; gives what went wrong, by holder. What nobody holds is just new."""
    secrets.ensure(settings)
    folder = secrets.folder(settings)
    waiting = folder / "next"
    secrets.private(waiting)
    held = {name for holder in holders for name in holder.secrets}
    free = tuple(name for name in secrets.names(settings) if name not in held and not secrets.SECRETS[name].kept)
    problems = []
    for holder in [*holders, Holder("the rest", "", free, lambda words: None)]:
        words = {}
        for name in holder.secrets:
            if not (waiting / name).exists():
                secrets.write(waiting / name, secrets.new())
            words[name] = (waiting / name).read_text()
        try:
            holder.tell(words)
        except VitalsError as err:
            problems.append(f"{holder.name} keeps its old secrets: {err}")
            continue
        for name in holder.secrets:
            (waiting / name).replace(folder / name)
    with suppress(OSError):
        waiting.rmdir()
    return problems


def conclude(settings: Settings, problems: list[str]) -> None:
    """Says that all is done. Raises VitalsError with what is not, and how to go on."""
    if problems:
        raise VitalsError("\n".join([*problems, "run `make rotate-secrets` again: it goes on where this stopped"]))
    kept = [f"{name} ({secrets.SECRETS[name].whose})" for name in secrets.names(settings) if secrets.SECRETS[name].kept]
    print(f"every secret in {secrets.folder(settings)} is new" + (f", but {', '.join(kept)}" if kept else ""))

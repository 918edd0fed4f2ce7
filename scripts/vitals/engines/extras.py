"""What runs beside the core: `make up WITH=demo,logs,ha`. An answer once given is kept until another or `make clean`.

Where nobody has answered, vitals.yaml says whether the demo runs, and the machine's memory whether the logs do.
"""

from __future__ import annotations

from pathlib import Path

from vitals import yamlfile
from vitals.errors import VitalsError
from vitals.settings import EXTRAS, Settings


def parse(text: str) -> frozenset[str]:
    """"demo,logs" (or nothing: the core alone) as a set. Raises VitalsError for a name that is none."""
    names = [name for name in text.replace(",", " ").split() if name]
    for name in names:
        if name not in EXTRAS:
            known = "; ".join(f"{extra}: {what}" for extra, what in EXTRAS.items())
            raise VitalsError(f"WITH={text}: no such extra: {name!r}{yamlfile.nearest(name, EXTRAS)} ({known}; "
                              "`make up WITH=` is the core alone)")
    return frozenset(names)


def shown(extras: frozenset[str]) -> str:
    return ",".join(name for name in EXTRAS if name in extras)


def kept(settings: Settings) -> frozenset[str] | None:
    """The last answer; None where nobody has answered."""
    file = _file(settings)
    return parse(file.read_text()) if file.exists() else None


def keep(settings: Settings) -> None:
    _file(settings).write_text(shown(settings.extras) + "\n")


def forget(settings: Settings) -> None:
    _file(settings).unlink(missing_ok=True)


def _file(settings: Settings) -> Path:
    return settings.state / "with"

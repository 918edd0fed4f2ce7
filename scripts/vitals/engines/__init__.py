"""Two ways to run the same stack: Docker Compose, or natively from Debian's packages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from vitals.errors import VitalsError
from vitals.settings import Settings

if TYPE_CHECKING:
    from vitals.engines.compose import Compose
    from vitals.engines.preflight import Finding

Images = Literal["official", "offline"]


@dataclass(frozen=True)
class Service:
    """One part of the stack as `vitals status` shows it."""

    name: str
    state: str  # up, starting, stopped, failed
    address: str
    detail: str = ""


class Engine(Protocol):
    """What can be done with a stack. Everything that a person can mend is a VitalsError."""

    name: str

    def up(self) -> None: ...
    def down(self) -> None: ...
    def clean(self) -> None: ...
    def reload(self) -> None: ...
    def rotate_secrets(self) -> None: ...
    def examine(self) -> list[Finding]: ...
    def status(self) -> list[Service]: ...
    def logs(self, services: Sequence[str], follow: bool, lines: int) -> None: ...


def choose(settings: Settings, override: str | None, wanted: frozenset[str] | None = None,
           images: Images | None = None) -> tuple[Engine, str]:
    """The engine and the reason for it: the override, what already runs, else whether Docker can do it.

    ``wanted`` are the extras that somebody asks for now; else what was asked for before counts. ``images`` says which
    ones the compose engine is to use; None leaves it the choice.
    """
    from vitals.engines import extras
    from vitals.engines.compose import Compose
    from vitals.engines.native import Native

    answer = wanted if wanted is not None else extras.kept(settings)
    if answer is not None:
        settings = settings.having(answer)
    native, compose = Native(settings, answer is not None), Compose(settings, answer is not None, images)
    if override:
        return (native if override == "native" else compose), "as asked"
    if native.supervised():
        return native, "it runs already"
    try:
        can, reason = _docker(compose)
    except VitalsError as err:
        can, reason = False, str(err)
    return (compose if can else native), reason


def _docker(compose: Compose) -> tuple[bool, str]:
    """Whether Docker can run the stack, and why (not)."""
    found = compose.daemon()
    if found.problem:
        return False, found.problem.what
    if not found.compose:
        return False, "Docker has no compose plugin"
    if compose.running():
        return True, "it runs already"
    can, reason = compose.choose_images()
    return can, f"Docker answers{' and' if can else ', but'} {reason}"

"""The stack in containers, by Docker Compose."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from vitals import render
from vitals import settings as settings_module
from vitals.engines import Service, secrets
from vitals.errors import VitalsError
from vitals.settings import Settings


class Compose:
    name = "compose"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def up(self) -> None:
        raise VitalsError("not built yet")

    def down(self) -> None: ...
    def clean(self) -> None: ...
    def reload(self) -> None: ...

    def status(self) -> list[Service]:
        return []

    def logs(self, services: Sequence[str], follow: bool, lines: int) -> None: ...

    def images(self) -> list[str]:
        return ["none"]

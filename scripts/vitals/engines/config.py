"""The running configuration of a stack: staged, checked by the tools that will read it, then put in place."""

from __future__ import annotations

import filecmp
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from vitals.errors import VitalsError
from vitals.settings import Settings

EngineName = Literal["native", "compose"]
Stage = Callable[[Settings, EngineName, Path], None]


def install(settings: Settings, engine: EngineName, live: Path, tools: dict[str, Path],
            stage: Stage | None = None) -> bool:
    """Brings vitals.yaml, profiles and targets into ``live``; gives whether anything changed.

    Raises VitalsError, and changes nothing, when a tool refuses the new configuration. ``tools`` may lack
    promtool, amtool or mtail: then the servers themselves are the first to check.
    """
    if stage is None:
        from vitals import render

        stage = render.stage
    live.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=live.parent, prefix=".staged-") as folder:
        staged = Path(folder)
        stage(settings, engine, staged)
        _check(staged, tools)
        if "mtail" in tools and (staged / "mtail").is_dir():
            from vitals import logs

            logs.check(settings, engine, tools["mtail"], staged / "mtail")
        return sync(staged, live)


def _check(staged: Path, tools: dict[str, Path]) -> None:
    servers = sorted(f"prometheus/{file.name}" for file in (staged / "prometheus").glob("prometheus*.yml"))
    for name, arguments in (("promtool", ["check", "config", *servers]),
                            ("amtool", ["check-config", "alertmanager/alertmanager.yml"])):
        if name in tools:
            done = subprocess.run([tools[name], *arguments], cwd=staged, capture_output=True, text=True)
            if done.returncode:
                lines = [line.strip() for line in (done.stderr + done.stdout).splitlines()]
                failed = [line for line in lines if line and "SUCCESS" not in line]
                raise VitalsError(f"{name} refuses the configuration; what runs was left alone:\n  "
                                  + "\n  ".join(failed[:12]))


def sync(staged: Path, live: Path) -> bool:
    """Makes ``live`` hold what ``staged`` holds, file by file; gives whether anything changed.

    The folders themselves stay: Prometheus watches the one with the targets, and a container has them mounted.
    Each file is replaced in one step, so a reader sees the old or the new.
    """
    changed = False
    wanted = {path.relative_to(staged) for path in staged.rglob("*") if path.is_file()}
    for path in sorted(wanted):
        source, target = staged / path, live / path
        if target.is_file() and filecmp.cmp(source, target, shallow=False):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = target.with_name(f".{target.name}.{os.getpid()}")
        shutil.copyfile(source, aside)
        aside.chmod(0o644)  # containers read as another user; the state folder itself is private
        aside.rename(target)
        changed = True
    for path in [p for p in live.rglob("*") if p.is_file() and p.relative_to(live) not in wanted]:
        path.unlink()
        changed = True
    return changed

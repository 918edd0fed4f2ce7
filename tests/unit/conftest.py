"""A fake `docker` command that says what the real one documents; `compose config` is answered by the real plugin."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vitals import settings
from vitals.engines import parts
from vitals.engines.preflight import GIB


class FakeDocker:
    """``docker("case …")`` puts it first on PATH and lets it do this; what it is not told of, it does well."""

    info = {"MemTotal": 32 * GIB, "OSType": "linux", "Architecture": "x86_64", "Driver": "overlay2",
            "LoggingDriver": "json-file", "CgroupVersion": "2", "MemoryLimit": True, "CpuCfsQuota": True,
            "PidsLimit": True, "SecurityOptions": ["name=seccomp"]}

    def __init__(self, folder: Path, plugin: Path) -> None:
        self.folder, self.plugin = folder, plugin

    def __call__(self, script: str = "") -> None:
        program = self.folder / "docker"
        program.write_text(f"""#!/bin/sh
{script}
case "$*" in
*" config "*) shift; exec {self.plugin} "$@";;
"version "*) echo 28.5.1;;
"info "*) echo '{json.dumps(self.info)}';;
"context "*) echo unix:///var/run/docker.sock;;
"compose version"*) echo 2.40.3;;
esac
""")
        program.chmod(0o755)


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDocker:
    monkeypatch.delenv("VITALS_CACHE", raising=False)
    plugin = parts.tool(settings.load(settings.ROOT / "vitals.yaml"), "docker-compose")
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return FakeDocker(folder, plugin)

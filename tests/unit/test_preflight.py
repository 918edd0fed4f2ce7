"""What stands in the way of a start: each finding with its fix. tests/compose asks a real engine."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vitals import settings
from vitals.engines import preflight, secrets
from vitals.engines.compose import Compose
from vitals.engines.preflight import GIB, Daemon, Finding, examine
from vitals.errors import VitalsError

from .conftest import FakeDocker

Configured = Callable[..., settings.Settings]
INFO = FakeDocker.info


def well(**info: Any) -> Daemon:
    return Daemon("28.5.1", "2.40.3", "unix:///var/run/docker.sock", {**INFO, **info})


@pytest.fixture(autouse=True)
def enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with room, whatever this one has."""
    monkeypatch.setattr(preflight, "available", lambda found: 32 * GIB)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: shutil._ntuple_diskusage(10**12, 0, 10**12))


def found(loaded: settings.Settings, daemon: Daemon, limit: int = GIB) -> list[Finding]:
    return [f for f in examine(loaded, daemon, {"all": limit}, []) if "max_map_count" not in f.what]


def test_a_machine_as_it_should_be_has_no_findings(configured: Configured) -> None:
    assert found(configured(), well()) == []
    assert found(configured().having(frozenset(settings.EXTRAS)), well()) == []


@pytest.mark.parametrize(("daemon", "level", "what", "fix"), [
    (Daemon("19.3.15", "2.40.3", info=INFO), "error", "Docker 19.3.15 is older than 20.10", "update"),
    (Daemon("28.5.1", "", info=INFO), "error", "no compose plugin", "docker-compose-plugin"),
    (Daemon("28.5.1", "2.17.2", info=INFO), "error", "Compose 2.17.2 is older than 2.24", "update"),
    (Daemon("28.5.1", "2.40.3", "ssh://elsewhere", INFO), "error", "another machine (ssh://elsewhere)", "docker context"),
    (well(OSType="windows"), "error", "Windows containers", "Linux containers"),
    (well(Architecture="riscv64"), "error", "riscv64", "amd64"),
    (well(MemoryLimit=False, CgroupVersion="1"), "warning", "limits of memory (cgroup v1)", "cgroup_enable"),
    (well(PidsLimit=False, CpuCfsQuota=False), "warning", "limits of cpu, pids", "cgroup"),
    (well(SecurityOptions=["name=rootless"]), "warning", "rootless", "root"),
    (well(Driver="vfs"), "warning", "storage driver is vfs", "overlay2"),
    (well(MemTotal=GIB), "error", "Docker has 1.0 GiB of memory; this stack may use 4.0 GiB", "make up WITH="),
])
def test_what_is_wrong_with_docker_is_found_with_its_fix(configured: Configured, daemon: Daemon, level: str, what: str, fix: str) -> None:
    [finding] = found(configured(), daemon, 4 * GIB)
    assert finding.level == level and what in finding.what and fix in finding.fix


def test_too_little_free_memory_is_a_warning(configured: Configured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "available", lambda found: 3 * GIB)
    [finding] = found(configured(), well(), 4 * GIB)
    assert finding.level == "warning" and "3.0 GiB of memory are free; this stack may use up to 4.0 GiB" in finding.what


def test_free_memory_is_what_both_the_machine_and_docker_have() -> None:
    # The fixture replaced it; the module's own is asked in a process of its own.
    code = ("from vitals.engines.preflight import Daemon, available\n"
            "print(available(Daemon(info={'MemTotal': 5})), available(Daemon(info={'MemTotal': 10**18})) < 10**18)")
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.split() == ["5", "True"]


@pytest.mark.parametrize(("free", "level"), [(GIB // 2, "error"), (2 * GIB, "warning")])
def test_a_full_disk_is_found(configured: Configured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free: int, level: str) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda place: shutil._ntuple_diskusage(10**12, 0, free))
    [finding] = found(configured(), well(DockerRootDir=str(tmp_path)))
    assert finding.level == level and str(tmp_path) in finding.what


def test_elasticsearch_and_filebeat_are_thought_of_only_with_logs(configured: Configured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "MAP_COUNT", 2**62)
    for extras, wanted in ((frozenset(), 0), (frozenset({"logs"}), 2)):
        loaded = configured().having(extras)
        said = [f"{f.what} {f.fix}" for f in examine(loaded, well(LoggingDriver="local"), {}, [])]
        assert len(said) == wanted
        assert not said or "json-file" in said[0] and "sysctl -w vm.max_map_count" in said[1]


def test_every_taken_port_is_found(configured: Configured) -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        ports = [sock.getsockname()[1] for sock in (one, two)]
        loaded = configured(f"ports: {{grafana: {ports[0]}, inbox: {ports[1]}}}")
        findings = examine(loaded, well(), {}, ["grafana", "inbox", "prometheus"][:2])
    assert [f.level for f in findings] == ["error", "error"]
    assert f"pid {os.getpid()}" in findings[0].what and "ports.inbox" in findings[1].fix


def test_a_state_folder_of_another_user_is_found(configured: Configured, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = configured()
    secrets.ensure(loaded)
    me = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: me + 1)
    [finding] = found(loaded, well())
    assert finding.level == "error" and f"belongs to user {me}" in finding.what and "chown" in finding.fix


def test_an_empty_secret_is_found_and_a_lost_one_that_data_remember(configured: Configured) -> None:
    loaded = configured()
    folder = secrets.folder(loaded)
    secrets.ensure(loaded)
    assert list(preflight.lost(loaded, ["grafana-admin"])) == []
    (folder / "redis").unlink()  # it is told at each start: a new one will do
    assert list(preflight.lost(loaded, ["grafana-admin"])) == []
    (folder / "grafana-admin").unlink()
    (folder / "postgres").write_text("\n")
    findings = list(preflight.lost(loaded, ["grafana-admin"]))
    assert all(f.level == "error" and "make rotate-secrets" in f.fix for f in findings)
    assert [f"{folder / 'grafana-admin'} is missing" in findings[0].what, f"{folder / 'postgres'} is empty" in findings[1].what] == [True, True]
    assert all(word.strip() for word in secrets.ensure(loaded).values()), "an empty secret is made anew by a rotation"


def test_files_that_containers_cannot_read_are_found(configured: Configured, tmp_path: Path) -> None:
    for name in ("compose", "docs", "exporters", "grafana"):
        (tmp_path / "root" / name).mkdir(parents=True)
    loaded = configured().model_copy(update={"root": tmp_path / "root"})
    closed = tmp_path / "root/grafana/x.json"
    closed.touch(0o640)
    closed.chmod(0o640)
    [finding] = found(loaded, well())
    assert finding.level == "error" and str(closed) in finding.what and "chmod -R o+rX" in finding.fix


# --- asking Docker ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("script", "what", "fix"), [
    ('echo "permission denied while trying to connect to the Docker daemon socket" >&2; exit 1', "permission denied", "usermod -aG docker"),
    ('echo "Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?" >&2; exit 1', "no Docker daemon answers: Cannot", "systemctl start docker"),
    ('echo "Error response from daemon: client version 1.50 is too new. Maximum supported API version is 1.41" >&2; exit 1', "do not fit together", "DOCKER_API_VERSION"),
])
def test_a_daemon_that_does_not_answer_is_told_of_by_every_verb(
        configured: Configured, docker: FakeDocker, script: str, what: str, fix: str) -> None:
    docker(script)
    loaded = configured()
    problem = preflight.daemon().problem
    assert problem and what in problem.what and fix in problem.fix
    assert [problem] == Compose(loaded).examine()
    for verb in ("up", "down", "status", "reload", "clean"):
        with pytest.raises(VitalsError) as err:
            getattr(Compose(loaded), verb)()
        assert what in str(err.value) and fix in str(err.value), verb
    assert not loaded.state.exists()


def test_without_docker_that_is_said(configured: Configured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(VitalsError, match="no docker command\n.*ENGINE=native"):
        Compose(configured()).up()


def test_docker_is_asked_for_what_the_findings_need(docker: FakeDocker) -> None:
    docker()
    assert preflight.daemon() == well()


def test_preflight_as_a_command(configured: Configured, docker: FakeDocker) -> None:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in settings.PORTS]
    ports = ", ".join(f"{name}: {sock.getsockname()[1]}" for name, sock in zip(settings.PORTS, sockets, strict=True))
    for sock in sockets:
        sock.close()

    def preflight_command() -> subprocess.CompletedProcess[str]:
        file = configured(f"ports: {{{ports}}}").document.path
        return subprocess.run([sys.executable, "-m", "vitals.cli", "--config", str(file), "preflight", "--engine", "compose",
                               "--with", ""], capture_output=True, text=True)

    docker()
    done = preflight_command()
    assert (done.returncode, "error" in done.stdout) == (0, False), done.stdout  # warnings there may be
    docker('case "$*" in "compose version"*) echo 2.17.0; exit 0;; esac')
    done = preflight_command()
    assert done.returncode == 1 and "error: Compose 2.17.0 is older" in done.stdout and "1 of these stop a start" in done.stderr

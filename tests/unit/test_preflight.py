"""What stands in the way of a start, and what is said of containers that are not well.

Docker's answers come from a fake `docker` command here, which says what the real one documents; `compose config` is
answered by the real plugin. tests/compose asks a real engine.
"""

from __future__ import annotations

import json
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
from vitals.engines import compose as compose_module
from vitals.engines import diagnosis, parts, preflight, probes, processes, secrets
from vitals.engines.compose import Compose
from vitals.engines.preflight import GIB, Daemon, Finding, examine
from vitals.errors import VitalsError

Configured = Callable[..., settings.Settings]
INFO = {"MemTotal": 32 * GIB, "OSType": "linux", "Architecture": "x86_64", "Driver": "overlay2", "LoggingDriver": "json-file",
        "CgroupVersion": "2", "MemoryLimit": True, "CpuCfsQuota": True, "PidsLimit": True, "SecurityOptions": ["name=seccomp"]}


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


@pytest.mark.parametrize(("spoil", "what"), [
    (lambda file: file.write_text("\n"), "is empty"), (lambda file: file.unlink(), "is missing")])
def test_a_lost_secret_that_data_remember_is_found(configured: Configured, spoil: Callable[[Path], Any], what: str) -> None:
    loaded = configured()
    secrets.ensure(loaded)
    assert list(preflight.lost(loaded, ["grafana-admin"])) == []
    spoil(secrets.folder(loaded) / "grafana-admin")
    spoil(secrets.folder(loaded) / "redis")  # Redis is told at each start: a new one will do
    [finding] = preflight.lost(loaded, ["grafana-admin"])
    assert finding.level == "error" and f"grafana-admin {what}" in finding.what and "make rotate-secrets" in finding.fix
    assert secrets.ensure(loaded)["redis"].strip(), "an empty secret is made anew"


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

FakeDocker = Callable[..., Path]


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDocker:
    """``docker("case …")`` puts a fake docker first on PATH that does this; what it is not told of, it does well."""
    folder = tmp_path / "bin"
    folder.mkdir()
    plugin = parts.tool(settings.load(Path(settings.ROOT / "vitals.yaml")).model_copy(update={"cache": _cache()}), "docker-compose")

    def make(script: str = "") -> Path:
        (folder / "docker").write_text(f"""#!/bin/sh
{script}
case "$*" in
*" config "*) shift; exec {plugin} "$@";;
"version "*) echo 28.5.1;;
"info "*) echo '{json.dumps(INFO)}';;
"context "*) echo unix:///var/run/docker.sock;;
"compose version"*) echo 2.40.3;;
esac
""")
        (folder / "docker").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
        return folder

    return make


def _cache() -> Path:
    return settings._cache_home() / "agent-vitals"


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


# --- a start that goes wrong ----------------------------------------------------------------------------------------


def inspected(service: str, restarts: int = 0, **state: Any) -> dict[str, Any]:
    return {"Id": service, "Name": f"/x-{service}-1", "RestartCount": restarts,
            "Config": {"Labels": {"com.docker.compose.service": service}},
            "State": {"Status": "running", "ExitCode": 0, "OOMKilled": False, "Error": "", **state}}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compose_module, "SETTLE_SECONDS", 1)
    monkeypatch.setattr(processes, "port_holder", lambda port: "")
    monkeypatch.setattr(probes, "await_targets", lambda *arguments: None)
    monkeypatch.setattr(Compose, "_tools", lambda self: {})


def containers(folder: Path, *lists: list[dict[str, Any]]) -> str:
    """A fake docker's lines: each time it is asked it shows the next of these lists, the last one from then on."""
    for number, found in enumerate(lists, 1):
        (folder / f"{number}.json").write_text(json.dumps(found))
        (folder / f"{number}.ps").write_text("".join(
            json.dumps({"ID": c["Id"], "Service": c["Config"]["Labels"]["com.docker.compose.service"],
                        "State": c["State"]["Status"], "Status": "", "Health": ""}) + "\n" for c in found))
    return f"""
cd {folder}; echo "$*" >> calls; n=$(cat n 2>/dev/null || echo 1)
case "$*" in
*" up "*) touch started;;
*" ps "*) [ -e started ] && cat $n.ps; exit 0;;
"inspect "*) cat $n.json; [ -e $((n + 1)).json ] && echo $((n + 1)) > n; exit 0;;
*" logs "*) echo "it said this last"; exit 0;;
esac"""


def test_a_service_that_restarts_while_its_checks_are_good_fails_the_start(
        configured: Configured, docker: FakeDocker, tmp_path: Path, quick: None) -> None:
    healthy = {"Health": {"Status": "healthy", "Log": []}}
    script = containers(tmp_path, [inspected("grafana", 0, **healthy)], [inspected("grafana", 1, **healthy)])
    docker(script)
    with pytest.raises(VitalsError) as err:
        Compose(configured(), asked=True).up()
    assert "grafana does not stay up" in str(err.value) and "it said this last" in str(err.value)
    assert any(" down " in call for call in (tmp_path / "calls").read_text().splitlines()), "what was started stays"


def test_a_start_of_services_that_stay_up_succeeds(
        configured: Configured, docker: FakeDocker, tmp_path: Path, quick: None, capsys: pytest.CaptureFixture[str]) -> None:
    docker(containers(tmp_path, [inspected("grafana", 1), inspected("elastic-setup", Status="exited")]))
    Compose(configured("demo: false"), asked=True).up()
    said = capsys.readouterr().out
    assert "up in" in said and "note: grafana restarted 1 times" in said
    assert " down " not in (tmp_path / "calls").read_text()


def test_an_image_that_is_refused_is_told_from_a_service_that_fails(
        configured: Configured, docker: FakeDocker, tmp_path: Path, quick: None) -> None:
    docker(containers(tmp_path, []) + """
case "$*" in
"image inspect "*grafana*) exit 1;;
*" pull "*) echo "Error response from daemon: pull access denied for grafana/grafana" >&2; exit 1;;
esac""")
    loaded = configured()
    with pytest.raises(VitalsError) as err:
        Compose(loaded, asked=True).up()
    assert "grafana/grafana:" in str(err.value) and "docker login" in str(err.value) and "versions.env" in str(err.value)
    assert " up " not in (tmp_path / "calls").read_text()


def test_an_error_of_the_preflight_stops_the_start(configured: Configured, docker: FakeDocker, tmp_path: Path, quick: None) -> None:
    docker(containers(tmp_path, []) + '\ncase "$*" in "compose version"*) echo 2.17.0; exit 0;; esac')
    with pytest.raises(VitalsError, match="Compose 2.17.0 is older.*\n.*\nnothing was started"):
        Compose(configured(), asked=True).up()
    assert " up " not in (tmp_path / "calls").read_text()


@pytest.mark.parametrize(("container", "said", "remedy"), [
    (inspected("elasticsearch", 4, Status="restarting", ExitCode=78), "max virtual memory areas vm.max_map_count [65530] is too low", "sysctl -w vm.max_map_count"),
    (inspected("elasticsearch", Status="exited", ExitCode=137, OOMKilled=True), "", "raise that of elasticsearch"),
    (inspected("prometheus", 2, Status="restarting", ExitCode=2), "open /prometheus/queries.active: permission denied", "make clean"),
    (inspected("postgres-exporter"), 'pq: password authentication failed for user "monitor"', "make rotate-secrets"),
    (inspected("redis", Status="exited", ExitCode=1), "Error writing to the AOF file: No space left on device", "make room"),
    (inspected("kibana", Health={"Status": "unhealthy", "Log": [{"Output": "curl: (22) 503"}]}), "unable to authenticate user [kibana_system]", "rotate-secrets"),
    (inspected("postgres", Status="restarting"), "The data directory was initialized by PostgreSQL version 17", "versions.env"),
])
def test_what_a_container_said_is_turned_into_advice(container: dict[str, Any], said: str, remedy: str) -> None:
    text = diagnosis.explain(diagnosis.read(container), [said] if said else [])
    assert text.startswith(container["Config"]["Labels"]["com.docker.compose.service"] + ": ")
    assert said in text and remedy in text.splitlines()[-1]


@pytest.mark.parametrize(("container", "good"), [
    (inspected("a"), True), (inspected("a", Status="exited"), True), (inspected("a", Status="exited", ExitCode=1), False),
    (inspected("a", Status="restarting"), False), (inspected("a", Status="created"), False),
    (inspected("a", Health={"Status": "starting"}), False), (inspected("a", Health={"Status": "unhealthy"}), False),
    (inspected("a", Health={"Status": "healthy"}), True),
])
def test_which_containers_are_well(container: dict[str, Any], good: bool) -> None:
    assert diagnosis.read(container).well is good

"""The engines without a stack: ports, processes, Supervisor, parts, secrets, configuration, compose files, bootstrap."""

from __future__ import annotations

import configparser
import os
import re
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from vitals import engines, settings
from vitals.engines import config, offline, parts, probes, processes, secrets
from vitals.engines.native import Native
from vitals.engines.supervisor import LONGEST_SOCKET, Part, Supervisor, socket_path
from vitals.errors import VitalsError

ROOT = settings.ROOT
Configured = Callable[..., settings.Settings]


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.fixture
def listener() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock.getsockname()[1]


@pytest.fixture
def child() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """``child("sleep", "60", NAME="value")`` → a process that does not outlive the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*command: str, **env: str) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen(command, env={**os.environ, **env}, stdout=subprocess.PIPE))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


# --- ports ------------------------------------------------------------------------------------------------


def test_a_free_port_has_no_holder() -> None:
    assert processes.port_holder(free_port()) == ""


def test_a_taken_port_names_its_holder(child: Callable[..., subprocess.Popen[bytes]]) -> None:
    code = "import socket,sys,time; s=socket.create_server(('127.0.0.1',0)); print(s.getsockname()[1],flush=True); time.sleep(60)"
    process = child(sys.executable, "-c", code)
    assert process.stdout
    holder = processes.port_holder(int(process.stdout.readline()))
    assert f"pid {process.pid}" in holder and "python" in holder


def test_a_listener_on_all_addresses_holds_the_port_as_well() -> None:
    with socket.create_server(("0.0.0.0", 0)) as sock:
        assert f"pid {os.getpid()}" in processes.port_holder(sock.getsockname()[1])


def test_the_error_names_every_taken_port_its_service_and_key(configured: Configured, listener: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as second:
        other = second.getsockname()[1]
        loaded = configured(f"ports: {{prometheus: {listener}, inbox: {other}, demo: {free_port()}}}")
        with pytest.raises(VitalsError) as err:
            processes.check_ports(loaded, ["prometheus", "inbox", "demo"])
    for part in (f"port {listener} (prometheus)", "ports.prometheus", f"port {other} (inbox)", "ports.inbox", "vitals.yaml"):
        assert part in str(err.value)
    assert "demo" not in str(err.value)


# --- processes --------------------------------------------------------------------------------------------


def test_only_processes_of_this_stack_are_found_and_stopped(
        tmp_path: Path, child: Callable[..., subprocess.Popen[bytes]]) -> None:
    ours = child("sleep", "60", **{processes.MARK: str(tmp_path / "a")})
    other = child("sleep", "60", **{processes.MARK: str(tmp_path / "ab")})
    assert _becomes(lambda: processes.marked(tmp_path / "a"), [ours.pid])
    processes.stop(processes.marked(tmp_path / "a"))
    assert ours.wait(timeout=5) == -signal.SIGTERM
    assert other.poll() is None


def test_a_process_that_does_not_listen_is_killed(child: Callable[..., subprocess.Popen[bytes]]) -> None:
    process = child(sys.executable, "-c",
                    "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)")
    assert process.stdout and process.stdout.readline()
    processes.stop([process.pid], seconds=0.2)
    assert process.wait(timeout=5) == -signal.SIGKILL


def _becomes(look: Callable[[], Any], wanted: Any, seconds: float = 5) -> bool:
    deadline = time.monotonic() + seconds
    while look() != wanted and time.monotonic() < deadline:
        time.sleep(0.01)
    return look() == wanted


# --- supervisor -------------------------------------------------------------------------------------------


def part(name: str, *command: str, **more: Any) -> Part:
    return Part(name, list(command), lambda: True, **more)


def test_supervisors_file_survives_odd_paths(tmp_path: Path) -> None:
    folder = tmp_path / "100% my stack"
    text = Supervisor(folder).render([part("a", "/bin/echo", "two words", "50%", 'quo"te', environment={"K": "v%"})])
    parsed = configparser.RawConfigParser(inline_comment_prefixes=(" ;",))
    parsed.read_string(text)
    program = dict(parsed["program:a"])
    assert shlex.split(program["command"] % {}) == ["/bin/echo", "two words", "50%", 'quo"te']
    assert program["environment"] % {} == 'K="v%"'
    assert parsed["supervisord"]["pidfile"] % {} == f"{folder}/supervisord.pid"


def test_a_path_that_supervisor_cannot_take_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VitalsError, match="VITALS_STATE"):
        Supervisor(tmp_path / "a ;b").render([])


def test_a_socket_path_is_never_too_long(tmp_path: Path) -> None:
    assert socket_path(Path("/s")).parent == Path("/s")
    deep = tmp_path / ("x" * 100)
    assert len(os.fsencode(socket_path(deep))) <= LONGEST_SOCKET
    assert socket_path(deep) != socket_path(tmp_path / ("y" * 100))


def test_a_stale_pid_file_is_not_believed(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path)
    (tmp_path / "supervisord.pid").write_text(str(os.getpid()))
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(supervisor.socket))  # left behind, nobody listens
    assert not supervisor.running()
    assert supervisor.info() == {}
    supervisor.stop()
    assert list(tmp_path.iterdir()) == []


def test_supervisor_starts_restarts_changes_and_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "stack 100%"
    supervisor = Supervisor(folder)
    secrets.private(folder)
    assert supervisor.write([part("a", "/bin/sleep", "60"), part("b", "/bin/sleep", "61")])
    assert not supervisor.write([part("a", "/bin/sleep", "60"), part("b", "/bin/sleep", "61")])
    try:
        supervisor.start()
        for name in ("a", "b"):
            supervisor.call("startProcess", name, False)
        assert _becomes(lambda: set(supervisor.states().values()), {"RUNNING"})
        first = supervisor.info()
        os.kill(first["a"]["pid"], signal.SIGKILL)
        assert _becomes(lambda: supervisor.info()["a"]["pid"] not in (0, first["a"]["pid"]), True)
        assert supervisor.write([part("b", "/bin/sleep", "61"), part("c", "/bin/sleep", "62")])
        supervisor.apply()
        assert supervisor.states() == {"b": "RUNNING", "c": "STOPPED"}
        assert supervisor.info()["b"]["pid"] == first["b"]["pid"]
        # Its own death leaves children, which the next command finds.
        os.kill(int(supervisor.call("getPID")), signal.SIGKILL)
        assert _becomes(supervisor.running, False)
        assert first["b"]["pid"] in processes.marked(folder)
    finally:
        supervisor.stop()
    assert processes.marked(folder) == []
    assert not supervisor.socket.exists()


# --- native -----------------------------------------------------------------------------------------------


PROGRAMS = {name: Path("/parts/usr/bin") / name for group in parts.GROUPS.values() for name in group.programs}


def test_no_secret_is_on_a_command_line_or_in_the_environment(configured: Configured) -> None:
    loaded = configured()
    words = secrets.ensure(loaded).values()
    text = Supervisor(loaded.state).render(Native(loaded)._parts(PROGRAMS))
    assert not [word for word in words if word in text]


def test_without_the_demo_there_are_no_databases(configured: Configured) -> None:
    names = {p.name for p in Native(configured("demo: false"))._parts(PROGRAMS)}
    assert names == {"viewer", "prometheus", "alertmanager", "inbox", "node-exporter", "blackbox-exporter"}


@pytest.mark.parametrize("demo", ["true", "false"])
def test_every_part_has_a_port_and_starts_after_parts_that_exist(configured: Configured, demo: str) -> None:
    native = Native(configured(f"demo: {demo}"))
    found = native._parts(PROGRAMS)
    names = {p.name for p in found}
    assert set(native._probes()) == names <= set(native.settings.ports)
    assert all(set(p.after) <= names for p in found)


def test_everything_listens_on_loopback(configured: Configured) -> None:
    for p in Native(configured())._parts(PROGRAMS):
        addresses = [word for word in p.command if re.search(r"listen.*:\d", word)]
        assert all("127.0.0.1:" in address for address in addresses)
        assert all(p.command[n + 1] == "127.0.0.1" for n, word in enumerate(p.command) if word == "-h")


def test_commands_that_need_a_stack_say_so(configured: Configured) -> None:
    native = Native(configured())
    with pytest.raises(VitalsError, match="make up"):
        native.reload()
    with pytest.raises(VitalsError, match="make up"):
        native.logs([], follow=False, lines=1)
    with pytest.raises(VitalsError, match="no service 'promteheus'"):
        native.logs(["promteheus"], follow=False, lines=1)
    assert {s.state for s in native.status()} == {"stopped"}


def test_down_and_clean_work_when_nothing_runs(configured: Configured, capsys: pytest.CaptureFixture[str]) -> None:
    native = Native(configured())
    secrets.ensure(native.settings)
    native.down()
    assert "nothing runs" in capsys.readouterr().out
    native.clean()
    assert list(native.settings.state.iterdir()) == []


def test_one_command_at_a_time_changes_a_stack(configured: Configured) -> None:
    first, second = Native(configured()), Native(configured())
    with processes.alone(first.home), pytest.raises(VitalsError, match="another command"):
        second.down()


# --- secrets ----------------------------------------------------------------------------------------------


def test_secrets_are_private_long_and_kept(configured: Configured) -> None:
    loaded = configured()
    first = secrets.ensure(loaded)
    assert secrets.ensure(loaded) == first and set(first) == set(secrets.names(loaded))
    assert len(set(first.values())) == len(first) and all(len(word) == 32 for word in first.values())
    folder = secrets.folder(loaded)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}


# --- configuration ----------------------------------------------------------------------------------------


def fill(**files: str) -> config.Stage:
    def stage(_settings: settings.Settings, _engine: config.EngineName, into: Path) -> None:
        for name, text in files.items():
            path = into / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return stage


def test_configuration_is_put_in_place_and_folders_stay_the_same(configured: Configured, tmp_path: Path) -> None:
    loaded, live = configured(), tmp_path / "live"
    assert config.install(loaded, "native", live, {}, fill(prometheus__targets__a="1", prometheus__b="2"))
    before = (live / "prometheus/targets").stat().st_ino
    assert not config.install(loaded, "native", live, {}, fill(prometheus__targets__a="1", prometheus__b="2"))
    assert config.install(loaded, "native", live, {}, fill(prometheus__targets__c="3", prometheus__b="2"))
    assert (live / "prometheus/targets").stat().st_ino == before
    assert sorted(p.name for p in live.rglob("*") if p.is_file()) == ["b", "c"]


def test_a_refused_configuration_changes_nothing(configured: Configured, tmp_path: Path) -> None:
    loaded, live = configured(), tmp_path / "live"
    config.install(loaded, "native", live, {}, fill(prometheus__a="old"))
    tool = tmp_path / "promtool"
    tool.write_text("#!/bin/sh\necho 'FAILED: line 3: no such thing' >&2; exit 1\n")
    tool.chmod(0o755)
    with pytest.raises(VitalsError, match="line 3: no such thing"):
        config.install(loaded, "native", live, {"promtool": tool}, fill(prometheus__a="new"))
    assert (live / "prometheus/a").read_text() == "old"
    assert [p.name for p in tmp_path.glob(".staged-*")] == []


# --- parts ------------------------------------------------------------------------------------------------

DEBIAN = 'ID=debian\nVERSION_CODENAME=bookworm\nNAME="Debian GNU/Linux"\n'


@pytest.mark.parametrize(("files", "uri"), [
    ({"sources.list": "# deb http://no.example/debian bookworm main\ndeb http://a.example/debian bookworm main contrib\n"},
     "http://a.example/debian"),
    ({"sources.list": "deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://b.example/mirror bookworm main\n"},
     "http://b.example/mirror"),
    ({"sources.list.d/debian.sources": "Types: deb\n# a remark\nURIs: http://c.example/debian\nSuites: bookworm bookworm-updates\n"
      "Components: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\n"
      "Types: deb\nURIs: http://c.example/debian-security\nSuites: bookworm-security\nComponents: main\n"},
     "http://c.example/debian"),
    # Others name their suites after Debian's releases, even with a component main.
    ({"sources.list.d/a.list": "deb https://vendor.example/apt bookworm main\n",
      "sources.list.d/z.list": "deb http://d.example/debian stable main\n"}, "http://d.example/debian"),
    ({"sources.list.d/a.sources": "Enabled: no\nTypes: deb\nURIs: http://off.example/debian\nSuites: bookworm\nComponents: main\n",
      "sources.list": "deb http://e.example/debian/ bookworm main\n"}, "http://e.example/debian/"),
])
def test_the_mirror_is_the_one_the_machine_uses(write: Callable[..., Path], tmp_path: Path, files: dict[str, str], uri: str) -> None:
    for name, text in files.items():
        write(f"apt/{name}", text)
    assert parts.mirror(tmp_path / "apt", write("os-release", DEBIAN)) == uri


@pytest.mark.parametrize(("release", "said"), [
    ('ID=ubuntu\nNAME="Ubuntu"\n', "this is Ubuntu"), ("", "no Debian"), (DEBIAN, "name no Debian mirror")])
def test_a_machine_without_a_debian_mirror_is_told_what_to_do(
        write: Callable[..., Path], tmp_path: Path, release: str, said: str) -> None:
    with pytest.raises(VitalsError, match=said) as err:
        parts.mirror(tmp_path / "apt", write("os-release", release))
    assert "ENGINE=compose" in str(err.value)


def fake_apt(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts an apt-get of one's own before the real one; the mirror is any."""
    folder.mkdir(exist_ok=True)
    for name, body in {"apt-get": script, "apt-config": "", "dpkg": "echo amd64", "dpkg-deb": 'mkdir -p "$3/usr/bin"'}.items():
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(parts, "mirror", lambda: "http://mirror.example/debian")
    monkeypatch.setattr(parts, "KEYRINGS", [folder / "apt-get"])


def test_a_fetch_is_kept_and_recorded(configured: Configured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_apt(tmp_path / "bin", f'echo "$*" >> {tmp_path}/calls; [ "$2" = download ] && touch tool_1%3a2.0-1_amd64.deb; true', monkeypatch)
    loaded = configured()
    first = parts.fetch(loaded, ["tool"], "forky")
    assert first == parts.fetch(loaded, ["tool"], "forky")
    assert '"tool": "1:2.0-1"' in (first / "parts.json").read_text()
    assert (tmp_path / "calls").read_text().splitlines() == ["-q update", "-q download tool"]
    assert parts.fetch(loaded, ["tool", "more"], "forky") != first
    assert "update" not in (tmp_path / "calls").read_text().splitlines()[-1]


@pytest.mark.parametrize(("script", "said"), [
    ('echo "E: Could not resolve mirror.example"; exit 100', "Could not resolve"),
    ('echo "W: Failed to fetch http://mirror.example"; exit 0', "Is the network there"),
    ('[ "$2" = download ] && { echo "E: No space left on device"; exit 100; }; exit 0', "no room left"),
])
def test_a_failed_fetch_says_why_and_leaves_nothing(
        configured: Configured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, said: str) -> None:
    fake_apt(tmp_path / "bin", script, monkeypatch)
    loaded = configured()
    with pytest.raises(VitalsError, match=said):
        parts.fetch(loaded, ["tool"], "forky")
    assert [p.name for p in loaded.cache.iterdir() if p.name.startswith((".fetch", "forky-"))] == []


def test_a_full_disk_is_seen_before_anything_is_fetched(
        configured: Configured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_apt(tmp_path / "bin", f"touch {tmp_path}/called", monkeypatch)
    monkeypatch.setattr(parts, "NEEDED_BYTES", 2**62)
    with pytest.raises(VitalsError, match="VITALS_CACHE"):
        parts.fetch(configured(), ["tool"], "forky")
    assert not (tmp_path / "called").exists()


def test_path_serves_only_where_the_mirror_cannot_and_is_new_enough(
        configured: Configured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_apt(tmp_path / "bin", "exit 100", monkeypatch)
    tool = tmp_path / "bin" / "promtool"
    for version, good in (("2.53.3", False), ("3.5.0", True)):
        tool.write_text(f'#!/bin/sh\necho "promtool, version {version} (branch: x)"\n')
        tool.chmod(0o755)
        if good:
            assert parts.tool(configured(), "promtool") == tool
        else:
            with pytest.raises(VitalsError):
                parts.tool(configured(), "promtool")


def test_alertmanager_finds_its_templates_where_it_was_unpacked(tmp_path: Path) -> None:
    program = tmp_path / "usr/bin/prometheus-alertmanager"
    program.parent.mkdir(parents=True)
    program.write_bytes(b"\0x/usr/share/prometheus/alertmanagery\0")
    parts._loosen(tmp_path)
    assert program.read_bytes() == b"\0xusr//share/prometheus/alertmanagery\0"


# --- probes -----------------------------------------------------------------------------------------------


def test_probes_tell_ready_from_refused_and_failing() -> None:
    class Half(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/good" else 503)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Half) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}"
        assert probes.http_ok(f"{address}/good")()
        assert not probes.http_ok(f"{address}/bad")()
        server.shutdown()
    assert not probes.http_ok(f"http://127.0.0.1:{free_port()}/good")()
    assert probes.targets(f"http://127.0.0.1:{free_port()}") == []


def test_proxies_are_not_asked_about_loopback(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    code = ("import sys; from vitals.engines import probes\n"
            "print([type(h).__name__ for h in probes._OPENER.handlers if 'Proxy' in type(h).__name__])")
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "http_proxy": "http://127.0.0.1:1"},
                          capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


# --- the choice -------------------------------------------------------------------------------------------


CONFIG = """*"config --format json"*) echo '{"services": {"grafana": {"image": "grafana/grafana:1"}}}';;"""


@pytest.mark.parametrize(("docker", "engine", "reason"), [
    (None, "native", "no docker command"),
    ("exit 1", "native", "no Docker daemon answers"),
    ('[ "$1" = version ]', "native", "no compose plugin"),
    ('case "$*" in *" ps "*) echo \'{"Service": "grafana", "State": "running"}\';; esac', "compose", "it runs already"),
    (f'case "$*" in {CONFIG} esac', "compose", "has all official images"),
    (f'case "$*" in {CONFIG} *inspect*) exit 1;; esac', "native", "no registry does, and official images are missing: 1"),
    (f'case "$*" in {CONFIG} "image inspect"*) exit 1;; esac', "compose", "a registry has"),
    (f'case "$*" in {CONFIG} *inspect*) exit 1;; "image ls"*) echo "$LOOKALIKES";; esac', "compose", "offline look-alikes"),
])
def test_the_choice_of_engine_and_its_reason(configured: Configured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                             docker: str | None, engine: str, reason: str) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    if docker:
        answer = '[ "$1 $2" = "compose version" ] && echo 2.40.3' if "case" in docker else ""
        (folder / "docker").write_text(f"#!/bin/sh\n{answer}\n{docker}\n")
        (folder / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder) + (":/bin" if docker else ""))
    names = offline.recipes(configured()).images
    monkeypatch.setenv("LOOKALIKES", "\n".join(f"{offline.REPOSITORY}/{name}:1" for name in names))
    chosen, said = engines.choose(configured(), None)
    assert (chosen.name, reason in said) == (engine, True), said


def test_the_choice_can_be_overridden(configured: Configured) -> None:
    for name in ("native", "compose"):
        assert engines.choose(configured(), name)[0].name == name


# --- bootstrap --------------------------------------------------------------------------------------------


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A project with a lock that asks for a package that does not exist anywhere."""
    for name in ("Makefile", "pyproject.toml", "scripts/bootstrap.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "requirements.lock").write_text("nothing-that-exists==1.0 --hash=sha256:" + "0" * 64 + "\n")
    return tmp_path


def bootstrap(project: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "scripts/bootstrap.py"], cwd=project, capture_output=True, text=True, timeout=300,
                          env={**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(project), **env})


def test_a_failed_bootstrap_says_why_in_a_line_and_leaves_nothing(bare: Path) -> None:
    (bare / ".venv/bin").mkdir(parents=True)
    (bare / ".venv/bin/half").touch()  # an interrupted run's
    done = bootstrap(bare)
    assert done.returncode == 1
    assert done.stderr.startswith("bootstrap: ") and "nothing-that-exists" in done.stderr and "Traceback" not in done.stderr
    assert not (bare / ".venv").exists()


def test_an_environment_of_this_lock_is_left_alone(bare: Path) -> None:
    code = "import sys; sys.path.insert(0, 'scripts'); import bootstrap; print(bootstrap.fingerprint())"

    def fingerprint() -> str:
        return subprocess.run([sys.executable, "-c", code], cwd=bare, capture_output=True, text=True, check=True).stdout

    stamp = fingerprint().strip()
    (bare / ".venv").mkdir()
    (bare / ".venv/stamp").write_text(stamp)
    done = bootstrap(bare)
    assert (done.returncode, done.stdout) == (0, "")
    (bare / "requirements.lock").write_text("something-else==1.0\n")
    assert fingerprint().strip() != stamp


def test_an_old_python_is_told_so_by_make(bare: Path) -> None:
    old = bare / "bin"
    old.mkdir()
    (old / "python3").write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2\nexit 1\n')
    (old / "python3").chmod(0o755)
    done = subprocess.run(["make", "up"], cwd=bare, capture_output=True, text=True,
                          env={**os.environ, "PATH": f"{old}:{os.environ['PATH']}"})
    assert done.returncode and "3.11 or newer; this is Python 3.9.2" in done.stderr


def test_make_alone_lists_every_verb() -> None:
    done = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True)
    for verb in ("up", "down", "status", "logs", "reload", "backup", "restore", "upgrade", "demo-fault", "clean", "build",
                 "check", "test", "doctor", "lock"):
        assert re.search(rf"make {verb}\s+\S", done.stdout), verb

"""Starts of the compose engine: what runs beside the core, starts that go wrong, and what is said of them.

Docker is a fake here (conftest.py); tests/compose has a real engine.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from vitals import engines, settings
from vitals.engines import compose as compose_module
from vitals.engines import config, diagnosis, extras, preflight, probes, processes, rotation, secrets
from vitals.engines.compose import Compose
from vitals.engines.native import Native
from vitals.engines.preflight import GIB
from vitals.errors import VitalsError

from .conftest import FakeDocker

Configured = Callable[..., settings.Settings]


@pytest.fixture(autouse=True)
def enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with room, whatever this one has."""
    monkeypatch.setattr(preflight, "available", lambda found: 32 * GIB)
    monkeypatch.setattr(preflight, "_disk", lambda *arguments: iter(()))


# --- what runs beside the core -----------------------------------------------------------------------------------------

LOGS = '''
services:
  elasticsearch:
    extends: {file: hardened.yaml, service: hardened}
    image: docker.example/elasticsearch:1.0
    mem_limit: 2g
    networks: [monitoring]
    healthcheck: {test: [CMD, "true"]}
'''


@pytest.fixture
def compose(configured: Configured, tmp_path: Path) -> Callable[..., Compose]:
    """``compose("demo: false", wanted)``: the engine as the command line makes it, with log services of one's own."""
    folder = tmp_path / "compose"
    shutil.copytree(settings.ROOT / "compose", folder)
    (folder / "logs.yaml").write_text(LOGS)

    def make(text: str = "", wanted: frozenset[str] | None = None) -> Compose:
        chosen, _ = engines.choose(configured(text), "compose", wanted)
        assert isinstance(chosen, Compose)
        chosen.folder = folder
        return chosen

    return make


@pytest.mark.parametrize(("text", "names"), [
    ("", set()), (" ", set()), ("demo", {"demo"}), ("logs,demo", {"demo", "logs"}), ("demo logs", {"demo", "logs"}), ("demo,", {"demo"})])
def test_extras_are_read(text: str, names: set[str]) -> None:
    assert extras.parse(text) == names


def test_an_extra_that_is_none_is_told_with_those_that_are() -> None:
    with pytest.raises(VitalsError, match="no such extra: 'dmeo'; did you mean 'demo'.*logs: Elasticsearch"):
        extras.parse("dmeo")


@pytest.mark.parametrize(("text", "free", "image", "wanted", "names", "reason"), [
    ("", 32 * GIB, True, None, "demo,logs", "32.0 GiB of memory are free"),
    ("demo: false", 32 * GIB, True, None, "logs", "32.0 GiB"),
    ("", 2 * GIB, True, None, "demo", "without logs: 2.0 GiB"),
    ("", 32 * GIB, False, None, "demo", "without logs: their images are not here and no registry answers"),
    ("", 2 * GIB, False, {"logs"}, "logs", "as asked"),
    ("", 32 * GIB, True, set(), "", "as asked"),
    ("demo: false", 32 * GIB, True, {"demo"}, "demo", "as asked"),
])
def test_what_runs_beside_the_core(compose: Callable[..., Compose], docker: FakeDocker, monkeypatch: pytest.MonkeyPatch,
                                   text: str, free: int, image: bool, wanted: set[str] | None, names: str, reason: str) -> None:
    docker('case "$*" in *manifest*) exit 1;; *"image inspect"*elasticsearch*) ' + ("" if image else "exit 1") + ";; esac")
    monkeypatch.setattr(preflight, "available", lambda found: free)
    engine = compose(text, None if wanted is None else frozenset(wanted))
    assert reason in engine._settle_extras()
    assert extras.shown(engine.settings.extras) == names


def test_an_answer_is_kept_until_another_or_a_clean(compose: Callable[..., Compose], docker: FakeDocker, quick: None) -> None:
    docker()
    compose("", frozenset()).up()
    assert compose().settings.extras == frozenset()
    compose("", frozenset({"demo", "logs"}))  # asked, but nothing was started
    assert compose().settings.extras == frozenset()
    compose("", frozenset({"logs"})).up()
    assert compose().settings.extras == {"logs"}
    compose().clean()
    assert compose().settings.extras == {"demo"} and not compose().asked


def test_what_runs_decides_where_nobody_has(compose: Callable[..., Compose], docker: FakeDocker, tmp_path: Path) -> None:
    line = {"Service": "elasticsearch", "State": "running", "Status": "Up", "Health": "healthy", "ID": "x"}
    docker(f"echo \"$*\" >> {tmp_path}/calls\ncase \"$*\" in *\" ps \"*) echo '{json.dumps(line)}'; exit 0;; esac")
    services = {service.name: service for service in compose().status()}
    assert services["elasticsearch"].state == "up" and services["grafana"].state == "stopped"
    for verb in ("down", "clean"):
        getattr(compose("demo: false", frozenset()), verb)()
    for call in (tmp_path / "calls").read_text().splitlines():
        if " down " in call:
            assert "demo.yaml" in call and "logs.yaml" in call, "what runs was not seen"


def test_what_somebody_wants_different_here(compose: Callable[..., Compose], docker: FakeDocker) -> None:
    docker()
    engine = compose("", frozenset())
    assert engine._without() == frozenset() and "cadvisor" in engine._services()
    (engine.folder / "local.yaml").write_text(
        "services:\n  prometheus: {mem_limit: 4g}\n  cadvisor: {profiles: [never]}\n")
    engine = compose("", frozenset())
    assert engine._without() == {"cadvisor"}
    assert int(engine._rendered()["prometheus"]["mem_limit"]) == 4 * GIB
    config.install(engine.settings.model_copy(update={"without": engine._without()}), "compose", engine.home / "config", {})
    targets = (engine.home / "config/prometheus/targets/stack.yml").read_text()
    assert "node-exporter:9100" in targets and "cadvisor" not in targets


def test_native_takes_the_demo_and_refuses_the_logs(configured: Configured) -> None:
    engine, _ = engines.choose(configured("demo: false"), "native", frozenset({"demo"}))
    assert isinstance(engine, Native) and "postgres" in engine._probes()
    with pytest.raises(VitalsError, match="container images only"):
        engines.choose(configured(), "native", frozenset({"logs"}))[0].up()


def test_what_a_service_reads_at_its_start_is_stamped(compose: Callable[..., Compose], docker: FakeDocker) -> None:
    docker()
    engine = compose("", frozenset({"demo"}))
    engine.settings = engine.settings.model_copy(update={"root": engine.folder.parent})
    flags = engine.folder.parent / "exporters/node/flags"
    flags.parent.mkdir(parents=True)
    flags.write_text("--one")
    engine._secrets()
    assert engine._stamp() and not engine._stamp()

    def stamps() -> dict[str, str]:
        found = yaml.safe_load(engine.stamps.read_text())["services"]
        return {name: service["labels"]["agent-vitals.files"] for name, service in found.items()}

    before = stamps()
    flags.write_text("--two")
    assert engine._stamp()
    assert {name for name, stamp in stamps().items() if stamp != before[name]} == {"node-exporter"}
    before = stamps()
    secrets.write(secrets.folder(engine.settings) / "redis", secrets.new())
    engine._secrets()
    engine._stamp()
    assert {name for name, stamp in stamps().items() if stamp != before[name]} == {"redis", "redis-exporter", "demo"}
    (engine.home / "config/prometheus").mkdir(parents=True)
    (engine.home / "config/prometheus/prometheus.yml").write_text("changed")
    assert not engine._stamp(), "Prometheus is asked to reload; it need not start anew"


# --- new secrets ---------------------------------------------------------------------------------------------------


def test_secrets_are_told_to_those_who_remember_them(configured: Configured, docker: FakeDocker, tmp_path: Path, quick: None,
                                                     capsys: pytest.CaptureFixture[str]) -> None:
    def engine() -> Compose:
        return Compose(configured(), asked=True)

    project = engine().project
    remember = f"""
echo "$*" >> {tmp_path}/calls
case "$*" in
"volume ls"*) echo {project}_postgres; echo {project}_grafana;;
*" exec -T postgres "*) cat > {tmp_path}/sql;;
*" exec -T grafana "*) [ -e {tmp_path}/deaf ] && {{ echo 'database is locked' >&2; exit 1; }}; cat > {tmp_path}/word;;
*" ps "*) echo '{json.dumps({"Service": "postgres", "State": "running", "Status": "", "Health": "", "ID": "a"})}'
          echo '{json.dumps({"Service": "grafana", "State": "running", "Status": "", "Health": "", "ID": "b"})}'; exit 0;;
"inspect "*) echo '{json.dumps([inspected("postgres"), inspected("grafana")])}'; exit 0;;
esac"""
    docker(remember)
    old = secrets.ensure(engine().settings)
    (tmp_path / "deaf").touch()
    with pytest.raises(VitalsError, match="Grafana keeps its old secrets: database is locked\n.*rotate-secrets. again"):
        engine().rotate_secrets()
    now = secrets.ensure(engine().settings)
    assert {name for name in old if now[name] == old[name]} == {"grafana-admin"}, "each file is what works"
    sql = (tmp_path / "sql").read_text()
    assert all(f"alter role {role} password '{now[name]}'" in sql for role, name in rotation.ROLES.items())
    assert "up --detach" in (tmp_path / "calls").read_text()

    (tmp_path / "deaf").unlink()
    capsys.readouterr()
    engine().rotate_secrets()
    then = secrets.ensure(engine().settings)
    assert not set(then.values()) & {*old.values(), *now.values()}
    assert (tmp_path / "word").read_text() == then["grafana-admin"]
    assert not (secrets.folder(engine().settings) / "next").exists()
    copies = engine().home / "secrets"
    assert {name: (copies / name).read_text() for name in then} == then
    shown = capsys.readouterr().out + (tmp_path / "calls").read_text()
    assert not [word for word in then.values() if word in shown], "a secret on a command line or a screen"


def test_a_key_that_cannot_be_changed_without_loss_is_kept(configured: Configured) -> None:
    loaded = configured().having(frozenset(settings.EXTRAS))
    old = secrets.ensure(loaded)
    assert rotation.rotate(loaded, []) == []
    new = secrets.ensure(loaded)
    kept = {name for name, secret in secrets.SECRETS.items() if secret.kept}
    assert "kibana-objects" in kept and {name for name in old if new[name] == old[name]} == kept


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
    monkeypatch.setattr(probes, "post_reload", lambda *arguments: None)
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


def test_images_that_nobody_has_are_a_finding(configured: Configured, docker: FakeDocker, quick: None) -> None:
    docker('case "$*" in "image inspect"*|manifest*) exit 1;; esac')
    [finding] = Compose(configured(), asked=True).examine()
    assert finding.level == "error" and "no registry does" in finding.what and "images-offline" in finding.fix


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

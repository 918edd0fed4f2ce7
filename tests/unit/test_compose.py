"""What the compose files say, as Compose itself understands them: rendered by its plugin, without a daemon."""

from __future__ import annotations

import itertools
import json
import re
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from vitals import settings
from vitals.engines import compose as compose_module
from vitals.engines import config, parts, secrets
from vitals.engines.compose import BUILT, Compose

ROOT = settings.ROOT
Configured = Callable[..., settings.Settings]
FOLDER = ROOT / "compose"
FILES = [file for file in sorted(FOLDER.glob("*.yaml")) if file.name != compose_module.LOCAL]
COMBINATIONS = [frozenset(c) for n in range(len(settings.EXTRAS) + 1) for c in itertools.combinations(settings.EXTRAS, n)]
ALL = frozenset(settings.EXTRAS)
VERSIONS = compose_module._versions(FOLDER)

# The program that a healthcheck runs → the images that have it, and where that is documented.
TOOLS = {
    "wget": {
        "prom/prometheus", "prom/alertmanager", "prom/node-exporter", "prom/blackbox-exporter", "quay.io/prometheuscommunity/postgres-exporter",
        "quay.io/prometheuscommunity/elasticsearch-exporter",
        # Built on quay.io/prometheus/busybox, says each Dockerfile (the -distroless variants are not).
        "oliver006/redis_exporter",  # -alpine variant: alpine has busybox; the plain one is FROM scratch
        "ghcr.io/google/cadvisor",  # deploy/Dockerfile: FROM alpine, and its own HEALTHCHECK runs wget
    },
    "curl": {"grafana/grafana",  # its Dockerfile installs curl
             "elasticsearch", "logstash", "kibana"},  # Elastic's own compose examples use it in each
    "filebeat": {"elastic/filebeat"},  # itself: `filebeat test output`, the readiness probe of Elastic's own chart
    "python": {"agent-vitals/inbox", "agent-vitals/demo"},  # FROM python
    "pg_isready": {"postgres"},  # part of PostgreSQL's client programs
    "redis-cli": {"redis"},  # built beside the server
}


class Stack:
    """A stack as Compose renders it, with the configuration and the secrets that a start would make."""

    def __init__(self, loaded: settings.Settings, plugin: Path) -> None:
        self.settings = loaded
        self.compose = Compose(loaded)
        self.compose._secrets()
        config.install(loaded, "compose", self.compose.home / "config", {})
        done = subprocess.run([plugin, *self.compose._command("config", "--format", "json")[2:]], capture_output=True,
                              text=True, env=self.compose._environment())
        assert done.returncode == 0, done.stderr
        assert "variable is not set" not in done.stderr, done.stderr
        self.text = done.stdout
        self.model: dict[str, Any] = json.loads(done.stdout)
        self.services: dict[str, dict[str, Any]] = self.model["services"]


@pytest.fixture(scope="session")
def plugin() -> Path:
    return parts.tool(settings.load(), "docker-compose")


@pytest.fixture(scope="session")
def render(plugin: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[frozenset[str], bool], Stack]:
    """``render(extras, shared)``: with these extras, on a host of its own or (not shared) in some container."""
    made: dict[tuple[frozenset[str], bool], Stack] = {}

    def get(extras: frozenset[str], shared: bool = False) -> Stack:
        if (extras, shared) not in made:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(compose_module, "LOCAL", "of-nobody.yaml")
                patch.setattr(compose_module, "_root_is_shared", lambda: shared)
                patch.setattr(compose_module, "_has_kernel_messages", lambda: shared)
                loaded = settings.load().having(extras)
                loaded = loaded.model_copy(update={"state": tmp_path_factory.mktemp("state")})
                made[extras, shared] = Stack(loaded, plugin)
        return made[extras, shared]

    return get


@pytest.fixture(scope="session")
def whole(render: Callable[[frozenset[str], bool], Stack]) -> Stack:
    return render(ALL, True)


# --- hardening ----------------------------------------------------------------------------------------------


def mounts(service: dict[str, Any], kind: str = "bind") -> list[dict[str, Any]]:
    return [volume for volume in service.get("volumes", []) if volume["type"] == kind]


def lacking(service: dict[str, Any], ours: list[Path]) -> set[str]:
    """The properties of docs/security.md that a rendered service lacks. ``ours``: folders that are not the host's."""
    logging = service.get("logging", {})
    test = service.get("healthcheck", {}).get("test", ["NONE"])
    foreign = [m for m in mounts(service) if not any(Path(m["source"]).is_relative_to(folder) for folder in ours)]
    has = {
        "user": bool(re.fullmatch(r"[1-9]\d*:\d+", service.get("user", ""))),
        "read_only": service.get("read_only") is True and all(m.get("read_only") for m in mounts(service)),
        "cap_drop": service.get("cap_drop") == ["ALL"],
        "cap_add": not service.get("cap_add"),
        "security_opt": service.get("security_opt") == ["no-new-privileges:true"] and not service.get("privileged"),
        "mem_limit": int(service.get("mem_limit", 0)) > 0,
        "cpus": float(service.get("cpus", 0)) > 0,
        "pids_limit": int(service.get("pids_limit", 0)) > 0,
        "logging": logging.get("driver") == "json-file" and {"max-size", "max-file"} <= set(logging.get("options", {})),
        "healthcheck": test[0] in ("CMD", "CMD-SHELL") and not service["healthcheck"].get("disable"),
        "restart": service.get("restart") == "unless-stopped",
        "ports": all(port.get("host_ip") == "127.0.0.1" for port in service.get("ports", [])),
        "host": not foreign and not service.get("devices")
        and not any(service.get(key) for key in ("pid", "ipc", "uts", "network_mode", "userns_mode", "cgroup")),
    }
    return {name for name, good in has.items() if not good}


def written() -> set[tuple[str, str]]:
    """The exceptions of docs/security.md: (service, property)."""
    section = (ROOT / "docs/security.md").read_text().split("## Exceptions")[1].split("\n## ")[0]
    rows = re.findall(r"^\| ([a-z-]+) \| `([a-z_]+)` \| (.+) \|$", section, re.M)
    assert all(len(why) > 20 for _, _, why in rows)
    return {(service, lack) for service, lack, _ in rows}


def folders(stack: Stack) -> list[Path]:
    return [ROOT, stack.compose.home]


def test_every_service_is_hardened_or_a_written_exception(whole: Stack) -> None:
    found = {(name, lack) for name, service in whole.services.items() for lack in lacking(service, folders(whole))}
    assert found - written() == set(), "neither hardened nor listed in docs/security.md"
    assert written() - found == set(), "listed in docs/security.md, and no longer needed"


@pytest.mark.parametrize(("change", "lack"), [
    ({"user": "0:0"}, "user"), ({"user": "postgres"}, "user"), ({"read_only": False}, "read_only"),
    ({"cap_drop": []}, "cap_drop"), ({"cap_add": ["NET_ADMIN"]}, "cap_add"), ({"security_opt": []}, "security_opt"),
    ({"privileged": True}, "security_opt"), ({"mem_limit": "0"}, "mem_limit"), ({"cpus": 0}, "cpus"),
    ({"pids_limit": 0}, "pids_limit"), ({"logging": {"driver": "local"}}, "logging"),
    ({"logging": {"driver": "json-file"}}, "logging"), ({"healthcheck": {}}, "healthcheck"),
    ({"healthcheck": {"test": ["CMD", "true"], "disable": True}}, "healthcheck"), ({"restart": "always"}, "restart"),
    ({"ports": [{"target": 1, "published": "1"}]}, "ports"), ({"network_mode": "host"}, "host"), ({"pid": "host"}, "host"),
    ({"devices": [{"source": "/dev/kmsg"}]}, "host"),
    ({"volumes": [{"type": "bind", "source": "/var/run/docker.sock", "target": "/s", "read_only": True}]}, "host"),
    ({"volumes": [{"type": "bind", "source": str(ROOT / "docs"), "target": "/docs"}]}, "read_only"),
])
def test_a_service_that_lacks_something_is_seen(whole: Stack, change: dict[str, Any], lack: str) -> None:
    good = whole.services["alertmanager"]
    assert lacking(good, folders(whole)) == set()
    assert lack in lacking({**good, **change}, folders(whole))


# --- the whole stack, rendered --------------------------------------------------------------------------------


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("extras", COMBINATIONS, ids=lambda e: ",".join(sorted(e)) or "core")
def test_every_choice_is_a_valid_stack(render: Callable[[frozenset[str], bool], Stack], extras: frozenset[str], shared: bool) -> None:
    stack = render(extras, shared)
    for name, service in stack.services.items():
        for other, how in service.get("depends_on", {}).items():
            assert other in stack.services, f"{name} waits for {other}, which is not there"
            wanted = "service_completed_successfully" if stack.services[other].get("restart") == "no" else "service_healthy"
            assert how["condition"] == wanted, f"{name} waits for {other}"


def test_every_image_is_pinned_in_versions_env_and_every_version_used(whole: Stack) -> None:
    for name, service in whole.services.items():
        image = service["image"]
        if image in whole.compose._built().values():
            assert service["build"]["args"] == {"PYTHON_TAG": VERSIONS["PYTHON_TAG"]}
        else:
            assert image in VERSIONS.values(), f"{name}: {image} is not from versions.env"
            assert re.fullmatch(r"[a-z0-9./_-]+:v?\d+\.\d+(\.\d+)?(-[a-z]+)?", image), image
    text = "".join(file.read_text() for file in FILES)
    assert [name for name in VERSIONS if f"${{{name}}}" not in text] == []


def test_no_secret_is_in_what_docker_is_told(whole: Stack) -> None:
    words = secrets.ensure(whole.settings)
    assert set(words) == set(secrets.SECRETS), "with everything, every secret is needed"
    assert [name for name, word in words.items() if word in whole.text] == []
    for name, service in whole.services.items():
        for key, value in (service.get("environment") or {}).items():
            if re.search(r"PASS|SECRET|TOKEN|KEY", key):
                assert "FILE" in key and value.startswith("/run/secrets/"), f"{name}: {key}"


def test_what_is_mounted_exists_and_can_be_read(whole: Stack) -> None:
    """Docker would make a folder where a file is missing; and a container is another user than who started it."""
    for name, service in whole.services.items():
        uid, gid = map(int, service["user"].split(":"))
        secret_files = [Path(whole.model["secrets"][s["source"]]["file"]) for s in service.get("secrets", [])]
        sources = [Path(m["source"]) for m in mounts(service)]
        for source in [*secret_files, *sources]:
            if not any(source.is_relative_to(folder) for folder in folders(whole)):
                continue  # the host's own
            assert source.exists(), f"{name}: {source}"
            for path in [source, *source.rglob("*")] if source.is_dir() else [source]:
                about = path.stat()
                shift = 6 if about.st_uid == uid else 3 if about.st_gid == gid else 0
                needed = 0o5 if path.is_dir() else 0o4
                assert uid == 0 or (about.st_mode >> shift) & needed == needed, \
                    f"{name}: {path} is {stat.filemode(about.st_mode)}, and it runs as {uid}:{gid}"


def test_secrets_are_files_of_the_private_folder(whole: Stack) -> None:
    for name, secret in whole.model["secrets"].items():
        assert Path(secret["file"]) == whole.compose.home / "secrets" / name
    for folder in (whole.compose.home, whole.compose.home / "secrets"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_healthchecks_program_is_in_the_image(whole: Stack) -> None:
    for name, service in whole.services.items():
        test = service.get("healthcheck", {}).get("test")
        if not test:
            continue  # a written exception, or the test of hardening fails
        text = " ".join(test[1:])
        program = text.split()[0] if test[0] == "CMD" else next((t for t in TOOLS if re.search(rf"\b{t}\b", text)), text)
        assert program in TOOLS, f"{name}: {program}"
        image = service["image"].rpartition(":")[0]
        assert image in TOOLS[program], f"{name}: nobody has looked whether {image} has {program}"
        assert "127.0.0.1" in text or program in ("redis-cli", "filebeat")
        assert "|| true" not in text and "exit 0" not in text
        assert program != "curl" or re.search(r" -\w*f", text), f"{name}: curl takes an error page for success without -f"
        assert service["healthcheck"]["timeout"] and service["healthcheck"]["retries"]


def test_no_healthcheck_is_disabled(whole: Stack) -> None:
    """Compose's --wait takes a disabled one for a failure; one that is not there it does not miss."""
    assert [name for name, service in whole.services.items() if service.get("healthcheck", {}).get("disable")] == []


def test_everything_declared_is_used(whole: Stack) -> None:
    used: dict[str, set[str]] = {"networks": set(), "volumes": set(), "secrets": set(), "configs": set()}
    for service in whole.services.values():
        used["networks"] |= set(service.get("networks", {}))
        used["volumes"] |= {m["source"] for m in mounts(service, "volume")}
        used["secrets"] |= {s["source"] for s in service.get("secrets", [])}
        used["configs"] |= {c["source"] for c in service.get("configs", [])}
        assert set(service["networks"]) != {"default"}
    for kind, names in used.items():
        declared = {name for file in FILES for name in (yaml.safe_load(file.read_text()).get(kind) or {})}
        assert declared == names, kind


def test_every_secret_that_is_made_is_given_to_somebody(whole: Stack) -> None:
    used = {s["source"] for service in whole.services.values() for s in service.get("secrets", [])}
    text = "".join(secrets.derived(secrets.ensure(whole.settings)).values())
    for name, word in secrets.ensure(whole.settings).items():
        part = secrets.SECRETS[name].part
        if part == "core" or (FOLDER / f"{part}.yaml").exists():
            assert name in used or word in text, f"nobody gets the secret {name}"


# --- who reaches whom -------------------------------------------------------------------------------------------


def share(stack: Stack, one: str, other: str) -> bool:
    return bool(set(stack.services[one]["networks"]) & set(stack.services[other]["networks"]))


def targets(stack: Stack) -> set[tuple[str, str, int]]:
    """Who asks whom in the staged configuration: (asker, host, port), the user's own applications left out."""
    found = set()
    own = {app_target for app in stack.settings.apps for app_target in app.targets}
    for file in (stack.compose.home / "config/prometheus/targets").rglob("*.yml"):
        for entry in yaml.safe_load(file.read_text()):
            for target in entry["targets"]:
                asker = "blackbox-exporter" if "://" in target else "prometheus"
                address = urlsplit(target if "://" in target else f"//{target}")
                if target not in own and address.hostname and address.hostname != "host.docker.internal":
                    found.add((asker, address.hostname, address.port or 80))
    return found


@pytest.mark.parametrize("extras", COMBINATIONS, ids=lambda e: ",".join(sorted(e)) or "core")
def test_every_target_is_a_service_and_every_exporter_a_target(
        render: Callable[[frozenset[str], bool], Stack], extras: frozenset[str]) -> None:
    stack = render(extras, False)
    found = targets(stack)
    for asker, host, port in found:
        assert host in stack.services, f"{asker} asks {host}, which is no service"
        assert share(stack, asker, host), f"{asker} is in no network with {host}"
        published = [p["target"] for p in stack.services[host].get("ports", [])]
        assert not published or port in published, f"{asker} asks {host}:{port}, which listens on {published}"
    exporters = {name for name in stack.services if name.endswith("-exporter") or name == "cadvisor"}
    assert exporters - {host for asker, host, _ in found if asker == "prometheus"} == set(), "exporters that nobody reads"


def test_alertmanager_and_the_inbox_are_where_they_are_called(whole: Stack) -> None:
    folder = whole.compose.home / "config"
    [entry] = yaml.safe_load((folder / "prometheus/alertmanagers.yml").read_text())
    assert entry["targets"] == ["alertmanager:9093", "alertmanager-2:9093"]
    assert "http://inbox:9095" in (folder / "alertmanager/alertmanager.yml").read_text()
    for alertmanager in ("alertmanager", "alertmanager-2"):
        assert share(whole, "prometheus", alertmanager) and share(whole, "prometheus-2", alertmanager)
        assert share(whole, alertmanager, "inbox")


def test_stores_are_reached_by_those_who_need_them_alone(whole: Stack) -> None:
    declared = whole.model["networks"]
    stores = {
        "data": {"postgres", "redis", "postgres-exporter", "redis-exporter", "demo"},
        "logs": {"elasticsearch", "elastic-setup", "logstash", "kibana", "kibana-setup", "filebeat",
                 "elasticsearch-exporter", "grafana"},
    }
    for network, members in stores.items():
        assert declared[network]["internal"] is True
        assert {name for name, s in whole.services.items() if network in s["networks"]} == members
    for store, network in {"postgres": "data", "redis": "data", "elasticsearch": "logs"}.items():
        assert set(whole.services[store]["networks"]) == {network} and not whole.services[store].get("ports")


def test_ports_are_those_of_vitals_yaml(whole: Stack) -> None:
    for name, service in whole.services.items():
        for port in service.get("ports", []):
            own = {n for key, n in whole.settings.ports.items()
                   if key == name or key.startswith(f"{name}-") and key not in whole.services}
            assert int(port["published"]) in own, name


# --- around it ---------------------------------------------------------------------------------------------------


def test_stacks_with_their_own_state_are_projects_of_their_own(configured: Configured, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Compose(configured()).project
    monkeypatch.setenv("VITALS_STATE", str(ROOT / ".vitals"))
    assert Compose(configured()).project == "agent-vitals" != first


def test_secrets_of_containers_are_open_files_in_a_closed_folder(configured: Configured) -> None:
    compose = Compose(configured())
    compose._secrets()
    folder = compose.home / "secrets"
    assert stat.S_IMODE(folder.stat().st_mode) == stat.S_IMODE(compose.home.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o644}
    inode = (folder / "redis.conf").stat().st_ino
    compose._secrets()
    assert (folder / "redis.conf").stat().st_ino == inode  # a mounted file is followed by its inode


def test_what_a_built_image_copies_changes_its_tag(whole: Stack) -> None:
    for variable, (_, sources) in BUILT.items():
        service = next(s for s in whole.services.values() if s["image"] == whole.compose._built()[variable] and "build" in s)
        dockerfile = service["build"]["dockerfile"]
        copied = re.findall(r"^COPY (\S+) ", (ROOT / dockerfile).read_text(), re.M)
        assert all(any(Path(path).is_relative_to(s) for s in sources) for path in [*copied, dockerfile]), variable


def test_a_changed_source_is_another_image(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/b").write_text("1")
    first = compose_module._digest(tmp_path, ("a",), "3.13")
    compose_module._digest.cache_clear()
    assert compose_module._digest(tmp_path, ("a",), "3.13") == first != compose_module._digest(tmp_path, ("a",), "3.14")
    (tmp_path / "a/b").write_text("2")
    compose_module._digest.cache_clear()
    assert compose_module._digest(tmp_path, ("a",), "3.13") != first


# --- Grafana ------------------------------------------------------------------------------------------------------


def inside(stack: Stack, service: str, path: str) -> Path | None:
    """The file of this machine that a container sees under this path."""
    for mount in mounts(stack.services[service]):
        if Path(path).is_relative_to(mount["target"]):
            return Path(mount["source"]) / Path(path).relative_to(mount["target"])
    return None


def provisioned(stack: Stack, kind: str) -> list[Path]:
    folder = f"/etc/grafana/provisioning/{kind}"
    found = [Path(m["source"]) for m in mounts(stack.services["grafana"]) if m["target"].startswith(folder)]
    return sorted(file for source in found for file in ([source] if source.is_file() else source.rglob("*.yaml")))


def test_grafana_has_a_folder_for_each_audience_and_a_home(whole: Stack) -> None:
    [file] = provisioned(whole, "dashboards")
    providers = yaml.safe_load(file.read_text())["providers"]
    found = {inside(whole, "grafana", p["options"]["path"]): p for p in providers}
    assert set(found) == {f for f in (ROOT / "grafana/dashboards").iterdir() if f.is_dir()}
    assert not list((ROOT / "grafana/dashboards").glob("*.json")), "a dashboard outside of every folder is not loaded"
    assert len({p["name"] for p in providers}) == len({p["folderUid"] for p in providers}) == len(providers)
    assert not any(p["allowUiUpdates"] for p in providers)
    home = inside(whole, "grafana", whole.services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert home and json.loads(home.read_text())["uid"] == "vitals-overview"


def test_grafanas_sources_are_services_it_reaches(whole: Stack) -> None:
    found = {}
    for file in provisioned(whole, "datasources"):
        content = yaml.safe_load(file.read_text())
        assert content["prune"] is True, "a source that leaves the files would stay"
        for source in content["datasources"]:
            found[source["uid"]] = source["type"]
            host = re.fullmatch(r"http://([a-z0-9-]+):\d+", source["url"])
            assert host and share(whole, "grafana", host[1])
            for value in source.get("secureJsonData", {}).values():
                name = re.fullmatch(r"\$__file\{/run/secrets/([a-z-]+)\}", value)
                assert name and name[1] in {s["source"] for s in whole.services["grafana"]["secrets"]}
    assert {"prometheus": "prometheus", "alertmanager": "alertmanager"}.items() <= found.items()
    files = {p.resolve() for p in (ROOT / "grafana/provisioning/datasources").glob("*.yaml")}
    assert {p.resolve() for p in provisioned(whole, "datasources")} == files


def test_grafana_lets_nobody_in_and_calls_nobody(whole: Stack) -> None:
    environment = whole.services["grafana"]["environment"]
    for key in ("GF_AUTH_ANONYMOUS_ENABLED", "GF_USERS_ALLOW_SIGN_UP", "GF_ANALYTICS_REPORTING_ENABLED",
                "GF_ANALYTICS_CHECK_FOR_UPDATES", "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES", "GF_NEWS_NEWS_FEED_ENABLED",
                "GF_PLUGINS_PREINSTALL_AUTO_UPDATE"):
        assert environment[key] == "false", key
    assert environment["GF_PLUGINS_PREINSTALL_DISABLED"] == environment["GF_SECURITY_DISABLE_GRAVATAR"] == "true"

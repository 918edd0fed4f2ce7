"""What runs, as Docker sees it: everything is up, and as locked down as docs/security.md says."""

from __future__ import annotations

import re
from pathlib import Path

from vitals.settings import ROOT

from .conftest import ComposeStack, docker, get, health


def exceptions() -> set[tuple[str, str]]:
    """(service, property) from the table in docs/security.md."""
    text = (ROOT / "docs" / "security.md").read_text()
    return set(re.findall(r"^\| ([a-z-]+) \| `([a-z_]+)` \|", text, re.M))


def test_every_target_is_up_and_no_rule_fails(stack: ComposeStack) -> None:
    targets = get(stack.url("prometheus") + "/api/v1/targets")["data"]["activeTargets"]
    assert len(targets) > 20
    assert {t["scrapeUrl"]: t["lastError"] for t in targets if t["health"] != "up"} == {}
    groups = get(stack.url("prometheus") + "/api/v1/rules")["data"]["groups"]
    assert [(r["name"], r["lastError"]) for g in groups for r in g["rules"] if r.get("lastError")] == []


def test_every_container_is_healthy_and_never_restarted(stack: ComposeStack) -> None:
    found = {name: (health(c), c["RestartCount"]) for name, c in stack.running().items()}
    assert {"prometheus", "alertmanager", "inbox", "demo", "postgres", "redis"} <= set(found)
    assert set(found.values()) == {("healthy", 0)}, found


def test_no_secret_is_in_what_docker_shows_or_services_log(stack: ComposeStack) -> None:
    words = {file.name: file.read_text().strip() for file in (stack.state / "secrets").iterdir()}
    assert len(words) >= 4
    for name, container in stack.containers().items():
        shown = docker("inspect", container["Id"]) + docker("top", container["Id"], "-eo", "pid,args")
        said = docker("logs", container["Id"])
        assert [word for word, text in words.items() if text in shown + said] == [], name


def test_every_container_is_locked_down(stack: ComposeStack) -> None:
    lacking = set()
    for name, container in stack.containers().items():
        host, config = container["HostConfig"], container["Config"]
        has = {
            "user": bool(re.fullmatch(r"[1-9]\d*:\d+", config["User"])),
            "read_only": host["ReadonlyRootfs"],
            "cap_drop": host["CapDrop"] == ["ALL"],
            "cap_add": not host["CapAdd"] and not host["Privileged"],
            "security_opt": set(host["SecurityOpt"]) - {"label=disable"} == {"no-new-privileges:true"},  # with pid: host Docker adds that
            "mem_limit": host["Memory"] > 0,
            "cpus": host["NanoCpus"] > 0,
            "pids_limit": (host["PidsLimit"] or 0) > 0,
            "restart": host["RestartPolicy"]["Name"] == "unless-stopped",
            "ports": all(b["HostIp"] == "127.0.0.1" for bs in (host["PortBindings"] or {}).values() for b in bs),
        }
        lacking |= {(name, key) for key, good in has.items() if not good}
    assert lacking <= exceptions()


def test_processes_are_what_their_service_says(stack: ComposeStack) -> None:
    """The user, the capabilities and the privileges that the kernel knows, not those that were asked for."""
    for name, container in stack.running().items():
        status = Path(f"/proc/{container['State']['Pid']}/status")
        if not status.exists():  # Docker runs in a virtual machine
            continue
        fields = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
        if (name, "user") not in exceptions():
            assert fields["Uid"].split()[0] == container["Config"]["User"].split(":")[0] != "0", name
            assert int(fields["CapEff"], 16) == int(fields["CapPrm"], 16) == 0, name
        assert fields["NoNewPrivs"] == "1", name


def test_files_of_the_image_cannot_be_changed(stack: ComposeStack) -> None:
    for service in ("prometheus", "alertmanager", "postgres"):
        assert "Read-only file system" in stack.execute(service, "sh", "-c", "touch /etc/x 2>&1 || true")

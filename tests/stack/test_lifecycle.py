"""Starting, stopping, reloading; what goes wrong on the way, and that nothing is left of it."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from .conftest import Stack, get, poll, well


def test_every_target_is_up(stack: Stack) -> None:
    poll(lambda: well(stack), 30, "every target is asked again and up")
    targets = get(stack.url("prometheus") + "/api/v1/targets")["data"]["activeTargets"]
    assert len(targets) == 13 + 1 + 1 + 1 + 8 + 3  # the demo's fake of a GPU exporter, the log reader, the prober, the health pages of the apps, the stack's own pages


def test_no_rule_fails(stack: Stack) -> None:
    groups = get(stack.url("prometheus") + "/api/v1/rules")["data"]["groups"]
    assert [(r["name"], r["lastError"]) for g in groups for r in g["rules"] if r.get("lastError")] == []


def test_up_again_says_so_and_starts_nothing(stack: Stack) -> None:
    before = stack.processes()
    assert "runs already" in stack.vitals("up").stdout
    assert stack.processes() == before


def test_status_names_every_part(stack: Stack) -> None:
    text = stack.vitals("status").stdout
    for part in ("viewer", "prometheus", "alertmanager", "node-exporter", "mtail", "demo", "postgres", "redis", "inbox"):
        assert part in text
    assert "failed" not in text


def test_no_password_in_a_command_line(stack: Stack) -> None:
    words = [(stack.state / "secrets" / name).read_bytes() for name in ("postgres", "redis")]
    for pid in stack.processes():
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
        assert not any(word in line for word in words)


def test_everything_listens_on_loopback_only(stack: Stack) -> None:
    wide = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            address, state = line.split()[1], line.split()[3]
            host, port = address.split(":")
            if state == "0A" and int(port, 16) in stack.ports.values() and host not in ("0100007F", "0" * 24 + "01000000"):
                wide.append((host, int(port, 16)))
    assert wide == []


OWN_PROFILE = """
profile: my-shop
title: My shop
about: Named as nobody else names it.
signals:
  http_requests: {metric: api_requests_total, labels: {endpoint: endpoint, code: status_code}}
  agent_runs: {metric: agent_executions_total, labels: {agent: agent_name, outcome: {from: status, values: {failure: error}}}}
"""


def test_a_new_app_is_live_after_a_reload(stack: Stack) -> None:
    """A profile outside the project, an app in vitals.yaml: its series and its own limits, without a rebuild."""
    own = stack.folder / "own"
    own.mkdir()
    (own / "my-shop.yaml").write_text(OWN_PROFILE)
    stack.write(f"profiles_dir: own\napps:\n  - job: shop\n    profile: my-shop\n"
                f"    targets: ['127.0.0.1:{stack.ports['demo']}']\n    metrics_path: /apps/marketing-agents/metrics\n"
                f"    thresholds: {{http_error_ratio: 0.02}}\n")
    stack.vitals("reload")
    poll(lambda: stack.query('up{job="shop"} == 1'), 30, "the new target is scraped")
    poll(lambda: stack.query('job:http_requests:rate5m{job="shop"} > 0'), 90, "its requests are recorded")

    def limits() -> dict[str, str]:
        return {r["metric"]["job"]: r["value"][1] for r in stack.query("job:http_error_ratio:threshold")}

    # Its requests and its limit are recorded by two groups, half a minute apart at most.
    poll(lambda: "shop" in limits(), 45, "its limit is recorded")
    assert limits()["shop"] == "0.02"
    assert limits()["marketing-agents"] == "0.05"
    stack.write()
    stack.vitals("reload")
    poll(lambda: not stack.query('up{job="shop"}'), 60, "the removed target is gone")


@pytest.mark.parametrize(("text", "words"), [
    ("thresholds: {http_eror_ratio: 1}\n", "did you mean 'http_error_ratio'"),
    ("links: {grafana: nowhere}\n", "http"),
    ("log_patterns: [{name: own, regex: 'a(?=b)', means: x}]\n", "RE2 cannot look around"),
    ("log_patterns: [{name: own, regex: 'twice\\C', means: x}]\n", "mtail refuses it"),
])
def test_a_bad_change_leaves_the_running_stack_alone(text: str, words: str, stack: Stack) -> None:
    config = stack.state / "native" / "config"
    before = {path: path.read_bytes() for path in config.rglob("*") if path.is_file()}
    stack.write(text)
    done = stack.vitals("reload", check=False)
    stack.write()
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert {path: path.read_bytes() for path in config.rglob("*") if path.is_file()} == before


def test_down_and_up_keep_the_data(stack: Stack) -> None:
    samples = float(stack.query('sum(count_over_time(up{job="node"}[1h]))')[0]["value"][1])
    stack.vitals("down")
    assert stack.processes() == []
    stack.vitals("up")
    after = float(stack.query('sum(count_over_time(up{job="node"}[1h]))')[0]["value"][1])
    assert after > samples


@pytest.fixture
def other(tmp_path: Path) -> Stack:
    return Stack(tmp_path)


def nothing_left(other: Stack) -> None:
    assert other.processes() == []
    for port in other.ports.values():
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("127.0.0.1", port))


def test_a_port_that_is_taken(other: Stack) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", other.ports["alertmanager"]))
        sock.listen()
        done = other.vitals("up", check=False)
    assert done.returncode == 1
    assert f"port {other.ports['alertmanager']} (alertmanager) is taken by" in done.stderr
    assert "pytest" in done.stderr
    assert "ports.alertmanager" in done.stderr
    nothing_left(other)


def test_a_server_that_dies_while_starting(other: Stack) -> None:
    broken = other.state / "native" / "data" / "prometheus"
    broken.parent.mkdir(parents=True)
    broken.write_text("a file where Prometheus wants a folder")
    done = other.vitals("up", check=False)
    assert done.returncode == 1
    assert "vitals: prometheus " in done.stderr
    assert "query" in done.stderr, "its last words are shown"
    assert "nothing was left running" in done.stderr
    assert "Traceback" not in done.stderr
    nothing_left(other)


def test_a_socket_left_by_a_crash_is_no_stack(other: Stack) -> None:
    other.state.joinpath("native").mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(other.state / "native" / "supervisor.sock"))
    assert "nothing runs" in other.vitals("down").stdout
    assert "stopped" in other.vitals("status").stdout


def test_reload_when_nothing_runs(other: Stack) -> None:
    done = other.vitals("reload", check=False)
    assert done.returncode == 1
    assert "nothing runs" in done.stderr

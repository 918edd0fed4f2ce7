"""The log store of a running stack, from one end to the other: `python -m tests.elk.end_to_end [--config vitals.yaml]`.

It sends lines by every way in, finds them in Elasticsearch as they should be, and looks at everything that is told to
Elasticsearch, Kibana, Grafana and Prometheus. It stops Elasticsearch for a while: `--keep-running` leaves that out.
Each check prints one line; the first that fails ends it with 1. What it makes, it removes.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from vitals import settings as settings_module
from vitals.engines import secrets
from vitals.engines.compose import Compose

SECONDS = 180
SECRETS = {"password": "hunter22secret", "key": "sk-abcdefghijklmnop1234", "mail": "bob.smith@example.com",
           "card": "4111 1111 1111 1111"}
CURL = "printf 'user = \"elastic:%s\"' \"$(cat /run/secrets/elastic)\" | curl -sS --config - "
REJECT = "vitals-end-to-end"


class Failed(Exception):
    pass


def poll(ask: Callable[[], Any], what: str, seconds: float = SECONDS) -> Any:
    until = time.monotonic() + seconds
    found: Any = None
    while time.monotonic() < until:
        if found := ask():
            return found
        time.sleep(2)
    raise Failed(f"not within {seconds:.0f} s: {what}; last answer: {found!r}")


def expect(good: object, what: str) -> None:
    if not good:
        raise Failed(what)


class Stack:
    def __init__(self, config: Path | None) -> None:
        loaded = settings_module.load(config)
        self.settings = loaded.having(loaded.extras | {"logs"})
        self.compose = Compose(self.settings)
        self.words = secrets.ensure(self.settings)

    def docker(self, *arguments: str, check: bool = True) -> str:
        done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=120)
        if check and done.returncode:
            raise Failed(f"docker {arguments[0]}: {done.stderr.strip()}")
        return done.stdout.strip()

    def container(self, service: str) -> str:
        found = self.docker("ps", "--all", "--quiet", "--filter", f"label=com.docker.compose.project={self.compose.project}",
                            "--filter", f"label=com.docker.compose.service={service}").split()
        expect(len(found) == 1, f"{service} is not there once: is the stack up, WITH=logs?")
        return found[0]

    def elasticsearch(self, path: str, method: str = "GET", body: Any = None) -> dict[str, Any]:
        """Asked inside its container, where the password is: it publishes no port."""
        command = f"{CURL} -X {method} 'http://127.0.0.1:9200{path}'"
        if body is not None:
            command += f" -H 'Content-Type: application/json' -d '{json.dumps(body)}'"
        answer: dict[str, Any] = json.loads(self.docker("exec", self.container("elasticsearch"), "sh", "-c", command))
        return answer

    def search(self, needle: str, stream: str = "logs-vitals.app-default") -> list[dict[str, Any]]:
        query = {"query": {"match_phrase": {"message": needle}}}
        found = self.elasticsearch(f"/{stream}/_search", "POST", query)
        return [hit["_source"] for hit in found.get("hits", {}).get("hits", [])]

    def get(self, part: str, path: str, login: str = "", body: Any = None) -> Any:
        headers = {"Content-Type": "application/json", "kbn-xsrf": "end-to-end"} if body is not None else {}
        if login:
            headers["Authorization"] = "Basic " + base64.b64encode(login.encode()).decode()
        url = f"http://127.0.0.1:{self.settings.ports[part]}{path}"
        try:
            with urlopen(Request(url, json.dumps(body).encode() if body is not None else None, headers), timeout=30) as answer:
                return answer.read().decode()
        except HTTPError as err:
            raise Failed(f"{part} answers {err.code} to {path}: {err.read().decode()[:300]}") from err

    def tcp(self, line: str) -> None:
        with socket.create_connection(("127.0.0.1", self.settings.ports["logstash-tcp"]), timeout=10) as connection:
            connection.sendall(line.encode() + b"\n")


def line(needle: str, **more: Any) -> str:
    return json.dumps({"event": f"found {needle}", "level": "error", "service": "end-to-end", "request_id": f"r-{needle}",
                       "password": SECRETS["password"], "note": f"{SECRETS['key']} {SECRETS['card']} {SECRETS['mail']}",
                       "customer_email": SECRETS["mail"], "duration_ms": 12.5, "deep": {"token": SECRETS["key"]}, **more})


def check_document(document: dict[str, Any], needle: str) -> None:
    text = json.dumps(document)
    for kind, secret in SECRETS.items():
        expect(secret not in text, f"the {kind} is in Elasticsearch: {text}")
    expect(document["trace"]["id"] == f"r-{needle}" and document["log"]["level"] == "error", text)
    expect(document["service"]["name"] == "end-to-end" and document["event"]["duration"] == 12_500_000, text)
    expect(document["user"]["hash"].startswith("email:") and document["app"]["deep"]["token"] == "[redacted]", text)
    expect(document["data_stream"]["dataset"] == "vitals.app", text)


# --- the checks, in order ---------------------------------------------------------------------------------------


def a_line_over_tcp(stack: Stack) -> None:
    needle = uuid.uuid4().hex
    stack.tcp(line(needle))
    [document] = poll(lambda: stack.search(needle), "the line sent over TCP")
    check_document(document, needle)


def lines_over_http(stack: Stack) -> None:
    needles = [uuid.uuid4().hex for _ in range(2)]
    stack.get("logstash", "/", body=[json.loads(line(needle)) for needle in needles])
    for needle in needles:
        [document] = poll(lambda needle=needle: stack.search(needle), "both of the lines sent over HTTP")
        check_document(document, needle)


def otlp_over_http(stack: Stack) -> None:
    needle = uuid.uuid4().hex
    stack.get("logstash", "/v1/logs", body={"resourceLogs": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "otlp"}}]},
        "scopeLogs": [{"logRecords": [{"severityText": "WARN", "body": {"stringValue": f"found {needle} {SECRETS['mail']}"}}]}]}]})
    [document] = poll(lambda: stack.search(needle), "the OTLP record")
    expect(document["service"]["name"] == "otlp" and document["message"] == f"found {needle} [email]", json.dumps(document))


def what_a_container_writes(stack: Stack) -> None:
    needle = uuid.uuid4().hex
    image = stack.docker("inspect", "--format", "{{.Image}}", stack.container("inbox"))
    program = f"import time; print({line(needle)!r}, flush=True); time.sleep(5); raise ValueError('end {needle}')"
    name = stack.docker("run", "--detach", "--log-driver", "json-file", "--network", "none", "--entrypoint", "python",
                        "--label", f"vitals.end-to-end={needle}", image, "-c", program)
    try:
        document = next(d for d in poll(lambda: stack.search(f"found {needle}"), "what the container wrote") if "container" in d)
        check_document(document, needle)
        expect(document["container"]["id"] == name, f"the container's id: {json.dumps(document)}")
        crash = poll(lambda: stack.elasticsearch("/logs-vitals.app-default/_search", "POST", {
            "query": {"match_phrase": {"error.message": f"end {needle}"}}})["hits"]["hits"], "its traceback, as one event")
        expect("Traceback" in crash[0]["_source"]["error"]["stack_trace"], json.dumps(crash))
    finally:
        stack.docker("rm", "--force", name, check=False)


def templates_lifecycles_and_streams(stack: Stack) -> None:
    for name in ("vitals.app", "vitals.rejected", "vitals.heartbeat"):
        [found] = stack.elasticsearch(f"/_index_template/{name}")["index_templates"]
        expect(found["index_template"]["composed_of"] == ["vitals-logs"], json.dumps(found))
        [stream] = stack.elasticsearch(f"/_data_stream/logs-{name}-default")["data_streams"]
        expect(stream["template"] == name and stream["status"] == "GREEN", json.dumps(stream))
        expect(stream["ilm_policy"] in ("vitals-logs", "vitals-short"), json.dumps(stream))
    policy = stack.elasticsearch("/_ilm/policy/vitals-logs")["vitals-logs"]["policy"]
    expect(policy["phases"]["delete"]["min_age"] == stack.settings.file.log_retention, json.dumps(policy))
    licence = stack.elasticsearch("/_license")["license"]
    expect(licence["type"] == "basic" and licence["status"] == "active", json.dumps(licence))


def the_heartbeat_arrives(stack: Stack) -> None:
    poll(lambda: stack.search("the log pipeline lives", "logs-vitals.heartbeat-default"), "the pipeline's own line")


def what_elasticsearch_refuses_is_kept(stack: Stack) -> None:
    """A pipeline that fails on one request id stands for a mapping that a line does not fit."""
    needle = uuid.uuid4().hex
    stack.elasticsearch(f"/_ingest/pipeline/{REJECT}", "PUT", {"processors": [
        {"convert": {"field": "message", "type": "integer", "if": f'ctx.trace?.id == "r-{needle}"'}}]})
    stack.elasticsearch("/logs-vitals.app-default/_settings", "PUT", {"index.final_pipeline": REJECT})
    try:
        stack.tcp(line(needle))
        newest = {"size": 50, "sort": [{"@timestamp": "desc"}]}

        def refused() -> list[dict[str, Any]]:
            found = stack.elasticsearch("/logs-vitals.rejected-default/_search", "POST", newest)
            return [hit for hit in found["hits"]["hits"] if needle in hit["_source"]["event"]["original"]]

        [hit] = poll(refused, "the refused line among the rejected")
        original = json.loads(hit["_source"]["event"]["original"])
        expect(original["trace"]["id"] == f"r-{needle}", json.dumps(hit))
        for kind, secret in SECRETS.items():
            expect(secret not in json.dumps(hit), f"the {kind} is among the rejected")
    finally:
        stack.elasticsearch("/logs-vitals.app-default/_settings", "PUT", {"index.final_pipeline": "_none"})
        stack.elasticsearch(f"/_ingest/pipeline/{REJECT}", "DELETE")


def roles_may_no_more_than_they_need(stack: Stack) -> None:
    def may(user: str, secret: str, path: str, method: str = "GET", body: str = "") -> int:
        command = (f"printf 'user = \"{user}:%s\"' '{stack.words[secret]}' | curl -s -o /dev/null -w '%{{http_code}}' "
                   f"--config - -X {method} 'http://127.0.0.1:9200{path}'")
        if body:
            command += f" -H 'Content-Type: application/json' -d '{body}'"
        return int(stack.docker("exec", stack.container("elasticsearch"), "sh", "-c", command))

    expect(may("grafana_reader", "grafana-reader", "/logs-vitals.app-default/_search") == 200, "Grafana cannot read")
    expect(may("grafana_reader", "grafana-reader", "/logs-vitals.app-default/_doc", "POST", "{}") == 403, "Grafana may write")
    expect(may("logstash_writer", "logstash-writer", "/logs-vitals.app-default/_search") == 403, "Logstash may read")
    expect(may("logstash_writer", "logstash-writer", "/_security/user") == 403, "Logstash may see users")
    expect(may("exporter", "elastic-exporter", "/_cluster/health") == 200, "the exporter cannot see health")
    expect(may("exporter", "elastic-exporter", "/logs-vitals.app-default/_search") == 403, "the exporter may read logs")


def kibana_has_its_objects(stack: Stack) -> None:
    wanted = [json.loads(text) for text in (settings_module.ROOT / "compose/kibana/objects.ndjson").read_text().splitlines()]
    body = {"objects": [{"type": w["type"], "id": w["id"]} for w in wanted], "excludeExportDetails": True}
    exported = stack.get("kibana", "/api/saved_objects/_export", f"elastic:{stack.words['elastic']}", body)
    found = {(e["type"], e["id"]): e for e in map(json.loads, exported.splitlines())}
    for one in wanted:
        expect((one["type"], one["id"]) in found, f"Kibana has no {one['type']}/{one['id']}")
        expect(found[one["type"], one["id"]]["attributes"]["title"] == one["attributes"]["title"], f"{one['id']} is another")


def grafana_reads_logs(stack: Stack) -> None:
    answer = stack.get("grafana", "/api/datasources/uid/logs/health", f"admin:{stack.words['grafana-admin']}")
    expect(json.loads(answer)["status"] == "OK", answer)


def prometheus_sees_it(stack: Stack) -> None:
    def value(query: str) -> str | None:
        found = json.loads(stack.get("prometheus", f"/api/v1/query?query={query}"))["data"]["result"]
        return found[0]["value"][1] if found else None

    poll(lambda: value("job_instance:elasticsearch_up:current") == "1", "Elasticsearch is up, says its exporter")
    poll(lambda: float(value("job:log_heartbeats:rate5m") or 0) > 0, "the pipeline's lines arrive, says the exporter", 420)


def nothing_is_lost_while_elasticsearch_is_away(stack: Stack) -> None:
    needle = uuid.uuid4().hex
    container = stack.container("elasticsearch")
    stack.docker("stop", container)
    try:
        stack.tcp(line(needle))
        stack.get("logstash", "/", body=json.loads(line(f"{needle}http")))
    finally:
        stack.docker("start", container)
    poll(lambda: stack.docker("inspect", "--format", "{{.State.Health.Status}}", container) == "healthy", "Elasticsearch is back")
    for text in (needle, f"{needle}http"):
        poll(lambda text=text: stack.search(text), "what was sent while it was away")


CHECKS = [templates_lifecycles_and_streams, the_heartbeat_arrives, a_line_over_tcp, lines_over_http, otlp_over_http,
          what_a_container_writes, what_elasticsearch_refuses_is_kept, roles_may_no_more_than_they_need,
          kibana_has_its_objects, grafana_reads_logs, prometheus_sees_it]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=os.environ.get("VITALS_CONFIG"))
    parser.add_argument("--keep-running", action="store_true", help="do not stop Elasticsearch")
    given = parser.parse_args()
    stack = Stack(given.config)
    for check in [*CHECKS, *([] if given.keep_running else [nothing_is_lost_while_elasticsearch_is_away])]:
        begun = time.monotonic()
        name = check.__name__.replace("_", " ")
        try:
            check(stack)
        except Exception as err:  # noqa: BLE001 (whatever it is, it is this check that failed)
            sys.exit(f"FAIL   {name}: {type(err).__name__}: {err}")
        print(f"ok {time.monotonic() - begun:6.1f} s  {name}", flush=True)


if __name__ == "__main__":
    main()

"""What Elasticsearch and Kibana need to know, told at every start: the same again changes nothing.

``setup.py elasticsearch`` gates Logstash and Kibana; ``setup.py kibana`` runs when Kibana is well; ``snapshot`` and
``restore`` are parts of a backup and its return. Nothing but Python's standard library. Passwords are read from files;
none is in the environment, in an argument or in what is printed.
"""

from __future__ import annotations

import base64
import json
import os
import re
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

SECRETS = Path(os.environ.get("VITALS_SECRETS", "/run/secrets"))
ELASTICSEARCH = os.environ.get("VITALS_ELASTICSEARCH", "http://elasticsearch:9200")
KIBANA = os.environ.get("VITALS_KIBANA", "http://kibana:5601")
OBJECTS = Path(__file__).with_name("objects.ndjson")
WAIT_SECONDS = float(os.environ.get("VITALS_WAIT_SECONDS", "120"))

# --- who may what ---------------------------------------------------------------------------------------------

# Each role has what its part of the stack does, and no more.
ROLES: dict[str, dict[str, Any]] = {
    "vitals_logstash_writer": {
        "cluster": ["monitor"],
        "indices": [{"names": ["logs-vitals.*"], "privileges": ["create_doc", "auto_configure"]}],
    },
    "vitals_exporter": {
        "cluster": ["monitor"],
        "indices": [{"names": ["*"], "privileges": ["monitor"]}],
    },
    "vitals_grafana_reader": {
        "indices": [{"names": ["logs-vitals.*"], "privileges": ["read", "view_index_metadata"]}],
    },
}
# User → (role, its secret).
USERS = {
    "logstash_writer": ("vitals_logstash_writer", "logstash-writer"),
    "exporter": ("vitals_exporter", "elastic-exporter"),
    "grafana_reader": ("vitals_grafana_reader", "grafana-reader"),
}

# --- how logs are kept ----------------------------------------------------------------------------------------


def policy(delete_after: str) -> dict[str, Any]:
    """A lifecycle: a new index each day, or at 10 GB; deleted so long after."""
    return {"policy": {"phases": {
        "hot": {"actions": {"rollover": {"max_age": "1d", "max_primary_shard_size": "10gb"}}},
        "delete": {"min_age": delete_after, "actions": {"delete": {}}},
    }}}


WORD = {"type": "keyword", "ignore_above": 1024}
TEXT = {"type": "match_only_text"}
LONG = {"type": "long"}

# Every field that compose/logstash/vitals.rb writes; a test compares. What is not here is kept and not indexed.
FIELDS: dict[str, dict[str, Any]] = {
    "@timestamp": {"type": "date"},
    "message": TEXT,
    "tags": WORD,
    "stream": WORD,
    "client.ip": {"type": "ip", "ignore_malformed": True},
    "container.id": WORD, "container.name": WORD, "container.project": WORD, "container.service": WORD,
    "data_stream.dataset": {"type": "constant_keyword"},
    "data_stream.namespace": {"type": "constant_keyword"},
    "data_stream.type": {"type": "constant_keyword", "value": "logs"},
    "ecs.version": WORD,
    "error.message": TEXT, "error.stack_trace": {"type": "text", "index": False}, "error.type": WORD,
    "event.action": WORD, "event.created": {"type": "date"}, "event.duration": LONG, "event.kind": WORD,
    "event.original": {"type": "keyword", "index": False, "doc_values": False}, "event.outcome": WORD,
    "gen_ai.agent.name": WORD, "gen_ai.conversation.id": WORD, "gen_ai.provider.name": WORD,
    "gen_ai.request.model": WORD, "gen_ai.tool.name": WORD,
    "gen_ai.usage.input_tokens": LONG, "gen_ai.usage.output_tokens": LONG,
    "host.name": WORD,
    "http.request.id": WORD, "http.request.method": WORD, "http.response.status_code": LONG,
    "log.file.path": WORD, "log.flags": WORD, "log.level": WORD, "log.logger": WORD, "log.offset": LONG,
    "log.origin.file.line": LONG, "log.origin.file.name": WORD, "log.origin.function": WORD,
    "organization.id": WORD,
    "process.pid": LONG, "process.thread.name": WORD,
    "service.environment": WORD, "service.name": WORD, "service.target.name": WORD, "service.version": WORD,
    "span.id": WORD, "trace.id": WORD,
    "url.path": WORD,
    "user.hash": WORD, "user.id": WORD,
    "vitals.channel": WORD, "vitals.confidence": {"type": "double"}, "vitals.cost_usd": {"type": "double"},
    "vitals.intent": WORD, "vitals.redacted": WORD, "vitals.rejected_by": WORD, "vitals.tokens": LONG,
    "vitals.workflow_id": WORD,
    # What an app adds beyond, in one field however many keys it has: no mapping grows with them.
    "app": {"type": "flattened", "ignore_above": 4096, "depth_limit": 20},
}


def properties(fields: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Dotted names → a mapping's nested properties."""
    root: dict[str, Any] = {}
    for path, kind in fields.items():
        *parents, last = path.split(".")
        at = root
        for parent in parents:
            at = at.setdefault(parent, {"properties": {}})["properties"]
        at[last] = dict(kind)
    return root


def template(stream: str, lifecycle: str, what: str) -> dict[str, Any]:
    return {
        "index_patterns": [f"{stream}-*"],
        "data_stream": {},
        "priority": 250,  # Elastic's own template for logs-*-* has 100
        "composed_of": ["vitals-logs"],
        # One way for what is refused: Logstash's dead letter queue. The failure store would take it before.
        "template": {"settings": {"index.lifecycle.name": lifecycle},
                     "data_stream_options": {"failure_store": {"enabled": False}}},
        "_meta": {"description": what},
    }


STREAMS = {
    "logs-vitals.app": ("vitals-logs", "Log lines of applications"),
    "logs-vitals.rejected": ("vitals-logs", "Log lines that Elasticsearch refused, with the reason"),
    "logs-vitals.heartbeat": ("vitals-short", "Signs of life of the log pipeline"),
}


def objects(retention: str) -> list[tuple[str, str, dict[str, Any]]]:
    """(method, path, body), in the order in which they need each other."""
    found: list[tuple[str, str, dict[str, Any]]] = [
        ("PUT", f"/_security/role/{name}", role) for name, role in ROLES.items()]
    for name, (role, file) in USERS.items():
        found.append(("PUT", f"/_security/user/{name}", {"password": secret(file), "roles": [role]}))
    # Kibana refuses to work as elastic, and kibana_system has no password until somebody gives it one.
    found.append(("PUT", "/_security/user/kibana_system/_password", {"password": secret("kibana-system")}))
    found += [
        ("PUT", "/_ilm/policy/vitals-logs", policy(retention)),
        ("PUT", "/_ilm/policy/vitals-short", policy("1d")),
        ("PUT", "/_component_template/vitals-logs", {"template": {
            "settings": {"index.number_of_shards": 1, "index.number_of_replicas": 0,  # one node
                         "index.refresh_interval": "5s", "index.mode": "logsdb",
                         "index.query.default_field": ["message", "error.message"]},
            "mappings": {"dynamic": False, "properties": properties(FIELDS)},
        }}),
    ]
    for stream, (lifecycle, what) in STREAMS.items():
        found.append(("PUT", f"/_index_template/{stream.replace('logs-', '')}", template(stream, lifecycle, what)))
    found += [("PUT", f"/_data_stream/{stream}-default", {}) for stream in STREAMS]
    return found


# --- how it is told -------------------------------------------------------------------------------------------


class Refused(Exception):
    """What a person can mend, in one sentence."""


def secret(name: str) -> str:
    try:
        return (SECRETS / name).read_text().strip()
    except OSError as err:
        raise Refused(f"the secret {name} cannot be read: {err.strerror}; make up makes what is missing") from err


def ask(method: str, url: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> tuple[int, str]:
    """Status and body, whatever the status. Raises OSError when nobody answers."""
    login = base64.b64encode(f"elastic:{secret('elastic')}".encode()).decode()
    request = urllib.request.Request(url, body, {"Authorization": f"Basic {login}", **(headers or {})}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as err:
        return err.code, err.read().decode(errors="replace")


def reason(text: str) -> str:
    """The sentence in an error's JSON, else its beginning."""
    try:
        found = json.loads(text)
        error = found.get("error", found)
        return str(error.get("reason") or found.get("message") or error) if isinstance(error, dict) else str(error)
    except ValueError:
        return text[:300]


def put(method: str, path: str, body: dict[str, Any]) -> None:
    data = json.dumps(body).encode() if body else None
    status, text = ask(method, ELASTICSEARCH + path, data, {"Content-Type": "application/json"} if data else {})
    if status >= 400 and not (path.startswith("/_data_stream/") and "resource_already_exists_exception" in text):
        raise Refused(f"Elasticsearch refuses {path}: {reason(text)} ({status})")


def await_answer(name: str, url: str, good: str) -> None:
    """Until ``url`` answers 200 with ``good`` in it. A wrong password is told at once."""
    until = time.monotonic() + WAIT_SECONDS
    said = "no answer"
    while True:
        try:
            status, text = ask("GET", url)
            if status == 200 and re.search(good, text):
                return
            if status == 401:
                raise Refused(f"{name} refuses the password of elastic. Its secret was changed while Elasticsearch "
                              "ran: start it again (make down, make up)")
            said = f"{reason(text)} ({status})"
        except OSError as err:
            said = str(getattr(err, "reason", err))
        if time.monotonic() > until:
            raise Refused(f"{name} is not ready after {WAIT_SECONDS:.0f} s: {said}; make logs SERVICE={name.lower()}")
        time.sleep(min(2, WAIT_SECONDS / 5))


def elasticsearch() -> None:
    retention = os.environ.get("VITALS_LOGS_RETENTION", "14d")
    if not re.fullmatch(r"[1-9][0-9]*[dh]", retention):
        raise Refused(f"log_retention: {retention!r} is no number of days or hours, as 14d or 36h")
    await_answer("Elasticsearch", f"{ELASTICSEARCH}/_cluster/health?wait_for_status=yellow&timeout=5s",
                 '"status":"(yellow|green)"')
    found = objects(retention)
    for method, path, body in found:
        put(method, path, body)
    # A template counts from the next index on; the one that is written to takes up new fields here.
    for stream in STREAMS:
        put("PUT", f"/{stream}-default/_mapping", {"dynamic": False, "properties": properties(
            {path: kind for path, kind in FIELDS.items() if not path.startswith("data_stream.")})})
    print(f"Elasticsearch: {len(found)} objects as they should be; logs are kept {retention}")


def kibana() -> None:
    await_answer("Kibana", f"{KIBANA}/api/status", '"level":"available"')
    boundary = "agent-vitals"
    body = (f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="objects.ndjson"\r\n'
            f"Content-Type: application/ndjson\r\n\r\n{OBJECTS.read_text()}\r\n--{boundary}--\r\n").encode()
    status, text = ask("POST", f"{KIBANA}/api/saved_objects/_import?overwrite=true", body,
                       {"Content-Type": f"multipart/form-data; boundary={boundary}", "kbn-xsrf": "agent-vitals"})
    found = json.loads(text) if status == 200 else {}
    if not found.get("success"):
        wrong = [f"{error.get('type')}/{error.get('id')}: {error.get('error', {}).get('type')}"
                 for error in found.get("errors", [])]
        raise Refused(f"Kibana refuses its objects: {'; '.join(wrong) or reason(text)} ({status})")
    print(f"Kibana: {found['successCount']} objects as they should be")


# --- backup ---------------------------------------------------------------------------------------------------

# Folders under path.repo (elasticsearch.yml), which whoever makes or brings back a backup fills and empties.
TAKEN, BROUGHT = "backup", ".restore"
# What comes back stands beside what has been written since: its streams have names of their own.
RENAMED = r"(logs-vitals\..+)-default"


def snapshot() -> None:
    """All log lines into one snapshot, alone in its repository."""
    place = "/_snapshot/vitals-backup"
    put("PUT", place, {"type": "fs", "settings": {"location": TAKEN}})
    try:
        put("PUT", f"{place}/logs", {"indices": "logs-vitals.*", "include_global_state": False})
        while (found := _snapshot(f"{place}/logs"))["state"] == "IN_PROGRESS":
            time.sleep(min(1, WAIT_SECONDS / 10))
        if found["state"] != "SUCCESS":
            raise Refused(f"Elasticsearch's snapshot is {found['state']}: {str(found.get('failures'))[:300]}")
    finally:
        ask("DELETE", ELASTICSEARCH + place)  # the files stay, to be taken
    print(f"Elasticsearch: a snapshot of {len(found['indices'])} indices")


def _snapshot(path: str) -> dict[str, Any]:
    status, text = ask("GET", ELASTICSEARCH + path)
    if status != 200:
        raise Refused(f"Elasticsearch does not know its snapshot: {reason(text)} ({status})")
    return dict(json.loads(text)["snapshots"][0])


def restore() -> None:
    """The log lines of a snapshot, into data streams of their own: -restored-<time> instead of -default."""
    place, stamp = "/_snapshot/vitals-restore", time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    put("PUT", place, {"type": "fs", "settings": {"location": BROUGHT, "readonly": True}})
    try:
        put("POST", f"{place}/logs/_restore", {
            "indices": "logs-vitals.app*,logs-vitals.rejected*", "include_global_state": False,
            "rename_pattern": RENAMED, "rename_replacement": f"$1-restored-{stamp}"})
        await_answer("Elasticsearch", f"{ELASTICSEARCH}/_cluster/health?wait_for_status=yellow&timeout=5s",
                     '"status":"(yellow|green)"')
    finally:
        ask("DELETE", ELASTICSEARCH + place)
    print(f"Elasticsearch: log lines are back as logs-vitals.app-restored-{stamp}")


if __name__ == "__main__":
    try:
        {"elasticsearch": elasticsearch, "kibana": kibana, "snapshot": snapshot, "restore": restore}[sys.argv[1]]()
    except Refused as err:
        sys.exit(f"{sys.argv[1]}-setup: {err}")

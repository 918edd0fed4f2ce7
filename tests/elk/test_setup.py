"""What Elasticsearch and Kibana are told, against a fake of both: it keeps what it is given and answers as documented."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from vitals import kibana
from vitals.settings import ROOT

SCRIPT = ROOT / "compose/elasticsearch/setup.py"
SECRETS = {name: f"{name}-word" for name in ("elastic", "kibana-system", "logstash-writer", "elastic-exporter", "grafana-reader")}

namespace: dict[str, Any] = {"__name__": "setup", "__file__": str(SCRIPT)}
exec(compile(SCRIPT.read_text(), SCRIPT, "exec"), namespace)  # noqa: S102 (our own, and no package)
FIELDS = namespace["FIELDS"]


class FakeElastic(ThreadingHTTPServer):
    """Elasticsearch and Kibana at one address: what was put, by path; refusals by path; the password it wants."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.put: dict[str, Any] = {}
        self.asked: list[tuple[str, str]] = []
        self.refuse: dict[str, tuple[int, dict[str, Any]]] = {}
        self.password = SECRETS["elastic"]
        self.imported = ""
        self.warming = 0  # answers 503 so often first
        self.states = ["IN_PROGRESS", "SUCCESS"]  # of a snapshot, from one question to the next
        self.restored: list[dict[str, Any]] = []
        self.repositories: set[str] = set()
        self.url = f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    server: FakeElastic

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body, separators=(",", ":")).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _common(self) -> bool:
        path = self.path.partition("?")[0]
        self.server.asked.append((self.command, path))
        wanted = base64.b64encode(f"elastic:{self.server.password}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {wanted}":
            self._answer(401, {"error": {"type": "security_exception", "reason": "unable to authenticate user [elastic]"}, "status": 401})
            return True
        if path in self.server.refuse:
            self._answer(*self.server.refuse[path])
            return True
        return False

    def do_GET(self) -> None:
        if self._common():
            return
        if self.server.warming:
            self.server.warming -= 1
            self._answer(503, {"error": {"reason": "not ready"}})
        elif self.path.startswith("/_snapshot/"):
            state = self.server.states.pop(0) if len(self.server.states) > 1 else self.server.states[0]
            self._answer(200, {"snapshots": [{"snapshot": "logs", "state": state, "indices": ["a", "b"],
                                              "failures": [] if state in ("SUCCESS", "IN_PROGRESS") else [{"reason": "disk is full"}]}]})
        elif self.path.startswith("/_cluster/health"):
            self._answer(200, {"status": "green"})
        else:
            self._answer(200, {"status": {"overall": {"level": "available"}}})

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self._common():
            return
        if self.path.startswith("/_data_stream/") and self.path in self.server.put:
            self._answer(400, {"error": {"type": "resource_already_exists_exception", "reason": "data_stream already exists"}, "status": 400})
            return
        self.server.put[self.path] = json.loads(body) if body else None
        if self.path.startswith("/_snapshot/") and self.path.count("/") == 2:
            self.server.repositories.add(self.path)
        self._answer(200, {"acknowledged": True})

    def do_DELETE(self) -> None:
        if not self._common():
            self.server.repositories.discard(self.path)
            self._answer(200, {"acknowledged": True})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        if self._common():
            return
        if self.path.endswith("/_restore"):
            self.server.restored.append(json.loads(body))
            self._answer(200, {"accepted": True})
            return
        assert self.headers["kbn-xsrf"] and self.path == "/api/saved_objects/_import?overwrite=true"
        boundary = self.headers["Content-Type"].partition("boundary=")[2]
        self.server.imported = body.split(f"--{boundary}")[1].partition("\r\n\r\n")[2].removesuffix("\r\n")
        self._answer(200, {"success": True, "successCount": self.server.imported.strip().count("\n") + 1})

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def elastic() -> Iterator[FakeElastic]:
    server = FakeElastic()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def run(elastic: FakeElastic, tmp_path: Path):
    for name, word in SECRETS.items():
        (tmp_path / name).write_text(word + "\n")
    script = tmp_path / "setup.py"
    script.write_text(SCRIPT.read_text())
    (tmp_path / "objects.ndjson").write_text(kibana.ndjson())

    def go(what: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, script, what], capture_output=True, text=True, timeout=60, env={
            "VITALS_SECRETS": str(tmp_path), "VITALS_ELASTICSEARCH": elastic.url, "VITALS_KIBANA": elastic.url,
            "VITALS_WAIT_SECONDS": "10", **environment})

    return go


def test_everything_is_told_in_an_order_that_works_and_again_changes_nothing(elastic, run):
    done = run("elasticsearch", VITALS_LOGS_RETENTION="7d")
    assert (done.returncode, done.stderr) == (0, "") and "kept 7d" in done.stdout
    first, asked = dict(elastic.put), [path for method, path in elastic.asked if method == "PUT"]
    for path, body in first.items():
        if path.startswith("/_index_template/"):
            assert asked.index(f"/_component_template/{body['composed_of'][0]}") < asked.index(path)
            assert asked.index(f"/_ilm/policy/{body['template']['settings']['index.lifecycle.name']}") < asked.index(path)
            [pattern] = body["index_patterns"]
            stream = f"/_data_stream/{pattern.removesuffix('-*')}-default"
            assert asked.index(path) < asked.index(stream)
        if path.startswith("/_security/user/") and not path.endswith("_password"):
            assert all(asked.index(f"/_security/role/{role}") < asked.index(path) for role in body["roles"])
    assert first["/_ilm/policy/vitals-logs"]["policy"]["phases"]["delete"]["min_age"] == "7d"
    again = run("elasticsearch", VITALS_LOGS_RETENTION="7d")
    assert again.returncode == 0 and elastic.put == first


def test_it_waits_until_elasticsearch_is_ready(elastic, run):
    elastic.warming = 2
    assert run("elasticsearch").returncode == 0


def test_no_password_is_printed(elastic, run):
    done = run("elasticsearch")
    for word in SECRETS.values():
        assert word not in done.stdout + done.stderr


@pytest.mark.parametrize("what", ["elasticsearch", "kibana"])
def test_a_wrong_password_is_told_at_once(elastic, run, what):
    elastic.password = "another"
    done = run(what)
    assert done.returncode == 1
    assert re.fullmatch(rf"{what}-setup: \w+ refuses the password of elastic\. .*make down, make up\)\n", done.stderr)
    assert len(elastic.asked) == 1


def test_nobody_there_and_not_ready_are_told_with_the_reason(elastic, run):
    done = run("elasticsearch", VITALS_ELASTICSEARCH="http://127.0.0.1:9", VITALS_WAIT_SECONDS="0.5")
    assert done.returncode == 1 and "is not ready after 0 s: [Errno 111] Connection refused; make logs SERVICE=elasticsearch" in done.stderr
    elastic.warming = 1000
    done = run("elasticsearch", VITALS_WAIT_SECONDS="0.5")
    assert done.returncode == 1 and "not ready (503)" in done.stderr


def test_a_refusal_names_what_and_why(elastic, run):
    elastic.refuse["/_index_template/vitals.app"] = (400, {"error": {"type": "illegal_argument_exception", "reason": "composable template would be invalid"}})
    done = run("elasticsearch")
    assert done.returncode == 1
    assert done.stderr == "elasticsearch-setup: Elasticsearch refuses /_index_template/vitals.app: composable template would be invalid (400)\n"


def test_a_secret_that_is_missing_is_named(elastic, run, tmp_path):
    (tmp_path / "logstash-writer").unlink()
    done = run("elasticsearch")
    assert done.returncode == 1 and "the secret logstash-writer cannot be read: No such file" in done.stderr


def test_a_retention_that_elasticsearch_would_not_understand_is_refused_first(elastic, run):
    done = run("elasticsearch", VITALS_LOGS_RETENTION="2w")
    assert done.returncode == 1 and "no number of days or hours" in done.stderr and not elastic.asked


def test_kibana_gets_its_objects(elastic, run):
    done = run("kibana")
    assert (done.returncode, done.stderr) == (0, "")
    assert elastic.imported == kibana.ndjson()
    assert f"{len(list(kibana.objects()))} objects" in done.stdout


def test_an_object_that_kibana_refuses_is_named(elastic, run):
    elastic.refuse["/api/saved_objects/_import"] = (200, {"success": False, "successCount": 0, "errors": [
        {"type": "lens", "id": "vitals-tokens", "error": {"type": "missing_references"}}]})
    done = run("kibana")
    assert done.returncode == 1 and done.stderr == "kibana-setup: Kibana refuses its objects: lens/vitals-tokens: missing_references (200)\n"


# --- what is told -----------------------------------------------------------------------------------------------


def test_every_field_that_the_pipeline_writes_is_mapped_and_none_besides():
    text = (ROOT / "compose/logstash/vitals.rb").read_text()
    table = text[text.index("FIELDS = {"):text.index("}.freeze", text.index("FIELDS = {"))]
    written = set(re.findall(r'^    "([a-z_.]+)" => \[:', table, re.M))
    assert len(written) > 30
    written |= set(re.findall(r'put\(doc, "([a-z_.]+)"', text)) | set(re.findall(r'doc\["([@a-z]+)"\] =', text))
    carried = text[text.index("CARRIED = {"):text.index("}.freeze", text.index("CARRIED = {"))]
    written |= set(re.findall(r'=> "([a-z_.]+)"', carried))
    written |= {"vitals.redacted", "vitals.rejected_by", "ecs.version", "event.kind"}
    parents = {field for field in written if any(other.startswith(f"{field}.") for other in written)}
    mapped = {field for field in FIELDS if not field.startswith("data_stream.")}
    assert mapped - written == set(), "mapped, and never written"
    assert written - parents - mapped == set(), "written, and not mapped"


def test_no_keyword_can_be_too_long_for_lucene():
    for name, kind in FIELDS.items():
        if kind["type"] in ("keyword", "flattened") and kind.get("doc_values", True):
            assert kind["ignore_above"] * 4 < 32_766, name


def test_nothing_grows_with_what_apps_send():
    component = next(body for _, path, body in objects() if path == "/_component_template/vitals-logs")
    assert component["template"]["mappings"]["dynamic"] is False
    assert FIELDS["app"]["type"] == "flattened"


def objects() -> list[tuple[str, str, dict[str, Any]]]:
    namespace["secret"] = lambda name: SECRETS[name]
    return namespace["objects"]("14d")


def test_roles_are_the_least_that_works():
    roles = namespace["ROLES"]
    writes = {"create_doc", "auto_configure"}
    for name, role in roles.items():
        privileges = {p for entry in role.get("indices", []) for p in entry["privileges"]}
        assert not privileges & {"all", "write", "manage", "delete", "index", "create_index"}, name
        assert not {"all", "manage", "manage_security"} & set(role.get("cluster", [])), name
        assert (privileges == writes) == (name == "vitals_logstash_writer")
    assert all(entry["names"] == ["logs-vitals.*"] for name in ("vitals_logstash_writer", "vitals_grafana_reader")
               for entry in roles[name]["indices"])


def test_the_streams_are_those_that_logstash_writes_to():
    configured = set()
    for file in (ROOT / "compose/logstash").glob("*.conf"):
        configured |= set(re.findall(r'data_stream_dataset => "([a-z.]+)"', file.read_text()))
    assert {f"logs-{dataset}" for dataset in configured} == set(namespace["STREAMS"])


def test_kibanas_objects_refer_to_what_there_is_and_to_fields_that_are_mapped():
    lines = [json.loads(line) for line in kibana.ndjson().splitlines()]
    known = set()
    for found in lines:
        for reference in found["references"]:
            assert (reference["type"], reference["id"]) in known, "an import takes what is referred to first"
        known.add((found["type"], found["id"]))
    assert len(known) == len(lines)
    used = {field for _, _, _, columns in kibana.SEARCHES.values() for field in columns}
    used |= {c["sourceField"] for _, _, _, columns in kibana.CHARTS.values() for c in columns.values()} - {"___records___"}
    queries = [query for _, _, query, _ in kibana.SEARCHES.values()] + [query for _, _, query, _ in kibana.CHARTS.values()]
    used |= {field for query in queries for field in re.findall(r"([a-z_.@]+) :", query)}
    assert used - set(FIELDS) == set()


def test_kibanas_dashboard_has_every_panel_once_and_none_over_another():
    [dashboard] = [json.loads(line) for line in kibana.ndjson().splitlines() if '"type": "dashboard"' in line]
    panels = json.loads(dashboard["attributes"]["panelsJSON"])
    assert {f"{p['panelIndex']}:{p['panelRefName']}" for p in panels} == {r["name"] for r in dashboard["references"]}
    cells = [(x, y) for p in panels for g in [p["gridData"]]
             for x in range(g["x"], g["x"] + g["w"]) for y in range(g["y"], g["y"] + g["h"])]
    assert len(cells) == len(set(cells)) and max(x for x, _ in cells) < 48


def test_streams_of_kibana_and_grafana_exist():
    streams = set(namespace["STREAMS"])
    assert {pattern.removesuffix("-*") for pattern, _ in kibana.VIEWS.values()} <= streams
    source = (ROOT / "grafana/provisioning/datasources/logs.yaml").read_text()
    assert "index: logs-vitals.app-*" in source
    for field in re.findall(r"log(?:Message|Level)Field: ([a-z.]+)", source):
        assert field in FIELDS


def test_a_snapshot_is_waited_for_and_its_repository_forgotten(elastic, run):
    done = run("snapshot")
    assert (done.returncode, done.stderr) == (0, "") and "2 indices" in done.stdout
    assert elastic.put["/_snapshot/vitals-backup"] == {"type": "fs", "settings": {"location": "backup"}}
    assert elastic.put["/_snapshot/vitals-backup/logs"] == {"indices": "logs-vitals.*", "include_global_state": False}
    assert elastic.states == ["SUCCESS"] and elastic.repositories == set()


@pytest.mark.parametrize("state", ["FAILED", "PARTIAL"])
def test_a_snapshot_that_is_not_whole_is_none(elastic, run, state):
    elastic.states = ["IN_PROGRESS", state]
    done = run("snapshot")
    assert done.returncode == 1 and state in done.stderr and "disk is full" in done.stderr
    assert elastic.repositories == set()


def test_log_lines_come_back_beside_those_that_are_there(elastic, run):
    done = run("restore")
    assert (done.returncode, done.stderr) == (0, "")
    assert elastic.put["/_snapshot/vitals-restore"]["settings"] == {"location": ".restore", "readonly": True}
    [body] = elastic.restored
    after = body["rename_replacement"].replace("$1", r"\1")
    for before in ("logs-vitals.app-default", ".ds-logs-vitals.app-default-2026.11.21-000001"):
        name = re.sub(body["rename_pattern"], after, before)
        assert "-default" not in name and re.search(r"logs-vitals\.app-restored-\d{8}-\d{6}", name)
    assert elastic.repositories == set()


def test_a_snapshot_that_elasticsearch_refuses_is_told(elastic, run):
    elastic.refuse["/_snapshot/vitals-backup"] = (500, {"error": {"reason": "location [backup] doesn't match path.repo"}})
    done = run("snapshot")
    assert done.returncode == 1 and "doesn't match path.repo" in done.stderr


def test_folders_of_snapshots_are_those_that_backups_use():
    from vitals.backup import compose as backup

    configuration = (ROOT / "compose/elasticsearch/elasticsearch.yml").read_text()
    assert f"path.repo: {backup.SNAPSHOTS} " in configuration
    assert (namespace["TAKEN"], namespace["BROUGHT"]) == ("backup", ".restore")

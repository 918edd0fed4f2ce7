"""The pipeline's filter, the very file that Logstash runs, on lines of every kind."""

from __future__ import annotations

import base64
import json
import re
import shutil
import socket
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.elk import ruby
from vitals import settings as settings_module

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SCRIPT = ROOT / "compose/logstash/vitals.rb"
KEY = "0123456789abcdef0123456789abcdef"


class Strings(yaml.SafeLoader):
    """Times stay the text they are."""


Strings.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:timestamp"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()}

CASES = yaml.load((HERE / "cases.yaml").read_text(), Strings)  # noqa: S506 (a SafeLoader)


@pytest.fixture(scope="module", params=ruby.ENGINES)
def through(request, tmp_path_factory):
    """Sends events through the filter: a list of (line or bytes, from, fields, arrival) → each one's documents."""
    if request.param == "jruby" and not shutil.which("java"):
        pytest.skip("JRuby needs a java on PATH")
    key = tmp_path_factory.mktemp("elk") / "logs-hash-key"
    key.write_text(KEY)

    def send(events: list[tuple[str | bytes, str, dict[str, Any], str]]) -> list[list[dict[str, Any]]]:
        job = {"script": str(SCRIPT), "params": {"hash_key_file": str(key)}, "events": [
            {"fields": {"message": {"~": base64.b64encode(line).decode()} if isinstance(line, bytes) else line,
                        "@timestamp": at, **fields}, "metadata": {"from": source}}
            for line, source, fields, at in events]}
        return json.loads(ruby.run(settings_module.load(), HERE / "fake_logstash.rb", json.dumps(job), request.param))

    return send


@pytest.fixture(scope="module")
def documents(through):
    """The documents of every case in the table, made in one go."""
    given = [(base64.b64decode(case["base64"]) if "base64" in case else case["line"], case.get("from", "beats"),
              case.get("fields", {}), case.get("at", "2026-11-21T10:31:00Z")) for case in CASES]
    return dict(zip([case["name"] for case in CASES], through(given), strict=True))


def at(document: Any, path: str) -> Any:
    """What stands at a dotted path; keys may have dots of their own."""
    if isinstance(document, dict):
        if path in document:
            return document[path]
        for i, char in enumerate(path):
            if char == "." and (found := at(document.get(path[:i]), path[i + 1:])) is not None:
                return found
    return None


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_case(case, documents):
    found = documents[case["name"]]
    wanted = case["expect"] if isinstance(case["expect"], list) else [case["expect"]]
    assert len(found) == len(wanted), found
    for document, fields in zip(found, wanted, strict=True):
        assert {path: at(document, path) for path in fields} == fields, json.dumps(document, indent=1)
        for path in case.get("absent", []):
            assert at(document, path) is None, json.dumps(document, indent=1)
    text = json.dumps(found, ensure_ascii=False)
    for secret in case.get("never", []):
        assert secret not in text


def nested(depth: int) -> str:
    return '{"message": "m", "password": "hunter22", "a": ' + '{"a": ' * depth + '"bob@example.com"' + "}" * depth + "}"


def test_json_nested_deeper_than_anyone_reads_is_kept_as_text(through):
    [[document]] = through([(nested(1000), "beats", {}, "2026-11-21T10:31:00Z")])
    assert document["event"]["kind"] == "pipeline_error"
    assert document["message"].count("{") == 1001
    assert "hunter22" not in document["message"] and "bob@" not in document["message"]


def test_json_nested_deep_becomes_text_inside(through):
    [[document]] = through([(nested(60), "beats", {}, "2026-11-21T10:31:00Z")])
    inner = document["app"]
    for _ in range(8):
        inner = inner["a"]
    assert isinstance(inner, str) and inner.count("{") == 53 and "[email]" in inner
    assert document["app"]["password"] == "[redacted]"


def test_ten_thousand_keys_make_no_ten_thousand_fields_and_none_is_lost(through):
    line = json.dumps({"message": "m", "request_id": "r-1", "nested": {"x": 1}, "key": "sk-abcdefghijklmnop1234"}
                      | {f"k{i}": i for i in range(10_000)})
    [[document]] = through([(line, "beats", {}, "2026-11-21T10:31:00Z")])
    assert len(document["app"]) <= 1000
    assert document["tags"] == ["vitals_too_many_fields"]
    assert document["http"]["request"]["id"] == "r-1"
    original = json.loads(document["event"]["original"])
    assert original["k9999"] == 9999 and original["nested"] == {"x": 1} and original["key"] == "[redacted]"


def test_a_key_longer_than_a_term_may_be_is_cut_and_stays_itself(through):
    [[document]] = through([(json.dumps({"message": "m", "k" * 40_000: 1, "k" * 40_000 + "z": 2}), "tcp", {}, "2026-11-21T10:31:00Z")])
    assert sorted(document["app"].values()) == [1, 2]
    assert max(map(len, document["app"])) < 250


MEGABYTE = 1_000_000
HOSTILE = {
    "one letter": "a", "mails without an end": "a@", "dotted": "a.", "at": "@", "domain": "a@b.", "digits": "4", "digits and blanks": "4 ",
    "digits and dashes": "4-", "keys that begin": "sk-", "slack": "xoxb-", "jwt": "eyJ", "jwt parts": "eyJaaaaaa.", "jwt dots": "eyJaaaaa.bbbbb",
    "schemes": "://", "logins": "://a:", "logins without an end": "://a:b@", "names": "password", "names and signs": "password=",
    "quotes": "password=\"", "escapes": "password=\"\\", "private keys": "-----BEGIN PRIVATE KEY-----", "cookies": "cookie: ", "bearer": "bearer ",
    "bearer run": "bearer a", "phones": "+1 ", "phones in brackets": "+1 (2", "logfmt": "level=a ", "logfmt quotes": "level=\"", "blanks": " ",
    "new lines": "\n", "tracebacks": "Traceback (most recent call last):\n", "words": "Error ", "brackets": "[", "braces": "{", "JSON": '{"a":', "umlauts": "ä",
    "umlauts and logfmt": "level=ä ", "percent": "a%40", "sendgrid": "SG.aaaaaaaaaaaaaaaa.", "access": '1.1.1.1 - - [', "levels": "ERROR:", "stamps": "2026-11-21 10:30:45,123 ",
    "webhooks": "https://hooks.slack.com/services/", "zeros": "0", "escaped quotes": '\\"', "token": "token", "underscores": "_"}


def test_a_megabyte_made_to_stall_the_regular_expressions_passes(through):
    lines = {name: (part * (MEGABYTE // len(part) + 1))[:MEGABYTE] for name, part in HOSTILE.items()}
    lines |= {f"{name} in JSON": json.dumps({"message": line, "x": line}) for name, line in list(lines.items())[::5]}
    lines |= {f"{name} after a level": f"2026-11-21 10:30:45,123 - app - ERROR - {line}" for name, line in list(lines.items())[::7]}
    found = through([(line, "beats", {}, "2026-11-21T10:31:00Z") for line in lines.values()])
    for name, documents in zip(lines, found, strict=True):
        [document] = documents
        assert "vitals_failed" not in document.get("tags", []), name
        assert document["message"] or name == "new lines", name


def test_a_megabyte_keeps_its_end(through):
    [[document]] = through([("x " * (MEGABYTE // 2) + "bob@example.com", "beats", {}, "2026-11-21T10:31:00Z")])
    assert len(document["message"]) > MEGABYTE and document["message"].endswith(" [email]")


def test_a_line_that_no_app_means_to_write_is_cut(through):
    [[document]] = through([("x " * 3_000_000, "beats", {}, "2026-11-21T10:31:00Z")])
    assert document["message"].endswith("[cut]") and len(document["message"]) < 5_000_000


def test_a_defect_of_ours_loses_no_line_and_tells_no_secret(through, tmp_path, monkeypatch):
    broken = tmp_path / "vitals.rb"
    broken.write_text(SCRIPT.read_text().replace("def build(record, carried, arrived, from)", "def build(record, carried, arrived, from)\n    raise 'defect'", 1))
    monkeypatch.setattr(f"{__name__}.SCRIPT", broken)
    [[document]] = through([('{"message": "m", "password": "hunter22"}', "beats", {"headers": {"authorization": "x"}}, "2026-11-21T10:31:00Z")])
    assert document["tags"] == ["vitals_failed"] and document["event"]["kind"] == "pipeline_error"
    assert document["message"] == '{"message": "m", "password": "[redacted]"}'
    assert "headers" not in document


def test_a_missing_or_short_hash_key_stops_the_pipeline_at_its_start(tmp_path):
    for text in (None, "short"):
        key = tmp_path / "key"
        if text:
            key.write_text(text)
        job = {"script": str(SCRIPT), "params": {"hash_key_file": str(key)}, "events": []}
        with pytest.raises(AssertionError, match="hash key is too short" if text else "No such file"):
            ruby.run(settings_module.load(), HERE / "fake_logstash.rb", json.dumps(job))


def test_what_elasticsearch_refused_becomes_text_that_it_cannot_refuse():
    """rejected.rb, with an entry as the dead_letter_queue input documents it."""
    job = {"script": str(SCRIPT.with_name("rejected.rb")), "params": {}, "events": [{
        "fields": {"message": "m", "@timestamp": "2026-11-21T10:30:45Z", "service": {"name": "shop"}, "app": {"a": {"b": [1]}}, "event": {"kind": "event"}},
        "metadata": {"dead_letter_queue": {"reason": "Could not index event. " + "x" * 9000, "plugin_id": "logs",
                                           "plugin_type": "elasticsearch", "entry_time": "2026-11-21T10:31:00.000Z"}}}]}
    [[document]] = json.loads(ruby.run(settings_module.load(), HERE / "fake_logstash.rb", json.dumps(job)))
    assert document["@timestamp"] == "2026-11-21T10:31:00.000Z"
    assert document["message"].startswith("Could not index event.") and len(document["message"]) == 4000
    original = json.loads(document["event"]["original"])
    assert original["app"] == {"a": {"b": [1]}} and original["@timestamp"] == "2026-11-21T10:30:45.000Z"
    assert document["event"]["kind"] == "pipeline_error" and document["service"] == {"name": "shop"}
    assert document["vitals"] == {"rejected_by": "logs"} and "app" not in document


def test_the_handler_of_the_docs_sends_what_the_pipeline_understands(through):
    [block] = re.findall(r"```python\n(.*?)```", (ROOT / "docs/logs.md").read_text(), re.S)
    with socket.create_server(("127.0.0.1", 0)) as server:
        program = block.replace("5170", str(server.getsockname()[1])) + textwrap.dedent("""
            logging.warning("stock of %s is low", "shoes")
            try:
                {}["x"]
            except KeyError:
                logging.exception("no such thing")
            logging.shutdown()
            """)
        subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
        connection, _ = server.accept()
        with connection, connection.makefile() as stream:
            lines = stream.read().splitlines()
    found = [document for [document] in through([(line, "tcp", {}, "2036-11-21T10:31:00Z") for line in lines])]
    assert [(d["message"], d["log"]["level"], d["service"]["name"]) for d in found] == [
        ("stock of shoes is low", "warning", "shop"), ("no such thing", "error", "shop")]
    assert found[1]["error"]["type"] == "KeyError" and not any("tags" in d or "app" in d for d in found)

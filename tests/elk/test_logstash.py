"""The same table through a real Logstash, where Docker has its image: its JRuby, its Event, its configuration checker."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path

import pytest

from tests.elk.test_pipeline import CASES, KEY, at
from vitals.engines.compose import _versions
from vitals.settings import ROOT

IMAGE = _versions(ROOT / "compose")["LOGSTASH_IMAGE"]
MINUTES = 10

# Lines come in as JSON with all that a way in would have added; each case's documents go to a file of its own.
CONFIGURATION = """
input { stdin { codec => json_lines {} } }
filter {
  ruby { code => '
    event.set("message", event.get("line").unpack1("m").force_encoding("UTF-8"))
    event.set("[@metadata][from]", event.get("from"))
    event.set("[@metadata][case]", event.get("case"))
    (event.get("fields") || {}).each { |key, value| event.set(key, value) }
    event.set("@timestamp", LogStash::Timestamp.new(event.get("at")))
    ["line", "from", "case", "fields", "at"].each { |key| event.remove(key) }
  ' }
  ruby { path => "/usr/share/logstash/vitals/vitals.rb" script_params => { "hash_key_file" => "/test/key" } }
}
output { file { path => "/out/%{[@metadata][case]}.json" codec => json_lines {} } }
"""


def docker(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *arguments], input=stdin, capture_output=True, text=True, timeout=MINUTES * 60)


@pytest.fixture(scope="module")
def image() -> str:
    try:
        there = docker("image", "inspect", IMAGE).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        there = False
    if not there:
        pytest.skip(f"Docker has no image {IMAGE}")
    return IMAGE


@pytest.fixture(scope="module")
def documents(image: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict]]:
    folder = tmp_path_factory.mktemp("logstash")
    out = folder / "out"
    out.mkdir()
    out.chmod(0o777)
    (folder / "key").write_text(KEY)
    (folder / "test.conf").write_text(CONFIGURATION)
    for path in (folder, folder / "key", folder / "test.conf"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    lines = []
    for i, case in enumerate(CASES):
        raw = base64.b64decode(case["base64"]) if "base64" in case else case["line"].encode()
        lines.append(json.dumps({"case": str(i), "line": base64.b64encode(raw).decode(), "from": case.get("from", "beats"),
                                 "fields": case.get("fields", {}), "at": case.get("at", "2026-11-21T10:31:00Z")}))
    done = docker("run", "--rm", "-i", "--network=none", "-v", f"{folder}:/test:ro", "-v", f"{out}:/out",
                  "-v", f"{ROOT / 'compose/logstash'}:/usr/share/logstash/vitals:ro", image,
                  "-f", "/test/test.conf", "--pipeline.workers=1", "--pipeline.ordered=true", stdin="\n".join(lines) + "\n")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return {case["name"]: [json.loads(line) for line in (out / f"{i}.json").read_text().splitlines()]
            for i, case in enumerate(CASES)}


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_case(case, documents) -> None:
    found = documents[case["name"]]
    wanted = case["expect"] if isinstance(case["expect"], list) else [case["expect"]]
    assert len(found) == len(wanted)
    for document, fields in zip(found, wanted, strict=True):
        assert {path: at(document, path) for path in fields} == fields, json.dumps(document, indent=1)
    for secret in case.get("never", []):
        assert secret not in json.dumps(found, ensure_ascii=False)


@pytest.mark.parametrize("name", ["main.conf", "rejected.conf"])
def test_logstash_takes_the_pipeline(name: str, image: str, tmp_path: Path) -> None:
    text = (ROOT / "compose/logstash" / name).read_text().replace("${LOGSTASH_WRITER}", "x").replace(
        "/run/secrets/logs-hash-key", "/test/key")
    (tmp_path / name).write_text(text)
    (tmp_path / "key").write_text(KEY)
    tmp_path.chmod(0o755)
    done = docker("run", "--rm", "--network=none", "-v", f"{tmp_path}:/test:ro",
                  "-v", f"{ROOT / 'compose/logstash'}:/usr/share/logstash/vitals:ro", image,
                  "-f", f"/test/{name}", "--config.test_and_exit")
    assert done.returncode == 0 and "Configuration OK" in done.stdout, done.stdout[-4000:]

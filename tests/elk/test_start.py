"""What stands between a secret file and the programs: the start scripts, run as they are, with paths of our own."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from vitals.settings import ROOT

WORD = "5ecre7word"


def prepared(script: Path, tmp_path: Path, paths: dict[str, str]) -> Path:
    """The script with the container's paths turned into some under ``tmp_path``."""
    text = script.read_text()
    for inside, here in paths.items():
        assert inside in text, inside
        text = text.replace(inside, str(tmp_path / here))
    copy = tmp_path / "start.sh"
    copy.write_text(text)
    return copy


def test_logstash_gets_its_password_in_memory_and_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "writer").write_text(f"{WORD}\n")
    (tmp_path / "vitals").mkdir()
    for file in (ROOT / "compose/logstash").glob("*.conf"):
        (tmp_path / "vitals" / file.name).write_text(file.read_text())
    entrypoint = tmp_path / "entrypoint"
    entrypoint.write_text("#!/bin/bash\nenv\ntr '\\0' ' ' </proc/$$/cmdline\n")
    entrypoint.chmod(0o755)
    script = prepared(ROOT / "compose/logstash/start.sh", tmp_path, {
        "/run/secrets/logstash-writer": "writer", "/usr/share/logstash/vitals": "vitals", "/tmp/pipeline": "pipeline",
        "/usr/share/logstash/data": "data",
        "/usr/local/bin/docker-entrypoint": "entrypoint"})
    # -x shows every command with its arguments; what the shell does itself is no process.
    done = subprocess.run(["/bin/bash", script], capture_output=True, text=True, check=True)
    assert WORD not in done.stdout
    for file in (ROOT / "compose/logstash").glob("*.conf"):
        made = tmp_path / "pipeline" / file.name
        assert made.stat().st_mode & 0o077 == 0
        assert made.read_text().rstrip() == file.read_text().replace("${LOGSTASH_WRITER}", WORD).rstrip()
        assert WORD in made.read_text() or "password" not in file.read_text()
    traced = subprocess.run(["/bin/bash", "-x", script], capture_output=True, text=True, check=True).stderr
    programs = [line for line in traced.splitlines() if re.match(r"\++ (?!printf|password=|text=|for |umask|set|unset)", line)]
    assert programs and not any(WORD in line for line in programs)


def test_a_missing_password_stops_logstash_before_it_starts(tmp_path: Path) -> None:
    (tmp_path / "vitals").mkdir()
    script = prepared(ROOT / "compose/logstash/start.sh", tmp_path, {
        "/run/secrets/logstash-writer": "writer", "/tmp/pipeline": "pipeline", "/usr/share/logstash/data": "data"})
    done = subprocess.run(["/bin/bash", script], capture_output=True, text=True)
    assert done.returncode and "No such file" in done.stderr


@pytest.mark.parametrize(("maps", "plain"), [("262144", False), ("1048576", False), ("65530", True)])
def test_elasticsearch_starts_without_memory_maps_where_there_is_no_room_for_them(tmp_path: Path, maps: str, plain: bool) -> None:
    (tmp_path / "image").mkdir()
    (tmp_path / "image/jvm.options").write_text("-Xss1m\n")
    (tmp_path / "elasticsearch.yml").write_text((ROOT / "compose/elasticsearch/elasticsearch.yml").read_text())
    (tmp_path / "max_map_count").write_text(maps)
    (tmp_path / "elastic").write_text(WORD)
    (tmp_path / "bin").mkdir()
    # A fake of the keystore's tool: it notes what it is asked and what it is given.
    tool = tmp_path / "bin/elasticsearch-keystore"
    tool.write_text(f'#!/bin/bash\necho "$@ in $ES_PATH_CONF" >>{tmp_path}/asked\n[ "$1" = add ] && cat >{tmp_path}/given\nexit 0\n')
    entrypoint = tmp_path / "entrypoint"
    entrypoint.write_text('#!/bin/bash\necho "$@"\nenv\n')
    for program in (tool, entrypoint):
        program.chmod(0o755)
    script = prepared(ROOT / "compose/elasticsearch/start.sh", tmp_path, {
        "/usr/share/elasticsearch/config": "image", "/vitals/elasticsearch.yml": "elasticsearch.yml",
        "/proc/sys/vm/max_map_count": "max_map_count", "/run/secrets/elastic": "elastic", "/tmp/config": "config",
        "/usr/local/bin/docker-entrypoint.sh": "entrypoint"})
    done = subprocess.run(["/bin/bash", script], capture_output=True, text=True, check=True, cwd=tmp_path)
    made = yaml.safe_load((tmp_path / "config/elasticsearch.yml").read_text())
    assert made.get("node.store.allow_mmap") is (False if plain else None)
    assert ("starting without memory maps" in done.stdout) is plain
    assert made["xpack.security.enabled"] is True and made["xpack.license.self_generated.type"] == "basic"
    assert (tmp_path / "config/jvm.options").exists()
    assert (tmp_path / "given").read_text() == WORD and WORD not in done.stdout + (tmp_path / "asked").read_text()
    assert (tmp_path / "asked").read_text().splitlines() == [
        f"create --silent in {tmp_path}/config", f"add --silent --stdin bootstrap.password in {tmp_path}/config"]


# --- Filebeat ---------------------------------------------------------------------------------------------------

FILEBEAT = yaml.safe_load((ROOT / "compose/filebeat/filebeat.yml").read_text())


def joined(lines: list[str]) -> list[str]:
    """As Filebeat's multiline parser joins them: a line that matches goes on with the one before."""
    [parser] = [p["multiline"] for p in FILEBEAT["filebeat.inputs"][0]["parsers"] if "multiline" in p]
    assert (parser["type"], parser["match"], parser.get("negate", False)) == ("pattern", "after", False)
    pattern = re.compile(parser["pattern"].replace("[[:space:]]", r"\s"))
    events: list[str] = []
    for line in lines:
        if pattern.search(line) and events:
            events[-1] += "\n" + line
        else:
            events.append(line)
    return events


def test_a_traceback_is_one_event_and_lines_of_their_own_stay_so() -> None:
    def fail() -> None:
        try:
            raise KeyError("x")
        except KeyError as err:
            raise ValueError("no such thing") from err

    import traceback

    try:
        fail()
    except ValueError:
        text = traceback.format_exc().splitlines()
    lines = ['{"event": "before", "level": "error"}', *text, '{"event": "after"}', "2026-11-21 10:30:45,123 - app - INFO - on",
             "INFO:     started", "Ready", "ERROR:root:failed", "[1] one", "level=info msg=x"]
    assert joined(lines) == ["\n".join([lines[0], *text]), *lines[len(text) + 1:]]


def test_filebeat_reads_quiet_containers_and_not_the_log_store() -> None:
    [source] = FILEBEAT["filebeat.inputs"]
    assert "file_identity.native" in source and source["prospector.scanner.fingerprint.enabled"] is False
    logs = yaml.safe_load((ROOT / "compose/logs.yaml").read_text())["services"]
    label = {"vitals": "log-store"}
    assert {"drop_event": {"when": {"equals": {"docker.attrs.vitals": "log-store"}}}} in source["processors"]
    assert all(service.get("labels") == label for name, service in logs.items() if name != "grafana")
    hardened = yaml.safe_load((ROOT / "compose/hardened.yaml").read_text())["services"]["unchecked"]
    assert "vitals" in hardened["logging"]["options"]["labels"].split(",")

"""Log patterns and the programs made of them, run by the real mtail."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families
from vitals_demo.apps import ALL
from vitals_demo.faults import FAULTS
from vitals_demo.logs import CAUSES
from vitals_demo.simulation import Simulation

from vitals import alerting, logs, recording, settings, yamlfile
from vitals.engines import config, parts
from vitals.errors import VitalsError
from vitals.settings import LogPattern

Load = Callable[..., settings.Settings]
Counts = dict[tuple[str, ...], float]


@pytest.fixture(scope="session")
def mtail() -> Path:
    return parts.programs(settings.load(), ["logs"])["mtail"]


def found(text: str) -> Counts:
    """(metric without its app_log_ and _total, labels' values in the order of their names) → value."""
    counts = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name.startswith("app_log_"):
                name = sample.name.removeprefix("app_log_").removesuffix("_total")
                counts[(name, *(v for _, v in sorted(sample.labels.items())))] = sample.value
    return counts


def app(files: list[Path], job: str = "shop", more: tuple[LogPattern, ...] = ()) -> logs.AppLogs:
    loaded = settings.load()
    own = tuple(logs.Found(pattern, loaded.document, ()) for pattern in more)
    return logs.AppLogs(job, "litellm", tuple(map(str, files)), (*logs.patterns(loaded).common, *own))


def count(mtail: Path, folder: Path, text: str, more: tuple[LogPattern, ...] = ()) -> Counts:
    """What mtail counts in a file with this text; zeros left out."""
    programs, file = folder / "programs", folder / "shop.log"
    programs.mkdir(exist_ok=True)
    (programs / "shop.mtail").write_text(logs.program(app([file], more=more))[0])
    file.write_text(text)
    done = subprocess.run([mtail, f"-progs={programs}", f"-logs={file}", "-one_shot", "-one_shot_format=prometheus",
                           "-emit_prog_label=false", "-logtostderr", "-address=127.0.0.1", "-port=0"],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert " runtime error" not in done.stderr.lower(), done.stderr
    return {key: value for key, value in found(done.stdout).items() if value}


# --- levels -------------------------------------------------------------------------------------------------

LINES = {
    "critical": ['{"levelname": "CRITICAL", "message": "gone"}', "CRITICAL:app:gone", '{"level":60,"msg":"pino"}',
                 '{"severity":"EMERGENCY"}', "<1>Nov 21 10:00:00 host app[1]: FATAL: gone"],
    "error": ['{"asctime": "2026-11-01 09:00:00,120", "name": "a", "levelname": "ERROR", "message": "x"}',
              '{"event": "x", "level": "error", "timestamp": "2026-11-01T09:00:00Z"}',
              '{"log.level": "ERROR", "message": "x"}', '{"log":{"level":"error"},"message":"x"}',
              '{"severity": "ERROR"}', '{"SeverityText":"x","severityText":"ERROR"}', '{"level":50,"msg":"pino"}',
              "2026-11-01 09:00:03,120 - app.agents - ERROR - info: a tool failed",
              "2026/11/01 09:00:03 [error] 12#0: *5 connect() failed", "ts=2026-11-01T09:00:00Z level=error msg=x",
              'time="2026-11-01T09:00:00Z" level="error" msg="level=info"', "ERROR"],
    "warning": ['{"level": "warn"}', '{"levelname": "WARNING"}', "WARNING 11-21 10:00:00 [loggers.py:111] slow",
                "2026-11-01 09:00:03 WARN  app - x", '{"level":40}'],
    "info": ['{"level": "info", "message": "said \\"level\\":\\"error\\" twice"}', "INFO:     127.0.0.1 - GET / 500 ERROR",
             '{"level":"info","alert":{"severity":"critical"}}', '{"level":30,"msg":"level=error"}',
             '{"severity":"NOTICE"}', "[info] 09:00 ready", "INFO the tool said level=error", "level=info msg=ERROR"],
    "debug": ['{"level":"debug"}', "DEBUG app x", '{"level":10}', '{"alert":{"severity":"high"},"level":"DEBUG"}'],
    "": ["Traceback (most recent call last):", '  File "x.py", line 3, in ERROR', "ValueError: no", "{}", '{"level":"high"}',
         '{"message":"no level"}', "an informational word", "    raise InfoError", ""],
}


@pytest.mark.parametrize("level", LINES)
def test_every_line_counts_once_by_its_level(level: str, mtail: Path, tmp_path: Path) -> None:
    for line in LINES[level]:
        counts = count(mtail, tmp_path, line + "\n")
        lines = {key: value for key, value in counts.items() if key[0] != "pattern_matches"}
        expected = ("lines", "shop", level, "litellm") if level else ("plain_lines", "shop", "litellm")
        assert lines == {expected: 1}, line


def test_every_line_of_a_mixed_file_is_counted_once(mtail: Path, tmp_path: Path) -> None:
    everything = [line for lines in LINES.values() for line in lines]
    counts = count(mtail, tmp_path, "".join(f"{line}\n" for line in everything))
    by_level = {key[2] if key[0] == "lines" else "": value for key, value in counts.items() if "lines" in key[0]}
    assert by_level == {level: len(lines) for level, lines in LINES.items()}


# --- patterns -----------------------------------------------------------------------------------------------

# How libraries and servers word it, in lines of their own.
SAID = {
    "rate_limited": [
        "openai.RateLimitError: Error code: 429 - {'error': {'message': 'Rate limit reached for gpt-4o'}}",
        '{"level":"error","status":429,"message":"upstream"}', "anthropic: HTTP 429 Too Many Requests",
        "google.api_core.exceptions.ResourceExhausted: quota exceeded"],
    "context_length_exceeded": [
        "This model's maximum context length is 128000 tokens", '{"level":"error","code":"context_length_exceeded"}',
        "anthropic.BadRequestError: prompt is too long: 205030 tokens > 200000 maximum",
        "litellm.ContextWindowExceededError: x"],
    "content_filtered": [
        "The response was filtered due to the prompt triggering Azure OpenAI's content management policy",
        '{"level":"warning","finish_reason":"content_filter"}', "litellm.ContentPolicyViolationError"],
    "parse_failure": [
        "json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)", "Could not parse tool call arguments",
        "langchain_core.exceptions.OutputParserException: x", '{"level":"error","error":"invalid function arguments"}'],
    "agent_loop": [
        "Agent stopped due to max iterations reached.", "GraphRecursionError: Recursion limit of 25 reached",
        "agents.exceptions.MaxTurnsExceeded: Max turns (10) exceeded", "Maximum number of iterations reached"],
    "auth_failed": [
        "openai.AuthenticationError: Error code: 401 - Incorrect API key provided", '{"level":"error","status_code":401}',
        "invalid x-api-key", '{"level":"error","error":"The api key has expired"}'],
    "out_of_memory": [
        "torch.OutOfMemoryError: CUDA out of memory.", "MemoryError", "Out of memory: Killed process 1 (python)",
        "OSError: [Errno 12] Cannot allocate memory"],
    "unhandled_exception": [
        "Traceback (most recent call last):", "ERROR:    Exception in ASGI application", "UnhandledPromiseRejection: x",
        "Task exception was never retrieved"],
    "duplicate_timeseries": ["ValueError: Duplicated timeseries in CollectorRegistry: {'x_total'}"],
}
HARMLESS = [
    '{"level":"info","message":"rate limit is 100 a minute, 429 so far","context_length_exceeded":false}',
    "INFO: max iterations reached is set to 15; content filter on; invalid api key handler ready; out of memory guard on",
    '{"level":"debug","message":"Traceback (most recent call last):"}',
    '{"level":"error","message":"the shop closed at 4290 orders"}', "ERROR request 401k failed", "WARNING context deadline exceeded",
    '{"level":"error","code":500,"message":"unlimited rates"}', "ERROR room 1429 is taken",
]


@pytest.mark.parametrize("pattern", SAID)
def test_a_pattern_is_found_as_libraries_word_it(pattern: str, mtail: Path, tmp_path: Path) -> None:
    for line in SAID[pattern]:
        counts = count(mtail, tmp_path, line + "\n")
        assert counts.get(("pattern_matches", "shop", pattern, "litellm")) == 1, line


def test_every_builtin_pattern_is_tried() -> None:
    assert set(SAID) == {one.pattern.name for one in logs.patterns(settings.load()).common}


@pytest.mark.parametrize("line", HARMLESS)
def test_harmless_words_are_no_trouble(line: str, mtail: Path, tmp_path: Path) -> None:
    assert not [key for key in count(mtail, tmp_path, line + "\n") if key[0] == "pattern_matches"]


# The pattern that each cause of the demo's faults is found by.
CAUSED = {"rate_limit": "rate_limited", "context_length": "context_length_exceeded", "content_filter": "content_filtered",
          "parse": "parse_failure", "loop": "agent_loop", "auth": "auth_failed", "out_of_memory": "out_of_memory",
          "exception": "unhandled_exception", "duplicate": "duplicate_timeseries"}


def test_each_pattern_can_be_caused_in_the_demo() -> None:
    assert set(CAUSED.values()) == set(SAID)
    assert {cause for fault in FAULTS.values() for cause in fault.causes} >= set(CAUSED)


@pytest.mark.parametrize("cause", CAUSES)
def test_what_the_demo_says_is_found_in_every_apps_format(cause: str, mtail: Path, tmp_path: Path) -> None:
    """Twenty failing seconds of each app: every error line counts as an error, and for its pattern, if it has one."""
    from vitals_demo import logs as written

    noon = datetime(2026, 11, 16, 12, tzinfo=UTC).timestamp()
    for job, spec in ALL.items():
        rng = Simulation(1, noon, [job]).apps[job].log_rng
        lines = [line for line in written.lines(spec, noon, 1.0, 0.0, {flow.kind: 2 for flow in spec.flows}, rng, causes=(cause,))
                 if str(line.get("level", line.get("levelname"))).lower() == "error"]
        assert lines
        counts = count(mtail, tmp_path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
        assert counts[("lines", "shop", "error", "litellm")] == len(lines), job
        matches = {key[2]: value for key, value in counts.items() if key[0] == "pattern_matches"}
        assert matches == ({CAUSED[cause]: len(lines)} if cause in CAUSED else {}), job


def test_a_pattern_of_ones_own(mtail: Path, tmp_path: Path) -> None:
    own = (LogPattern(name="refund_twice", regex=r"refund/(issued|sent) twice\b", means="Money is paid back twice."),
           LogPattern(name="slow_tool", regex=r'"tool_ms":\s*\d{5,}', means="A tool is slow.", lines="problems"))
    counts = count(mtail, tmp_path, "INFO refund/issued twice\nINFO \"tool_ms\": 12345\nERROR \"tool_ms\": 12345\n", own)
    assert counts[("pattern_matches", "shop", "refund_twice", "litellm")] == 1
    assert counts[("pattern_matches", "shop", "slow_tool", "litellm")] == 1


def test_nothing_of_a_line_becomes_a_label(mtail: Path, tmp_path: Path) -> None:
    secret = "sk-" + "a1" * 20
    counts = count(mtail, tmp_path, f'{{"level":"error","level2":"{secret}","job":"{secret}","message":"429 {secret}"}}\n'
                                    f'level={secret} ERROR {secret}\n["level":"{secret}"]\n')
    assert secret not in str(counts)
    assert {key[1] for key in counts} == {"shop"}


# --- a reader that runs -------------------------------------------------------------------------------------


def until(look: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 20
    while not look():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


@pytest.fixture
def reader(mtail: Path, tmp_path: Path) -> Iterator[tuple[Path, Callable[[], Counts]]]:
    """A running mtail for two apps: their folder, and what it has counted."""
    from tests.stack.conftest import free_ports

    programs, folder = tmp_path / "programs", tmp_path / "logs"
    programs.mkdir()
    folder.mkdir()
    apps = [app([folder / "shop*.log"]), app([folder / "desk.log"], "desk")]
    for one in apps:
        (programs / f"{one.job}.mtail").write_text(logs.program(one)[0])
    [port] = free_ports(1)
    command = [mtail, f"-progs={programs}", *(f"-logs={file}" for one in apps for file in one.files),
               f"-ignore_filename_regex_pattern={logs.ROTATED}", "-emit_prog_label=false", "-logtostderr",
               "-address=127.0.0.1", f"-port={port}"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        def counted() -> Counts:
            with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as page:
                return found(page.read().decode())

        def answers() -> bool:
            try:
                counted()
            except OSError:
                return False
            return True

        try:
            until(answers, "mtail answers")
            yield folder, counted
        finally:
            process.terminate()


def test_a_files_lines_belong_to_its_app_through_rotation(reader: tuple[Path, Callable[[], Counts]]) -> None:
    folder, counted = reader
    shop, desk = folder / "shop-1.log", folder / "desk.log"

    def lines(job: str, level: str = "info") -> float:
        return counted().get(("lines", job, level, "litellm"), 0)

    for file in (shop, desk):
        file.touch()
    time.sleep(1)  # both are found: four looks of its
    with shop.open("a") as handle:
        handle.write('{"level":"info"}\n' * 5)
    with desk.open("a") as handle:
        handle.write('{"level":"info"}\n' * 3)
    until(lambda: lines("shop") == 5 and lines("desk") == 3, "each app's own lines")
    assert counted()[("pattern_matches", "desk", "rate_limited", "litellm")] == 0, "there from the first line on"
    assert counted()[("lines", "desk", "critical", "litellm")] == 0
    shop.rename(folder / "shop-1.log.1")
    shop.write_text('{"level":"info"}\n' * 2)
    until(lambda: lines("shop") == 7, "the new file's lines, and the old one's not again")
    with shop.open("a") as handle:
        handle.write('{"level":"error"}\n')
    until(lambda: lines("shop", "error") == 1, "it goes on")
    assert lines("shop") == 7 and lines("desk") == 3


# --- vitals.yaml --------------------------------------------------------------------------------------------

APP = "log_dir: logs\napps:\n  - job: a\n    profile: litellm\n    targets: ['h:1']\n"


def pattern(**changes: str) -> str:
    fields = {"name": "own", "regex": "'twice refunded'", "means": "Money is lost."} | changes
    return "{" + ", ".join(f"{key}: {value}" for key, value in fields.items()) + "}"


BAD = {
    # what is wrong: (vitals.yaml, line, words that the message must hold)
    "no regular expression": (f"log_patterns:\n  - {pattern(regex='a(b')}\n", 2, ["log_patterns.0.regex", "RE2", "missing )"]),
    "a look ahead": (f"log_patterns:\n  - {pattern(regex=chr(39) + 'a(?=b)' + chr(39))}\n", 2, ["look around"]),
    "a look behind": (f"log_patterns:\n  - {pattern(regex=chr(39) + '(?<!a)b' + chr(39))}\n", 2, ["look around"]),
    "a reference back": (f"log_patterns:\n  - {pattern(regex=chr(39) + '(a)' + chr(92) + '1' + chr(39))}\n", 2, ["references"]),
    "the end as Python writes it": (f"log_patterns:\n  - {pattern(regex=chr(39) + 'a' + chr(92) + 'Z' + chr(39))}\n", 2, ["\\z"]),
    "matches everything": (f"log_patterns:\n  - {pattern(regex=chr(39) + '.*' + chr(39))}\n", 2, ["too broad", "empty"]),
    "matches what is ordinary": (f"log_patterns:\n  - {pattern(regex=chr(39) + '(?i)info' + chr(39))}\n", 2, ["too broad", "ordinary"]),
    "matches with a line break": (f'log_patterns:\n  - {pattern(regex=chr(34) + "a" + chr(92) + "nb" + chr(34))}\n', 2, ["single lines"]),
    "too long": (f"log_patterns:\n  - {pattern(regex='x' * 1001)}\n", 2, ["log_patterns.0.regex", "1000"]),
    "a name in capitals": (f"log_patterns:\n  - {pattern(name='Own')}\n", 2, ["log_patterns.0.name"]),
    "a built-in name": (f"log_patterns:\n  - {pattern(name='rate_limited')}\n", 2, ["rate_limited", "log-patterns.yaml:6", "log_limits"]),
    "a name given twice": (f"log_patterns:\n  - {pattern()}\n  - {pattern()}\n", 3, ["'own'", "vitals.yaml:2"]),
    "a meaning with a template": (f"log_patterns:\n  - {pattern(means=chr(39) + '{{ .Labels }}' + chr(39))}\n", 2, ["means", "{{"]),
    "no meaning": ("log_patterns:\n  - {name: own, regex: refunded}\n", 2, ["means is missing"]),
    "a window of its own": (f"log_patterns:\n  - {pattern(window='2m')}\n", 2, ["window", "5m"]),
    "a limit below zero": (f"log_patterns:\n  - {pattern(limit='-1')}\n", 2, ["limit"]),
    "a limit on no pattern": ("log_limits:\n  rate_limitd: 5\n", 2, ["log_limits.rate_limitd", "did you mean 'rate_limited'"]),
    "an app's limit on no pattern": (APP + "    logs: [a.log]\n    log_limits: {own: 5}\n", 7, ["apps.0.log_limits.own"]),
    "an app's limit below zero": (APP + "    logs: [a.log]\n    log_limits: {rate_limited: -5}\n", 7, ["below 0"]),
    "patterns without files": (APP + f"    log_patterns: [{pattern()}]\n", 6, ["no file", "logs"]),
    "files without a folder": (APP.replace("log_dir: logs\n", "") + "    logs: [a.log]\n", 5, ["log_dir is not set"]),
    "a folder that is not there": (APP.replace("logs\n", "nowhere\n", 1) + "    logs: [a.log]\n", 1, ["log_dir", "not a folder"]),
    "the whole machine": (APP.replace("logs\n", "/\n", 1) + "    logs: [a.log]\n", 1, ["log_dir", "whole machine"]),
    "a path from the root": (APP + "    logs: [/etc/passwd]\n", 6, ["outside log_dir"]),
    "a path that leaves": (APP + "    logs: ['../a.log']\n", 6, ["outside log_dir"]),
    "a path with a comma": (APP + "    logs: ['a,b.log']\n", 6, ["no path"]),
    "a path with a set": (APP + "    logs: ['[ab].log']\n", 6, ["no path"]),
    "every file": (APP + "    logs: ['*']\n", 6, ["every file"]),
    "another app's file": (
        APP + "    logs: ['a/*.log']\n  - job: b\n    profile: litellm\n    targets: ['h:2']\n    logs: [a/x.log]\n", 10,
        ["a/x.log", "a/*.log", "line 6"]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case: str, configured: Load, tmp_path: Path) -> None:
    text, line, words = BAD[case]
    (tmp_path / "logs").mkdir()
    with pytest.raises(VitalsError) as caught:
        recording.groups(loaded := configured(text), settings.load_profiles(loaded))
    message = str(caught.value)
    assert "\n" not in message
    assert f"vitals.yaml:{line}:" in message
    for word in words:
        assert word in message


GOOD = APP + f"""    logs: ['a/*.log', 'a-?.log']
    log_patterns: [{pattern(limit="2", window="1h", severity="critical")}]
    log_limits: {{rate_limited: 50, auth_failed: null}}
log_patterns: [{pattern(name="common", regex="thrice refunded")}]
log_limits: {{parse_failure: 7, agent_loop: null}}
demo: false
"""


@pytest.fixture
def good(configured: Load, tmp_path: Path) -> settings.Settings:
    (tmp_path / "logs").mkdir()
    return configured(GOOD)


def test_limits_are_series_each_with_its_own_severity(good: settings.Settings) -> None:
    [group] = recording.groups(good, settings.load_profiles(good))["logs"]
    limits = {(rule.labels["pattern"], rule.labels.get("job", "")): (rule.expr, rule.labels["severity"])
              for rule in group.rules if rule.record == recording.MATCHES_LIMIT}
    assert limits["own", ""][0].endswith("* 2") and limits["own", ""][1] == "critical"
    assert limits["parse_failure", ""][0].endswith("* 7")
    assert limits["rate_limited", "a"] == ("vector(50)", "warning") and 'job!~"a"' in limits["rate_limited", ""][0]
    assert ("agent_loop", "") not in limits and ("auth_failed", "a") not in limits
    windows = {rule.labels["pattern"]: rule.labels["window"] for rule in group.rules if rule.record == recording.MATCHES}
    assert windows["own"] == "1h" and windows["agent_loop"] == "5m", "counted, though it never alerts"
    assert len({(rule.record, tuple(sorted(rule.labels.items()))) for rule in group.rules}) == len(group.rules)


def test_a_notification_says_what_ones_own_pattern_means(good: settings.Settings) -> None:
    rules = alerting.groups(good, settings.load_profiles(good))["alerts-logs"]["groups"][0]["rules"]
    [rule] = [rule for rule in rules if rule["alert"] == "LogPatternDetected"]
    assert '{{ else if eq $labels.pattern "own" }}Money is lost.' in rule["annotations"]["description"]
    assert rule["labels"]["severity"] == "{{ $labels.severity }}"


def test_an_app_can_want_another_severity_for_all_patterns(configured: Load) -> None:
    loaded = configured("alerts: {LogPatternDetected: {severity: info}}\n")
    rules = alerting.groups(loaded, settings.load_profiles(loaded))["alerts-logs"]["groups"][0]["rules"]
    assert [rule["labels"]["severity"] for rule in rules if rule["alert"] == "LogPatternDetected"] == ["info"]


def test_each_engine_reads_where_it_sees_the_files(good: settings.Settings, tmp_path: Path) -> None:
    profiles = settings.load_profiles(good)
    native, compose = (logs.apps(good, profiles, engine)[0].files for engine in ("native", "compose"))
    assert native == (f"{tmp_path}/logs/a/*.log", f"{tmp_path}/logs/a-?.log")
    assert compose == ("/var/log/apps/a/*.log", "/var/log/apps/a-?.log")
    staged = tmp_path / "staged"
    staged.mkdir()
    for name, text in logs.files(good, profiles, "compose").items():
        (staged / name).write_text(text)
    assert logs.variables(staged) == {"VITALS_LOG_FILES": ",".join(compose), "VITALS_LOG_DIR": f"{tmp_path}/logs",
                                      "VITALS_LOG_ROTATED": logs.ROTATED}


# --- nothing bad is put in place ----------------------------------------------------------------------------


def test_mtail_takes_every_program(mtail: Path, good: settings.Settings, tmp_path: Path) -> None:
    for loaded in (good, settings.load()):
        live = tmp_path / str(loaded.demo)
        assert config.install(loaded, "native", live, {"mtail": mtail})
        assert len(list((live / "mtail").glob("*.mtail"))) == (8 if loaded.demo else 1)


def test_a_pattern_that_mtail_refuses_is_named_and_what_runs_is_left_alone(
        mtail: Path, good: settings.Settings, configured: Load, tmp_path: Path) -> None:
    """RE2 for C++ knows any byte, \\C, and Go's does not: only mtail itself sees that."""
    live = tmp_path / "live"
    config.install(good, "native", live, {"mtail": mtail})
    before = {file: file.read_bytes() for file in live.rglob("*") if file.is_file()}
    bad = configured(GOOD.replace("'twice refunded'", "'twice\\C refunded'"))
    with pytest.raises(VitalsError) as caught:
        config.install(bad, "native", live, {"mtail": mtail})
    assert re.search(r"vitals\.yaml:7: apps\.0\.log_patterns\.0\.regex: mtail refuses it: .*left alone", str(caught.value))
    assert {file: file.read_bytes() for file in live.rglob("*") if file.is_file()} == before


def test_slashes_and_quotes_stay_in_the_expression(mtail: Path, tmp_path: Path) -> None:
    """No expression ends its place in the program and goes on as code."""
    hostile = r'x/ { counter evil } /y\/z"'
    text, at = logs.program(app([tmp_path / "x.log"], more=(LogPattern(name="own", regex=hostile, means="x"),)))
    (tmp_path / "programs").mkdir()
    (tmp_path / "programs" / "shop.mtail").write_text(text)
    done = subprocess.run([mtail, "-compile_only", "-logtostderr", "-address=127.0.0.1", "-port=0", "-progs", tmp_path / "programs"],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [number for number, one in at.items() if one.pattern.name == "own"]
    assert count(mtail, tmp_path, 'ERROR x/ { counter evil } /y/z"\n',
                 (LogPattern(name="own", regex=hostile, means="x"),))[("pattern_matches", "shop", "own", "litellm")] == 1


def test_the_shipped_patterns_are_good() -> None:
    file = settings.ROOT / "prometheus" / "log-patterns.yaml"
    shipped = yamlfile.validate(yamlfile.load(file), settings.LogPatterns).patterns
    assert {p.severity for p in shipped} == {"critical", "warning", "info"}

"""`vitals import` against a fake of Grafana's HTTP API (tests/fakes/grafana.py).

With GRAFANA_URL and a token in the environment, the last tests run against that Grafana itself.
"""

from __future__ import annotations

import copy
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.grafana import ADMIN, EDITOR, Answer, Grafana, serving, source
from vitals import settings
from vitals.dashboards.grafana import AUDIENCES
from vitals.importing import compare

from . import command

TITLES = {path.stem: path.parent.name for path in (settings.ROOT / "grafana" / "dashboards").rglob("*.json")}
FOLDERS = {f"vitals-{audience}": AUDIENCES[audience] for audience in sorted(set(TITLES.values()))}
CLEAN = {key: value for key, value in os.environ.items() if not key.startswith("GRAFANA_")}
LOST: Answer = (0, None)  # the connection ends without an answer


class Run:
    """One run of the command. ``said`` is everything it printed."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.code, self.lines, self.error = done.returncode, done.stdout.splitlines(), done.stderr
        self.said = done.stdout + done.stderr
        assert "Traceback" not in self.said, self.said

    def of(self, word: str) -> list[str]:
        """What stands behind this word on the lines that begin with it."""
        return [line.removeprefix(word).strip() for line in self.lines if line.startswith(f"{word} ")]


def vitals(*args: str, env: dict[str, str] | None = None) -> Run:
    env = {"GRAFANA_TOKEN": "glsa_admin"} if env is None else env
    return Run(command.vitals("import", *args, env={**CLEAN, **env}))


@pytest.fixture
def grafana() -> Iterator[Grafana]:
    fake = Grafana()
    with serving(fake):
        yield fake


@pytest.fixture(scope="session")
def imported_once() -> Grafana:
    fake = Grafana()
    with serving(fake) as url:
        done = vitals(url)
    assert done.code == 0, done.said
    return fake


@pytest.fixture
def imported(grafana: Grafana, imported_once: Grafana) -> Grafana:
    """One with the dashboards in it."""
    grafana.dashboards = copy.deepcopy(imported_once.dashboards)
    grafana.folders = dict(imported_once.folders)
    grafana.clock = imported_once.clock
    return grafana


def once(method: str, path: str, answer: Answer, times: int = 1) -> Callable[[str, str], Answer | None]:
    """The first so many requests of this kind are answered so; the others as ever."""
    left = [times]

    def before(asked: str, at: str) -> Answer | None:
        if asked == method and re.fullmatch(path, at) and left[0] > 0:
            left[0] -= 1
            return answer
        return None

    return before


# --- doing it, and doing it again -------------------------------------------------------------------------


def test_every_dashboard_is_made_in_its_audiences_folder(grafana: Grafana) -> None:
    done = vitals(grafana.address)
    assert done.code == 0, done.said
    assert {uid: board.folder for uid, board in grafana.dashboards.items()} == {
        uid: f"vitals-{audience}" for uid, audience in TITLES.items()}
    assert grafana.folders == FOLDERS
    assert len(done.of("created")) == len(TITLES) + len(FOLDERS)
    assert f"{grafana.address}/d/vitals-overview (version 1)" in done.said
    for board in grafana.dashboards.values():
        variables = {v["name"]: v.get("current") for v in board.model["templating"]["list"] if v["type"] == "datasource"}
        assert variables["datasource"] == {"selected": True, "text": "Prometheus", "value": "prom"}
        assert "${DS_" not in str(board.model)
    assert "alerts are Prometheus rules" in done.said
    assert f"set links.grafana: {grafana.address}" in done.said


def test_again_it_does_nothing(imported: Grafana) -> None:
    done = vitals(imported.address)
    assert (done.code, len(done.of("same")), imported.writes()) == (0, len(TITLES), [])


def test_a_change_becomes_a_version(imported: Grafana) -> None:
    imported.datasources.append(source(2, "Mimir", "mimir-uid", "prometheus"))
    imported.series.add("mimir-uid")
    done = vitals(imported.address, "--datasource", "Mimir")
    assert (done.code, len(done.of("updated"))) == (0, len(TITLES))
    for board in imported.dashboards.values():
        assert board.version == 2
        assert board.model["templating"]["list"][0]["current"]["value"] == "mimir-uid"
    for saved in imported.saves:  # never by force: what was looked at is what is replaced
        assert (saved["overwrite"], saved["dashboard"]["version"]) == (False, 1)
    assert vitals(imported.address, "--datasource", "mimir-uid").of("updated") == []


def test_a_dry_run_tells_and_writes_nothing(grafana: Grafana) -> None:
    done = vitals(grafana.address, "--dry-run")
    assert done.code == 0, done.said
    assert len(done.of("would create")) == len(TITLES) + len(FOLDERS)
    assert grafana.writes() == []


def test_a_dry_run_shows_how_a_dashboard_would_change(imported: Grafana) -> None:
    model = imported.dashboards["vitals-cost"].model
    imported.edit("vitals-cost", title="Mine", panels=model["panels"][:-1])
    done = vitals(imported.address, "--dry-run", "--overwrite")
    assert done.code == 0
    at = done.lines.index("would update  Agent Vitals: Cost (uid vitals-cost, version 2)")
    changes = [line.strip() for line in done.lines[at + 1:] if line.startswith("    ")]
    assert '~ title: "Mine" -> "Agent Vitals: Cost"' in changes
    assert any(line.startswith("+ panel “") for line in changes)
    assert len(done.of("the same")) == len(TITLES) - 1
    assert imported.writes() == []


def test_what_was_moved_stays_there(imported: Grafana) -> None:
    imported.folders["mine"] = "Mine"
    imported.dashboards["vitals-cost"].folder = "mine"
    imported.dashboards["vitals-slo"].folder = ""
    imported.datasources.append(source(2, "Mimir", "mimir", "prometheus"))
    assert vitals(imported.address, "--datasource", "mimir").code == 0
    assert (imported.dashboards["vitals-cost"].folder, imported.dashboards["vitals-slo"].folder) == ("mine", "")


def test_a_folder_that_is_there_is_taken(grafana: Grafana) -> None:
    grafana.folders["vitals-on-call"] = "People who are awake"
    assert vitals(grafana.address).code == 0
    assert grafana.folders["vitals-on-call"] == "People who are awake"


def test_a_dashboard_that_is_no_longer_made_is_told_and_left(imported: Grafana) -> None:
    imported.put("vitals-former", "Former", "agent-vitals", folder="vitals-on-call")
    imported.put("mine", "Mine", "agent-vitals")
    done = vitals(imported.address)
    assert done.code == 0
    assert [line.split(" (")[0] for line in done.of("left")] == ["Former"]
    assert {"vitals-former", "mine"} <= set(imported.dashboards)


def test_below_a_path() -> None:
    fake = Grafana()
    fake.subpath = "/tools/grafana"
    with serving(fake) as url:
        done = vitals(url + "/")
        assert done.code == 0, done.said
        assert set(fake.dashboards) == set(TITLES)
        wrong = vitals(url.removesuffix("/tools/grafana"))
    assert (wrong.code, "with its path when it is served below one" in wrong.error) == (1, True)


# --- what is not the import's own ---------------------------------------------------------------------------


def test_what_was_changed_by_hand_is_kept_and_the_rest_goes_on(imported: Grafana) -> None:
    imported.edit("vitals-cost", "anna", title="Anna's costs")
    imported.datasources.append(source(2, "Mimir", "mimir", "prometheus"))
    done = vitals(imported.address, "--datasource", "mimir")
    assert done.code == 1
    refused, = done.of("refused")
    assert re.match(r"Agent Vitals: Cost: changed by hand since its import as version 1: version 2 by anna at 2026-11-21T", refused)
    assert "--overwrite" in refused
    assert done.error == f"vitals: 1 of {len(TITLES)} dashboards were not imported: Agent Vitals: Cost\n"
    assert len(done.of("updated")) == len(TITLES) - 1
    assert imported.dashboards["vitals-cost"].model["title"] == "Anna's costs"
    again = vitals(imported.address, "--datasource", "mimir", "--overwrite")
    assert (again.code, len(again.of("updated"))) == (0, 1)
    assert imported.dashboards["vitals-cost"].model["title"] == "Agent Vitals: Cost"
    assert imported.dashboards["vitals-cost"].versions[1]["model"]["title"] == "Anna's costs"


def test_what_was_changed_and_put_back_is_as_imported(imported: Grafana) -> None:
    imported.edit("vitals-cost", title="Anna's costs")
    imported.restore("vitals-cost", 1)
    done = vitals(imported.address)
    assert (done.code, len(done.of("same"))) == (0, len(TITLES))
    imported.datasources.append(source(2, "Mimir", "mimir", "prometheus"))
    newer = vitals(imported.address, "--datasource", "mimir")
    assert (newer.code, len(newer.of("updated"))) == (0, len(TITLES))


def test_what_grafana_rewrites_is_not_changed_by_hand(imported: Grafana) -> None:
    imported.rewrite = lambda model: model | {"schemaVersion": 99, "preload": False}
    done = vitals(imported.address)
    assert (done.code, len(done.of("same"))) == (0, len(TITLES))
    imported.edit("vitals-cost", title="Anna's costs")
    assert len(vitals(imported.address).of("refused")) == 1


def test_a_message_that_outlives_its_version_proves_nothing(imported: Grafana) -> None:
    board = imported.dashboards["vitals-cost"]
    imported.edit("vitals-cost", title="Anna's costs")
    board.versions[1]["message"] = board.versions[0]["message"]
    assert len(vitals(imported.address).of("refused")) == 1


def test_history_of_an_older_grafana_is_read_too(grafana: Grafana) -> None:
    grafana.version = "11.5.0"
    first = vitals(grafana.address)
    assert (first.code, "written for Grafana 12 and newer" in first.said) == (0, True)
    grafana.edit("vitals-cost", "anna", title="Anna's costs")
    done = vitals(grafana.address)
    assert (len(done.of("same")), len(done.of("refused"))) == (len(TITLES) - 1, 1)
    assert "by anna" in done.said


def test_dashboards_of_others_are_never_replaced(grafana: Grafana) -> None:
    grafana.put("vitals-cost", "Costs of the canteen")
    grafana.put("vitals-slo", "Agent Vitals: SLOs", "agent-vitals", provisioned=True)
    grafana.put("vitals-logs", "Agent Vitals: Logs", "agent-vitals")
    done = vitals(grafana.address, "--overwrite")
    assert done.code == 1
    said = "\n".join(done.of("refused"))
    assert "no import made has its uid: Costs of the canteen" in said
    assert "provisioned from a file" in said
    assert {uid for uid, board in grafana.dashboards.items() if board.model["panels"] == []} == {"vitals-cost", "vitals-slo"}


def test_one_that_was_imported_by_hand_wants_to_be_told(grafana: Grafana) -> None:
    grafana.put("vitals-logs", "Agent Vitals: Logs", "agent-vitals")
    done = vitals(grafana.address)
    assert (done.code, grafana.dashboards["vitals-logs"].version) == (1, 1)
    assert "not made by an import" in done.of("refused")[0]


def test_one_that_is_saved_at_this_moment_is_kept(imported: Grafana) -> None:
    imported.datasources.append(source(2, "Mimir", "mimir", "prometheus"))

    def before(method: str, path: str) -> None:
        if method == "POST" and imported.dashboards["vitals-cost"].version == 1:
            imported.edit("vitals-cost", "anna", title="Anna's costs")

    imported.before = before
    done = vitals(imported.address, "--datasource", "mimir")
    assert done.code == 1, done.said
    assert done.of("failed") == ["Agent Vitals: Cost: somebody saved it meanwhile; run it again to see what changed"]
    assert imported.dashboards["vitals-cost"].model["title"] == "Anna's costs"
    assert len(done.of("updated")) == len(TITLES) - 1


# --- data sources -------------------------------------------------------------------------------------------


def test_the_source_has_to_be_clear(grafana: Grafana) -> None:
    grafana.datasources += [source(2, "Mimir", "mimir-uid", "prometheus"), source(3, "Loki", "loki-uid", "loki")]
    for args, says in (
            ((), "2 data sources of type prometheus; say which, by --datasource NAME:\n  Mimir (uid mimir-uid)\n  Prometheus (uid prom)"),
            (("--datasource", "Nimir"), "Grafana has no data source Nimir; of type prometheus it has:\n  Mimir"),
            (("--datasource", "Loki"), "data source Loki is of type loki, not prometheus; of type prometheus it has:"),
            (("--datasource", "loki-uid"), "is of type loki, not prometheus")):
        done = vitals(grafana.address, *args)
        assert (done.code, says in done.error) == (1, True), done.said
    grafana.datasources = [source(3, "Loki", "loki-uid", "loki")]
    done = vitals(grafana.address)
    assert (done.code, "no data source of type prometheus; add the Prometheus" in done.error) == (1, True)
    assert grafana.writes() == []


def test_log_lines_have_a_source_of_their_own(grafana: Grafana) -> None:
    def logs_of(run: Run) -> Any:
        assert run.code == 0, run.said
        return next(v.get("current") for v in grafana.dashboards["vitals-logs"].model["templating"]["list"] if v["name"] == "logs")

    assert logs_of(vitals(grafana.address)) is None
    grafana.datasources += [source(2, "Lines", "lines", "elasticsearch")]
    assert logs_of(vitals(grafana.address))["value"] == "lines"
    grafana.datasources += [source(3, "Traces", "traces", "elasticsearch")]
    unclear = vitals(grafana.address)
    assert (unclear.code, "--log-source NAME (or none):\n  Lines (uid lines)" in unclear.error) == (1, True)
    assert logs_of(vitals(grafana.address, "--log-source", "traces"))["text"] == "Traces"
    assert logs_of(vitals(grafana.address, "--log-source", "none")) is None


def test_a_source_without_the_rules_is_told(grafana: Grafana) -> None:
    assert "no series job:app:info" not in vitals(grafana.address, "--dry-run").said
    grafana.series.clear()
    done = vitals(grafana.address, "--dry-run")
    assert (done.code, "no series job:app:info there yet" in done.said) == (0, True)
    grafana.before = once("GET", r"/api/datasources/proxy/.*", (200, "<html>a login page of something else</html>"))
    done = vitals(grafana.address, "--dry-run")
    assert (done.code, "not to be found out" in done.said) == (0, True)


def test_who_may_not_list_the_sources_names_one(grafana: Grafana) -> None:
    env = {"GRAFANA_TOKEN": "glsa_editor"}
    done = vitals(grafana.address, env=env)
    assert done.code == 1
    assert "Permissions needed: datasources:read" in done.error
    assert "--datasource UID" in done.error
    done = vitals(grafana.address, "--datasource", "prom", env=env)
    assert done.code == 0, done.said
    assert "taken as a uid, unseen" in done.said
    assert grafana.dashboards["vitals-cost"].model["templating"]["list"][0]["current"]["value"] == "prom"


# --- permissions and trouble half-way ------------------------------------------------------------------------


@pytest.mark.parametrize(("missing", "says", "made"), [
    ("dashboards:create", "the token may not: You'll need additional permissions to perform this action. Permissions needed: dashboards:create", 0),
    ("folders:create", "Permissions needed: folders:create; let it make folders (folders:create), or make one with the uid vitals-on-call", 0),
    ("dashboards:read", "cannot be read: the token may not", 0),
    ("datasources:query", "was not to be found out: the token may not: You'll need", len(TITLES)),
])
def test_what_may_not_be_done_is_named(grafana: Grafana, missing: str, says: str, made: int) -> None:
    grafana.tokens["glsa_admin"] = ADMIN - {missing}
    done = vitals(grafana.address)
    assert (done.code, says in done.said) == (0 if made else 1, True), done.said
    assert len(grafana.dashboards) == made


def test_a_folder_made_by_an_admin_is_enough(grafana: Grafana) -> None:
    grafana.tokens["glsa_admin"] = (ADMIN | EDITOR) - {"folders:create"}
    grafana.folders["vitals-business"] = "Business"
    done = vitals(grafana.address)
    assert done.code == 1
    assert set(grafana.dashboards) == {uid for uid, audience in TITLES.items() if audience == "business"}


@pytest.mark.parametrize(("trouble", "says"), [
    (LOST, "does not answer"), ((401, {"message": "Invalid API key"}), "does not let the token in: Invalid API key"),
    ((200, "<html>the proxy's page of today</html>"), "answers, but not as Grafana's API does"),
])
def test_half_way_it_says_what_was_not_done_and_another_run_does_it(grafana: Grafana, trouble: Answer, says: str) -> None:
    seen: list[str] = []

    def before(method: str, path: str) -> Answer | None:
        if (method, path) == ("POST", "/api/dashboards/db"):
            seen.append(path)
        return trouble if len(seen) > 3 else None

    grafana.before = before
    done = vitals(grafana.address)
    assert done.code == 1
    assert says in done.error
    assert len(grafana.dashboards) == 3
    created = {line.split(": http")[0] for line in done.of("created")} - {f"folder {title}" for title in grafana.folders.values()}
    undone = re.search(r"^not imported: (.*)$", done.error, re.M)
    assert undone
    assert len(created) == 3
    assert len(set(undone[1].split(", ")) | created) == len(TITLES)
    assert "run it again" in done.error
    grafana.before = lambda method, path: None
    again = vitals(grafana.address)
    assert (again.code, len(again.of("same")), len(again.of("created"))) == (0, 3, len(TITLES) - 3)


def test_a_save_whose_answer_is_lost_is_known_again(imported: Grafana) -> None:
    imported.datasources.append(source(2, "Mimir", "mimir", "prometheus"))
    real = imported.answer

    def answer(method: str, *rest: Any) -> Answer:
        done = real(method, *rest)
        return LOST if method == "POST" else done

    imported.answer = answer  # type: ignore[method-assign]
    assert vitals(imported.address, "--datasource", "mimir").code == 1
    imported.answer = real  # type: ignore[method-assign]
    again = vitals(imported.address, "--datasource", "mimir")
    assert (again.code, len(again.of("same")), len(again.of("updated"))) == (0, 1, len(TITLES) - 1)
    assert {board.version for board in imported.dashboards.values()} == {2}


def test_one_dashboard_in_trouble_keeps_no_other(grafana: Grafana) -> None:
    grafana.before = once("POST", "/api/dashboards/db", (500, {"message": "Failed to save dashboard", "traceID": ""}))
    done = vitals(grafana.address)
    assert done.code == 1
    failed, = done.of("failed")
    assert failed.endswith("Grafana answers HTTP 500 to POST /api/dashboards/db: Failed to save dashboard")
    assert len(grafana.dashboards) == len(TITLES) - 1


def test_it_waits_as_long_as_it_is_asked_to(grafana: Grafana) -> None:
    grafana.before = once("POST", "/api/dashboards/db", (429, {"message": "slow down"}, {"Retry-After": "1"}), times=2)
    start = time.monotonic()
    done = vitals(grafana.address)
    assert done.code == 0, done.said
    assert time.monotonic() - start > 2
    assert done.lines.count("Grafana asks to wait: going on in 1 s") == 2
    grafana.before = once("GET", "/api/datasources", (503, "busy", {"Retry-After": formatdate(time.time() + 600, usegmt=True)}))
    done = vitals(grafana.address)
    assert done.code == 1
    assert re.search(r"takes no more requests for (5\d\d|600) s; try again then", done.error)
    grafana.before = once("GET", "/api/datasources", (429, "busy", {"Retry-After": "0"}), times=99)
    done = vitals(grafana.address)
    assert (done.code, "still takes no more requests (HTTP 429)" in done.error) == (1, True)


# --- which Grafana, and who asks -----------------------------------------------------------------------------


def test_it_has_to_be_a_grafana_that_is_well(grafana: Grafana) -> None:
    for answer, says in (((200, "<html>Welcome to nginx</html>"), "answers, but not as Grafana's API does"),
                         ((200, {"status": "ok"}), "answers, but is no Grafana"),
                         ((404, "<html>no</html>"), "/api/health is not there"),
                         ((302, "", {"Location": "/login"}), "sends the token to its login page"),
                         ((503, {"database": "failing", "version": "13.2.3"}), "HTTP 503"),
                         ((200, {"database": "failing"}), "database is not well"),
                         ((502, "<html>Bad Gateway</html>"), "HTTP 502")):
        grafana.before = once("GET", "/api/health", answer)
        done = vitals(grafana.address)
        assert (done.code, says in done.error) == (1, True), done.said
    assert grafana.writes() == []


def test_the_token_goes_to_no_other_host(grafana: Grafana) -> None:
    other = Grafana()
    with serving(other) as elsewhere:
        grafana.before = once("GET", "/api/health", (301, "", {"Location": f"{elsewhere}/api/health?token=1"}))
        done = vitals(grafana.address)
    assert done.code == 1
    assert f"sends on to {elsewhere}/api/health, where the login is not sent along" in done.error
    assert other.requests == []


@pytest.mark.parametrize(("url", "says"), [
    ("grafana.example.com", "is no address of a Grafana, such as https://"),
    ("ftp://grafana.example.com", "is no address of a Grafana"),
    ("https://", "is no address of a Grafana"),
    ("https://grafana.example.com:port", "GRAFANA_URL is no address"),
    ("https://admin:word@grafana.example.com", "GRAFANA_URL has a login in it"),
    ("https://example.com/grafana/d/abc/overview?orgId=1", "give the address of Grafana itself, such as https://example.com/grafana\n"),
    ("https://grafana.example.com/login", "such as https://grafana.example.com\n"),
    ("https://grafana.example.com/?orgId=1", "is a page of Grafana"),
    ("http://127.0.0.1:1", "http://127.0.0.1:1 does not answer: Connection refused"),
    ("http://grafana.invalid", "does not answer: "),
    ("https://gra fana", "is no address of a Grafana"),
])
def test_an_address_that_is_none(url: str, says: str) -> None:
    done = vitals(url)
    assert (done.code, says in done.error) == (1, True), done.said
    assert done.error.count("\n") == 1
    assert "word" not in done.said


def test_no_address_at_all() -> None:
    done = vitals()
    assert (done.code, "which Grafana?" in done.error) == (1, True)


def test_the_address_may_stand_in_the_environment(grafana: Grafana) -> None:
    done = vitals("--dry-run", env={"GRAFANA_TOKEN": "glsa_admin", "GRAFANA_URL": grafana.address})
    assert done.code == 0, done.said


def test_logins(grafana: Grafana, tmp_path: Path) -> None:
    token, word, empty, two = (tmp_path / name for name in ("token", "word", "empty", "two"))
    token.write_text("glsa_admin\n")
    word.write_text("a word\n")
    empty.write_text("\n")
    two.write_text("glsa_admin\nglsa_other\n")
    for env, says in (({"GRAFANA_TOKEN_FILE": str(token)}, ""),
                      ({"GRAFANA_USER": "admin", "GRAFANA_PASSWORD_FILE": str(word)}, ""),
                      ({"GRAFANA_USER": "admin", "GRAFANA_PASSWORD": "a word"}, ""),
                      ({}, "nothing to log in with: set GRAFANA_TOKEN_FILE"),
                      ({"GRAFANA_TOKEN": "glsa_wrong"}, "does not let the token in: Invalid API key"),
                      ({"GRAFANA_USER": "admin", "GRAFANA_PASSWORD": "wrong-word"}, "does not let user admin in: Invalid username"),
                      ({"GRAFANA_USER": "admin"}, "no password for admin"),
                      ({"GRAFANA_TOKEN": "glsa_admin", "GRAFANA_TOKEN_FILE": str(token)}, "both GRAFANA_TOKEN and GRAFANA_TOKEN_FILE"),
                      ({"GRAFANA_TOKEN": "glsa_admin", "GRAFANA_USER": "admin"}, "both a token and GRAFANA_USER"),
                      ({"GRAFANA_TOKEN_FILE": str(tmp_path / "none")}, "none: No such file"),
                      ({"GRAFANA_TOKEN_FILE": str(empty)}, "is empty"),
                      ({"GRAFANA_TOKEN_FILE": str(two)}, "GRAFANA_TOKEN_FILE holds more than a token"),
                      ({"GRAFANA_TOKEN": "glsa_ü"}, "GRAFANA_TOKEN holds more than a token")):
        done = vitals(grafana.address, "--dry-run", env=env)
        assert (done.code, says in done.error) == (1 if says else 0, True), done.said
        assert not re.search("glsa_|a word|wrong-word", done.said)


def test_a_login_is_never_printed_even_if_the_server_does(grafana: Grafana) -> None:
    grafana.before = once("GET", "/api/health", (400, {"message": "bad \x1b[31m Bearer glsa_admin\n\x07 given"}))
    done = vitals(grafana.address)
    assert done.code == 1
    assert done.error.endswith("HTTP 400 to GET /api/health: bad [31m Bearer … given\n")
    grafana.before = once("GET", "/api/health", (400, {"message": "not: YWRtaW46YSB3b3Jk, which is a word"}))
    done = vitals(grafana.address, env={"GRAFANA_USER": "admin", "GRAFANA_PASSWORD": "a word"})
    assert done.error.endswith(": not: …, which is …\n")


def test_names_cannot_steer_the_terminal(grafana: Grafana) -> None:
    grafana.datasources[0]["name"] = "Prom\x1b[2Jetheus\nmetrics: data source Innocent"
    grafana.put("vitals-cost", "\x1b]0;Mine\x07")
    grafana.put("vitals-gone", "\u202eGone", "agent-vitals")
    done = vitals(grafana.address)
    assert done.code == 1
    assert not re.search("[\x1b\x07\u202e]", done.said)
    assert not any(line.startswith("metrics: data source Innocent") for line in done.lines)


def test_passwords_are_not_sent_in_the_clear() -> None:
    done = vitals("http://grafana.invalid", env={"GRAFANA_USER": "admin", "GRAFANA_PASSWORD": "a word"})
    assert (done.code, "a password is not sent there" in done.error) == (1, True)
    done = vitals("http://grafana.invalid")
    assert "whoever is between can read the token" in done.said


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("tls") / "grafana.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", file, "-out", file.with_suffix(".crt")],
                   check=True, capture_output=True)
    with file.open("a") as out:
        out.write(file.with_suffix(".crt").read_text())
    return file


def test_a_certificate_has_to_be_trusted(certificate: Path) -> None:
    fake = Grafana()
    with serving(fake, certificate) as url:
        done = vitals(url)
        assert done.code == 1
        assert "its certificate is not trusted: self-signed certificate" in done.error
        assert "SSL_CERT_FILE" in done.error
        assert fake.requests == []
        done = vitals(url, env={"GRAFANA_TOKEN": "glsa_admin", "SSL_CERT_FILE": str(certificate.with_suffix(".crt"))})
        assert done.code == 0, done.said
        plain = vitals(url.replace("https", "http"))
        assert plain.code == 1


def test_https_where_there_is_none(grafana: Grafana) -> None:
    done = vitals(grafana.address.replace("http:", "https:"))
    assert (done.code, "no encrypted connection" in done.error) == (1, True), done.said


def test_make_takes_no_token_on_its_command_line(grafana: Grafana) -> None:
    def make(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["make", "-s", "import", *args], cwd=settings.ROOT, env={**CLEAN, **env}, capture_output=True,
                              text=True, timeout=300)

    for secret in ("GRAFANA_TOKEN=glsa_admin", "GRAFANA_PASSWORD=word"):
        done = make(f"GRAFANA_URL={grafana.address}", secret)
        assert (done.returncode, "read by others" in done.stderr) == (2, True)
    assert "which Grafana?" in make().stderr
    assert grafana.requests == []
    done = make(f"GRAFANA_URL={grafana.address}", "DRY_RUN=1", GRAFANA_TOKEN="glsa_admin")
    assert (done.returncode, "nothing was written" in done.stdout) == (0, True), done.stderr


# --- differences --------------------------------------------------------------------------------------------


def test_differences_are_told_by_name() -> None:
    def panel(title: str, expr: str, **more: Any) -> dict[str, Any]:
        return {"title": title, "type": "stat", "targets": [{"refId": "A", "expr": expr}], **more}

    old = {"id": 7, "version": 3, "title": "Cost", "refresh": "30s", "panels": [
        panel("Spend", "a", unit=1), {"type": "row", "title": "More", "panels": [panel("Twice", "1"), panel("Gone", "x")]},
        panel("Twice", "2")]}
    new = {"version": 9, "title": "Cost", "time": {"from": "now-6h"}, "panels": [
        panel("Spend", "b", unit=1.0), {"type": "row", "title": "More", "panels": [panel("Twice", "1"), panel("New", "y")]},
        panel("Twice", "3")]}
    assert compare.differences(old, new) == [
        "- panel “Gone”", "+ panel “New”", '~ panel “Spend” query “A” expr: "a" -> "b"',
        '~ panel “Twice” (2) query “A” expr: "2" -> "3"', '- refresh: "30s"', '+ time from: "now-6h"']
    assert compare.differences(old, {**old, "id": 8, "version": 4}) == []
    assert compare.digest(old) == compare.digest({**old, "id": 8, "version": 4})
    assert compare.digest(old) != compare.digest(new)


# --- a real one ---------------------------------------------------------------------------------------------


@pytest.mark.skipif("GRAFANA_URL" not in os.environ, reason="GRAFANA_URL names no Grafana to import into")
def test_into_a_real_grafana() -> None:
    """Leaves what it imports. Wants one data source of type prometheus, or its name in DATASOURCE."""
    args = ("--datasource", os.environ["DATASOURCE"]) if "DATASOURCE" in os.environ else ()
    first = vitals(*args, "--overwrite", env=dict(os.environ))
    assert first.code == 0, first.said
    again = vitals(*args, env=dict(os.environ))
    assert (again.code, len(again.of("same"))) == (0, len(TITLES)), again.said

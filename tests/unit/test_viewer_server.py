"""The viewer's server over real HTTP: what it serves, whom it refuses, and what it makes of servers that misbehave.

The upstreams here are small servers that answer wrongly on purpose; tests/stack asks a real Prometheus.
"""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from vitals import viewer
from vitals.errors import VitalsError
from vitals.settings import ROOT
from vitals.viewer import boards, server, upstream

DASHBOARDS = ROOT / "grafana" / "dashboards"
Answered = tuple[int, bytes, http.client.HTTPMessage]
Ask = Callable[..., Answered]
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Fake(BaseHTTPRequestHandler):
    """Answers each path of Prometheus' API in one way, the wrong one mostly; remembers what it was asked."""

    asked: list[tuple[str, str, dict[str, list[str]], str | None]] = []
    status, kind, body, pieces, cut = 200, "application/json", b'{"status":"success","data":[]}', 1, False
    location: str | None = None
    hold: threading.Event | None = None

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if self.command == "POST":
            query = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.asked.append((self.command, path, parse_qs(query), self.headers["Authorization"]))
        if self.hold:
            self.hold.wait(10)
        self.send_response(self.status)
        self.send_header("Content-Type", self.kind)
        if self.location:
            self.send_header("Location", self.location)
        self.send_header("Content-Length", str(len(self.body) * self.pieces + (100 if self.cut else 0)))
        self.end_headers()
        try:
            for _ in range(self.pieces):
                self.wfile.write(self.body)
        except OSError:
            pass  # the viewer had enough

    do_POST = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Own(Fake):
    """What a test changes of it."""


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    running = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    running.daemon_threads = True
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield running.server_address[1]
    finally:
        running.shutdown()
        thread.join()
        running.server_close()


@contextmanager
def viewing(url: str, folder: Path = DASHBOARDS, hosts: tuple[str, ...] = (), **limits: Any) -> Iterator[Ask]:
    """``ask("GET", "/path", body, **headers)`` of a viewer of its own."""
    running = server.make("127.0.0.1:0", folder, upstream.Prometheus(url, **limits), hosts)
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()

    def ask(method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None) -> Answered:
        conn = http.client.HTTPConnection("127.0.0.1", running.server_address[1], timeout=10)
        conn.request(method, path, body, headers or {})
        response = conn.getresponse()
        answered = response.status, response.read(), response.headers
        conn.close()
        return answered

    try:
        yield ask
    finally:
        running.shutdown()
        thread.join()
        running.server_close()


@pytest.fixture(scope="module")
def upstreams() -> Iterator[str]:
    with serving(Own) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def shared(upstreams: str) -> Iterator[Ask]:
    with viewing(upstreams) as asking:
        yield asking


@pytest.fixture
def fake(upstreams: str) -> tuple[type[Fake], str]:
    """The upstream of all, as well behaved as at first."""
    for name in [name for name in vars(Own) if not name.startswith("__")]:
        delattr(Own, name)
    Own.asked = []
    return Own, upstreams


@pytest.fixture
def ask(fake: tuple[type[Fake], str], shared: Ask) -> Ask:
    return shared


def error(answered: Answered) -> str:
    return str(json.loads(answered[1])["error"])


# --- what it serves


def test_it_serves_the_page_the_assets_and_the_dashboards(ask: Ask) -> None:
    assert b"<!doctype html>" in ask("GET", "/")[1]
    assert ask("GET", "/d/vitals-overview?var-job=x&from=now-1h")[1] == ask("GET", "/")[1] == ask("GET", "/alerts")[1]
    index = json.loads(ask("GET", "/boards.json")[1])
    on_disk = {json.loads(file.read_text())["uid"] for file in DASHBOARDS.rglob("*.json")}
    assert {board["uid"] for board in index["boards"]} == on_disk and index["problems"] == []
    for uid in on_disk:
        assert json.loads(ask("GET", f"/boards/{uid}.json")[1])["uid"] == uid
    assert ask("GET", "/assets/plotly.min.js")[1].lstrip().startswith(b"/**\n* plotly.js")
    for name, kind in (("main.js", "text/javascript"), ("panels/table.js", "text/javascript"), ("style.css", "text/css"),
                       ("icon.svg", "image/svg+xml")):
        status, body, headers = ask("GET", f"/assets/{name}")
        assert (status, headers.get_content_type(), body) == (200, kind, (server.ASSETS / name).read_bytes())


def test_every_module_that_is_imported_is_served(ask: Ask) -> None:
    for name in server.assets():
        if name.endswith(".js") and name != "plotly.min.js":
            for line in (server.ASSETS / name).read_text().splitlines():
                if line.startswith("import "):
                    wanted = (Path(name).parent / line.split('"')[1])
                    resolved = (server.ASSETS / wanted).resolve().relative_to(server.ASSETS).as_posix()
                    assert ask("GET", f"/assets/{resolved}")[0] == 200, f"{name}: {line}"


def test_what_has_not_changed_is_not_sent_again(ask: Ask) -> None:
    tag = ask("GET", "/assets/plotly.min.js")[2]["ETag"]
    status, body, headers = ask("GET", "/assets/plotly.min.js", headers={"If-None-Match": tag})
    assert (status, body, headers["ETag"]) == (304, b"", tag)
    status, body, headers = ask("HEAD", "/assets/plotly.min.js")
    assert (status, body) == (200, b"") and int(headers["Content-Length"]) > 1_000_000


def test_folders_have_grafanas_titles_and_the_home_page_is_grafanas(ask: Ask) -> None:
    index = json.loads(ask("GET", "/boards.json")[1])
    assert index["home"] == "vitals-overview"
    assert {"On call", "AI engineering", "Business"} <= {board["folder"] for board in index["boards"]}
    assert not [board["title"] for board in index["boards"] if "Agent Vitals" in board["title"]]


def test_a_dashboard_that_changes_is_shown_as_it_is_now(tmp_path: Path, fake: tuple[type[Fake], str]) -> None:
    file = tmp_path / "own.json"
    file.write_text('{"uid": "own", "title": "Mine", "panels": []}')
    with viewing(fake[1], tmp_path) as ask:
        assert json.loads(ask("GET", "/boards/own.json")[1])["title"] == "Mine"
        file.write_text('{"uid": "own", "title": "Yours", "panels": []}')
        assert json.loads(ask("GET", "/boards/own.json")[1])["title"] == "Yours"
        (tmp_path / "half.json").write_text('{"uid": "half"')
        (tmp_path / "twice.json").write_text('{"uid": "own", "title": "Again", "panels": []}')
        problems = json.loads(ask("GET", "/boards.json")[1])["problems"]
        assert len(problems) == 2 and "half.json: not JSON" in problems[0] and "twice.json" in problems[1]
        assert ask("GET", "/boards/half.json")[0] == 404
        file.unlink()
        (tmp_path / "twice.json").unlink()
        assert ask("GET", "/boards.json")[0] == 500 and "half.json" in error(ask("GET", "/boards.json"))


# --- whom it refuses


@pytest.mark.parametrize("path", ["/", "/alerts", "/d/x", "/boards.json", "/boards/none.json", "/assets/main.js", "/assets/none",
                                  "/-/ready", "/api/v1/query?query=up", "/api/v1/admin/tsdb/snapshot", "/none"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_every_answer_has_the_headers_that_protect(ask: Ask, method: str, path: str) -> None:
    status, body, headers = ask(method, path)
    for name, value in server.HEADERS.items():
        assert headers.get_all(name) == [value], (status, name)
    assert "Access-Control-Allow-Origin" not in headers
    if method not in ("GET", "HEAD"):
        assert status in (405, 411, 415, 501), body


def test_the_policy_lets_nothing_in_but_this_sites_own() -> None:
    allowed = {part.split()[0]: part.split()[1:] for part in server.POLICY.split("; ")}
    assert allowed["default-src"] == allowed["base-uri"] == allowed["form-action"] == allowed["frame-ancestors"] == ["'none'"]
    assert allowed["script-src"] == allowed["style-src"] == allowed["connect-src"] == ["'self'"]


def test_the_page_has_no_inline_script_and_asks_nobody_else() -> None:
    page = (server.ASSETS / "index.html").read_text()
    assert page.count("<script") == page.count("</script>") == page.count('<script src="/assets/') + page.count(
        '<script type="module" src="/assets/')
    assert "style=" not in page and " on" not in page.replace(" on it", "")
    for name, file in server.assets().items():
        if name != "plotly.min.js" and file.suffix in (".js", ".css", ".html"):
            text = file.read_text()
            for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "@import"):
                assert word not in text, f"{name}: {word}"


@pytest.mark.parametrize("path", ["/assets/../server.py", "/assets/%2e%2e/server.py", "/assets/..%2fserver.py",
                                  "/assets//etc/passwd", "/../../../etc/passwd", "/boards/../vitals-overview.json",
                                  "/boards/..%2f..%2fx.json", "/assets/panels", "/assets/"])
def test_no_other_file_is_read(ask: Ask, path: str) -> None:
    assert ask("GET", path)[0] == 404


@pytest.mark.parametrize(("host", "status"), [
    ("127.0.0.1", 200), ("127.0.0.1:9097", 200), ("localhost:1234", 200), ("LOCALHOST", 200), ("[::1]:9097", 200),
    ("vitals.example.com", 421), ("127.0.0.1.example.com", 421), ("evil.example:9097", 421), ("[::2]", 421), ("", 421),
    ("localhost:80.example.com", 421), ("known.example.org:9097", 200)])
def test_only_its_own_names_are_answered(fake: tuple[type[Fake], str], host: str, status: int) -> None:
    with viewing(fake[1], hosts=("known.example.org",)) as ask:
        for path in ("/", "/boards.json", "/api/v1/query?query=up"):
            assert ask("GET", path, headers={"Host": host})[0] == status
        assert len(fake[0].asked) == (status == 200)


@pytest.mark.parametrize(("headers", "status"), [
    ({"Sec-Fetch-Site": "same-origin"}, 200), ({"Sec-Fetch-Site": "none"}, 200), ({"Sec-Fetch-Site": "cross-site"}, 403),
    ({"Sec-Fetch-Site": "same-site"}, 403), ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 403),
    ({"Origin": "http://evil.example"}, 403), ({"Origin": "null"}, 403), ({"Origin": "http://127.0.0.1"}, 200)])
def test_another_sites_page_may_not_ask(ask: Ask, fake: tuple[type[Fake], str], headers: dict[str, str], status: int) -> None:
    headers = {"Host": "127.0.0.1", **headers}
    assert ask("GET", "/api/v1/query?query=up", headers=headers)[0] == status
    assert ask("POST", "/api/v1/query", "query=up", {**headers, **FORM})[0] == status
    assert len(fake[0].asked) == 2 * (status == 200)


def test_a_link_from_elsewhere_opens_the_page(ask: Ask) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert ask("GET", "/d/vitals-overview", headers=headers)[0] == 200


# --- what it passes on


def test_questions_reach_prometheus_as_they_were_asked(ask: Ask, fake: tuple[type[Fake], str]) -> None:
    ask("GET", "/api/v1/query_range?query=rate(x%7Ba%3D%22%26%2B%22%7D%5B5m%5D)&start=1&end=2&step=30")
    ask("POST", "/api/v1/query", "query=up%7Bjob%3D~%22a%7Cb%22%7D&time=5", FORM)
    ask("GET", "/api/v1/label/job/values?match%5B%5D=up&match%5B%5D=x&start=1&end=2")
    seconds = [f"{upstream.QUERY_SECONDS}s"]
    assert [(method, path, query) for method, path, query, _ in fake[0].asked] == [
        ("GET", "/api/v1/query_range", {"query": ['rate(x{a="&+"}[5m])'], "start": ["1"], "end": ["2"], "step": ["30"], "timeout": seconds}),
        ("POST", "/api/v1/query", {"query": ['up{job=~"a|b"}'], "time": ["5"], "timeout": seconds}),
        ("GET", "/api/v1/label/job/values", {"match[]": ["up", "x"], "start": ["1"], "end": ["2"]})]


@pytest.mark.parametrize("path", [
    "query?query=up", "query_range?query=up&start=1&end=2&step=1", "labels", "label/job/values", "series?match[]=up", "alerts",
    "targets?state=active", "rules?type=alert", "status/buildinfo"])
def test_these_are_passed_on(ask: Ask, path: str) -> None:
    assert ask("GET", f"/api/v1/{path}")[0] == 200


@pytest.mark.parametrize("path", [
    "admin/tsdb/delete_series?match[]=up", "admin/tsdb/snapshot", "admin/tsdb/clean_tombstones", "write", "otlp/v1/metrics", "read",
    "status/config", "status/flags", "status/tsdb", "status/runtimeinfo", "targets/metadata", "metadata", "query_exemplars", "query/",
    "label//values", "label/a/b/values", "label/a%2fb/values", "../-/reload", "query/../admin/tsdb/snapshot", "notifications/live"])
def test_nothing_else_is(ask: Ask, fake: tuple[type[Fake], str], path: str) -> None:
    assert ask("GET", f"/api/v1/{path}")[0] == 404
    assert ask("POST", f"/api/v1/{path}", "query=up", FORM)[0] == 405
    assert fake[0].asked == []


def test_unknown_parameters_are_refused(ask: Ask, fake: tuple[type[Fake], str]) -> None:
    answered = ask("GET", "/api/v1/query?query=up&engine=other")
    assert answered[0] == 400 and error(answered) == "not a parameter of /api/v1/query: engine"
    assert ask("GET", "/api/v1/query?" + "&".join(["query=up"] * 200))[0] == 400
    assert fake[0].asked == []


def test_bodies_that_are_no_questions_are_refused(ask: Ask, fake: tuple[type[Fake], str]) -> None:
    assert ask("POST", "/api/v1/query", "query=up", {"Content-Type": "application/json"})[0] == 415
    assert ask("POST", "/api/v1/query", "query=up", {"Content-Type": "text/plain"})[0] == 415
    assert ask("POST", "/api/v1/query", "x" * (server.MAX_BODY + 1), FORM)[0] == 413
    assert ask("POST", "/api/v1/query", None, {**FORM, "Content-Length": "many"})[0] == 411
    assert ask("POST", "/api/v1/query", None, {**FORM, "Content-Length": "-1"})[0] == 413
    assert ask("POST", "/api/v1/alerts", "", FORM)[0] == 405
    assert fake[0].asked == []


def test_the_token_goes_to_prometheus_and_nowhere_else(tmp_path: Path, fake: tuple[type[Fake], str]) -> None:
    token = tmp_path / "token"
    token.write_text("s3cret\n")
    with viewing(fake[1], token_file=token) as ask:
        ask("GET", "/api/v1/query?query=up", headers={"Authorization": "Bearer other"})
        assert fake[0].asked[0][3] == "Bearer s3cret"
        for path in ("/", "/boards.json", "/api/v1/alerts"):
            assert b"s3cret" not in ask("GET", path)[1]


# --- servers that misbehave


@pytest.mark.parametrize("status", [400, 422, 503])
def test_prometheus_own_words_come_through(ask: Ask, fake: tuple[type[Fake], str], status: int) -> None:
    fake[0].status = status
    fake[0].body = b'{"status":"error","errorType":"execution","error":"found duplicate series for the match group"}'
    answered = ask("GET", "/api/v1/query?query=a/b")
    assert (answered[0], answered[1]) == (status, fake[0].body)


@pytest.mark.parametrize(("status", "kind", "wanted"), [
    (200, "text/html", "answers 200 with text/html, not as Prometheus does"), (500, "text/plain", "answers 500"),
    (401, "application/json", "--token-file"), (403, "text/html", "--token-file"), (404, "text/plain", "does the address lack a path"),
    (302, "text/html", "sends elsewhere"), (204, "application/json", "answers 204")])
def test_what_is_no_prometheus_is_told(ask: Ask, fake: tuple[type[Fake], str], status: int, kind: str, wanted: str) -> None:
    fake[0].status, fake[0].kind, fake[0].body = status, kind, b"<html><script>alert(1)</script>"
    fake[0].location = "http://169.254.169.254/" if status == 302 else None
    answered = ask("GET", "/api/v1/query?query=up")
    assert answered[0] == 502 and wanted in error(answered) and b"<script" not in answered[1]
    assert answered[2].get_content_type() == "application/json" and len(fake[0].asked) == 1


def test_an_answer_that_is_too_large_is_given_up(fake: tuple[type[Fake], str]) -> None:
    fake[0].body, fake[0].pieces = b" " * 10000, 20
    with viewing(fake[1], max_answer=100_000) as ask:
        answered = ask("GET", "/api/v1/query?query=up")
        assert answered[0] == 502 and "choose a shorter time range" in error(answered)
        fake[0].pieces = 10
        assert ask("GET", "/api/v1/query?query=up")[0] == 200


def test_a_server_that_is_slow_is_given_up(fake: tuple[type[Fake], str]) -> None:
    fake[0].hold = threading.Event()
    with viewing(fake[1], timeout=0.2) as ask:
        answered = ask("GET", "/api/v1/query?query=up")
        assert answered[0] == 504 and "did not answer within 0.2 s" in error(answered)
        fake[0].hold.set()
        fake[0].hold = None
    with viewing(fake[1]) as ask:
        assert ask("GET", "/api/v1/query?query=up")[0] == 200


def test_an_answer_that_breaks_off_is_no_answer(ask: Ask, fake: tuple[type[Fake], str]) -> None:
    fake[0].cut = True
    answered = ask("GET", "/api/v1/query?query=up")
    assert answered[0] == 502 and "does not answer" in error(answered)


def test_a_server_that_is_away_and_comes_back() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    with viewing(f"http://127.0.0.1:{port}") as ask:
        answered = ask("GET", "/api/v1/query?query=up")
        assert answered[0] == 502 and json.loads(answered[1])["errorType"] == "unreachable"
        assert ask("GET", "/")[0] == 200
        again = ThreadingHTTPServer(("127.0.0.1", port), Fake)
        thread = threading.Thread(target=again.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        assert ask("GET", "/api/v1/query?query=up")[0] == 200
        again.shutdown()
        thread.join()
        again.server_close()


def test_no_more_questions_at_once_than_prometheus_is_meant_to_bear(fake: tuple[type[Fake], str]) -> None:
    fake[0].hold = threading.Event()
    with viewing(fake[1]) as ask:
        some = [threading.Thread(target=ask, args=("GET", "/api/v1/query?query=up")) for _ in range(upstream.AT_ONCE + 4)]
        for thread in some:
            thread.start()
        deadline = threading.Event()
        for _ in range(500):
            if len(fake[0].asked) >= upstream.AT_ONCE:
                break
            deadline.wait(0.01)
        deadline.wait(0.1)
        assert len(fake[0].asked) == upstream.AT_ONCE
        fake[0].hold.set()
        for thread in some:
            thread.join()
        assert len(fake[0].asked) == upstream.AT_ONCE + 4


# --- what a person may get wrong


@pytest.mark.parametrize(("url", "wanted"), [
    ("localhost:9090", "not an address such as"), ("ftp://x", "not an address such as"), ("http://", "not an address such as"),
    ("http://a b", "not an address such as"), ("http://x:port", "not an address"), ("http://me:pw@x", "--token-file"),
    ("http://x/?a=b", "ends before")])
def test_addresses_that_are_none(url: str, wanted: str) -> None:
    with pytest.raises(VitalsError, match=wanted) as caught:
        upstream.Prometheus(url)
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "two words\n", "a\nb", "ü"])
def test_tokens_that_are_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "token").write_text(text)
    with pytest.raises(VitalsError, match="holds no token"):
        upstream.Prometheus("http://x", tmp_path / "token")
    with pytest.raises(VitalsError, match="cannot be read"):
        upstream.Prometheus("http://x", tmp_path / "none")


@pytest.mark.parametrize("listen", ["9097", "127.0.0.1", "127.0.0.1:http", ":9097", "127.0.0.1:70000"])
def test_listen_addresses_that_are_none(listen: str) -> None:
    with pytest.raises(VitalsError, match="not an address such as 127.0.0.1:9097"):
        server.address(listen)


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(VitalsError, match=f"cannot listen on {listen}: Address already in use; --listen"):
            server.make(listen, DASHBOARDS, upstream.Prometheus("http://x"))


def test_folders_without_dashboards(tmp_path: Path) -> None:
    with pytest.raises(VitalsError, match="no such folder"):
        boards.load(tmp_path / "none")
    with pytest.raises(VitalsError, match="no dashboard in it"):
        boards.load(tmp_path)
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(VitalsError, match=r"list\.json: not a dashboard's model"):
        boards.load(tmp_path)


def test_a_board_is_found_by_its_name_and_a_wrong_one_is_told() -> None:
    found, _ = boards.load(DASHBOARDS)
    assert boards.find(found, "overview").uid == boards.find(found, "vitals-overview").uid == "vitals-overview"
    with pytest.raises(VitalsError, match="no dashboard 'nope'; one of: .*vitals-overview"):
        boards.find(found, "nope")


def test_without_a_stack_the_command_says_so(configured: Callable[..., Any]) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    with pytest.raises(VitalsError, match="no stack runs here; `make up` starts one, and --prometheus"):
        viewer.source(configured(f"ports: {{prometheus: {port}}}"), None, None)


def test_a_folder_elsewhere_needs_no_provisioning_beside_it(tmp_path: Path) -> None:
    shutil.copytree(DASHBOARDS, tmp_path / "some")
    found, _ = boards.load(tmp_path / "some")
    assert {"On call", "Engineering"} <= {board.folder for board in found}

"""The default receiver: keeps Alertmanager's notifications in a file and shows them. Trusts nothing it is sent."""

from __future__ import annotations

import argparse
import html
import json
import re
import signal
import sys
import threading
import time
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

MAX_BODY = 1 << 20
KEEP = 1000
SEVERITIES = {"critical": 0, "warning": 1, "info": 2}
WATCHDOG = "Watchdog"  # always fires; told every 5 minutes as long as alerting works
HEARTBEAT_SECONDS = 11 * 60  # two missed, and a little
STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}
article{border-left:4px solid #8b949e;padding:.2rem .8rem;margin:.8rem 0}
article.critical{border-color:#c4162a}article.warning{border-color:#b36b00}article.info{border-color:#1f60c4}
article.resolved{border-color:#2e7d32}small{color:#57606a}pre{white-space:pre-wrap;background:#f6f8fa;padding:1rem}"""


class Store:
    """The notifications, newest last, in memory and in a JSON-lines file that never grows beyond twice ``KEEP``.

    Of Watchdog only a change is kept, and the time it was last told.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / "notifications.jsonl"
        self._lock = threading.Lock()
        self._items: list[dict[str, Any]] = []
        self.heartbeat: float | None = None  # Unix time; of this process's life only
        for line in self.file.read_text().splitlines() if self.file.exists() else []:
            try:
                self._items.append(json.loads(line))
            except ValueError:
                continue  # the last line of a process that was killed while it wrote
        self._compact()

    def add(self, item: dict[str, Any]) -> None:
        with self._lock:
            if item["labels"].get("alertname") == WATCHDOG:
                self.heartbeat = time.time() if item["status"] == "firing" else None
                told = [i for i in self._items if i["labels"] == item["labels"]]
                if told and told[-1]["status"] == item["status"]:
                    return
            self._items.append(item)
            with self.file.open("a") as out:
                out.write(json.dumps(item) + "\n")
            if len(self._items) > 2 * KEEP:
                self._compact()

    def _compact(self) -> None:
        self._items = self._items[-KEEP:]
        aside = self.file.with_suffix(".new")
        aside.write_text("".join(json.dumps(item) + "\n" for item in self._items))
        aside.replace(self.file)

    def alive(self) -> bool:
        """Whether Prometheus evaluates and Alertmanager sends: the heartbeat came lately."""
        with self._lock:
            return self.heartbeat is not None and time.time() - self.heartbeat < HEARTBEAT_SECONDS

    def items(self) -> list[dict[str, Any]]:
        with self._lock:
            return list(self._items)


def notification(body: bytes) -> list[dict[str, Any]]:
    """Alertmanager's webhook message (version 4) as one item for each alert. Raises ValueError when it is none."""
    message = json.loads(body)
    if not isinstance(message, dict) or not isinstance(message.get("alerts"), list):
        raise ValueError("not a webhook message of Alertmanager: no list of alerts")
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    found = []
    for alert in message["alerts"]:
        if not isinstance(alert, dict) or alert.get("status") not in ("firing", "resolved"):
            raise ValueError("an alert without a status")
        item = {"received": now, "status": alert["status"], "receiver": _text(message.get("receiver")),
                "startsAt": _text(alert.get("startsAt")), "endsAt": _text(alert.get("endsAt"))}
        for key in ("labels", "annotations"):
            values = alert.get(key)
            if not isinstance(values, dict):
                raise ValueError(f"an alert without {key}")
            item[key] = {_text(k): _text(v) for k, v in values.items()}
        found.append(item)
    return found


def _text(value: Any) -> str:
    return "" if value is None else str(value)[:4096]


def firing(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The last word on each alert, where that word is firing."""
    last = {json.dumps(item["labels"], sort_keys=True): item for item in items}
    return [item for item in last.values() if item["status"] == "firing"]


def page(items: list[dict[str, Any]], alive: bool) -> str:
    now = [item for item in firing(items) if item["labels"].get("alertname") != WATCHDOG]
    now.sort(key=lambda item: (SEVERITIES.get(item["labels"].get("severity", ""), 3),
                               item["labels"].get("alertname", "")))
    recent = items[-50:][::-1]
    return (f"<!doctype html><html lang=en><meta charset=utf-8><meta http-equiv=refresh content=15>"
            f"<title>Notifications</title><style>{STYLE}</style><h1>Notifications</h1>"
            + ("<p>Alerting works: its heartbeat comes.</p>" if alive else
               "<article class=critical><b>No heartbeat.</b> Watchdog, which always fires, has not been told for "
               f"{HEARTBEAT_SECONDS // 60} minutes: Prometheus does not evaluate, or Alertmanager does not send. "
               "After a start the first comes within a minute.</article>")
            + "<h2>Firing now</h2>" + ("".join(map(_article, now)) or "<p>Nothing.</p>")
            + "<h2>Last received</h2>" + ("".join(map(_article, recent)) or "<p>Nothing yet.</p>") + "</html>")


def _article(item: dict[str, Any]) -> str:
    labels, notes = item["labels"], item["annotations"]
    severity = labels.get("severity", "")
    kind = "resolved" if item["status"] == "resolved" else severity if severity in SEVERITIES else ""
    links = " ".join(f'<a href="{html.escape(notes[key])}">{name}</a>'
                     for key, name in (("runbook_url", "what to do"), ("dashboard_url", "dashboard"))
                     if notes.get(key, "").startswith(("http://", "https://")))
    return (f'<article class="{kind}"><b>{html.escape(labels.get("alertname", "?"))}</b> '
            f'<small>{html.escape(item["status"])} · {html.escape(severity)} · {html.escape(labels.get("job", ""))} · '
            f'since {html.escape(item["startsAt"][:19])} · received {html.escape(item["received"][:19])}</small><br>'
            f'{html.escape(notes.get("summary", ""))}<br>{html.escape(notes.get("description", ""))} {links}</article>')


def runbook(docs: Path, name: str) -> str | None:
    """An alert's page in docs/runbooks, else its section of docs/alerts.md, or None."""
    own = docs / "runbooks" / f"{name}.md"
    if re.fullmatch(r"[A-Za-z0-9-]+", name) and own.is_file():
        return own.read_text()
    file = docs / "alerts.md"
    text = file.read_text() if file.exists() else ""
    found = re.search(rf"^## {re.escape(name)}\n.*?(?=^## |^\*Area |\Z)", text, re.M | re.S)
    return found[0] if found else None


class Handler(BaseHTTPRequestHandler):
    store: Store
    docs: Path
    protocol_version = "HTTP/1.1"
    timeout = 15  # seconds a client may keep a thread waiting

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/":
            self._answer(HTTPStatus.OK, page(self.store.items(), self.store.alive()), "text/html")
        elif url.path == "/-/ready":
            self._answer(HTTPStatus.OK, "ready\n")
        elif url.path == "/-/alerting":  # for a monitor outside: 503 when nobody would be told
            alive = self.store.alive()
            self._answer(HTTPStatus.OK if alive else HTTPStatus.SERVICE_UNAVAILABLE,
                         "alerting works\n" if alive else "no heartbeat: alerting is broken, or has just begun\n")
        elif url.path == "/api/notifications":
            self._answer(HTTPStatus.OK, json.dumps(self._found(parse_qs(url.query))), "application/json")
        elif url.path.startswith("/runbooks/"):
            name = url.path.removeprefix("/runbooks/")
            if text := runbook(self.docs, name):
                body = f"<!doctype html><meta charset=utf-8><title>{html.escape(name)}</title><style>{STYLE}</style>"
                self._answer(HTTPStatus.OK, f"{body}<pre>{html.escape(text)}</pre>", "text/html")
            else:
                self._answer(HTTPStatus.NOT_FOUND, f"there is no page about {name!r}\n")
        else:
            self._answer(HTTPStatus.NOT_FOUND, "no such page; try /\n")

    def do_POST(self) -> None:
        if self.path != "/webhook":
            self._answer(HTTPStatus.NOT_FOUND, "notifications are taken at /webhook\n")
            return
        # A page in somebody's browser can send any other type to this port without asking first.
        if self.headers.get_content_type() != "application/json":
            self._refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "application/json is taken")
            return
        try:
            length = int(self.headers.get("Content-Length", ""))
        except ValueError:
            self._refuse(HTTPStatus.LENGTH_REQUIRED, "how long is it?")
            return
        if not 0 <= length <= MAX_BODY:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {MAX_BODY} bytes")
            return
        try:
            items = notification(self.rfile.read(length))
        except (ValueError, RecursionError) as err:
            self._refuse(HTTPStatus.BAD_REQUEST, str(err))
            return
        for item in items:
            self.store.add(item)
        self._answer(HTTPStatus.OK, "kept\n")

    def _found(self, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        def wanted(item: dict[str, Any]) -> bool:
            return (all(item["labels"].get(key, "") in query[key] for key in ("alertname", "job") if key in query)
                    and item["status"] in query.get("status", [item["status"]])
                    and item["received"] >= query.get("since", [""])[0])

        return [item for item in self.store.items() if wanted(item)]

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        self.close_connection = True  # what is left of the body is not read
        self._answer(status, why + "\n")

    def _answer(self, status: HTTPStatus, text: str, kind: str = "text/plain") -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: readiness is asked for every few seconds."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listen", default="127.0.0.1:9095", metavar="HOST:PORT")
    parser.add_argument("--dir", type=Path, required=True, help="where the notifications are kept")
    parser.add_argument("--docs", type=Path, required=True, help="the folder of alerts.md")
    args = parser.parse_args()
    host, _, port = args.listen.rpartition(":")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # the first process of a container ignores it otherwise
    Handler.store, Handler.docs = Store(args.dir), args.docs
    with ThreadingHTTPServer((host, int(port)), Handler) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()

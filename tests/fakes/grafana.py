"""A fake of Grafana's HTTP API: folders, dashboards with their versions, data sources, search, health.

It is a fake because Grafana itself cannot be had here. It does what is documented for Grafana 12 and 13
(https://grafana.com/docs/grafana/v12.4/developers/http_api/ and the shapes in Grafana's own public/api-merged.json:
SaveDashboardCommand, CreateFolderCommand, DashboardFullWithMeta, DashboardMeta, Hit, DataSourceListItemDTO), refuses
what these do not describe, and asks for the permissions that they name. What the documents leave open is taken from
Grafana's source and issues: the 403's body, versions inside an object since 11.6, saved models kept as they were sent.
"""

from __future__ import annotations

import base64
import copy
import json
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

ADMIN = frozenset({"dashboards:read", "dashboards:create", "dashboards:write", "folders:read", "folders:create",
                   "datasources:read", "datasources:query"})
EDITOR = ADMIN - {"datasources:read"}
UID = re.compile(r"[A-Za-z0-9_-]{1,40}")
SAVE = {"dashboard": dict, "folderUid": str, "folderId": int, "message": str, "overwrite": bool, "isFolder": bool,
        "userId": int, "UpdatedAt": str}
FOLDER = {"uid": str, "title": str, "description": str, "parentUid": str}

Json = dict[str, Any]
Answer = tuple[int, Any] | tuple[int, Any, dict[str, str]]


@dataclass
class Dashboard:
    """One dashboard and everything that was ever saved of it; the last entry of ``versions`` is what it is now."""

    id: int
    folder: str
    versions: list[Json] = field(default_factory=list)  # {"model", "message", "by", "created"}
    provisioned: bool = False

    @property
    def model(self) -> Json:
        return self.versions[-1]["model"]  # type: ignore[no-any-return]

    @property
    def version(self) -> int:
        return len(self.versions)


class Error(Exception):
    def __init__(self, code: int, message: str, /, **more: Any) -> None:
        self.code, self.body = code, {"message": message, **more}


class Grafana:
    """Served on loopback while the context of ``serving`` lasts. Its state is open to the test."""

    def __init__(self) -> None:
        self.version = "13.2.3"
        self.database = "ok"
        self.subpath = ""
        self.tokens: dict[str, frozenset[str]] = {"glsa_admin": ADMIN, "glsa_editor": EDITOR}
        self.users: dict[str, str] = {"admin": "a word"}
        self.datasources: list[Json] = [source(1, "Prometheus", "prom", "prometheus")]
        self.series: set[str] = {"prom"}  # uids of the sources that hold job:app:info
        self.folders: dict[str, str] = {}
        self.dashboards: dict[str, Dashboard] = {}
        self.requests: list[tuple[str, str]] = []  # (method, path)
        self.saves: list[Json] = []  # bodies of POST /api/dashboards/db
        self.before: Callable[[str, str], Answer | None] = lambda method, path: None  # an answer instead of its own
        self.rewrite: Callable[[Json], Json] = lambda model: model  # what it does to a model on its own, when read
        self.clock = 0
        self.address = ""

    # --- for tests ---

    def edit(self, uid: str, by: str = "anna", **change: Any) -> None:
        """As somebody saves it from Grafana's page."""
        board = self.dashboards[uid]
        self._save(board, {**board.model, **change}, "", by)

    def restore(self, uid: str, version: int) -> None:
        board = self.dashboards[uid]
        self._save(board, board.versions[version - 1]["model"], f"Restored from version {version}", "anna")

    def put(self, uid: str, title: str, *tags: str, folder: str = "", provisioned: bool = False) -> None:
        """A dashboard that is there already."""
        self.dashboards[uid] = Dashboard(len(self.dashboards) + 1, folder, provisioned=provisioned)
        self._save(self.dashboards[uid], {"title": title, "tags": list(tags), "panels": [], "uid": uid}, "", "bob")

    def writes(self) -> list[tuple[str, str]]:
        return [(method, path) for method, path in self.requests if method != "GET"]

    # --- the API ---

    def answer(self, method: str, path: str, query: dict[str, list[str]], login: str, body: bytes) -> Answer:
        if path == "/api/health" and method == "GET":
            answer = {"commit": "0000000", "database": self.database, "version": self.version}
            return (200 if self.database == "ok" else 503), {key: value for key, value in answer.items() if value}
        may = self._who(login)
        for verb, pattern, handler in (
                ("GET", r"/api/datasources", self._list_datasources),
                ("GET", r"/api/datasources/proxy/uid/([^/]+)/api/v1/query", self._query),
                ("GET", r"/api/folders/([^/]+)", self._get_folder),
                ("POST", r"/api/folders", self._create_folder),
                ("GET", r"/api/dashboards/uid/([^/]+)", self._get_dashboard),
                ("GET", r"/api/dashboards/uid/([^/]+)/versions", self._get_versions),
                ("POST", r"/api/dashboards/db", self._save_dashboard),
                ("GET", r"/api/search", self._search)):
            if verb == method and (found := re.fullmatch(pattern, path)):
                return handler(may, [unquote(part) for part in found.groups()], query, body)  # type: ignore[operator]
        raise Error(404, "Not found")

    def _who(self, login: str) -> frozenset[str]:
        kind, _, value = login.partition(" ")
        if kind == "Bearer" and value in self.tokens:
            return self.tokens[value]
        if kind == "Basic":
            user, _, word = base64.b64decode(value).decode().partition(":")
            if self.users.get(user) == word:
                return ADMIN
            raise Error(401, "Invalid username or password", messageId="password-auth.failed", statusCode=401, traceID="")
        raise Error(401, "Invalid API key" if kind == "Bearer" else "Unauthorized", messageId="api-key.invalid",
                    statusCode=401, traceID="")

    @staticmethod
    def _need(may: frozenset[str], action: str) -> None:
        if action not in may:
            raise Error(403, f"You'll need additional permissions to perform this action. Permissions needed: {action}",
                        title="Access denied", accessErrorId="ACE0123456789")

    def _list_datasources(self, may: frozenset[str], _: list[str], query: Json, body: bytes) -> Answer:
        self._need(may, "datasources:read")
        return 200, self.datasources

    def _query(self, may: frozenset[str], parts: list[str], query: dict[str, list[str]], body: bytes) -> Answer:
        self._need(may, "datasources:query")
        if not any(entry["uid"] == parts[0] for entry in self.datasources):
            raise Error(404, "Unable to find datasource")
        result = [{"metric": {}, "value": [0, "3"]}] if parts[0] in self.series else []
        return 200, {"status": "success", "data": {"resultType": "vector", "result": result}}

    def _get_folder(self, may: frozenset[str], parts: list[str], query: Json, body: bytes) -> Answer:
        self._need(may, "folders:read")
        if parts[0] not in self.folders:
            raise Error(404, "folder not found", messageId="folder.notFound", statusCode=404)
        return 200, self._folder(parts[0])

    def _create_folder(self, may: frozenset[str], _: list[str], query: Json, body: bytes) -> Answer:
        self._need(may, "folders:create")
        wanted = _body(body, FOLDER)
        if not wanted.get("title"):
            raise Error(400, "folder title cannot be empty")
        if not UID.fullmatch(wanted["uid"]):
            raise Error(400, "uid contains illegal characters or is too long")
        if wanted["uid"] in self.folders:
            raise Error(409, "the folder has been changed by someone else or its uid is taken")
        self.folders[wanted["uid"]] = wanted["title"]
        return 200, self._folder(wanted["uid"])

    def _folder(self, uid: str) -> Json:
        return {"id": 1, "uid": uid, "title": self.folders[uid], "url": f"/dashboards/f/{uid}/x", "hasAcl": False,
                "canSave": True, "canEdit": True, "canAdmin": True, "createdBy": "admin", "updatedBy": "admin",
                "created": self._now(), "updated": self._now(), "version": 1}

    def _get_dashboard(self, may: frozenset[str], parts: list[str], query: Json, body: bytes) -> Answer:
        self._need(may, "dashboards:read")
        board = self.dashboards.get(parts[0])
        if board is None:
            raise Error(404, "Dashboard not found")
        last = board.versions[-1]
        model = self.rewrite(copy.deepcopy(board.model))
        return 200, {
            "dashboard": {**model, "id": board.id, "uid": parts[0], "version": board.version},
            "meta": {"type": "db", "canSave": not board.provisioned, "canEdit": True, "canAdmin": True, "canStar": True,
                     "canDelete": True, "slug": "x", "url": f"{self.subpath}/d/{parts[0]}/x", "expires": "0001-01-01T00:00:00Z",
                     "created": board.versions[0]["created"], "updated": last["created"], "updatedBy": last["by"],
                     "createdBy": board.versions[0]["by"], "version": board.version, "hasAcl": False, "isFolder": False,
                     "folderId": 0, "folderUid": board.folder, "folderTitle": self.folders.get(board.folder, "Dashboards"),
                     "folderUrl": "", "provisioned": board.provisioned,
                     "provisionedExternalId": "x.json" if board.provisioned else "", "annotationsPermissions": None}}

    def _get_versions(self, may: frozenset[str], parts: list[str], query: dict[str, list[str]], body: bytes) -> Answer:
        self._need(may, "dashboards:write")
        board = self.dashboards.get(parts[0])
        if board is None:
            raise Error(404, "Dashboard not found")
        entries = [{"id": i, "dashboardId": board.id, "dashboardUID": parts[0], "uid": parts[0], "parentVersion": i - 1,
                    "restoredFrom": 0, "version": i, "created": entry["created"], "createdBy": entry["by"],
                    "message": entry["message"], "data": None} for i, entry in enumerate(board.versions, 1)]
        entries = entries[::-1][:int(query.get("limit", ["1000"])[0])]
        since = tuple(map(int, self.version.split(".")[:2])) if self.version else (13, 0)
        return 200, {"continueToken": "", "versions": entries} if since >= (11, 6) else entries

    def _save_dashboard(self, may: frozenset[str], _: list[str], query: Json, body: bytes) -> Answer:
        wanted = _body(body, SAVE)
        self.saves.append(wanted)
        model = wanted.get("dashboard")
        if model is None or not model.get("title"):
            raise Error(400, "Dashboard title cannot be empty", status="empty-name")
        if not UID.fullmatch(str(model.get("uid") or "generated")):
            raise Error(400, "uid contains illegal characters or is too long")
        uid = str(model["uid"])
        folder = wanted.get("folderUid", "")
        if folder and folder not in self.folders:
            raise Error(400, "folder not found")
        board = self.dashboards.get(uid)
        if board is None and model.get("id"):
            raise Error(404, "Dashboard not found", status="not-found")
        if board is None:
            self._need(may, "dashboards:create")
            board = Dashboard(len(self.dashboards) + 1, folder)
        else:
            self._need(may, "dashboards:write")
            if board.provisioned:
                raise Error(400, "Cannot save provisioned dashboard")
            if model.get("id") not in (None, board.id):
                raise Error(400, "A dashboard with the same uid already exists", status="name-exists")
            if model.get("version") != board.version and not wanted.get("overwrite"):
                raise Error(412, "The dashboard has been changed by someone else", status="version-mismatch")
            board.folder = folder
        self.dashboards[uid] = board
        self._save(board, {key: value for key, value in model.items() if key not in ("id", "version")},
                   wanted.get("message", ""), "sa-1-import")
        return 200, {"id": board.id, "uid": uid, "url": f"{self.subpath}/d/{uid}/x", "status": "success",
                     "version": board.version, "slug": "x", "folderUid": folder}

    def _save(self, board: Dashboard, model: Json, message: str, by: str) -> None:
        board.versions.append({"model": copy.deepcopy(model), "message": message, "by": by, "created": self._now()})

    def _search(self, may: frozenset[str], _: list[str], query: dict[str, list[str]], body: bytes) -> Answer:
        hits = [{"id": board.id, "uid": uid, "title": board.model["title"], "uri": "db/x", "url": f"/d/{uid}/x", "slug": "",
                 "type": "dash-db", "tags": board.model.get("tags", []), "isStarred": False, "folderUid": board.folder,
                 "sortMeta": 0} for uid, board in sorted(self.dashboards.items())
                if set(query.get("tag", [])) <= set(board.model.get("tags", []))]
        return 200, hits if "dashboards:read" in may else []

    def _now(self) -> str:
        self.clock += 1
        return f"2026-11-21T10:{self.clock // 60 % 60:02}:{self.clock % 60:02}Z"


def source(number: int, name: str, uid: str, kind: str) -> Json:
    """A data source as GET /api/datasources lists it."""
    return {"id": number, "orgId": 1, "uid": uid, "name": name, "type": kind, "typeName": kind.capitalize(),
            "typeLogoUrl": "", "access": "proxy", "url": "http://metrics:9090", "user": "", "database": "",
            "basicAuth": False, "isDefault": number == 1, "jsonData": {}, "readOnly": False}


def _body(body: bytes, known: dict[str, type]) -> Json:
    try:
        found = json.loads(body)
    except ValueError as err:
        raise Error(400, "bad request data") from err
    if not isinstance(found, dict):
        raise Error(400, "bad request data")
    for key, value in found.items():
        if key not in known or not isinstance(value, known[key]):
            raise Error(400, f"bad request data: {key}")
    return found


@contextmanager
def serving(grafana: Grafana, certificate: Path | None = None) -> Iterator[str]:
    """Serves it on a free port; gives its address. ``certificate``: a PEM file with the key, for https."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            url = urlsplit(self.path)
            with lock:
                path = url.path
                grafana.requests.append((self.command, path))
                instead = grafana.before(self.command, path.removeprefix(grafana.subpath))
                if instead is not None:
                    answer: Answer = instead
                elif not path.startswith(f"{grafana.subpath}/api/"):
                    answer = 404, "<html><body>not found</body></html>"
                elif self.command == "POST" and self.headers.get("Content-Type") != "application/json":
                    answer = 415, {"message": "Unsupported Media Type"}
                else:
                    try:
                        answer = grafana.answer(self.command, path.removeprefix(grafana.subpath), parse_qs(url.query),
                                                self.headers.get("Authorization", ""), body)
                    except Error as err:
                        answer = err.code, err.body
            self._send(*answer)

        def _send(self, status: int, content: Any, headers: dict[str, str] | None = None) -> None:
            if status == 0:  # hangs up
                self.close_connection = True
                self.connection.close()
                return
            text = content if isinstance(content, str) else json.dumps(content)
            self.send_response(status)
            for name, value in {"Content-Type": "text/html" if isinstance(content, str) else "application/json",
                                "Content-Length": str(len(text.encode())), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that hang up
    scheme = "http"
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme = "https"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    grafana.address = f"{scheme}://127.0.0.1:{server.server_address[1]}{grafana.subpath}"
    try:
        yield grafana.address
    finally:
        server.shutdown()
        server.server_close()

"""The probes' modules, by the real exporter, against servers that are well, ill, and not to be trusted."""

from __future__ import annotations

import os
import ssl
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from vitals import scraping, settings
from vitals.engines import parts, probes

from .conftest import free_ports, poll

DAYS = 10
Ask = Callable[[str], dict[str, float]]


class Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(302 if self.path == "/moved" else 503 if self.path == "/ill" else 200)
        if self.path == "/moved":
            self.send_header("Location", "/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None: ...


def serve(certificate: Path | None = None) -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, certificate.with_suffix(".key"))
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For localhost, ten days long, signed by itself: trusted by who is told to."""
    program = parts.fetch(settings.load(), ("openssl", "libssl3"), "bookworm") / "usr/bin/openssl"
    file = tmp_path_factory.mktemp("tls") / "localhost.pem"
    subprocess.run([program, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc",
                    "-keyout", file.with_suffix(".key"), "-out", file, "-days", str(DAYS), "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost", "-config", "/dev/null"],
                   env={**os.environ, **parts.libraries(program)}, check=True, capture_output=True)
    return file


@pytest.fixture(scope="module")
def ask(certificate: Path) -> Iterator[Ask]:
    """``ask("https://…")`` → the metrics of a probe as vitals.yaml would have it made."""
    loaded, [port] = settings.load(), free_ports(1)
    exporter = subprocess.Popen(
        [parts.programs(loaded, ["servers"])["blackbox_exporter"], "--log.level=error",
         f"--config.file={loaded.root}/exporters/blackbox/blackbox.yml", f"--web.listen-address=127.0.0.1:{port}"],
        env={**os.environ, "SSL_CERT_FILE": str(certificate)})
    poll(probes.http_ok(f"http://127.0.0.1:{port}/-/healthy"), 20, "the exporter answers")

    def probe(url: str) -> dict[str, float]:
        scheme, _, rest = url.partition("://")
        query = {"module": scraping.MODULES[scheme], "target": url if scheme in ("http", "https") else rest}
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/probe?{urllib.parse.urlencode(query)}", timeout=20) as page:
            lines = [line.rsplit(" ", 1) for line in page.read().decode().splitlines() if not line.startswith("#")]
        return {name: float(value) for name, value in lines}

    yield probe
    exporter.terminate()
    exporter.wait()


def test_http(ask: Ask) -> None:
    server = serve()
    url = f"http://127.0.0.1:{server.server_port}"
    assert [(ask(url + path)["probe_success"], ask(url + path)["probe_http_status_code"]) for path in ("/", "/moved", "/ill")] == [
        (1, 200), (1, 200), (0, 503)]
    assert ask(url + "/")['probe_http_duration_seconds{phase="processing"}'] > 0
    server.shutdown()
    server.server_close()
    gone = ask(url + "/")
    assert (gone["probe_success"], gone["probe_http_status_code"]) == (0, 0)


def test_a_certificate_says_when_it_expires(ask: Ask, certificate: Path) -> None:
    server = serve(certificate)
    left = []
    for url in (f"https://localhost:{server.server_port}/", f"tls://localhost:{server.server_port}"):
        found = ask(url)
        assert found["probe_success"] == 1
        left.append(found["probe_ssl_earliest_cert_expiry"] - time.time())
    assert all(DAYS - 0.1 < seconds / 86400 <= DAYS for seconds in left)
    # The same server by a name that its certificate does not have.
    assert ask(f"https://127.0.0.1:{server.server_port}/")["probe_success"] == 0
    assert ask(f"tls://127.0.0.1:{server.server_port}")["probe_success"] == 0
    server.shutdown()
    server.server_close()


def test_tcp(ask: Ask) -> None:
    server = serve()
    assert ask(f"tcp://127.0.0.1:{server.server_port}")["probe_success"] == 1
    server.shutdown()
    server.server_close()
    assert ask(f"tcp://127.0.0.1:{server.server_port}")["probe_success"] == 0

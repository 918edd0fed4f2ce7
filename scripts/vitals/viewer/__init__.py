"""The built-in viewer: the dashboards in grafana/dashboards/ as a web page, for those who have no Grafana at hand.

`boards` reads the dashboards, `upstream` asks Prometheus, `server` serves the page and passes its questions on,
`static` writes the page with its answers into a folder. What happens in the browser is under assets/, as plain modules:
main.js is where it begins.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from vitals.errors import VitalsError

if TYPE_CHECKING:
    from vitals.settings import Settings
    from vitals.viewer.upstream import Prometheus


def source(settings: Settings, url: str | None, token_file: Path | None) -> Prometheus:
    """The Prometheus at an address; without one, the running stack's. Raises VitalsError when that does not answer."""
    from vitals.viewer.upstream import Prometheus

    if url:
        return Prometheus(url, token_file)
    own = Prometheus(f"http://127.0.0.1:{settings.ports['prometheus']}", token_file)
    try:
        own.data("/api/v1/status/buildinfo")
    except VitalsError as err:
        raise VitalsError(f"{err}\nno stack runs here; `make up` starts one, and --prometheus URL takes another "
                          "Prometheus") from err
    return own


def serve(folder: Path, prometheus: Prometheus, listen: str, hosts: Iterable[str] = ()) -> None:
    """Serves until it is interrupted. Raises VitalsError when it cannot begin."""
    from vitals.viewer import server

    with server.make(listen, folder, prometheus, hosts) as running:
        host, port = running.server_address[:2]
        print(f"dashboards at http://{host!s}:{port}, from Prometheus at {prometheus.url}; Ctrl-C ends it", flush=True)
        if host not in server.LOOPBACK:
            print("whoever reaches this port sees everything that Prometheus knows: there is no login", flush=True)
        try:
            running.serve_forever()
        except KeyboardInterrupt:
            print()


def write(folder: Path, prometheus: Prometheus, into: Path, start: str, end: str, wanted: Iterable[str],
          choices: Iterable[str]) -> None:
    """Writes the page with its data into a folder. ``choices``: ``name=value``. Raises VitalsError."""
    import time

    from vitals.viewer import boards, static

    first, last = static.span(start, end, time.time())
    found, problems = boards.load(folder)
    if problems:
        raise VitalsError("\n".join(problems))
    some = [boards.find(found, name) for name in wanted]
    variables: dict[str, list[str]] = {}
    for choice in choices:
        name, is_one, value = choice.partition("=")
        if not is_one or not name:
            raise VitalsError(f"--var {choice}: write it as job=support-agent")
        variables.setdefault(name, []).append(value)
    print(f"asking {prometheus.url} ...", flush=True)
    for line in static.write(into, [b for b in found if not some or b in some], prometheus, first, last, variables):
        print(f"  {line}")
    size = sum(path.stat().st_size for path in into.rglob("*") if path.is_file())
    print(f"{into / 'index.html'}: {size / 1e6:.1f} MB in all; open it in a browser, or attach the folder")

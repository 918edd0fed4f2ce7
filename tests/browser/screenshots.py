"""The README's pictures, from the running demo: `make screenshots`, after `make up` has run for a while.

An app's model provider fails for some minutes first, so that there is something to see.
"""

from __future__ import annotations

import sys
import tempfile
import time
import urllib.error
from pathlib import Path

from tests.browser import chromium
from tests.browser.conftest import Watched
from tests.stack.conftest import get
from vitals import demo, settings
from vitals.errors import VitalsError

FOLDER = settings.ROOT / "docs" / "images"
FAULT, JOB, ALERT, MINUTES = "llm-outage", "artisan-hub", "LlmErrorsHigh", 20
WAIT_SECONDS = 600
MOST_BYTES = 300_000
# Name → where, and how tall.
PICTURES = {
    "overview": ("/d/vitals-overview?from=now-30m&to=now", 1000),
    "ai-performance": (f"/d/vitals-ai-performance?var-job={JOB}&from=now-30m&to=now", 1000),
    "cost": ("/d/vitals-cost?from=now-30m&to=now", 1000),
}


def main() -> None:
    loaded = settings.load()
    prometheus = f"http://127.0.0.1:{loaded.ports['prometheus']}"
    if not firing(prometheus):
        demo.inject(f"http://127.0.0.1:{loaded.ports['demo']}", FAULT, JOB, MINUTES)
        print(f"{FAULT} in {JOB}; waiting until {ALERT} fires ...", flush=True)
        deadline = time.monotonic() + WAIT_SECONDS
        while not firing(prometheus):
            if time.monotonic() > deadline:
                raise VitalsError(f"{ALERT} does not fire within {WAIT_SECONDS} s; does the demo run? `make status`")
            time.sleep(5)
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as home, chromium.browser(Path(home)) as browser:
        for name, (path, height) in PICTURES.items():
            context = browser.new_context(viewport={"width": 1440, "height": height}, color_scheme="dark")
            page = Watched(context.new_page(), f"http://127.0.0.1:{loaded.ports['viewer']}")
            page.open(path)
            file = FOLDER / f"{name}.png"
            page.page.screenshot(path=file)
            context.close()
            if page.wrong or file.stat().st_size > MOST_BYTES:
                raise VitalsError(f"{name}: {file.stat().st_size} bytes, {page.wrong}")
            print(f"wrote {file.relative_to(settings.ROOT)} ({file.stat().st_size // 1000} kB)")


def firing(prometheus: str) -> bool:
    query = f'ALERTS{{alertname="{ALERT}", job="{JOB}", alertstate="firing"}}'
    try:
        return bool(get(f"{prometheus}/api/v1/query", query=query)["data"]["result"])
    except urllib.error.URLError as err:
        raise VitalsError(f"{prometheus} does not answer ({err.reason}); `make up` first") from err


if __name__ == "__main__":
    try:
        main()
    except VitalsError as err:
        sys.exit(f"screenshots: {err}")

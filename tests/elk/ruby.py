"""Plain Ruby from Debian, unpacked beside the other parts: it runs the pipeline's filter as Logstash's JRuby does."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from vitals.engines import parts
from vitals.settings import Settings

PACKAGES = ("ruby3.1", "libruby3.1", "libyaml-0-2", "libedit2", "libffi8", "libgmp10", "libncurses6", "libtinfo6",
            "libssl3", "zlib1g", "libcrypt1", "libbsd0", "libmd0")
HANG_SECONDS = 120  # nothing here takes more than a few; a regular expression that runs away takes for ever


def run(settings: Settings, script: Path, stdin: str) -> str:
    root = parts.fetch(settings, PACKAGES, "bookworm")
    program = root / "usr/bin/ruby3.1"
    folders = [root / "usr/lib/ruby/3.1.0", *root.glob("usr/lib/*-linux-gnu/ruby/3.1.0")]
    command = [program, "--disable-gems", "-W1", *(f"-I{folder}" for folder in folders), script]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=HANG_SECONDS,
                          env={**os.environ, **parts.libraries(program), "LC_ALL": "C.UTF-8"})
    assert done.returncode == 0, done.stderr[-4000:]
    assert not done.stderr, done.stderr[-4000:]
    return done.stdout

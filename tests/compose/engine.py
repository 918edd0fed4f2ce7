"""A Docker engine that has the images, for as long as a command runs: python -m tests.compose.engine COMMAND...

The engine is the one that answers, else one of this project's own, for root. The images are the official ones where
a registry has them (or IMAGES=official says so), else look-alikes made from Debian packages. All workers of a session
share it; where there can be none, they say why.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

from vitals import settings
from vitals.engines import dockerd, offline, preflight
from vitals.errors import VitalsError


@contextmanager
def with_images() -> Iterator[None]:
    """The environment gets what `docker compose` needs, and IMAGES: which images there are.

    Raises VitalsError where there is no engine and none can be started.
    """
    loaded = settings.load()
    with dockerd.running(loaded) as found, patch.dict(os.environ, found):
        if "IMAGES" not in os.environ:
            official = preflight.registry_has(offline.pinned(loaded)["PROMETHEUS_IMAGE"])
            os.environ["IMAGES"] = "official" if official else "offline"
        if os.environ["IMAGES"] == "offline":
            offline.build(loaded)
        yield


def main() -> int:
    with ExitStack() as kept:
        try:
            kept.enter_context(with_images())
        except VitalsError:
            if not dockerd.obstacle():
                raise
        command = subprocess.Popen(sys.argv[1:])
        # Interrupted with it, the command removes its stacks first: left in the engine, they would run again with it.
        signal.signal(signal.SIGINT, lambda *_: None)
        return command.wait()


if __name__ == "__main__":
    sys.exit(main())

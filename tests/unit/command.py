"""`vitals …` in this process: what a shell would see of it, without the second that a new Python takes to get there."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import traceback
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

from vitals import cli


def vitals(*args: str | Path, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """``env``: its whole environment; without it, that of the tests."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    words = ["vitals", *map(str, args)]
    environment = patch.dict(os.environ, {} if env is None else env, clear=env is not None)
    with environment, patch.object(sys, "argv", words), redirect_stdout(out), redirect_stderr(err):
        try:
            cli.main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(bool(end.code))
            if isinstance(end.code, str):
                print(end.code, file=err)
        except Exception:
            traceback.print_exc()
            code = 1
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())

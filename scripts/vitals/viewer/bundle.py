"""The page's modules as one plain script: a browser loads no modules from a file that lies on a disk.

Not a bundler for everything: the modules keep to `import {…} from "./x.js"` on one line and `export` before a
declaration, and a test holds them to it.
"""

from __future__ import annotations

import re
from pathlib import Path

IMPORT = re.compile(r'^import \{ ([^}]+) \} from "(\.[^"]+)";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async function|function|class|const) (\w+))", re.MULTILINE)


def bundle(main: Path) -> str:
    """The module and all that it imports, each in a function of its own, in an order that works."""
    done: dict[Path, str] = {}
    _add(main.resolve(), done, ())
    return '"use strict";\n(() => {\nconst modules = {};\n' + "".join(done.values()) + "})();\n"


def _add(file: Path, done: dict[Path, str], above: tuple[Path, ...]) -> None:
    if file in above:
        circle = " → ".join(path.name for path in (*above[above.index(file):], file))
        raise ValueError(f"modules import each other in a circle: {circle}")
    if file in done:
        return
    text = file.read_text()
    for _, name in IMPORT.findall(text):
        _add((file.parent / name).resolve(), done, (*above, file))

    def taken(match: re.Match[str]) -> str:
        names = match[1].strip().replace(" as ", ": ")
        return f"const {{ {names} }} = modules[{_key((file.parent / match[2]).resolve())}];\n"

    exported = ", ".join(EXPORT.findall(text))
    body = EXPORT.sub("", IMPORT.sub(taken, text))
    done[file] = f"modules[{_key(file)}] = (() => {{\n{body}return {{ {exported} }};\n}})();\n"


def _key(file: Path) -> str:
    return f'"{file.parent.name}/{file.name}"'

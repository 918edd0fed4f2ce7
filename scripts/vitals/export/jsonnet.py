"""Python data → jsonnet text, with code in the places where something is still open."""

from __future__ import annotations

import re
from typing import Any

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KEYWORDS = frozenset({"assert", "else", "error", "false", "for", "function", "if", "import", "importstr", "importbin",
                       "in", "local", "null", "tailstrict", "then", "self", "super", "true"})


class Code(str):
    """An expression of jsonnet, not a text."""

    __slots__ = ()


class Parts(tuple[str, ...]):
    """A text some parts of which are Code: they are joined by ``+``."""

    __slots__ = ()


def write(value: Any, indent: int = 0) -> str:
    """The value as jsonnet, as jsonnetfmt would have it; strings stay on one line but for those with line breaks."""
    if isinstance(value, Parts):
        return _sum(value, indent)
    if isinstance(value, Code):
        return str(value)
    if isinstance(value, str):
        return _sum(Parts([value]), indent) if "\n" in value[:-1] else text(value)
    if isinstance(value, dict):
        return _block("{", [f"{field(key)}: {write(item, indent + 2)}".replace(": \n", ":\n", 1)
                            for key, item in value.items()], "}", indent)
    if isinstance(value, list):
        return _block("[", [write(item, indent + 2) for item in value], "]", indent)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return format(value, "f") if hasattr(value, "as_tuple") else repr(value)


def text(value: str) -> str:
    quote = '"' if "'" in value and '"' not in value else "'"
    escaped = value.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t").replace(quote, "\\" + quote)
    return f"{quote}{escaped}{quote}"


def field(name: str) -> str:
    """A field's name as it stands before its colon."""
    return name if _IDENTIFIER.fullmatch(name) and name not in _KEYWORDS else text(name)


def _block(start: str, items: list[str], end: str, indent: int) -> str:
    if not items:
        return start + end
    space = " " if start == "{" else ""
    line = f"{start}{space}{', '.join(items)}{space}{end}"
    if len(line) <= 100 - indent and "\n" not in line:
        return line
    inner = " " * (indent + 2)
    return start + "\n" + "".join(f"{inner}{item},\n" for item in items) + " " * indent + end


def _sum(parts: Parts, indent: int) -> str:
    """Text and code joined by ``+``, on a new line after each line break of the text."""
    lines: list[list[str]] = [[]]
    for part in parts:
        if isinstance(part, Code):
            lines[-1].append(str(part))
            continue
        for line in part.splitlines(keepends=True):
            lines[-1].append(text(line))
            if line.endswith("\n"):
                lines.append([])
    filled = [" + ".join(line) for line in lines if line]
    if len(filled) < 2:
        return filled[0] if filled else "''"
    inner = "\n" + " " * (indent + 2)
    return inner + f"{inner}+ ".join(filled)

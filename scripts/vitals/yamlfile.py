"""YAML read with the line of every key kept, so that an error can say where it is.

Numbers with a point come back as ``Decimal``: what the user wrote is what the rules say.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from vitals.errors import VitalsError

Model = TypeVar("Model", bound=BaseModel)
Key = str | int
MAX_BYTES = 1 << 20


@dataclass(frozen=True)
class Document:
    """A parsed file: plain data, and the line (from 1) of every path in it."""

    path: Path
    data: Any
    lines: dict[tuple[Key, ...], int]

    def line(self, *where: Key) -> int:
        """The line of a path, or of its nearest parent that is in the file."""
        while where and where not in self.lines:
            where = where[:-1]
        return self.lines.get(where, 1)

    def error(self, where: Iterable[Key], problem: str) -> VitalsError:
        where = tuple(where)
        key = ".".join(str(part) for part in where)
        return VitalsError(f"{self.path}:{self.line(*where)}: {key + ': ' if key else ''}{problem}")


def load(path: Path) -> Document:
    """Read one YAML mapping. Raises VitalsError for what cannot be read, parsed, or says a key twice."""
    try:
        text = path.read_bytes()
    except OSError as err:
        raise VitalsError(f"{path}: cannot be read: {err.strerror}") from err
    if len(text) > MAX_BYTES:
        raise VitalsError(f"{path}: larger than {MAX_BYTES} bytes; this is not a settings file")
    loader = yaml.CSafeLoader(text)
    try:
        node = loader.get_single_node()
        lines: dict[tuple[Key, ...], int] = {}
        data = _plain(node, (), lines, path, loader) if node is not None else {}
    except yaml.MarkedYAMLError as err:
        line = err.problem_mark.line + 1 if err.problem_mark else 1
        raise VitalsError(f"{path}:{line}: not YAML: {err.problem or err.context}") from err
    except (yaml.YAMLError, ValueError) as err:
        raise VitalsError(f"{path}: not YAML: {err}") from err
    finally:
        loader.dispose()
    if not isinstance(data, dict):
        raise VitalsError(f"{path}:1: expected keys and values (a mapping) at the top")
    return Document(path, data, lines)


def _plain(node: yaml.Node, where: tuple[Key, ...], lines: dict[tuple[Key, ...], int], path: Path,
           loader: yaml.CSafeLoader) -> Any:
    lines.setdefault(where, node.start_mark.line + 1)
    if len(where) > 20:
        raise VitalsError(f"{path}:{node.start_mark.line + 1}: nested too deeply")
    if isinstance(node, yaml.MappingNode):
        result: dict[Key, Any] = {}
        for key_node, value_node in node.value:
            key = loader.construct_object(key_node)
            line = key_node.start_mark.line + 1
            if not isinstance(key, str | int) or isinstance(key, bool):
                raise VitalsError(f"{path}:{line}: the key {key!r} is not text; put it in quotes")
            if key in result:
                first = lines[(*where, key)]
                raise VitalsError(f"{path}:{line}: {key}: given twice (first on line {first}); remove one")
            lines[(*where, key)] = line
            result[key] = _plain(value_node, (*where, key), lines, path, loader)
        return result
    if isinstance(node, yaml.SequenceNode):
        return [_plain(child, (*where, i), lines, path, loader) for i, child in enumerate(node.value)]
    value = loader.construct_object(node)
    if isinstance(value, float):
        return Decimal(node.value.replace("_", ""))
    return value


def validate(document: Document, model: type[Model]) -> Model:
    """The document as ``model``; the first thing wrong with it as one VitalsError with file, line and key."""
    try:
        return model.model_validate(document.data)
    except ValidationError as err:
        # Where several shapes are allowed, each is refused: the one that came furthest says most.
        worst = max(err.errors(), key=lambda e: len(_standing(document.data, e["loc"])))
        where = _standing(document.data, worst["loc"])
        if worst["type"] == "extra_forbidden":
            known = _known_keys(model, where[:-1])
            raise document.error(where, "unknown key" + nearest(str(where[-1]), known)) from err
        if worst["type"] == "missing":
            raise document.error(where, f"{worst['loc'][-1]} is missing") from err
        problem = worst["msg"].removeprefix("Value error, ")
        raise document.error(where, problem[0].lower() + problem[1:]) from err


def _standing(data: Any, loc: tuple[Key, ...]) -> tuple[Key, ...]:
    """The parts of a location that stand in the data; Pydantic puts names of its own in between."""
    found = []
    for part in loc:
        keys = data if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else ()
        if part in keys:
            data = data[part]
            found.append(part)
    return tuple(found)


def _known_keys(model: type[BaseModel], loc: tuple[Key, ...]) -> list[str]:
    current: Any = model
    for part in loc:
        if isinstance(current, type) and issubclass(current, BaseModel) and part in current.model_fields:
            current = current.model_fields[str(part)].annotation
        for inner in getattr(current, "__args__", ()):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                current = inner
    if isinstance(current, type) and issubclass(current, BaseModel):
        return [field.alias or name for name, field in current.model_fields.items()]
    return []


def nearest(word: str, known: Iterable[str]) -> str:
    """``; did you mean 'x'?`` or the whole short list, to append to an error about an unknown name."""
    known = sorted(known)
    if close := difflib.get_close_matches(word, known, n=1, cutoff=0.5):
        return f"; did you mean {close[0]!r}?"
    return f"; one of: {', '.join(known)}" if 0 < len(known) <= 12 else ""

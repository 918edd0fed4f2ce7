"""YAML and JSON read so that every value still knows where it stands in its file.

Both come back as ``Map`` and ``Seq``: a dict and a list that carry the offsets of their values beside them. Nothing is
read recursively and aliases are shared, not copied, so no input can exhaust the stack or the memory.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

import yaml
from yaml.cyaml import CParser  # type: ignore[attr-defined]

from vitals.errors import VitalsError
from vitals.lint.model import Place, Text

MAX_DEPTH = 100  # no rule file or dashboard is nested half as deeply

# Where a value stands: the offsets of its first character and behind its last one, and how it is written
# (`'`, `"`, `|`, `>`; `j`: a JSON string; empty: plain, or not a scalar).
Spot = tuple[int, int, str]


class Unreadable(VitalsError):
    """An input that cannot be judged: what is wrong with it, and where."""

    def __init__(self, place: Place, problem: str) -> None:
        where = f"{place.file}:{place.line}:{place.column}" if place.line else place.file
        super().__init__(f"{where}: {problem}")
        self.place = place
        self.problem = problem


class Map(dict[str, Any]):
    """A mapping, and where its values (``at``) and keys (``keys_at``; none for those that `<<` brought) stand."""

    __slots__ = ("at", "keys_at")

    def __init__(self) -> None:
        self.at: dict[str, Spot] = {}
        self.keys_at: dict[str, int] = {}


class Seq(list[Any]):
    """A sequence, and where its items stand."""

    __slots__ = ("at",)

    def __init__(self) -> None:
        self.at: list[Spot] = []


class Origin:
    """A text and the file that it comes from; offsets into the text become places in the file."""

    def __init__(self, file: str, text: str, inside: Scalar | None = None) -> None:
        self.file = file
        self.text = text
        self._inside = inside  # the string of another origin that this text is the value of
        self._lines: list[int] | None = None

    def place(self, index: int) -> Place:
        if self._inside:
            return self._inside(index)
        if self._lines is None:
            self._lines = [0, *(found.end() for found in re.finditer("\n", self.text))]
        line = bisect_right(self._lines, index)
        return Place(self.file, line, index - self._lines[line - 1] + 1)

    def index(self, index: int) -> int | None:
        """The offset into the file itself; None: not known."""
        return self._inside.index(index) if self._inside else index

    def error(self, index: int, problem: str) -> Unreadable:
        return Unreadable(self.place(index), problem)

    def value(self, value: Any, spot: Spot) -> Text:
        """A scalar as a text that knows where it stands. Numbers and the like come back as they are written."""
        if not isinstance(value, str):
            value = self.text[spot[0]:spot[1]]
        start, _, style = spot
        if style in ("|", ">"):
            start = self.text.find("\n", start) + 1
            start += len(self.text[start:spot[1]]) - len(self.text[start:spot[1]].lstrip())
        elif style:
            start += 1
        return Text(value, self.place(start), Scalar(self, value, spot))

    def inside(self, value: str, spot: Spot) -> Origin:
        """A document that is a string of this one, such as a dashboard in a ConfigMap."""
        return Origin(self.file, value, Scalar(self, value, spot))


class Scalar:
    """Offsets into a scalar's value → offsets and places in its file. Worked out when first asked for."""

    __slots__ = ("_offsets", "origin", "spot", "value")

    def __init__(self, origin: Origin, value: str, spot: Spot) -> None:
        self.origin = origin
        self.value = value
        self.spot = spot
        self._offsets: list[int] | None = None

    @property
    def exact(self) -> bool:
        if self._offsets is None:
            self._offsets = _align(self.origin.text, self.value, self.spot)
        return len(self._offsets) > 1 or not self.value

    def __call__(self, offset: int) -> Place:
        return self.origin.place(self._at(offset))

    def index(self, offset: int) -> int | None:
        """The offset into the file; None where only the start is known."""
        return self.origin.index(self._at(offset)) if self.exact else None

    def written(self, new: str) -> str:
        """A piece of text as it must be written in here."""
        if self.spot[2] in ('"', "j"):
            return json.dumps(new, ensure_ascii=False)[1:-1]
        return new.replace("'", "''") if self.spot[2] == "'" else new

    def _at(self, offset: int) -> int:
        exact = self.exact
        assert self._offsets is not None
        return self._offsets[min(offset, len(self._offsets) - 1)] if exact else self._offsets[0]


ESCAPES = {"0": "\0", "a": "\a", "b": "\b", "t": "\t", "\t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r",
           "e": "\x1b", " ": " ", '"': '"', "/": "/", "\\": "\\", "N": "\x85", "_": "\xa0", "L": "\u2028",
           "P": "\u2029"}
ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(\r?\n[ \t]*)|(.))")


def _align(text: str, value: str, spot: Spot) -> list[int]:
    """The offset into ``text`` of each character of ``value``, and of its end; only the first one if unsure.

    Words of the value are found again one by one: however YAML folds, strips and indents, it only touches the white
    space between them.
    """
    start, end, style = spot
    if style in ("|", ">"):
        start = text.find("\n", start, end) + 1 or end
    elif style:
        start, end = start + 1, end - 1
    written = text[start:end]
    if written == value:
        return list(range(start, end + 1))
    signs, offsets = list(written), list(range(start, end))
    if style in ('"', "j"):
        signs, offsets = _unescape(written, start)
    elif style == "'":
        for i in reversed([m.start() for m in re.finditer("''", written)]):
            del signs[i + 1], offsets[i + 1]
    offsets.append(end)
    decoded = "".join(signs)
    if decoded == value:
        return offsets
    found: list[int] = []
    behind = 0  # in decoded: behind the last word
    words = re.finditer(r"[^ \t\r\n]+", decoded)
    for word in re.finditer(r"[^ \t\r\n]+", value):
        match = next(words, None)
        if match is None or match[0] != word[0]:
            return [start]
        gap = word.start() - len(found)
        found += [offsets[min(behind + i, match.start() - 1)] if match.start() > behind else offsets[match.start()]
                  for i in range(gap)]
        found += offsets[match.start():match.end()]
        behind = match.end()
    if next(words, None):
        return [start]
    return found + [offsets[min(behind + i, len(decoded))] for i in range(len(value) - len(found) + 1)]


def _unescape(written: str, start: int) -> tuple[list[str], list[int]]:
    signs: list[str] = []
    offsets: list[int] = []
    done = 0
    for match in ESCAPE.finditer(written):
        signs += written[done:match.start()]
        offsets += range(start + done, start + match.start())
        done = match.end()
        two, four, eight, folded, one = match.groups()
        if folded is not None:
            continue
        sign = ESCAPES.get(one, one) if one is not None else _character(int(two or four or eight, 16))
        if signs and "\ud800" <= signs[-1] <= "\udbff" and "\udc00" <= sign <= "\udfff":  # JSON's surrogate pairs
            signs[-1] = chr(0x10000 + (ord(signs[-1]) - 0xD800) * 0x400 + ord(sign) - 0xDC00)
            continue
        signs.append(sign)
        offsets.append(start + match.start())
    signs += written[done:]
    offsets += range(start + done, start + len(written))
    return signs, offsets


def _character(code: int) -> str:
    return chr(code) if code < 0x110000 else "\ufffd"


class Budget:
    """How many values of a file may be looked at. Without aliases it holds no more; with them it may seem to."""

    def __init__(self, text: str) -> None:
        self.left = 50_000 + 3 * len(text)

    def spend(self, count: int, origin: Origin, index: int) -> None:
        self.left -= count
        if self.left < 0:
            raise origin.error(index, "aliases that unfold to far more than the file holds; write it out")


# --- YAML -----------------------------------------------------------------------------------------------

PLAIN = {"": None, "~": None, "null": None, "Null": None, "NULL": None, "true": True, "True": True, "TRUE": True,
         "false": False, "False": False, "FALSE": False}
NUMBER = re.compile(r"[-+]?(?:[0-9]{1,18}|[0-9]*\.[0-9]+(?:[eE][-+]?[0-9]+)?|[0-9]+\.?(?:[eE][-+]?[0-9]+))")


def read_yaml(origin: Origin) -> Iterator[tuple[Any, Spot]]:
    """Each document of a YAML text. Raises Unreadable for what is not YAML, a key given twice, and nesting without end.
    """
    parser = CParser(origin.text)
    try:
        yield from _documents(origin, parser)
    except yaml.MarkedYAMLError as err:
        mark = err.problem_mark or err.context_mark
        raise origin.error(mark.index if mark else 0, f"not YAML: {err.problem or err.context}") from err
    except yaml.reader.ReaderError as err:
        raise origin.error(_position(origin.text, err), f"not YAML: {err.reason}") from err
    except (yaml.YAMLError, ValueError) as err:
        raise origin.error(0, f"not YAML: {err}") from err
    finally:
        parser.dispose()


def _position(text: str, err: yaml.reader.ReaderError) -> int:
    """libyaml counts bytes here, and characters elsewhere."""
    return len(text.encode()[:err.position].decode(errors="ignore"))


def _documents(origin: Origin, parser: CParser) -> Iterator[tuple[Any, Spot]]:
    anchors: dict[str, tuple[Any, Spot]] = {}
    # The open collections: collection, the key that waits for its value, where the collection starts, its anchor.
    stack: list[tuple[Map | Seq | None, str | None, int, str | None]] = []
    current: Map | Seq | None = None
    key: str | None = None
    start, anchor = 0, None
    end = 0  # behind the last scalar
    budget = Budget(origin.text)
    spot: Spot
    while True:
        event: Any = parser.get_event()
        kind = type(event)
        if kind is yaml.ScalarEvent:
            mark, end = event.start_mark.index, event.end_mark.index
            value, style = event.value, event.style or ""
            if event.anchor or event.tag:
                mark = _behind_properties(origin.text, mark)
            spot = (mark, end, style)
            if type(current) is Map and key is None:
                key = value
                if key in current.keys_at and key != "<<":
                    first = origin.place(current.keys_at[key]).line
                    raise origin.error(mark, f"the key {key!r} is given twice (first on line {first}); remove one")
                current.keys_at[key] = mark
                if event.anchor:
                    anchors[event.anchor] = (value, spot)
                continue
            if not style and event.implicit[0]:
                value = _plain(value)
            if event.anchor:
                anchors[event.anchor] = (value, spot)
        elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            if type(current) is Map and key is None:
                raise origin.error(event.start_mark.index, "a key that is not text")
            if len(stack) >= MAX_DEPTH:
                raise origin.error(event.start_mark.index, f"nested more than {MAX_DEPTH} levels deep")
            stack.append((current, key, start, anchor))
            current = Map() if kind is yaml.MappingStartEvent else Seq()
            key, start, anchor = None, event.start_mark.index, event.anchor
            if anchor:
                anchors.pop(anchor, None)
            continue
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            if event.end_mark.index > event.start_mark.index:  # a closing bracket
                end = event.end_mark.index
            value, spot = current, (start, max(start, end), "")
            if anchor:
                anchors[anchor] = (value, spot)
            current, key, start, anchor = stack.pop()
        elif kind is yaml.AliasEvent:
            if event.anchor not in anchors:
                raise origin.error(event.start_mark.index, f"no anchor {event.anchor!r}")
            value, spot = anchors[event.anchor]
            if isinstance(value, Map | Seq):
                end = event.end_mark.index
            if type(current) is Map and key is None:
                key = str(value)
                current.keys_at[key] = event.start_mark.index
                continue
        elif kind is yaml.DocumentStartEvent:
            anchors.clear()
            continue
        elif kind is yaml.StreamEndEvent:
            return
        else:
            continue
        if current is None:
            yield value, spot
        elif type(current) is Seq:
            current.append(value)
            current.at.append(spot)
        elif key == "<<" and isinstance(value, Map | Seq):
            for other in reversed(value) if isinstance(value, Seq) else [value]:
                if isinstance(other, Map):
                    budget.spend(len(other), origin, start)
                    _merge(current, other)  # type: ignore[arg-type]
            key = None
        elif type(current) is Map and key is not None:
            current[key] = value
            current.at[key] = spot
            key = None


PROPERTIES = re.compile(r"(?:[&!][^ \t\r\n]*[ \t\r\n]*)*")


def _behind_properties(text: str, index: int) -> int:
    """Where a value starts whose anchor or tag starts here."""
    return PROPERTIES.match(text, index).end()  # type: ignore[union-attr]


def _merge(into: Map, other: Map) -> None:
    for key, value in other.items():
        if key not in into:
            into[key] = value
            into.at[key] = other.at[key]


def _plain(value: str) -> Any:
    if value in PLAIN:
        return PLAIN[value]
    if value[0] in "0123456789+-." and NUMBER.fullmatch(value):
        return float(value) if any(sign in value for sign in ".eE") else int(value)
    return value


# --- JSON -----------------------------------------------------------------------------------------------

SPACE = re.compile(r"[ \t\r\n]*")
KEY = re.compile(r'[ \t\r\n]*"([^"\\\x00-\x1f]*)"[ \t\r\n]*:[ \t\r\n]*')
ATOM = re.compile(r"(?:(true)|(false)|(null)|(-?(?:0|[1-9][0-9]*))(\.[0-9]+)?([eE][-+]?[0-9]+)?)(?=[ \t\r\n,\]}]|$)")


def read_json(origin: Origin) -> tuple[Any, Spot]:
    """The document of a JSON text. A key given twice counts the last time, as in Grafana. Raises Unreadable."""
    text = origin.text
    stack: list[tuple[Map | Seq | None, str, int]] = []
    current: Map | Seq | None = None
    key = ""
    start = 0
    index = SPACE.match(text, 0).end()  # type: ignore[union-attr]
    first = index
    value: Any
    while True:
        # Here a value starts.
        sign = text[index:index + 1]
        opened = False
        if sign == '"':
            try:
                value, end = scanstring(text, index + 1, True)
            except ValueError as err:
                raise origin.error(getattr(err, "pos", index), f"not JSON: {_reason(err)}") from err
            spot: Spot = (index, end, "j")
        elif sign in ("{", "["):
            if len(stack) >= MAX_DEPTH:
                raise origin.error(index, f"nested more than {MAX_DEPTH} levels deep")
            stack.append((current, key, start))
            current, start, end = Map() if sign == "{" else Seq(), index, index + 1
            opened = True
        else:
            atom = ATOM.match(text, index)
            if not atom:
                raise origin.error(index, "not JSON: a value is missing here" if sign else "not JSON: it ends too soon")
            value, end = _atom(atom), atom.end()
            spot = (index, end, "")
        # Values that end here are put where they belong, until one is followed by a comma.
        while True:
            if not opened:
                if current is None:
                    rest = SPACE.match(text, end).end()  # type: ignore[union-attr]
                    if rest != len(text):
                        raise origin.error(rest, "not JSON: more text behind the document")
                    return value, (first, end, spot[2])
                if type(current) is Seq:
                    current.append(value)
                    current.at.append(spot)
                elif type(current) is Map:
                    current[key] = value
                    current.at[key] = spot
            index = SPACE.match(text, end).end()  # type: ignore[union-attr]
            sign = text[index:index + 1]
            closing = "}" if type(current) is Map else "]"
            if current is not None and sign == closing:
                value, end = current, index + 1
                spot = (start, end, "")
                current, key, start = stack.pop()
                opened = False
                continue
            break
        if current is None:
            continue  # the end of the document is noticed above
        if not opened:
            if sign != ",":
                raise origin.error(index, f"not JSON: expected ',' or '{closing}'" if sign else
                                   "not JSON: it ends too soon")
            index = SPACE.match(text, index + 1).end()  # type: ignore[union-attr]
        if type(current) is Map:
            simple = KEY.match(text, index)
            if simple:
                key, end = simple[1], simple.end()
            else:
                key, end = _key(origin, index)
            current.keys_at[key] = index
            index = end


def _key(origin: Origin, index: int) -> tuple[str, int]:
    text = origin.text
    if text[index:index + 1] != '"':
        raise origin.error(index, "not JSON: expected a key in double quotes")
    try:
        key, end = scanstring(text, index + 1, True)
    except ValueError as err:
        raise origin.error(getattr(err, "pos", index), f"not JSON: {_reason(err)}") from err
    end = SPACE.match(text, end).end()  # type: ignore[union-attr]
    if text[end:end + 1] != ":":
        raise origin.error(end, "not JSON: expected ':' behind the key")
    return key, SPACE.match(text, end + 1).end()  # type: ignore[union-attr]


def _reason(err: ValueError) -> str:
    return str(getattr(err, "msg", err)).lower().rstrip(" at")


def _atom(atom: re.Match[str]) -> Any:
    true, false, null, whole, fraction, exponent = atom.groups()
    if whole is not None:
        return float(atom[0]) if fraction or exponent or len(whole) > 300 else int(whole)
    return True if true else False if false else None

"""PromQL as a tree that knows where each part stands, and which labels a result can have.

A parser of our own: every node needs its span in the text, Grafana's variables may stand anywhere, and whatever is
written must neither crash nor hang the linter. (promql-parser has no spans, takes quadratic time on nested input and
overflows the stack on deep input; tests/lint compares the trees of both.) It is lenient: promtool says what is valid.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

MAX_LENGTH = 100_000
MAX_NESTING = 100
MAX_DEPTH = 120  # of the tree: what walks it may recurse

SIMPLE = frozenset({"sum", "avg", "min", "max", "count", "group", "stddev", "stdvar"})
SELECTING = frozenset({"topk", "bottomk", "limitk", "limit_ratio"})  # aggregations that keep series as they are
PARAMETRIC = SELECTING | {"quantile", "count_values"}
AGGREGATIONS = SIMPLE | PARAMETRIC
COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
ARITHMETIC = frozenset({"+", "-", "*", "/", "%", "^", "atan2"})
SETS = frozenset({"and", "or", "unless"})
# Functions that read a window of a counter's samples, and those that read any window.
RATES = frozenset({"rate", "irate", "increase"})
ABSENT = frozenset({"absent", "absent_over_time"})
CONSTANT = frozenset({"vector", "time", "pi", "scalar", "start", "end", "step", "range"})
DATES = frozenset({"day_of_month", "day_of_week", "day_of_year", "days_in_month", "hour", "minute", "month", "year"})
KEEPS_NAME = frozenset({"last_over_time", "first_over_time", "sort", "sort_desc", "sort_by_label", "sort_by_label_desc",
                        "label_replace", "label_join", "info"})
_PRECEDENCE = {"or": 1, "and": 2, "unless": 2, **dict.fromkeys(COMPARISONS, 3), "+": 4, "-": 4, "*": 5, "/": 5, "%": 5,
               "atan2": 5, "^": 6}

_VARIABLE = r"\$\{[^{}]*\}|\[\[\w+(?::\w+)?\]\]|\$[A-Za-z_]\w*"
_DURATION = r"(?:\d+(?:ms|[smhdwy]))+"
_NUMBER = r"0[xX][0-9a-fA-F_]+|(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"


def _lexer(variables: bool) -> re.Pattern[str]:
    var = f"|{_VARIABLE}" if variables else ""
    inner = r"|\[\[\w+(?::\w+)?\]\]" if variables else ""
    number = f"(?:{_VARIABLE})?(?:{_DURATION})" if variables else _DURATION
    return re.compile(
        rf"""(?:\s+|\#[^\n]*)*+(?:(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)
        |(?P<duration>{number}(?![\w.]))
        |(?P<number>{_NUMBER})
        |(?P<range>\[(?:[^\[\]]{inner})+\])
        |(?P<word>(?:[A-Za-z_:]{var})(?:[\w:]{var})*)
        |(?P<op>=~|!~|==|!=|<=|>=|[-+*/%^<>=(){{}},@])
        |(?P<end>\Z))""", re.X | re.S)


_LEXERS = {flag: _lexer(flag) for flag in (False, True)}
_SPACE = re.compile(r"(?:\s+|#[^\n]*)*+")
_IS_VARIABLE = re.compile(_VARIABLE)
_RANGE = re.compile(rf"\s*(?P<range>{_DURATION})\s*(?::\s*(?P<step>{_DURATION})?\s*)?")
_PARTS = re.compile(r"(\d+)(ms|[smhdwy])")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}


class NotAnalysed(ValueError):
    """Text that is not PromQL, or none that is understood here. ``at``: the offset of what is in the way."""

    def __init__(self, problem: str, at: int | None = None) -> None:
        super().__init__(problem)
        self.at = at


class Matcher(NamedTuple):
    name: str
    op: str
    value: str
    start: int  # of the name
    end: int
    variable: bool  # a Grafana variable or a template stands in it

    @property
    def value_span(self) -> tuple[int, int]:
        """The value with its quotes."""
        return self.end - len(self.value) - 2, self.end


class Labels(NamedTuple):
    """What is known of the labels of each series of a result."""

    only: frozenset[str] | None  # no others but these; None: any
    never: frozenset[str]  # surely not these (only of use when ``only`` is None)
    sure: frozenset[str]  # surely these, by a matcher

    def can_have(self, label: str) -> bool:
        return label in self.only if self.only is not None else label not in self.never

    def selected(self, matched: Labels) -> Labels:
        """These labels in a selection by matchers."""
        if self.only is None:
            return Labels(None, self.never | matched.never, self.sure | matched.sure)
        return Labels(self.only - matched.never | {"__name__"}, _NONE, self.sure | matched.sure & self.only)


_NONE: frozenset[str] = frozenset()
_NAME = frozenset({"__name__"})
ANY = Labels(None, _NONE, _NONE)
NO_LABELS = Labels(_NONE, _NONE, _NONE)


@dataclass(slots=True, eq=False)
class Node:
    start: int
    end: int
    outer: tuple[int, int] = field(default=(0, 0), init=False)  # with its parentheses
    labels: Labels = field(default=ANY, init=False)
    scalar: bool = field(default=False, init=False)
    parent: Node | None = field(default=None, init=False, repr=False)
    depth: int = field(default=1, init=False, repr=False)  # of the tree below, with this node

    @property
    def span(self) -> tuple[int, int]:
        return self.start, self.end

    def children(self) -> tuple[Node, ...]:
        return ()


@dataclass(slots=True, eq=False)
class Number(Node):
    value: float | None  # None: a variable


@dataclass(slots=True, eq=False)
class String(Node):
    value: str


@dataclass(slots=True, eq=False)
class Hole(Node):
    """A Grafana variable that stands for an expression."""

    text: str


@dataclass(slots=True, eq=False)
class Selector(Node):
    name: str | None  # None: given by a matcher that is no plain name, or by a variable
    matchers: tuple[Matcher, ...]
    partial: bool  # a variable stands for some of the matchers, or they are alternatives
    window: float | None = None  # seconds; None: an instant vector, or a variable
    window_text: str = ""
    shifted: bool = False  # offset or @

    @property
    def is_range(self) -> bool:
        return bool(self.window_text)

    def matcher(self, label: str) -> Matcher | None:
        return next((m for m in self.matchers if m.name == label), None)


@dataclass(slots=True, eq=False)
class Subquery(Node):
    expr: Node
    window: float | None
    window_text: str
    step: float | None
    shifted: bool = False

    def children(self) -> tuple[Node, ...]:
        return (self.expr,)


@dataclass(slots=True, eq=False)
class Call(Node):
    func: str
    args: tuple[Node, ...]

    def children(self) -> tuple[Node, ...]:
        return self.args


@dataclass(slots=True, eq=False)
class Aggregate(Node):
    op: str
    mode: str  # by, without, or empty
    by: tuple[str, ...]
    open: bool  # a variable stands among the labels
    param: Node | None
    expr: Node

    def children(self) -> tuple[Node, ...]:
        return (self.param, self.expr) if self.param else (self.expr,)


@dataclass(slots=True, eq=False)
class Binary(Node):
    op: str
    left: Node
    right: Node
    op_start: int
    as_bool: bool = False
    matching: str = ""  # on, ignoring
    on: tuple[str, ...] = ()
    group: str = ""  # left, right
    include: tuple[str, ...] = ()
    open: bool = False  # a variable stands among the labels
    filled: bool = False  # fill(): no match is needed

    def children(self) -> tuple[Node, ...]:
        return (self.left, self.right)


@dataclass(slots=True, eq=False)
class Negation(Node):
    expr: Node

    def children(self) -> tuple[Node, ...]:
        return (self.expr,)


@dataclass(slots=True, eq=False)
class Expression:
    """A parsed expression. The lists hold nodes in the order in which they end in the text."""

    text: str
    root: Node
    nodes: list[Node]
    selectors: list[Selector]
    calls: list[Call]
    aggregates: list[Aggregate]
    binaries: list[Binary]
    subqueries: list[Subquery]

    def source(self, node: Node) -> str:
        return self.text[node.start:node.end]

    def by_span(self, node: Aggregate, label: str) -> tuple[int, int]:
        """Where a label stands in an aggregation's ``by`` or ``without``."""
        found = re.compile(rf"\b{node.mode}\s*\([^)]*?\b({re.escape(label)})\b", re.I).search(self.text, *node.span)
        return found.span(1) if found else node.span

    @property
    def names(self) -> list[str]:
        return [s.name for s in self.selectors if s.name]


@lru_cache(maxsize=4096)
def parse(text: str, variables: bool = False) -> Expression:
    """The tree of an expression; ``variables``: Grafana's may stand in it. Raises NotAnalysed."""
    if len(text) > MAX_LENGTH:
        raise NotAnalysed(f"longer than {MAX_LENGTH} characters")
    return _Parser(text, variables).parse()


def seconds(duration: str) -> float:
    """``1h30m`` → 5400."""
    return sum(float(number) * _SECONDS[unit] for number, unit in _PARTS.findall(duration))


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it, parents first."""
    stack = [node]
    while stack:
        here = stack.pop()
        yield here
        stack.extend(reversed(here.children()))


class _Parser:
    def __init__(self, text: str, variables: bool) -> None:
        self.text = text
        self.variables = variables
        kinds: list[str] = []
        values: list[str] = []
        starts: list[int] = []
        self.kinds, self.values, self.starts = kinds, values, starts
        position, match = 0, _LEXERS[variables].match
        while True:
            found = match(text, position)
            if not found:
                position += len(_SPACE.match(text, position)[0])  # type: ignore[index]
                raise NotAnalysed(f"unexpected {text[position]!r}", position)
            kind = found.lastgroup or ""
            kinds.append(kind)
            values.append(found[kind])
            position = found.end()
            starts.append(position - len(values[-1]))
            if kind == "end":
                break
        self.at = 0
        self.depth = 0
        self.nodes: list[Node] = []

    def parse(self) -> Expression:
        root = self.expression(1)
        if self.kinds[self.at] != "end":
            raise self.wrong()
        every = self.nodes
        return Expression(
            self.text, root, every,
            [n for n in every if type(n) is Selector], [n for n in every if type(n) is Call],
            [n for n in every if type(n) is Aggregate], [n for n in every if type(n) is Binary],
            [n for n in every if type(n) is Subquery])

    # Tokens

    def wrong(self) -> NotAnalysed:
        value = self.values[self.at]
        return NotAnalysed(f"unexpected {value!r}" if value else "unexpected end", self.starts[self.at])

    def take(self, value: str) -> None:
        if self.values[self.at] != value or self.kinds[self.at] == "string":
            raise self.wrong()
        self.at += 1

    def sees(self, value: str) -> bool:
        return self.values[self.at] == value and self.kinds[self.at] == "op"

    def word(self) -> str:
        """The keyword at hand, in small letters; empty: none."""
        return self.values[self.at].lower() if self.kinds[self.at] == "word" else ""

    def end(self) -> int:
        """Where the token before ended."""
        return self.starts[self.at - 1] + len(self.values[self.at - 1])

    def made(self, node: Node) -> Node:
        node.outer = (node.start, node.end)
        for child in node.children():
            child.parent = node
            if child.depth >= node.depth:
                node.depth = child.depth + 1
        if node.depth > MAX_DEPTH:
            raise NotAnalysed("nested too deeply")
        infer(node)
        self.nodes.append(node)
        return node

    # Grammar

    def expression(self, least: int) -> Node:
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise NotAnalysed("nested too deeply")
        left = self.unary()
        while True:
            op = self.values[self.at] if self.kinds[self.at] == "op" else self.word()
            precedence = _PRECEDENCE.get(op, 0)
            if precedence < least:
                break
            node = Binary(left.outer[0], 0, op, left, left, self.starts[self.at])
            self.at += 1
            self.modifiers(node)
            node.right = self.expression(precedence if op == "^" else precedence + 1)
            node.end = node.right.outer[1]
            left = self.made(node)
        self.depth -= 1
        return left

    def modifiers(self, node: Binary) -> None:
        if self.word() == "bool":
            node.as_bool = True
            self.at += 1
        if self.word() in ("on", "ignoring") and self.values[self.at + 1] == "(":
            node.matching = self.word()
            self.at += 1
            node.on, node.open = self.names()
        if self.word() in ("group_left", "group_right"):
            node.group = self.word()[6:]
            self.at += 1
            if self.sees("("):
                node.include, is_open = self.names()
                node.open |= is_open
        while self.word() in ("fill", "fill_left", "fill_right") and self.values[self.at + 1] == "(":
            node.filled = True
            self.at += 2
            self.expression(1)
            self.take(")")

    def names(self) -> tuple[tuple[str, ...], bool]:
        """``(a, b)`` → its labels, and whether a variable is among them."""
        found, is_open = [], False
        self.take("(")
        while not self.sees(")"):
            value = self.values[self.at]
            if self.kinds[self.at] == "string":
                found.append(_unquote(value))
            elif self.kinds[self.at] != "word":
                raise self.wrong()
            elif self.variables and _IS_VARIABLE.search(value):
                is_open = True
            else:
                found.append(value)
            self.at += 1
            if self.sees(","):
                self.at += 1
            elif not self.sees(")"):
                raise self.wrong()
        self.at += 1
        return tuple(found), is_open

    def unary(self) -> Node:
        if self.sees("-") or self.sees("+"):
            start = self.starts[self.at]
            negative = self.values[self.at] == "-"
            self.at += 1
            inner = self.expression(_PRECEDENCE["^"])
            if isinstance(inner, Number):
                inner.value = -inner.value if negative and inner.value is not None else inner.value
                inner.start = start
                inner.outer = (start, inner.outer[1])
                return inner
            return self.made(Negation(start, inner.outer[1], inner)) if negative else inner
        return self.suffixed(self.primary())

    def primary(self) -> Node:
        kind, value, start = self.kinds[self.at], self.values[self.at], self.starts[self.at]
        if kind == "number":
            self.at += 1
            return self.made(Number(start, self.end(), _number(value)))
        if kind == "duration":
            self.at += 1
            return self.made(Number(start, self.end(), None if "$" in value else seconds(value)))
        if kind == "string":
            self.at += 1
            return self.made(String(start, self.end(), _unquote(value)))
        if kind == "word":
            return self.named(value, start)
        if self.sees("("):
            self.at += 1
            inner = self.expression(1)
            self.take(")")
            inner.outer = (start, self.end())
            return inner
        if self.sees("{"):
            return self.selector(None, start)
        raise self.wrong()

    def named(self, value: str, start: int) -> Node:
        after = self.values[self.at + 1]
        low = value.lower()
        if low in AGGREGATIONS and (after == "(" or after.lower() in ("by", "without")):
            return self.aggregate(low, start)
        if after == "(" and self.kinds[self.at + 1] == "op":
            self.at += 2
            args = []
            while not self.sees(")"):
                args.append(self.expression(1))
                if self.sees(","):
                    self.at += 1
                elif not self.sees(")"):
                    raise self.wrong()
            self.at += 1
            return self.made(Call(start, self.end(), value, tuple(args)))
        self.at += 1
        if low in ("inf", "nan") and after != "{":
            return self.made(Number(start, self.end(), float(low)))
        variable = self.variables and _IS_VARIABLE.search(value)
        if variable and variable.span() == (0, len(value)) and not self.sees("{") and self.kinds[self.at] != "range":
            return self.made(Hole(start, self.end(), value))
        return self.selector(None if variable else value, start)

    def aggregate(self, op: str, start: int) -> Node:
        mode, is_open = "", False
        by: tuple[str, ...] = ()
        self.at += 1
        if self.word() in ("by", "without"):
            mode = self.word()
            self.at += 1
            by, is_open = self.names()
        self.take("(")
        args = [self.expression(1)]
        while self.sees(","):
            self.at += 1
            if self.sees(")"):
                break
            args.append(self.expression(1))
        self.take(")")
        if not mode and self.word() in ("by", "without"):
            mode = self.word()
            self.at += 1
            by, is_open = self.names()
        if len(args) != (2 if op in PARAMETRIC else 1):
            raise NotAnalysed(f"{op}() with {len(args)} arguments")
        return self.made(Aggregate(start, self.end(), op, mode, by, is_open, args[0] if len(args) == 2 else None,
                                   args[-1]))

    def selector(self, name: str | None, start: int) -> Node:
        matchers: list[Matcher] = []
        partial = False
        if self.sees("{"):
            self.at += 1
            while not self.sees("}"):
                kind, label, begin = self.kinds[self.at], self.values[self.at], self.starts[self.at]
                if kind not in ("word", "string"):
                    raise self.wrong()
                self.at += 1
                if self.kinds[self.at] == "op" and self.values[self.at] in ("=", "!=", "=~", "!~"):
                    op = self.values[self.at]
                    self.at += 1
                    value = self.values[self.at]
                    if self.kinds[self.at] == "string":
                        plain = _unquote(value)
                        variable = "{{" in plain or "%(" in plain or self.variables and bool(_IS_VARIABLE.search(plain))
                    elif self.variables and _IS_VARIABLE.search(value):
                        plain, variable = value, True
                    else:
                        raise self.wrong()
                    self.at += 1
                    label = _unquote(label) if kind == "string" else label
                    if self.variables and _IS_VARIABLE.search(label):
                        partial = True
                    elif label == "__name__":
                        name = plain if op == "=" and not variable else None
                        matchers.append(Matcher(label, op, plain, begin, self.end(), variable))
                    else:
                        matchers.append(Matcher(label, op, plain, begin, self.end(), variable))
                elif kind == "string":
                    name = _unquote(label)
                elif self.variables and _IS_VARIABLE.search(label):
                    partial = True
                else:
                    raise self.wrong()
                if self.sees(","):
                    self.at += 1
                elif self.word() == "or":  # VictoriaMetrics
                    partial = True
                    self.at += 1
                elif not self.sees("}"):
                    raise self.wrong()
            self.at += 1
        elif name is None and not self.variables:
            raise self.wrong()
        node = Selector(start, self.end(), name, tuple(matchers), partial)
        if self.kinds[self.at] == "range" and not (":" in self.values[self.at] and not self.plain_range()):
            node.window, node.window_text, _ = self.window()
            node.end = self.end()
        node.shifted = self.shift()
        node.end = self.end()
        return self.made(node)

    def plain_range(self) -> bool:
        """True: no subquery (a colon may also stand in ``${x:csv}``)."""
        return ":" not in _IS_VARIABLE.sub("", self.values[self.at])

    def suffixed(self, node: Node) -> Node:
        """Subqueries, and what shifts them, to any depth."""
        while self.kinds[self.at] == "range":
            if self.plain_range() or isinstance(node, Number | String):
                raise self.wrong()
            window, text, step = self.window()
            outer = node.outer[0]
            node = Subquery(outer, self.end(), node, window, text, step)
            node.shifted = self.shift()
            node.end = self.end()
            node = self.made(node)
        if not isinstance(node, Selector | Subquery):
            self.shift()
        return node

    def window(self) -> tuple[float | None, str, float | None]:
        text = self.values[self.at][1:-1]
        self.at += 1
        found = _RANGE.fullmatch(text)
        if not found:
            return None, text.strip(), None
        step = found["step"]
        return seconds(found["range"]), found["range"], seconds(step) if step else None

    def shift(self) -> bool:
        """``offset 5m``, ``@ end()``; and ``anchored``, ``smoothed``."""
        shifted = False
        while True:
            if self.word() == "offset":
                self.at += 1
                if self.sees("-"):
                    self.at += 1
                if self.kinds[self.at] not in ("duration", "number", "word"):
                    raise self.wrong()
                self.at += 1
            elif self.sees("@"):
                self.at += 1
                if self.sees("-"):
                    self.at += 1
                if self.kinds[self.at] not in ("number", "word"):
                    raise self.wrong()
                self.at += 1
                if self.sees("("):
                    self.at += 1
                    self.take(")")
            elif self.word() in ("anchored", "smoothed"):
                self.at += 1
                continue
            else:
                return shifted
            shifted = True


def _number(text: str) -> float:
    text = text.replace("_", "")
    if text[:2] not in ("0x", "0X"):
        return float(text)
    return float(int(text, 16)) if len(text) < 200 else float("inf")


_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2}|[0-7]{3}|.)", re.S)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


def _unquote(text: str) -> str:
    body = text[1:-1]
    if text[0] == "`" or "\\" not in body:
        return body
    return _ESCAPE.sub(_unescape, body)


def _unescape(found: re.Match[str]) -> str:
    code = found[1]
    if code in _ESCAPES:
        return _ESCAPES[code]
    if code[0] in "uUx" and len(code) > 1:
        number = int(code[1:], 16)
        return chr(number) if number < 0x110000 else ""
    return chr(int(code, 8)) if len(code) == 3 else code


# Which labels a result can have

def infer(node: Node) -> None:
    """Sets ``labels`` and ``scalar`` from those of the children."""
    kind = type(node)
    if kind is Selector:
        node.labels = _of_selector(node)  # type: ignore[arg-type]
    elif kind is Number or kind is String:
        node.scalar, node.labels = True, NO_LABELS
    elif kind is Call:
        _of_call(node)  # type: ignore[arg-type]
    elif kind is Aggregate:
        node.labels = _of_aggregate(node)  # type: ignore[arg-type]
    elif kind is Binary:
        _of_binary(node)  # type: ignore[arg-type]
    elif kind is Negation:
        node.scalar = node.expr.scalar  # type: ignore[attr-defined]
        node.labels = without_name(node.expr.labels)  # type: ignore[attr-defined]
    elif kind is Subquery:
        node.labels = node.expr.labels  # type: ignore[attr-defined]


def _of_selector(node: Selector) -> Labels:
    never: set[str] = set()
    sure: set[str] = set()
    if node.partial:
        return ANY
    for m in node.matchers:
        if m.variable:
            continue
        if m.op == "=":
            (sure if m.value else never).add(m.name)
        elif m.op == "!=" and not m.value or m.op == "=~" and not matches_empty(m.value):
            sure.add(m.name)
    if never & sure:
        never -= sure
    return Labels(None, frozenset(never), frozenset(sure)) if never or sure else ANY


@lru_cache(maxsize=4096)
def matches_empty(pattern: str) -> bool:
    """Whether a matcher's expression takes an absent label. What cannot be told counts as yes."""
    if len(pattern) > 1000:
        return True
    if re.fullmatch(r"[\w./:-]+(?:\|[\w./:-]+)*", pattern):
        return False
    try:
        return bool(re.fullmatch(f"(?:{pattern})", ""))
    except (re.error, RecursionError, OverflowError):
        return True


def without_name(labels: Labels) -> Labels:
    return _minus(labels, _NAME)


def _minus(labels: Labels, gone: frozenset[str]) -> Labels:
    if labels.only is not None:
        return labels if not labels.only & gone else Labels(labels.only - gone, _NONE, labels.sure - gone)
    return labels if gone <= labels.never else Labels(None, labels.never | gone, labels.sure - gone)


def _only(labels: Labels, kept: frozenset[str]) -> Labels:
    if labels.only is not None:
        return Labels(labels.only & kept, _NONE, labels.sure & kept)
    return Labels(kept - labels.never, _NONE, labels.sure & kept)


def plus(labels: Labels, added: frozenset[str]) -> Labels:
    """Labels that may have been added or replaced."""
    if labels.only is not None:
        return Labels(labels.only | added, _NONE, labels.sure - added)
    return Labels(None, labels.never - added, labels.sure - added)


def either(one: Labels, other: Labels) -> Labels:
    sure = one.sure & other.sure
    if one.only is not None and other.only is not None:
        return Labels(one.only | other.only, _NONE, sure)
    if one.only is None and other.only is None:
        return Labels(None, one.never & other.never, sure)
    closed, opened = (one, other) if one.only is not None else (other, one)
    return Labels(None, opened.never - (closed.only or _NONE), sure)


def _of_call(node: Call) -> None:
    func, args = node.func, node.args
    if func in CONSTANT or func in DATES and not args:
        node.labels, node.scalar = NO_LABELS, func != "vector" and func not in DATES
    elif func in ABSENT:
        node.labels = _of_absent(args[0]) if args else ANY
    elif func == "label_replace" or func == "label_join":
        node.labels = _of_relabel(func, args)
    elif func == "info" or func == "histogram_quantiles":
        node.labels = ANY
    else:
        vectors = [arg for arg in args if not arg.scalar]
        if len(vectors) != 1:
            node.labels = ANY
            return
        labels = vectors[0].labels
        if func == "histogram_quantile":
            labels = _minus(labels, frozenset({"le"}))
        node.labels = labels if func in KEEPS_NAME else without_name(labels)


def _of_absent(arg: Node) -> Labels:
    """absent() takes over the labels that are matched by ``=``, once, in a plain selector."""
    if not isinstance(arg, Selector):
        return NO_LABELS
    if arg.partial:
        return ANY
    seen: dict[str, list[Matcher]] = {}
    for m in arg.matchers:
        seen.setdefault(m.name, []).append(m)
    known = frozenset(name for name, found in seen.items()
                      if name != "__name__" and len(found) == 1 and found[0].op == "=" and found[0].value)
    return Labels(known, _NONE, frozenset(name for name in known if not seen[name][0].variable))


def _of_relabel(func: str, args: tuple[Node, ...]) -> Labels:
    if len(args) < 3 or not all(isinstance(arg, String) for arg in args[1:]):
        return ANY
    target = args[1].value  # type: ignore[attr-defined]
    if "$" in target or "[[" in target:
        return ANY
    labels = plus(args[0].labels, frozenset({target}))
    if func == "label_replace" and len(args) == 5:
        constant, pattern = args[2].value, args[4].value  # type: ignore[attr-defined]
        if constant and "$" not in constant and pattern in ("", ".*", "(.*)"):
            labels = labels._replace(sure=labels.sure | {target})
    return labels


def _of_aggregate(node: Aggregate) -> Labels:
    labels = node.expr.labels
    if node.op in SELECTING:
        return labels
    if node.open and node.mode == "by":
        labels = ANY
    elif node.mode == "without":
        labels = _minus(labels, frozenset(node.by) | _NAME)
    else:
        labels = _only(labels, frozenset(node.by))
    if node.op == "count_values" and isinstance(node.param, String):
        labels = plus(labels, frozenset({node.param.value}))
    return labels


def _of_binary(node: Binary) -> None:
    left, right = node.left, node.right
    if left.scalar and right.scalar:
        node.scalar, node.labels = True, NO_LABELS
        return
    keeps_name = node.op in SETS or node.op in COMPARISONS and not node.as_bool
    if left.scalar or right.scalar or isinstance(left, Hole) or isinstance(right, Hole):
        if isinstance(left, Hole) and not right.scalar or isinstance(right, Hole) and not left.scalar:
            node.labels = ANY
            return
        labels = right.labels if left.scalar else left.labels
        node.labels = labels if keeps_name else without_name(labels)
        return
    if node.op == "or":
        node.labels = either(left.labels, right.labels)
        return
    if node.op in SETS:
        node.labels = left.labels
        return
    many, one = (right, left) if node.group == "right" else (left, right)
    labels = many.labels if keeps_name else without_name(many.labels)
    if node.open:
        node.labels = ANY
    elif node.group:
        node.labels = _copied(labels, one.labels, node.include)
    elif node.matching == "on":
        node.labels = _only(labels, frozenset(node.on))
    elif node.matching == "ignoring":
        node.labels = _minus(labels, frozenset(node.on))
    else:
        # Both sides have the very same labels.
        if one.labels.only is not None:
            labels = _only(labels, one.labels.only | (labels.only & _NAME if labels.only else _NONE))
        node.labels = labels._replace(sure=labels.sure | {x for x in one.labels.sure if labels.can_have(x)} - _NAME)


def _copied(many: Labels, one: Labels, include: tuple[str, ...]) -> Labels:
    """What group_left(include) makes of the labels: copied where they are, removed where they are not."""
    names = frozenset(include)
    lost = frozenset(name for name in names if not one.can_have(name))
    labels = _minus(plus(many, names), lost) if names else many
    return labels._replace(sure=labels.sure | {name for name in names if name in one.sure})

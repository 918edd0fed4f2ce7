"""Our parser's trees are those of promql-parser; every node stands where its text does."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import promql_parser as other
import pytest
import yaml

from vitals.lint import expression
from vitals.lint.expression import (
    Aggregate,
    Binary,
    Call,
    Hole,
    Negation,
    Node,
    NotAnalysed,
    Number,
    Selector,
    String,
    Subquery,
    parse,
)

ROOT = Path(__file__).parents[2]
FOLDERS = [ROOT / "prometheus" / "rules", ROOT / "tests" / "lint" / "documents"]


def rules() -> list[str]:
    found: set[str] = set()
    for folder in FOLDERS:
        for file in folder.rglob("*.yml"):
            for group in yaml.load(file.read_text(), yaml.CSafeLoader)["groups"]:
                found |= {str(rule["expr"]) for rule in group["rules"]}
    for file in (ROOT / "tests" / "lint" / "corpus").glob("*.yaml"):
        cases = yaml.load(file.read_text(), yaml.CSafeLoader)
        found |= {case.get("alert") or case.get("record") for case in cases if isinstance(case, dict)} - {None}
    return sorted(found)


def ours(node: Node) -> Any:
    match node:
        case Number():
            return node.value
        case String():
            return node.value
        case Selector():
            matchers = sorted((m.name, m.op, m.value) for m in node.matchers)
            return "selector", matchers, node.window, node.shifted
        case Subquery():
            return "subquery", ours(node.expr), node.window, node.step, node.shifted
        case Call():
            return "call", node.func, [ours(arg) for arg in node.args]
        case Aggregate():
            return "aggregate", node.op, node.mode, list(node.by), ours(node.param) if node.param else None, ours(node.expr)
        case Binary():
            return ("binary", node.op, node.as_bool, node.matching, list(node.on), node.group, list(node.include),
                    ours(node.left), ours(node.right))
        case Negation():
            return "negation", ours(node.expr)
    raise AssertionError(node)


def theirs(node: Any, window: float | None = None) -> Any:
    match type(node).__name__:
        case "NumberLiteral" | "StringLiteral":
            return node.val
        case "ParenExpr":
            return theirs(node.expr)
        case "VectorSelector":
            shifted = node.offset is not None or node.at is not None
            named = [(m.name, OPS[str(m.op)], m.value) for m in node.matchers.matchers]
            return "selector", sorted(named), window, shifted
        case "MatrixSelector":
            return theirs(node.vector_selector, node.range.total_seconds())
        case "SubqueryExpr":
            shifted = node.offset is not None or node.at is not None
            return ("subquery", theirs(node.expr), node.range.total_seconds(),
                    node.step.total_seconds() if node.step else None, shifted)
        case "Call":
            return "call", node.func.name, [theirs(arg) for arg in node.args]
        case "AggregateExpr":
            mode = "" if node.modifier is None else str(node.modifier.type).rpartition(".")[2].lower()
            return ("aggregate", str(node.op), mode, list(node.modifier.labels) if node.modifier else [],
                    theirs(node.param) if node.param is not None else None, theirs(node.expr))
        case "BinaryExpr":
            m = node.modifier
            matching = str(m.matching.type).rpartition(".")[2].lower() if m and m.matching else ""
            matching = {"include": "on", "exclude": "ignoring"}.get(matching, matching)
            card = str(m.card).rpartition(".")[2] if m else ""
            return ("binary", str(node.op), bool(m and m.return_bool), matching,
                    list(m.matching.labels) if m and m.matching else [],
                    {"ManyToOne": "left", "OneToMany": "right"}.get(card, ""), list(m.group_labels or []) if m else [],
                    theirs(node.lhs), theirs(node.rhs))
        case "UnaryExpr":
            return "negation", theirs(node.expr)
    raise AssertionError(type(node))


OPS = {"MatchOp.Equal": "=", "MatchOp.NotEqual": "!=", "MatchOp.Re": "=~", "MatchOp.NotRe": "!~"}
SHAPES = [
    "a - b - c", "a ^ b ^ c", "-a ^ b", "-1 ^ 2", "a or b and c unless d", "a + b * c > d", "a > bool 1 == bool 0",
    "sum(a) by (b)", "sum without (b, c) (a)", "topk(3, a)", "topk by (x) (3, a)", "quantile(0.5, a)",
    'count_values("v", a)', "a / on (x) group_left (y) b", "a / ignoring (x) group_right () b", "a and on () b",
    "rate(a[5m])", "rate(a[1h30m] offset 5m)", "max_over_time(rate(a[5m])[1h:1m])", "sum(a)[5m:]", "a @ end()",
    "a @ 1600000000 offset -5m", "a{b='c', d!=\"e\", f=~`g`, h!~'i',}", "{a='b'}", 'a{b="\\n\\"\\u00e4"}', "1e3 + 0x1F + .5",
    "Inf + NaN", "((a))", "(a + b) * c", "a atan2 b", "a % b", "time()", "vector(1) or on () sum(a)", "SUM(a) BY (b)",
    "a # comment\n+ b", "absent(a{b='c'})", "label_replace(a, 'b', '$1', 'c', '(.*)')", "sum", "by", "offset",
    "a == on (b) c", "a unless ignoring (b) c", "-sum(a)", "- a - - b", "+a", "a offset 5m", "hour()", "day_of_week(a)"]


@pytest.mark.parametrize("text", SHAPES)
def test_shapes(text: str) -> None:
    assert repr(ours(parse(text).root)) == repr(theirs(other.parse(text)))


def test_rules_have_the_trees_of_promql_parser() -> None:
    texts = rules()
    assert len(texts) > 1000
    for text in texts:
        try:
            other.parse(text)
        except ValueError:
            continue  # one of the snippets that are wrong on purpose
        assert repr(ours(parse(text).root)) == repr(theirs(other.parse(text))), text


def test_spans() -> None:
    for text in [*SHAPES, *rules()]:
        parsed = parse(text)
        for node in parsed.nodes:
            assert 0 <= node.outer[0] <= node.start < node.end <= node.outer[1] <= len(text)
            if node.outer[0] < node.start:
                assert text[node.outer[0]] in "(+" and text[node.outer[1] - 1] == ")" or text[node.outer[0]] == "+"
            for child in node.children():
                assert child.parent is node
                assert node.start <= child.outer[0] and child.outer[1] <= node.end
            if isinstance(node, Selector):
                written = text[node.start:node.end]
                assert written.startswith(node.name or "{")
                for m in node.matchers:
                    assert text[m.start:m.end].startswith((m.name, '"', "'")) and text[m.end - 1] in "\"'`"
            if isinstance(node, Binary):
                assert text[node.op_start:].lower().startswith(node.op)
            if isinstance(node, Call):
                assert text[node.start:].startswith(node.func) and text[node.end - 1] == ")"


VARIABLES = {
    'rate(x{job=~"$job"}[$__rate_interval])': [Selector, Call],
    "sum(rate(${metric}_total[[[i]]])) by ($by, a)": [Selector, Call, Aggregate],
    "topk($n, x)": [Hole, Selector, Aggregate],
    "x > $limit": [Selector, Hole, Binary],
    "x{$filter, a='b'}": [Selector],
    "x{[[label]]='b'}": [Selector],
    "max_over_time(x[$__range:$step])": [Selector, Subquery, Call],
    "rate(x[${__range_s}s])": [Selector, Call],
    "x offset $shift": [Selector],
    "histogram_quantile($q, x)": [Hole, Selector, Call],
    "x / ${__range_s}": [Selector, Hole, Binary],
}


@pytest.mark.parametrize(("text", "kinds"), VARIABLES.items(), ids=VARIABLES)
def test_variables_of_grafana(text: str, kinds: list[type]) -> None:
    parsed = parse(text, True)
    assert [type(node) for node in parsed.nodes] == kinds
    assert parsed.text == text


@pytest.mark.parametrize("text", ["", " ", "sum(", "a b", "a +", "a{b}", "a{b=c}", "rate(a[])", "a[5m", "{{ .Values.x }}",
                                  "a > $b", "'open", "(" * 200 + "a" + ")" * 200, "x" * 200_000, "+".join("a" * 500)])
def test_what_is_not_analysed(text: str) -> None:
    with pytest.raises(NotAnalysed):
        parse(text)


def test_what_is_cut_or_mixed_up_is_refused_or_parsed_never_more() -> None:
    dice = random.Random(7)
    texts = rules()
    for _ in range(2000):
        text = dice.choice(texts)
        start = dice.randrange(len(text))
        text = text[:start] + dice.choice(texts)[:dice.randrange(40)] + text[start + dice.randrange(10):]
        try:
            parse(text)
        except NotAnalysed:
            continue


def test_labels() -> None:
    def labels(text: str) -> tuple[set[str] | None, set[str], set[str]]:
        found = parse(text).root.labels
        return None if found.only is None else set(found.only), set(found.never), set(found.sure)

    assert labels("a{b='c', d=''}") == (None, {"d"}, {"b"})
    assert labels("a{b=~'c|d'}") == (None, set(), {"b"})
    assert labels("a{b=~'c|'}") == (None, set(), set())
    assert labels("a{b=~'.*'}") == (None, set(), set())
    assert labels("sum by (b, c) (a{b='x'})") == ({"b", "c"}, set(), {"b"})
    assert labels("sum without (b) (a)") == (None, {"__name__", "b"}, set())
    assert labels("sum(a)") == (set(), set(), set())
    assert labels("topk(1, a{b='x'})") == (None, set(), {"b"})
    assert labels("sum by (b) (a) / on (b) group_left (c) d") == ({"b", "c"}, set(), set())
    assert labels("a * on (b) group_left (c) sum by (b) (d)") == (None, {"__name__", "c"}, set())
    assert labels("a / on (b) d")[0] == {"b"}
    assert labels("a / ignoring (b) d") == (None, {"__name__", "b"}, set())
    assert labels("sum by (b) (a) or c{d='e'}") == (None, set(), set())
    assert labels("sum by (b) (a) or sum by (c) (d)")[0] == {"b", "c"}
    assert labels("absent(a{b='c', d=~'e', f='g'})")[0] == {"b", "f"}
    assert labels("absent(sum(a))")[0] == set()
    assert labels("label_replace(sum(a), 'b', 'x', '', '')") == ({"b"}, set(), {"b"})
    assert labels("label_replace(sum by (b) (a), 'c', '$1', 'b', '(.*)')") == ({"b", "c"}, set(), set())
    assert labels("count_values('v', a)")[0] == {"v"}
    assert labels("histogram_quantile(0.9, sum by (b, le) (rate(a[5m])))")[0] == {"b"}
    assert labels("vector(1)")[0] == set()
    assert labels("a > 1") == (None, set(), set())
    assert labels("a + 1") == (None, {"__name__"}, set())
    assert labels("a and sum by (b) (c)") == (None, set(), set())


def test_limits_are_said() -> None:
    with pytest.raises(NotAnalysed, match="nested too deeply"):
        parse("-" * (expression.MAX_NESTING + 1) + "a")
    with pytest.raises(NotAnalysed, match="longer than"):
        parse("a" * (expression.MAX_LENGTH + 1))

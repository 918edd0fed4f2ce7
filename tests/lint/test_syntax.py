"""What Prometheus would refuse to parse is an error, and what it takes is none."""

from __future__ import annotations

import pytest

from tests.lint.snippets import source
from vitals.lint.model import Finding, Options
from vitals.lint.run import lint


def findings(expr: str, version: tuple[int, int] = (3, 0)) -> list[Finding]:
    read = source("record: a:b:c\nexpr: '" + expr.replace("'", "''") + "'\n")
    return lint([read], options=Options(prometheus=version), checks={"promql-syntax"})


WRONG = {
    # expression: (words of the message, what is marked)
    "sum(foo": ("unclosed left parenthesis", "o"),
    "foo bar": ("unexpected 'bar'", "b"),
    "foo > ": ("unexpected end", ">"),
    "foo{a=b}": ("expected string", "b"),
    "rate(foo)": ("expected type matrix", None),
    "1 > 2": ("BOOL modifier", None),
    "nosuch(foo)": ("unknown function with name 'nosuch'", None),
    "foo{a=~'['}": ("illegal regex", None),
    "{}": ("at least one non-empty matcher", None),
    "label_replace(a, 'b')": ("expected 5 argument(s)", None),
}


@pytest.mark.parametrize(("expr", "said", "marked"), [(k, *v) for k, v in WRONG.items()], ids=WRONG)
def test_what_is_refused(expr: str, said: str, marked: str | None) -> None:
    found, = findings(expr)
    assert said in found.message
    assert found.text and (found.span and found.text.value[slice(*found.span)]) == marked


@pytest.mark.parametrize("expr", [
    "rate(foo[5m])", "foo[5m + 1m]", "rate(foo[5m] smoothed)", "sum by ('a.b') (foo)", "{'a.b'}", "limitk(2, foo)",
    "sum(rate(foo[5m])) > {{ .Values.limit }}", "foo{%(selector)s} > 1", "foo > ${limit}",  # made into PromQL later
    "foo @ end() offset -5m", "ts_of_max_over_time(foo[5m])", "foo # why", "\n foo\n  + bar\n"])
def test_what_is_taken(expr: str) -> None:
    assert findings(expr) == []


def test_a_function_that_was_renamed() -> None:
    assert findings("holt_winters(foo[5m], 0.5, 0.5)", (2, 50)) == []
    assert "double_exponential_smoothing" in findings("holt_winters(foo[5m], 0.5, 0.5)")[0].message

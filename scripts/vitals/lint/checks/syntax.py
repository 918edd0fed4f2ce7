"""What Prometheus cannot parse."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vitals.lint.checks.base import Context, Said, check
from vitals.lint.expression import NotAnalysed, parse
from vitals.lint.model import Rule

# What a grammar that is older than the server's says of what it does not know.
_GRAMMAR = ("invalid promql query", "unexpected character inside brackets")

# What Helm, jsonnet, Ansible or a shell will replace before Prometheus sees it.
_TEMPLATE = re.compile(r"\{\{|\$\{|\$\(|%\(\w+\)|<%|\{%|\[\[|(?<![\w\"'`=~])\$[A-Za-z_]|@@|<[a-zA-Z_-]+>")


_METRICSQL = re.compile(
    r"(?:lag|default|keep_\w+|label_(?:set|del|keep|copy|move|map|match|mismatch|transform|uppercase|lowercase|value|"
    r"graphite_group)|labels_equal|median|median_over_time|mode|mode_over_time|outliers\w+|quantiles\w*|range_\w+|"
    r"rate_over_sum|\w+_prometheus|increase_pure|rollup\w*|running_\w+|share|share_\w+|sum2\w*|"
    r"\w+_(?:eq|ne|gt|le)_over_time|"
    r"t(?:min|max|first|last)_over_time|(?:topk|bottomk)_\w+|union|zscore\w*|any|distinct\w*|geomean\w*|histogram|"
    r"histogram_over_time|histogram_share|hoeffding_\w+|ideriv|iqr_over_time|integrate|interpolate|lifetime|limit_offset|"
    r"buckets_limit|bitmap_\w+|alias|ascent_over_time|descent_over_time|duration_over_time|drop_\w+|prometheus_buckets|"
    r"now|rand\w*|remove_resets|smooth_exponential|stale_samples_over_time|ttf|timezone_offset|scrape_interval|"
    r"aggr_over_time|"
    r"candlestick\w*|count_values_over_time|WITH|with|if|ifnot|sort_by_label_numeric\w*|mad)")


def _too_deep(text: str) -> bool:
    """The library overflows the stack on deep nesting and takes quadratic time on long chains."""
    if len(text) < 1000:
        return False
    try:
        parse(text)
    except NotAnalysed as err:
        return err.at is None
    return False


@check(
    "promql-syntax", "error", "rule",
    "An expression that Prometheus cannot parse",
    why="""\
Prometheus refuses the whole rule file: at a reload it goes on with the rules that it had, at a start it does not start.
""",
    bad="""\
alert: Down
expr: sum(up == 0
""",
    good="""\
alert: Down
expr: sum(up == 0)
""")
def promql_syntax(rule: Rule, context: Context) -> Iterator[Said]:
    import promql_parser

    text = rule.expr.value
    if _TEMPLATE.search(text) or _too_deep(text):
        return
    try:
        promql_parser.parse(text)
        return
    except ValueError as err:
        reason = str(err).strip().splitlines()[0][:200] if str(err).strip() else "it cannot be parsed"
    except BaseException as err:  # the library panics at a number that is too large for it
        if type(err).__name__ != "PanicException":
            raise
        return
    span = None
    try:
        parse(text)
        # Two parsers, one of which understands it: new grammar, unless it is the types that are wrong.
        if reason.startswith(_GRAMMAR):
            return
    except NotAnalysed as err:
        if err.at is None and reason.startswith(_GRAMMAR):
            return
        if err.at is not None:
            start = min(err.at, max(len(text.rstrip()) - 1, 0))
            span = (start, start + 1)
            if reason.startswith(_GRAMMAR[0]):
                reason = str(err)
    unknown = re.search(r"unknown function with name '(\w+)'", reason)
    if unknown and _METRICSQL.fullmatch(unknown[1]):
        yield Said(f"{unknown[1]}() is MetricsQL: VictoriaMetrics knows it, Prometheus does not",
                   "leave it to vmalert, or say it in PromQL", span, rule.expr, severity="info")
        return
    if "unknown function with name 'holt_winters'" in reason:
        if context.options.prometheus < (3, 0):
            return
        reason = "holt_winters is double_exponential_smoothing since Prometheus 3"
    yield Said(f"not PromQL: {reason}", "mend the expression", span, rule.expr)

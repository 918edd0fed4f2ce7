"""`vitals doctor`: reads an app's /metrics page and says which profile fits, what comes alive, and what is wrong."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from rich.table import Table
from rich.text import Text

from vitals import alerts, coverage, labels, page, promql, recording, slo
from vitals.errors import VitalsError
from vitals.labels import Label
from vitals.page import Metric, Page
from vitals.recording import Profiles
from vitals.scraping import LIMITS
from vitals.settings import NAME, Feed, Profile, Relabel, Settings, Source, demo_jobs
from vitals.signals import SIGNALS, THRESHOLDS, Signal
from vitals.yamlfile import nearest

SCRAPE = frozenset({"up", "scrape_duration_seconds", "scrape_samples_scraped"})  # made by Prometheus, on no page
ADDED = frozenset({"instance", "job"})  # labels that Prometheus adds
WORTH_SHOWING = 5  # profiles in the ranking
STACK_SERIES = frozenset({recording.EXPECTED, recording.PRICE, recording.PRICES_AS_OF})  # recorded for every app


@dataclass(frozen=True)
class Fit:
    """How much of a profile's vocabulary the page speaks."""

    profile: str
    title: str
    found: int
    wanted: int
    score: Decimal  # share of the profile's metrics found; one without the labels it should have counts half

    @property
    def share(self) -> float:
        return self.found / self.wanted if self.wanted else 0.0


@dataclass(frozen=True)
class Missing:
    """A signal that the profile knows and the page does not feed; ``alerts`` are those it would wake."""

    signal: str
    metrics: tuple[str, ...]
    alerts: tuple[str, ...]


@dataclass(frozen=True)
class Board:
    uid: str
    title: str
    alive: int
    possible: int  # panels that the whole profile could fill


@dataclass(frozen=True)
class Report:
    """What the doctor found. ``profile`` is None when no profile knows anything of the page."""

    address: str
    metrics: int
    series: int
    fits: tuple[Fit, ...]
    profile: str | None = None
    fed: dict[str, tuple[str, ...]] = field(default_factory=dict)  # signal → metrics
    quiet: tuple[str, ...] = ()  # metrics of fed signals that have no series yet
    alive: dict[str, tuple[str, ...]] = field(default_factory=dict)  # area → alerts
    asleep: tuple[str, ...] = ()
    boards: tuple[Board, ...] = ()
    missing: tuple[Missing, ...] = ()
    unrecognised: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()  # what gives wrong or no results
    hints: tuple[str, ...] = ()
    labels: tuple[Label, ...] = ()
    snippet: str = ""


def examine(address: str, settings: Settings, profiles: Profiles, *, profile: str | None = None,
            token_file: Path | None = None, timeout: float = page.TIMEOUT_SECONDS) -> Report:
    """Reads the page at an address (or in a file) and holds it against the profiles.

    ``profile`` names the one to look at; without it, the best fitting. Raises VitalsError when there is no
    metrics page, or no such profile.
    """
    if profile is not None and profile not in profiles:
        raise VitalsError(f"no profile {profile!r}{nearest(profile, profiles)}")
    return diagnose(page.read(address, token_file, timeout), settings, profiles, profile, token_file)


def diagnose(found: Page, settings: Settings, profiles: Profiles, profile: str | None = None,
             token_file: Path | None = None) -> Report:
    """``examine`` for a page that has been read."""
    fits = rank(found, profiles)
    name = profile or (fits[0].profile if fits else None)
    problems, hints = list(_refused(found)), []
    unbounded = tuple(labels.unbounded(found))
    basics = {"address": found.address, "metrics": len(found.metrics), "series": found.series, "fits": fits}
    if name is None:
        return Report(**basics, unrecognised=tuple(_unrecognised(found, set())), problems=tuple(problems),  # type: ignore[arg-type]
                      labels=unbounded)
    chosen = profiles[name][0]
    present = {signal: feed for signal, feed in
               ((signal, _present(SIGNALS[signal], feed, found)) for signal, feed in chosen.signals.items()) if feed}
    limits = recording.limits(settings, profiles).by_profile[name]
    problems += _wrong_types(chosen, found)
    for signal, feed in present.items():
        beyond, differ = _buckets(SIGNALS[signal], feed, found, limits)
        problems += beyond
        hints += differ
    hints += _absent_labels(present, found)
    hints += _unpriced(chosen, present, found, settings)
    now = _recorded(chosen, set(present), limits)
    whole = _recorded(chosen, set(chosen.signals), limits)
    alive, could = _alive(now), _alive(whole)
    used = {metric for feed in chosen.signals.values() for metric in _wanted(feed)}
    names = {signal: tuple(_metrics(SIGNALS[signal], feed, found)) for signal, feed in present.items()}
    return Report(
        **basics,  # type: ignore[arg-type]
        profile=name, fed=names,
        quiet=tuple(sorted({m for ms in names.values() for m in ms if not found.metrics[m].series})),
        alive=_by_area(alive), asleep=tuple(sorted(could - alive)),
        boards=tuple(_boards(now, whole, settings, profiles)),
        missing=tuple(_missing(chosen, set(present), limits, alive)),
        unrecognised=tuple(_unrecognised(found, used)), problems=tuple(problems), hints=tuple(hints), labels=unbounded,
        snippet=snippet(found.address, name, token_file, profiles),
    )


# --- which profile --------------------------------------------------------------------------------------


def rank(found: Page, profiles: Profiles) -> tuple[Fit, ...]:
    """The profiles that know something of the page, the best first."""
    fits = []
    for name, (profile, _) in profiles.items():
        wanted: dict[str, Decimal] = {}
        for signal, feed in profile.signals.items():
            for metric, its_labels in _asks(SIGNALS[signal], feed):
                if not page.RUNTIME.search(metric):
                    wanted[metric] = max(wanted.get(metric, Decimal(0)), _likeness(metric, its_labels, found))
        hits = sum(1 for value in wanted.values() if value)
        if hits:
            fits.append(Fit(name, profile.title, hits, len(wanted), sum(wanted.values(), Decimal(0)) / len(wanted)))
    return tuple(sorted(fits, key=lambda fit: (-fit.score, fit.profile)))


def _likeness(sample: str, labels: set[str], found: Page) -> Decimal:
    """1 when the page has it with the labels that the profile reads, half when all of those are other ones."""
    metric = found.find(sample)
    if metric is None:
        return Decimal(0)
    return Decimal(1) if not labels or not metric.series or labels & set(metric.labels) else Decimal("0.5")


def _asks(signal: Signal, feed: Feed) -> Iterator[tuple[str, set[str]]]:
    """The samples that feed a signal, each with the app's own labels that the profile reads from it."""
    if feed.expr:
        labels = {_source(value) for value in feed.labels.values()} - ADDED
        yield from ((name, labels) for name in _expression(feed.expr)[1])
    for source in feed.metrics():
        yield (source.metric + _suffix(signal), {_source(value) for value in source.labels.values()} - ADDED)


def _suffix(signal: Signal) -> str:
    """The part of a histogram or summary without which there is none."""
    return {"histogram": "_bucket", "summary": "_count"}.get(signal.kind, "")


def _source(value: str | Relabel) -> str:
    return value if isinstance(value, str) else value.source


@cache
def _expression(expr: str) -> tuple[str, tuple[str, ...]]:
    """A profile's expression with a selector that parses, and the metrics in it."""
    text = expr.replace("{$sel", '{profile="x"')
    return text, tuple(sorted(coverage.reads(text) - SCRAPE))


def _wanted(feed: Feed) -> Iterator[str]:
    """The metrics a feed names, in its own spelling."""
    if feed.expr:
        yield from _expression(feed.expr)[1]
    for source in feed.metrics():
        yield source.metric
        if source.minus:
            yield source.minus


# --- what it feeds --------------------------------------------------------------------------------------


def _present(signal: Signal, feed: Feed, found: Page) -> Feed | None:
    """The feed with the sources that the page has; None when it has none."""
    if feed.expr:
        text, names = _expression(feed.expr)
        there = {name for name in names if found.find(name)}
        return feed if coverage.answers(text, there, always=frozenset({"up"})) else None
    sources = [source for source in feed.metrics() if found.find(source.metric + _suffix(signal))]
    if not sources:
        return None
    return feed if feed.metric else feed.model_copy(update={"sources": sources})


def _metrics(signal: Signal, feed: Feed, found: Page) -> list[str]:
    names = [metric.name for sample, _ in _asks(signal, feed) if (metric := found.find(sample))]
    return list(dict.fromkeys(names))


def _recorded(profile: Profile, signals: set[str], limits: dict[str, Decimal]) -> set[str]:
    """The series that would be recorded if the app fed these of its profile's signals."""
    part = profile.model_copy(update={"signals": {k: v for k, v in profile.signals.items() if k in signals}})
    own = {name: value for name, value in limits.items() if not recording.missing_signals(THRESHOLDS[name], part)}
    found = {rule.record for group in recording.profile_groups(part, own, {}) for rule in group.rules}
    promised = {k: v for k, v in profile.slos.items() if set(slo.SLIS[k].needs) <= recording.feeds(part)}
    return found | slo.recorded(part.model_copy(update={"slos": promised}))


def _alive(recorded: set[str]) -> set[str]:
    """The alerts that can fire from these series. Those that every target has do not count."""
    return {name for name, alert in alerts.all_alerts().items() if _answers(alert.expr, recorded)}


def _answers(expr: str, recorded: set[str]) -> bool:
    """True when the expression has data from these series, and would have none without them."""
    return bool(_reads(expr) & recorded - {recording.APP_INFO}) and coverage.answers(expr, recorded | STACK_SERIES)


@cache
def _reads(expr: str) -> set[str]:
    return coverage.reads(expr)


def _by_area(names: set[str]) -> dict[str, tuple[str, ...]]:
    found = {area: tuple(a.name for a in known if a.name in names) for area, known in alerts.by_area().items()}
    return {area: known for area, known in found.items() if known}


def _missing(profile: Profile, fed: set[str], limits: dict[str, Decimal], alive: set[str]) -> Iterator[Missing]:
    for signal in profile.signals:
        if signal not in fed:
            more = _alive(_recorded(profile, {*fed, signal}, limits)) - alive
            yield Missing(signal, tuple(dict.fromkeys(_wanted(profile.signals[signal]))), tuple(sorted(more)))


def _boards(now: set[str], whole: set[str], settings: Settings, profiles: Profiles) -> Iterator[Board]:
    from vitals import dashboards
    from vitals.dashboards import grafana

    for uid, model in dashboards.models(settings, profiles).items():
        alive: dict[str, list[bool]] = defaultdict(lambda: [False, False])
        for title, expr in grafana.queries(model):
            for i, recorded in enumerate((now, whole)):
                alive[title][i] |= _answers(expr, recorded)
        if possible := sum(could for _, could in alive.values()):
            yield Board(uid, model["title"], sum(lit for lit, _ in alive.values()), possible)


# --- what is wrong --------------------------------------------------------------------------------------


def _refused(found: Page) -> Iterator[str]:
    """What would make Prometheus refuse the whole page."""
    if found.content_type is not None and not found.content_type.lower().startswith(page.CONTENT_TYPES):
        served = f"as {found.content_type}" if found.content_type else "without a Content-Type"
        yield f"served {served}: Prometheus 3 refuses the page; serve it as text/plain; version=0.0.4"
    if "://" in found.address and (query := urlsplit(found.address).query):
        yield f"the address needs ?{query}, which vitals.yaml cannot say; serve the page under a path of its own"
    added = 3  # job, instance, profile
    limits = (("series", found.series, LIMITS["sample_limit"]),
              ("labels on a series", found.most_labels + added, LIMITS["label_limit"]),
              ("characters in a label's value", found.longest_value, LIMITS["label_value_length_limit"]))
    for what, size, limit in limits:
        if isinstance(limit, int) and size > limit:
            yield f"{size:,} {what}: beyond {limit:,}, Prometheus is told to refuse the page"


def _wrong_types(profile: Profile, found: Page) -> Iterator[str]:
    for name, feed in profile.signals.items():
        signal = SIGNALS[name]
        for source in feed.metrics():
            metric = found.metrics.get(source.metric) or found.find(source.metric)
            if metric and (problem := _type_problem(signal, source, metric)):
                yield f"{metric.name} is a {metric.type}, but {name} needs {problem}"


def _type_problem(signal: Signal, source: Source, metric: Metric) -> str | None:
    match signal.kind:
        case "histogram" if metric.type not in ("histogram", "untyped"):
            return "a histogram: buckets can be summed over instances and give quantiles, this cannot"
        case "summary" if metric.type not in ("histogram", "summary", "untyped"):
            return "a histogram or summary (its _sum and _count)"
        case "counter" if metric.type == "gauge":
            return "a counter: a rate over what may fall is wrong"
        case "counter" if metric.type in ("histogram", "summary") and source.metric == metric.name:
            return f"a counter; {metric.name}_count is one"
        case "gauge" if metric.type == "counter" and not source.metric.endswith("_total"):
            return "a gauge: a value as it is now, not a count that only grows"
        case "gauge" if metric.type in ("histogram", "summary"):
            return "a gauge"
    return None


def _buckets(signal: Signal, feed: Feed, found: Page, limits: dict[str, Decimal]) -> tuple[list[str], list[str]]:
    """Limits that the page's buckets cannot show, and bounds that the profile does not expect."""
    if signal.kind != "histogram":
        return [], []
    beyond, differ = [], []
    for source in feed.metrics():
        metric = found.find(source.metric + "_bucket")
        if not metric or not metric.bounds:
            continue
        bounds = sorted(bound * feed.scale for bound in metric.bounds)
        top = bounds[-1]
        for name, limit in sorted(limits.items()):
            threshold = THRESHOLDS[name]
            told = ", ".join(a.name for a in alerts.all_alerts().values() if a.limit == name)
            if threshold.quantile_of == signal.name and limit > top:
                beyond.append(f"{metric.name} ends at a bucket of {promql.number(top)}, but {name} is "
                              f"{promql.number(limit)}: no quantile can pass it, so {told or 'its line'} would never "
                              "show it; add buckets to the app")
            if threshold.bound_of == signal.name and limit not in bounds:
                beyond.append(f"{metric.name} has no bucket of {promql.number(limit)}, which {name} needs")
        if set(metric.bounds) != set(feed.buckets):
            differ.append(f"{metric.name} has buckets {_numbers(metric.bounds)}; the profile expects "
                          f"{_numbers(feed.buckets)}. Copy the profile into a folder of your own (profiles_dir) and "
                          "set buckets there")
    return beyond, differ


def _numbers(values: Iterable[Decimal]) -> str:
    ordered = [promql.number(value) for value in sorted(values)]
    if len(ordered) > 8:
        ordered = [*ordered[:4], "…", *ordered[-3:]]
    return "[" + ", ".join(ordered) + "]"


def _absent_labels(present: dict[str, Feed], found: Page) -> Iterator[str]:
    """Labels that the profile reads and the page has on no series: what they would tell apart is one."""
    for name, feed in present.items():
        for source in feed.metrics():
            metric = found.find(source.metric + _suffix(SIGNALS[name]))
            if not metric or not metric.series:
                continue
            for label, value in source.labels.items():
                if _source(value) in {*metric.labels, *ADDED} or isinstance(value, Relabel) and "" in value.values:
                    continue
                yield f"{metric.name} has no label {_source(value)!r}: {name} is not told apart by {label}"


def _unpriced(profile: Profile, present: dict[str, Feed], found: Page, settings: Settings) -> Iterator[str]:
    """Models whose tokens would cost nothing because nobody says what they cost."""
    if "llm_tokens" not in present or "llm_cost_usd" in profile.signals or not profile.priced:
        return
    models: set[str] = set()
    for source in present["llm_tokens"].metrics():
        metric = found.find(source.metric)
        label = source.labels.get("model")
        if metric and isinstance(label, str):
            models |= metric.labels.get(label, set())
    unknown = sorted(models - set(settings.file.prices.models) - set(settings.file.prices.overrides))
    if unknown:
        listed = ", ".join(unknown[:8]) + (" …" if len(unknown) > 8 else "")
        yield (f"no price for {listed}: name them in vitals.yaml under prices.models (or prices.overrides), "
               "or they cost nothing")


def _unrecognised(found: Page, used: set[str]) -> Iterator[str]:
    known = {metric.name for name in used if (metric := found.metrics.get(name) or found.by_sample.get(name))}
    for name in sorted(found.metrics):
        if name not in known and not page.RUNTIME.search(name) and not name.endswith("_created"):
            yield name


# --- what to paste --------------------------------------------------------------------------------------


def snippet(address: str, profile: str, token_file: Path | None, profiles: Profiles) -> str:
    """The app's entry for vitals.yaml."""
    job, host = "my-app", "HOST:PORT"
    lines = []
    if "://" in address:
        url = urlsplit(address)
        host = url.netloc
        job = _job(url.hostname or "", profiles)
        if url.path != "/metrics" or url.query:
            lines.append(f'metrics_path: "{url.path}"')
        if url.scheme == "https":
            lines.append("scheme: https")
    if token_file:
        lines.append(f'bearer_token_file: "{token_file}"')
    lines = [f"profile: {profile}", f'targets: ["{host}"]', *lines]
    return "\n".join(["apps:", f"  - job: {job}", *(f"    {line}" for line in lines)]) + "\n"


def _job(host: str, profiles: Profiles) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", host.split(".")[0].lower()).strip("-")[:60]
    says_nothing = page.is_address(host) or name == "localhost" or name in demo_jobs(profiles)
    return name if re.match(NAME, name) and not says_nothing else "my-app"


# --- on the screen --------------------------------------------------------------------------------------


def render(report: Report, console: Console | None = None) -> None:
    """Prints the report, ending with what to paste."""
    out = console or Console(highlight=False)
    size = f"{_many(report.metrics, 'metric')}, {report.series} series"
    out.print(Text(_clean(f"{report.address}: {size}"), style="bold"))
    _section(out, "Profiles that fit")
    if not report.fits:
        out.print("None knows any of these metrics. Write one: copy the nearest of prometheus/profiles/.")
    for fit in report.fits[:WORTH_SHOWING]:
        mark = "→" if fit.profile == report.profile else " "
        out.print(Text(f"{mark} {fit.share:4.0%}  {fit.found:3} of {fit.wanted:3} metrics  {fit.profile} ({fit.title})",
                       style="green" if mark == "→" else ""))
    if report.profile:
        _fed(out, report)
    _list(out, "Wrong", report.problems, "red")
    if report.labels:
        _section(out, "Labels without bounds")
        for label in report.labels:
            examples, metrics = ", ".join(label.examples), _some(label.metrics, 4)
            out.print(Text(_clean(f"  {label.label}: {label.why} ({examples}), in {metrics}"),
                           style="red" if label.personal else "yellow"))
    _list(out, "Worth knowing", report.hints, "yellow")
    if report.missing:
        table = Table(title="Signals without a metric", title_justify="left", box=None, pad_edge=False)
        for column in ("signal", "the profile reads", "alerts it would wake"):
            table.add_column(column, overflow="fold")
        for missing in report.missing:
            table.add_row(missing.signal, ", ".join(missing.metrics), ", ".join(missing.alerts))
        out.print()
        out.print(table)
    if report.unrecognised:
        _section(out, f"Not read by {report.profile or 'any profile'}: {_many(len(report.unrecognised), 'metric')}")
        out.print(Text(_clean(_some(report.unrecognised, 20))))
    if report.snippet:
        _section(out, "For vitals.yaml")
        out.print(Text(report.snippet))


def _fed(out: Console, report: Report) -> None:
    total = len(report.fed) + len(report.missing)
    _section(out, f"With {report.profile}: {len(report.fed)} of {total} signals")
    for signal, metrics in report.fed.items():
        out.print(Text(_clean(f"  {signal}: {', '.join(metrics)}")))
    if report.quiet:
        out.print(Text(_clean(f"  no series yet: {', '.join(report.quiet)}"), style="yellow"))
    alive = sum(len(names) for names in report.alive.values())
    _section(out, f"Alerts that come alive: {alive} of {alive + len(report.asleep)}")
    for area, names in report.alive.items():
        out.print(Text(f"  {area}: {', '.join(names)}"))
    if report.asleep:
        out.print(Text(f"  not: {', '.join(report.asleep)}", style="yellow"))
    if report.boards:
        _section(out, "Panels that come alive")
        for board in report.boards:
            out.print(Text(f"  {board.alive:3} of {board.possible:3}  {board.title}"))


def _many(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _some(names: tuple[str, ...], most: int) -> str:
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest


def _section(out: Console, title: str) -> None:
    out.print()
    out.print(Text(title, style="bold"))


def _list(out: Console, title: str, lines: tuple[str, ...], style: str) -> None:
    if lines:
        _section(out, title)
        for line in lines:
            out.print(Text("  " + _clean(line), style=style))


def _clean(text: str) -> str:
    """What a page says, without what would steer the terminal."""
    return "".join(c if c.isprintable() else "�" for c in text)

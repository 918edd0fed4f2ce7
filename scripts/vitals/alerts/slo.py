# ruff: noqa: E501  (texts read best on one line)
"""Error budgets: promises to users that are being broken. Objectives and windows are in scripts/vitals/slo.py."""

from vitals import slo
from vitals.alerts import Alert
from vitals.settings import Severity

_DO = ("Which indicator, and since when? See SLOs.", "What else fires for this app? That is usually the cause.",
       "Was it just deployed? Roll back.")


def _asked(query: str, form: str) -> str:
    """A template action: the answer of a query about the alert's own job and objective."""
    quoted = query.replace("$own", "{job=%q, slo=%q}")
    names = " $labels.job $labels.slo" * query.count("$own")
    return f'{{{{ range query (printf "{quoted}"{names}) }}}}{{{{ . | value | {form} }}}}{{{{ end }}}}'


def _burns(name: str, severity: Severity, for_: str, burn: slo.Burn, means: str, keep: str) -> Alert:
    window, short = burn.long, burn.short
    # An outage that was told as such is not told again when it has used up the budget of availability.
    told = (f'\nunless on (job, slo) label_replace(max by (job) (max_over_time(ALERTS{{alertname=~"ServiceDown|ServiceMissing", '
            f'alertstate="firing"}}[{window}])), "slo", "availability", "", "")') if severity == "critical" else ""
    left = _asked(f"{slo.SECONDS[slo.PERIOD]} * (1 - {slo.OBJECTIVE}$own) / {slo.ratio(window)}$own", "humanizeDuration")
    return Alert(
        name, severity, for_,
        # What a young stack has not seen of the window yet counts as good.
        f"{slo.ratio(window)} * {slo.covered(window)} > on (job, slo) group_left () {slo.limit(window)}\n"
        # The short window ends the alert soon after the trouble ends.
        f"and on (job, slo) {slo.ratio(short)} > on (job, slo) {slo.limit(window)}\n"
        f"and on (job, slo) {slo.bad(window)} >= on (job) group_left () job:slo_bad_events_min:threshold{told}",
        unit="ratio", dashboard="slo", keep_firing_for=keep,
        summary="{{ $labels.job }} misses its objective: {{ $labels.slo }}",
        description=f"In the last {window} {{value}} of the events of {{{{ $labels.slo }}}} were bad at {{{{ $labels.job }}}}; the "
                    f"limit is {_asked(f'{slo.limit(window)}$own', 'humanizePercentage')}. At this rate a whole budget of "
                    f"{slo.PERIOD} lasts {left}.",
        means=means, do=_DO,
    )


ALERTS = [
    _burns("SloBurnsFast", "critical", "2m", slo.BURNS[0], "The error budget of a month would be gone in two days.", "5m"),
    _burns("SloBurns", "critical", "5m", slo.BURNS[1], "The error budget of a month would be gone in five days.", "10m"),
    _burns("SloBurnsSlowly", "warning", "15m", slo.BURNS[2], "The error budget of a month would be gone in ten days.", "30m"),
    _burns("SloBurnsSteadily", "warning", "1h", slo.BURNS[3], "Nothing of the error budget will be left at the end of the month.", "1h"),
    Alert(
        "SloBudgetSpent", "info", "30m",
        f"{slo.BUDGET_LEFT} <= 0\nand on (job, slo) {slo.bad(slo.PERIOD)} >= on (job) group_left () job:slo_bad_events_min:threshold",
        unit="ratio", dashboard="slo", keep_firing_for="2h",
        summary="{{ $labels.job }} has no error budget left: {{ $labels.slo }}",
        description=f"{{{{ $labels.job }}}} promises {_asked(f'{slo.OBJECTIVE}$own', 'humanizePercentage')} for {{{{ $labels.slo }}}} "
                    f"over {slo.PERIOD}; of that error budget {{value}} is left.",
        means="The promise of the last 30 days is broken. Reliability comes before features until it holds again.",
        do=("Stop risky changes to this app.", "What used the budget? See SLOs: one outage, or many small ones?",
            "If nobody was hurt, the objective asks for more than users notice: lower it in vitals.yaml."),
    ),
]

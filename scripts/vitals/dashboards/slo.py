# ruff: noqa: E501  (a panel's texts and queries read best on one line)
"""SLOs: what is promised, what is left of the error budgets, and what uses them up now."""

from vitals import slo
from vitals.dashboards.grafana import Board
from vitals.dashboards.panels import Column, Steps, q, row, table, timeseries

NONE = "the chosen apps' profiles and vitals.yaml promise nothing (slos:)"
MINE = '{job=~"$job"}'
LEGEND = "{{job}} {{slo}}"
LEFT: Steps = ((None, "red"), (0, "orange"), (0.25, "green"))
BURN: Steps = ((None, "green"), (1, "orange"), (6, "red"))


def _burn(window: str) -> str:
    return f"{slo.ratio(window)}{MINE} / on (job, slo) (1 - {slo.OBJECTIVE}{MINE})"


BOARD = Board(
    "vitals-slo", "Agent Vitals: SLOs",
    "Service level objectives of every app: error budgets over 30 days, and how fast they burn.",
    since="now-24h",
    rows=(
        row(
            "Are promises kept?",
            table("Objectives", "Each promise, what was kept of it over 30 days, what is left of its error budget, and how fast the last hour used it: 1 is the pace that uses it up in exactly 30 days. Worry about red: the promise is broken, or will be.", ("job", "slo"),
                  Column("Objective", f"{slo.OBJECTIVE}{MINE}", "percentunit"),
                  Column("Kept in 30 days", f"1 - {slo.ratio('30d')}{MINE}", "percentunit"),
                  Column("Budget left", f"{slo.BUDGET_LEFT}{MINE}", "percentunit", steps=LEFT),
                  Column("Burn rate, 1 h", _burn("1h"), "none", steps=BURN),
                  Column("Bad events, 30 d", f"{slo.bad('30d')}{MINE}", "short"),
                  size=(24, 10), names={"job": "App", "slo": "Indicator"}, empty=NONE),
            timeseries("Error budget left", "What is left of each 30 days' budget. Worry near 0; below it the promise is broken.", "percentunit", q(f"{slo.BUDGET_LEFT}{MINE}", LEGEND), size=(12, 9), top=1, bottom=None, empty=NONE),
            timeseries("Burn rate", "How many times faster than sustainable the last hour used up its budget. Worry above 1: all of it is gone before 30 days are over; at 14.4 a critical alert fires.", "none", q(_burn("1h"), LEGEND), size=(12, 9), empty=NONE),
            collapsed=False,
        ),
        *(row(
            f"How fast over {burn.long}?",
            timeseries(f"Bad share over {burn.long}", "Beyond its limit, together with the short window, it is told.", "percentunit", q(f"{slo.ratio(burn.long)}{MINE}", LEGEND), q(f"{slo.limit(burn.long)}{MINE}", LEGEND + " limit", "limit"), size=(12, 9), empty=NONE),
            timeseries(f"Bad share over {burn.short} of {burn.long}", "The short window ends the alert soon after the trouble ends.", "percentunit", q(f"{slo.ratio(burn.short)}{MINE}", LEGEND), q(f"{slo.limit(burn.long)}{MINE}", LEGEND + " limit", "limit"), size=(12, 9), empty=NONE),
        ) for burn in slo.BURNS),
        row(
            "What is counted?",
            timeseries("All events", "What is counted, a second; for availability it is seconds. Worry when a line falls to the ground: then nothing is promised to anybody.", "short", q(f"{slo.EVENTS}{MINE}", LEGEND), size=(12, 9), empty=NONE),
            timeseries("Bad events", "What of it was bad, a second. Worry when a line leaves zero for long.", "short", q(f"{slo.BAD}{MINE}", LEGEND), size=(12, 9), bottom=None, empty=NONE),
        ),
    ),
)

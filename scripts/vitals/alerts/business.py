# ruff: noqa: E501  (texts read best on one line)
"""What the application is for."""

from vitals.alerts import Alert, under
from vitals.signals import threshold_series


def _dropped(name: str, series: str, what: str, at_least: int) -> Alert:
    """This hour against the same hour a week ago: the rhythm of day and week is in both."""
    week_ago = f"{series} offset 1w"
    # A counter with labels has no series before its first count: nothing since a restart is zero.
    now = f"({series} or 0 * {week_ago})"
    return Alert(
        name, "info", "30m",
        f"{now}\n/ ({week_ago} >= {at_least})\n< on (job) group_left () {threshold_series('business_drop_ratio')}",
        unit="ratio", limit="business_drop_ratio", dashboard="business", keep_firing_for="30m",
        summary=f"{{{{ $labels.job }}}}: {what} at {{value}} of last week's",
        description=f"In the last hour {{{{ $labels.job }}}} had {{value}} of the {what} of the same hour a week ago; told below "
                    "{limit}.",
        means=f"There is clearly less {what} than a week ago at this time.",
        do=("A holiday, a campaign that ended, an outage elsewhere?", "Compare with traffic and errors on Overview."),
    )


ALERTS = [
    Alert(
        "LeadsLow", "warning", "15m",
        "(job:leads:increase1h or 0 * job:leads_per_hour_min:threshold)\n"
        f"< on (job) group_left () {threshold_series('leads_per_hour_min')}\n"
        # Judged only where the app was scraped an hour ago already: an hour's count says nothing before.
        "and on (job) job:app:info offset 1h\n"
        # Where there are no visitors there are no leads: an hour with a quarter of the day's usual traffic counts.
        "unless on (job) job:traffic:increase1h < 0.25 * job:traffic:increase24h / 24",
        unit="count", limit="leads_per_hour_min", dashboard="business", keep_firing_for="15m",
        summary="{{ $labels.job }}: {value} leads in the last hour",
        description="{{ $labels.job }} generated {value} leads in the last hour, over all sources; the limit is {limit}.",
        means="Hardly any leads come in, or none are counted at all.",
        do=("Which source dried up? See Leads by source on Business.", "Do forms, campaigns and integrations work?",
            "Does the app still count them? `vitals doctor URL`."),
    ),
    Alert(
        "CampaignScoreLow", "warning", "15m",
        # A campaign whose score has not moved for 6 hours has ended; its last score stays exposed for ever.
        # (MetricsQL's changes() counts a series' first sample too.)
        under("job_campaign:campaign_score:current", "campaign_score_min")
        + "\nand max_over_time(job_campaign:campaign_score:current[6h]) > min_over_time(job_campaign:campaign_score:current[6h])",
        unit="score", limit="campaign_score_min", dashboard="business", keep_firing_for="15m",
        summary="{{ $labels.job }}: campaign {{ $labels.campaign }} scores {value}",
        description="The running campaign {{ $labels.campaign }} of {{ $labels.job }} scores {value}; the limit is {limit}.",
        means="A running campaign performs badly.",
        do=("Did its audience, content or budget change?", "Pause it, or adapt it."),
    ),
    Alert(
        "CampaignScoreDropped", "info", "15m",
        "job_campaign:campaign_score:current\n"
        "< 0.8 * avg_over_time(job_campaign:campaign_score:current[6h] offset 6h)",
        unit="score", dashboard="business", keep_firing_for="15m",
        summary="{{ $labels.job }}: campaign {{ $labels.campaign }} fell to {value}",
        description="Campaign {{ $labels.campaign }} of {{ $labels.job }} scores {value}, a fifth or more below its mean of 6 to "
                    "12 hours ago.",
        means="A campaign that went well no longer does.",
        do=("What changed in the last hours?", "Compare with the other campaigns: one, or all?"),
    ),
    _dropped("ConversationsDropped", "job:conversations:increase1h", "conversations", 50),
    _dropped("RevenueDropped", "job:revenue_usd:increase1h", "revenue", 50),
    _dropped("RegistrationsDropped", "job:registrations:increase1h", "registrations", 10),
]

"""How Prometheus and Alertmanager work together, and the two Alertmanagers of `WITH=ha` with each other.

Each alert is told once because of how these numbers and those of the routes (notify.py) fit; tests/unit/test_ha.py
holds them together, docs/high-availability.md explains them, and what can still be told twice. In short: alerts are
looked at every 30 s, by both Prometheus at the same moments, and Alertmanager acts half of that later, when nothing
changes. The first one sends. The second waits PEER_TIMEOUT, sees that it is done, and is through with it before the
next evaluation: with a longer wait it would tell of what was before that.
"""

from __future__ import annotations

from vitals.settings import SECOND, Settings

# Less than half an evaluation interval, and more than a slow receiver takes.
PEER_TIMEOUT = "10s"
# How long the second does not know what the first has sent.
GOSSIP_INTERVAL = "50ms"
# After a start. Until it has heard every alert again (RESEND_DELAY) it does not know what hides what.
START_DELAY = "35s"

# A little less than the evaluation interval: every alert is told again at every evaluation.
RESEND_DELAY = "25s"
# What fired before Prometheus was restarted fires again within two evaluations if it is held for at least this long.
# With Prometheus' own ten minutes, shorter ones would be held anew, and taken back by Alertmanager meanwhile.
GRACE_PERIOD = "1m"

PROMETHEUS = (f"--rules.alert.resend-delay={RESEND_DELAY}", f"--rules.alert.for-grace-period={GRACE_PERIOD}")


def flags(settings: Settings, name: str) -> list[str]:
    """Alertmanager's flags about its cluster, for one that listens on loopback."""
    if not settings.ha:
        return ["--cluster.listen-address="]
    address = {part: f"127.0.0.1:{settings.ports[f'{part}-gossip']}" for part in settings.replicas("alertmanager")}
    return [
        f"--cluster.listen-address={address[name]}", f"--cluster.advertise-address={address[name]}",
        *(f"--cluster.peer={other}" for part, other in address.items() if part != name), *common(name)]


def common(name: str) -> list[str]:
    """Those that are the same wherever it runs. The order of the names is the order of sending."""
    return [f"--cluster.peer-name={name}" + ("" if name in SECOND.values() else "-1"),
            f"--cluster.peer-timeout={PEER_TIMEOUT}", f"--cluster.gossip-interval={GOSSIP_INTERVAL}",
            f"--dispatch.start-delay={START_DELAY}"]

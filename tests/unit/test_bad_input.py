"""Bad vitals.yaml and profiles: each one message with file, line, key and what to do."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from vitals import alerting, recording, settings, slo
from vitals.errors import VitalsError

Load = Callable[..., settings.Settings]

VITALS = {
    # what is wrong: (vitals.yaml, line, words that the message must hold)
    "not YAML": ("demo: [true\n", 3, ["not YAML"]),
    "a list at the top": ("- demo\n", 1, ["keys and values"]),
    "key given twice": ("demo: true\ndemo: false\n", 2, ["demo", "twice", "line 1"]),
    "unknown key": ("demo: true\nap: []\n", 2, ["ap", "did you mean 'apps'"]),
    "unknown key of an app": (
        "apps:\n  - job: a\n    profile: litellm\n    targets: ['h:1']\n    metric_path: /m\n", 5,
        ["apps.0.metric_path", "did you mean 'metrics_path'"]),
    "app without a target": ("apps:\n  - {job: a, profile: litellm, targets: []}\n", 2, ["apps.0.targets"]),
    "target with a path": ("apps:\n  - {job: a, profile: litellm, targets: ['h:1/metrics']}\n", 2, ["host:port", "metrics_path"]),
    "probe without a scheme": (
        "apps:\n  - {job: a, profile: litellm, targets: ['h:1'], probes: [example.com/health]}\n", 2, ["apps.0.probes", "http(s)://host"]),
    "probe with a password": (
        "apps:\n  - {job: a, profile: litellm, targets: ['h:1'], probes: ['https://me:secret@h/']}\n", 2, ["no user and password", "https://…h"]),
    "tcp probe without a port": (
        "apps:\n  - {job: a, profile: litellm, targets: ['h:1'], probes: ['tcp://h']}\n", 2, ["tcp://host:port"]),
    "probe given twice": (
        "apps:\n  - {job: a, profile: litellm, targets: ['h:1'], probes: ['http://h', 'http://h']}\n", 2, ["twice"]),
    "a probe's limit without probes": (
        "apps:\n  - {job: a, profile: litellm, targets: ['h:1'], thresholds: {probe_duration_seconds: 1}}\n", 2, ["no probes"]),
    "job name with spaces": ("apps:\n  - {job: my app, profile: litellm, targets: ['h:1']}\n", 2, ["apps.0.job"]),
    "job given twice": (
        "apps:\n  - {job: a, profile: litellm, targets: ['h:1']}\n  - {job: a, profile: vllm, targets: ['h:2']}\n", 3,
        ["apps.1.job", "'a'", "line 2"]),
    "a demo job's name": ("apps:\n  - {job: vllm, profile: vllm, targets: ['h:1']}\n", 2, ["apps.0.job", "demo: false"]),
    "unknown profile": ("apps:\n  - {job: a, profile: litelm, targets: ['h:1']}\n", 2, ["litelm", "did you mean 'litellm'"]),
    "unknown threshold": ("thresholds:\n  http_error_ration: 0.1\n", 2, ["http_error_ration", "did you mean 'http_error_ratio'"]),
    "unknown threshold of an app": (
        "apps:\n  - job: a\n    profile: litellm\n    targets: ['h:1']\n    thresholds:\n      http_eror_ratio: 1\n", 6,
        ["apps.0.thresholds.http_eror_ratio", "did you mean 'http_error_ratio'"]),
    "a limit on nothing": (
        "apps:\n  - {job: a, profile: vllm, targets: ['h:1'], thresholds: {leads_per_hour_min: 1}}\n", 2,
        ["leads_per_hour_min", "vllm", "leads"]),
    "a limit that is text": ("thresholds:\n  http_error_ratio: five\n", 2, ["thresholds.http_error_ratio"]),
    "a limit below zero": ("thresholds:\n  http_error_ratio: -1\n", 2, ["below 0"]),
    "a limit beyond the highest bucket": (
        "apps:\n  - job: a\n    profile: support-agent\n    targets: ['h:1']\n    thresholds: {llm_latency_p99_seconds: 15}\n", 5,
        ["15", "highest bucket", "llm_latency_seconds", "10"]),
    "unknown alert": ("alerts:\n  HttpErorsHigh: {enabled: false}\n", 2, ["HttpErorsHigh", "did you mean 'HttpErrorsHigh'"]),
    "unknown severity": ("alerts:\n  HttpErrorsHigh: {severity: page}\n", 2, ["severity", "critical"]),
    "a duration without a unit": ("alerts:\n  HttpErrorsHigh: {for: '5'}\n", 2, ["alerts.HttpErrorsHigh.for"]),
    "unknown model": ("prices:\n  as_of: 2026-11-01\n  models:\n    - gpt-4o\n    - gpt-9x-unheard\n", 5,
                      ["gpt-9x-unheard", "prices.overrides"]),
    "a price below zero": (
        "prices:\n  as_of: 2026-11-01\n  overrides:\n    m: {input_usd_per_mtok: -1, output_usd_per_mtok: 1}\n", 4,
        ["input_usd_per_mtok"]),
    "no date of prices": ("prices: {models: []}\n", 1, ["prices", "as_of is missing"]),
    "unknown port": ("ports:\n  prometeus: 1\n", 2, ["prometeus", "did you mean 'prometheus'"]),
    "a port used twice": ("ports:\n  prometheus: 9093\n", 2, ["9093", "alertmanager"]),
    "a port out of range": ("ports:\n  prometheus: 99999\n", 2, ["ports.prometheus"]),
    "a receiver that sends nowhere": ("notify:\n  critical: {}\n", 2, ["notify.critical", "names nowhere"]),
    "e-mail without a server": ("notify:\n  info: {email_to: a@example.com}\n", 1, ["notify.smtp"]),
    "no folder of profiles": ("profiles_dir: nowhere\n", 1, ["nowhere", "not a folder"]),
    "an objective for an unknown indicator": (
        "apps:\n  - {job: a, profile: vllm, targets: ['h:1'], slos: {llm_sucess: 0.9}}\n", 2, ["llm_sucess", "did you mean 'llm_success'"]),
    "an objective that an app cannot measure": (
        "apps:\n  - {job: a, profile: vllm, targets: ['h:1'], slos: {resolution: 0.9}}\n", 2, ["measures nothing", "vllm", "conversations"]),
    "an objective against the app's own limit": (
        "apps:\n  - job: a\n    profile: startup-studio\n    targets: ['h:1']\n    thresholds: {http_error_ratio_target: 0.01}\n"
        "    slos: {http_success: 0.95}\n", 6, ["contradicts", "http_error_ratio_target", "0.01", "0.05"]),
    "a link that is no address": ("links: {grafana: 'javascript:alert(1)'}\n", 1, ["links.grafana", "http"]),
}


def everything(loaded: settings.Settings) -> None:
    profiles = settings.load_profiles(loaded)
    recording.groups(loaded, profiles)
    alerting.groups(loaded, profiles)
    slo.groups(loaded, profiles)


@pytest.mark.parametrize("case", VITALS)
def test_vitals_yaml(case: str, configured: Load) -> None:
    text, line, words = VITALS[case]
    with pytest.raises(VitalsError) as caught:
        everything(configured(text))
    message = str(caught.value)
    assert "\n" not in message
    assert f"vitals.yaml:{line}:" in message
    for word in words:
        assert word in message


def profile(signals: str, rest: str = "") -> str:
    return f"profile: mine\ntitle: Mine\nabout: A test.\nsignals:\n{signals}\n{rest}"


PROFILES = {
    "unknown signal": (profile("  http_request: {metric: x}"), 5, ["http_request", "did you mean 'http_requests'"]),
    "a signal that is worked out": (profile("  llm_unpriced_tokens: {metric: x}"), 5, ["unknown signal"]),
    "unknown label": (profile("  http_requests:\n    metric: x\n    labels:\n      endpont: path"), 8,
                      ["endpont", "did you mean 'endpoint'"]),
    "unknown constant label": (profile("  llm_tokens: {metric: x, set: {kind: input}}"), 5, ["kind", "llm_tokens"]),
    "no metric": (profile("  http_requests: {labels: {code: status}}"), 5, ["metric, sources, expr"]),
    "metric and expression": (profile("  http_in_flight: {metric: x, expr: 'y{$sel}'}"), 5, ["exactly one"]),
    "a metric with a space": (profile("  http_requests: {metric: 'x y'}"), 5, ["signals.http_requests.metric"]),
    "an expression that mixes apps": (profile("  http_in_flight: {expr: 'sum(x)'}"), 5, ["$sel"]),
    "a histogram without buckets": (profile("  http_latency_seconds: {metric: x}"), 5, ["buckets"]),
    "buckets that fall": (profile("  http_latency_seconds: {metric: x, buckets: [1, 0.5]}"), 5, ["rise"]),
    "buckets of a counter": (profile("  http_requests: {metric: x, buckets: [1]}"), 5, ["counter"]),
    "a scale of zero": (profile("  http_latency_seconds: {metric: x, scale: 0, buckets: [1]}"), 5, ["above 0"]),
    "a gauge subtracted": (profile("  http_in_flight: {metric: x, minus: y}"), 5, ["only counters"]),
    "a regular expression that is none": (
        profile("  agent_runs: {metric: x, labels: {outcome: {from: s, values: {'(': error}}}}"), 5, ["regular expression"]),
    "unknown threshold": (profile("  http_requests: {metric: x}", "thresholds:\n  http_error_rate: 1"), 7,
                          ["http_error_rate", "did you mean"]),
    "a threshold on nothing": (profile("  http_requests: {metric: x}", "thresholds:\n  leads_per_hour_min: 1"), 7,
                               ["limits nothing", "leads"]),
    "a limit beyond the highest bucket": (
        profile("  http_latency_seconds: {metric: x, buckets: [1, 5]}", "thresholds:\n  http_latency_p95_seconds: 6"), 7,
        ["highest bucket", "5"]),
    "a default beyond the highest bucket": (profile("  http_latency_seconds: {metric: x, buckets: [0.5, 1]}"), 1,
                                            ["http_latency_p95_seconds", "highest bucket"]),
    "a time limit between two buckets": (
        profile("  rag_latency_seconds: {metric: x, buckets: [1, 5]}", "thresholds:\n  rag_timeout_seconds: 2"), 7,
        ["not one of", "1, 5"]),
    "an objective of everything": (profile("  http_requests: {metric: x}", "slos:\n  http_success: 1"), 7, ["100 %", "no error budget"]),
    "an objective in per cent": (profile("  http_requests: {metric: x}", "slos:\n  http_success: 99.9"), 7, ["0.999"]),
    "an objective below a half": (profile("  http_requests: {metric: x}", "slos:\n  http_success: 0.2"), 7, ["at least 0.5"]),
    "a latency objective without a time": (
        profile("  http_latency_seconds: {metric: x, buckets: [1, 5]}", "slos:\n  http_latency: 0.95"), 7, ["within_seconds"]),
    "a latency objective between two buckets": (
        profile("  http_latency_seconds: {metric: x, buckets: [1, 5]}", "slos:\n  http_latency: {within_seconds: 2, objective: 0.95}"), 7,
        ["not one of", "1, 5"]),
    "a time for what has none": (
        profile("  http_requests: {metric: x}", "slos:\n  http_success: {within_seconds: 2, objective: 0.95}"), 7, ["leave it out"]),
    "two promises that contradict": (
        profile("  http_requests: {metric: x}", "thresholds: {http_error_ratio_target: 0.01}\nslos:\n  http_success: 0.999"), 8,
        ["contradicts", "http_error_ratio_target"]),
    "unknown kind": ("profile: mine\nkind: application\ntitle: x\nabout: x\nsignals: {}\n", 2, ["kind", "app"]),
    "a bundled profile's name": ("profile: vllm\ntitle: x\nabout: x\nsignals: {}\n", 1, ["vllm", "already defined"]),
}


@pytest.mark.parametrize("case", PROFILES)
def test_profile(case: str, configured: Load) -> None:
    text, line, words = PROFILES[case]
    with pytest.raises(VitalsError) as caught:
        everything(configured("", profiles={"mine": text}))
    message = str(caught.value)
    assert "\n" not in message
    assert f"own/mine.yaml:{line}:" in message
    for word in words:
        assert word in message


def test_a_missing_file_is_named(tmp_path) -> None:
    with pytest.raises(VitalsError, match="nowhere.yaml: cannot be read"):
        settings.load(tmp_path / "nowhere.yaml")


def test_the_shipped_settings_are_good() -> None:
    everything(settings.load())

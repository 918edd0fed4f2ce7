"""vitals.yaml and the profiles as typed, validated models. Knows no PromQL."""

from __future__ import annotations

import os
import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from vitals import yamlfile
from vitals.errors import VitalsError

ROOT = Path(__file__).resolve().parents[2]

NAME = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
METRIC = r"^[a-zA-Z_:][a-zA-Z0-9_:]*$"
LABEL = r"^[a-zA-Z_][a-zA-Z0-9_]*$"
DURATION = r"^([0-9]+(s|m|h|d|w))+$"

Severity = Literal["critical", "warning", "info"]


def _number(value: Any) -> Any:
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value


Number = Annotated[Decimal, BeforeValidator(_number)]
Name = Annotated[str, Field(pattern=NAME, max_length=60)]
LabelName = Annotated[str, Field(pattern=LABEL)]
Duration = Annotated[str, Field(pattern=DURATION)]


def _address(value: str) -> str:
    if not re.fullmatch(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}", value):
        raise ValueError(f"{value!r} is not host:port (an app's path goes into metrics_path)")
    return value


Address = Annotated[str, AfterValidator(_address)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


# --- profiles -------------------------------------------------------------------------------------------


class Relabel(Strict):
    """A canonical label read from one of the app's labels, its values translated (regex → value, in order)."""

    source: LabelName = Field(alias="from")
    values: dict[str, str]

    @field_validator("values")
    @classmethod
    def _regexes(cls, values: dict[str, str]) -> dict[str, str]:
        for pattern in values:
            try:
                re.compile(pattern)
            except re.error as err:
                raise ValueError(f"{pattern!r} is not a regular expression: {err}") from err
        return values


class Mapped(Strict):
    """How an app's labels become canonical ones."""

    match: str = ""  # further label matchers, as PromQL writes them: 'operation="chat"'
    minus: str | None = Field(default=None, pattern=METRIC)  # the total minus this one (counters only)
    labels: dict[LabelName, LabelName | Relabel] = {}  # canonical label: the app's label
    set: dict[LabelName, str] = {}  # canonical label: constant


class Source(Mapped):
    """One metric that feeds a signal."""

    metric: str = Field(pattern=METRIC)


class Feed(Mapped):
    """How a profile feeds one signal: one metric, several, or an expression."""

    metric: str | None = Field(default=None, pattern=METRIC)
    sources: list[Source] = []
    expr: str | None = None  # PromQL over this profile's metrics; $sel is its selector
    scale: Number = Decimal(1)  # the app's unit × scale = the signal's unit (0.001 for milliseconds)
    buckets: list[Number] = []  # histograms: the finite bounds, in the app's unit

    @model_validator(mode="after")
    def _one_way(self) -> Feed:
        given = [k for k in ("metric", "sources", "expr") if getattr(self, k)]
        if len(given) != 1:
            raise ValueError(f"give exactly one of metric, sources, expr (found: {', '.join(given) or 'none'})")
        if self.sources and (self.match or self.minus or self.labels or self.set):
            raise ValueError("with sources, match, minus, labels and set belong to each source")
        if self.buckets != sorted(set(self.buckets)):
            raise ValueError("buckets must rise and not repeat")
        if self.scale <= 0:
            raise ValueError("scale must be above 0")
        return self

    def metrics(self) -> list[Source]:
        """The sources, whichever way they were written (none for an expression)."""
        if self.metric:
            return [Source(metric=self.metric, match=self.match, minus=self.minus, labels=self._labels(),
                           set=self.set)]
        return self.sources

    def _labels(self) -> dict[str, Any]:
        return {k: v.model_dump(by_alias=True) if isinstance(v, Relabel) else v
                for k, v in self.labels.items()}


class AlertChange(Strict):
    """What one app wants different about one alert."""

    for_: Duration | None = Field(default=None, alias="for")
    severity: Severity | None = None
    enabled: bool = True


class Objective(Strict):
    """A service level objective: the share of events, or of time, that must be good over 30 days."""

    objective: Number
    within_seconds: Number | None = None  # latency: an event is good when it took no longer; one of the buckets

    @model_validator(mode="before")
    @classmethod
    def _share(cls, value: Any) -> Any:
        return {"objective": value} if isinstance(value, int | float | Decimal) else value

    @field_validator("objective")
    @classmethod
    def _possible(cls, value: Decimal) -> Decimal:
        if value == 1 or value == 100:
            raise ValueError("an objective of 100 % leaves no error budget: the first failure breaks it for 30 days; "
                             "set what users would notice, such as 0.999")
        if 1 < value < 100:
            raise ValueError(f"is a share between 0 and 1: for {value} % write {value / 100}")
        if not Decimal("0.5") <= value < 1:
            raise ValueError("is a share of at least 0.5 and below 1")
        return value


class Profile(Strict):
    profile: Name
    title: str
    kind: Literal["app", "exporter", "stack", "probe"] = "app"
    about: str
    priced: bool = True  # false: tokens cost nothing each (own hardware), so no cost is worked out
    signals: dict[str, Feed]
    thresholds: dict[str, Number] = {}
    slos: dict[str, Objective] = {}
    alerts: dict[str, AlertChange] = {}


# --- vitals.yaml ----------------------------------------------------------------------------------------


# A minute of an ordinary app, in the formats of Python, structlog, OpenTelemetry and a plain logger: what a pattern
# finds in most of these lines says nothing.
ORDINARY_LINES = (
    '{"asctime": "2026-11-01 09:00:00", "name": "app.api", "levelname": "INFO", "message": "request served"}',
    '{"timestamp": "2026-11-01T09:00:01Z", "level": "info", "event": "message_processed", "response_time_ms": 1850}',
    '{"@timestamp": "2026-11-01T09:00:02Z", "log.level": "INFO", "message": "GET /api/items/7 200 in 0.145 s"}',
    "2026-11-01 09:00:03,120 - app.agents - INFO - agent researcher finished after 4 steps",
    "INFO:     127.0.0.1:50312 - \"POST /v1/chat HTTP/1.1\" 200 OK",
)
MAX_REGEX = 1000  # mtail takes 1024


class LogPattern(Strict):
    """Something in log lines that is worth a metric, what it means, and how often it may be there."""

    name: str = Field(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$", max_length=40)
    regex: str = Field(min_length=1, max_length=MAX_REGEX)
    means: str = Field(min_length=1, max_length=200)
    limit: Number = Field(default=Decimal(0), ge=0)  # so many matching lines in the window are still well
    window: Literal["5m", "15m", "1h", "6h", "24h"] = "5m"
    severity: Severity = "warning"
    lines: Literal["all", "problems"] = "all"  # problems: lines of warning or worse, and lines without a level

    @field_validator("regex")
    @classmethod
    def _regex(cls, regex: str) -> str:
        import re2  # of the same syntax as mtail's, and needed only here

        quiet = re2.Options()
        quiet.log_errors = False
        if "\n" in regex or not regex.isprintable():
            raise ValueError("a pattern is looked for in single lines: no line breaks or control characters in it")
        try:
            compiled = re2.compile(regex, quiet)
        except re2.error as err:
            why = err.args[0].decode() if err.args else "no reason given"
            raise ValueError(f"not a regular expression of RE2: {why}{_re2_hint(regex)}") from err
        if compiled.search(""):
            raise ValueError("too broad: it matches an empty line")
        found = [line for line in ORDINARY_LINES if compiled.search(line)]
        if len(found) * 2 > len(ORDINARY_LINES):
            raise ValueError(f"too broad: it matches ordinary lines such as {found[0]}")
        return regex

    @field_validator("means")
    @classmethod
    def _means(cls, means: str) -> str:
        if "{{" in means or not means.isprintable():
            raise ValueError("one plain sentence, without {{ and line breaks: it stands in notifications")
        return means


def _re2_hint(regex: str) -> str:
    if re.search(r"\(\?<?[=!]", regex):
        return "; RE2 cannot look around: write what is to be found, not what is not"
    if re.search(r"\\[1-9]|\(\?P=", regex):
        return "; RE2 has no references to earlier groups"
    return "; write \\z for the end of a line" if "\\Z" in regex else ""


class LogPatterns(Strict):
    """prometheus/log-patterns.yaml: what every app's log lines are searched for."""

    patterns: list[LogPattern]


class App(Strict):
    """One of the user's own applications."""

    job: Name
    profile: Name
    targets: list[Address] = Field(min_length=1)
    metrics_path: str = Field(default="/metrics", pattern=r"^/[^\s]*$")
    scheme: Literal["http", "https"] = "http"
    bearer_token_file: Path | None = None
    probes: list[str] = []  # addresses to ask from outside: http(s)://host/path, tcp://host:port, tls://host:port
    team: Name | None = None
    logs: list[str] = []  # its log files, under log_dir; * and ? stand for what changes in a name
    log_patterns: list[LogPattern] = []  # what else is looked for in them
    log_limits: dict[str, Number | None] = {}  # pattern → this app's own limit; null: counted, never an alert
    thresholds: dict[str, Number] = {}
    slos: dict[str, Objective | None] = {}  # null: none, though the profile has one
    alerts: dict[str, AlertChange] = {}

    @field_validator("probes")
    @classmethod
    def _probes(cls, probes: list[str]) -> list[str]:
        for i, probe in enumerate(probes):
            _check_probe(probe)
            if probe in probes[:i]:
                raise ValueError(f"{probe!r} is given twice")
        return probes

    @field_validator("logs")
    @classmethod
    def _log_files(cls, logs: list[str]) -> list[str]:
        for path in logs:
            if path.startswith("/") or ".." in path.split("/"):
                raise ValueError(f"{path!r} is outside log_dir; give it as a path under that folder")
            if not re.fullmatch(r"[A-Za-z0-9._@*?+-]+(/[A-Za-z0-9._@*?+-]+)*", path):
                raise ValueError(f"{path!r} is no path under log_dir: letters, digits and . _ @ + - / make names, "
                                 "* and ? stand for what changes")
            if not re.search(r"[A-Za-z0-9]", path):
                raise ValueError(f"{path!r} names every file; name this app's own")
        return logs


def _check_probe(probe: str) -> None:
    """An address becomes a label that everybody can read: no login belongs in it."""
    found = re.fullmatch(r"(https?|tcp|tls)://([^/?#\s]+)([/?]\S*)?", probe)
    if not found:
        raise ValueError(f"{probe!r} is not http(s)://host/path, tcp://host:port or tls://host:port")
    scheme, host, path = found.groups()
    if "@" in host:
        raise ValueError(f"{scheme}://…{host.rpartition('@')[2]}: no user and password in a probe's address; "
                         "it becomes a label. Probe a page that needs none")
    if not re.fullmatch(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?", host) or "#" in probe:
        raise ValueError(f"{probe!r} is not an address that can be asked")
    if scheme in ("tcp", "tls") and (path or not re.search(r":[0-9]+$", host)):
        raise ValueError(f"{probe!r} is not {scheme}://host:port")


class Price(Strict):
    input_usd_per_mtok: Number = Field(ge=0)
    output_usd_per_mtok: Number = Field(ge=0)


class Prices(Strict):
    as_of: date
    models: list[str] = []
    overrides: dict[str, Price] = {}


class Receiver(Strict):
    """Where notifications go. Secrets are files, never values."""

    webhook_url_file: Path | None = None
    slack_webhook_url_file: Path | None = None
    slack_channel: str | None = None
    pagerduty_routing_key_file: Path | None = None
    email_to: str | None = None

    @model_validator(mode="after")
    def _some(self) -> Receiver:
        if not any((self.webhook_url_file, self.slack_webhook_url_file, self.pagerduty_routing_key_file,
                    self.email_to)):
            raise ValueError("names nowhere to send to; give webhook_url_file, slack_webhook_url_file, "
                             "pagerduty_routing_key_file or email_to")
        if self.slack_channel and not self.slack_webhook_url_file:
            raise ValueError("slack_channel needs slack_webhook_url_file")
        return self


class Smtp(Strict):
    smarthost: str = Field(pattern=r"^[^\s:]+:[0-9]{1,5}$")
    sender: str = Field(alias="from")
    username: str | None = None
    password_file: Path | None = None


class Team(Strict):
    """Where one team's notifications go; a severity it does not name goes where everybody's does."""

    critical: Receiver | None = None
    warning: Receiver | None = None
    info: Receiver | None = None


WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class QuietHours(Strict):
    """When info notifications wait: every day between two times, and on whole days."""

    start: str = Field(alias="from", pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")
    end: str = Field(alias="to", pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")
    days: list[Literal[WEEKDAYS]] = []  # type: ignore[valid-type]
    timezone: str = "UTC"

    @field_validator("timezone")
    @classmethod
    def _known(cls, name: str) -> str:
        from zoneinfo import ZoneInfo  # slow to import, and rarely needed

        try:
            ZoneInfo(name)
        except (ValueError, OSError, LookupError) as err:
            raise ValueError(f"{name!r} is not a time zone, such as Europe/Berlin") from err
        return name

    @model_validator(mode="after")
    def _some_time(self) -> QuietHours:
        if self.start == self.end:
            raise ValueError("from and to are the same time; for whole days use days")
        return self


class Notify(Strict):
    """Who is told; a severity without a receiver goes to the inbox."""

    critical: Receiver | None = None
    warning: Receiver | None = None
    info: Receiver | None = None
    security: Receiver | None = None
    watchdog: Receiver | None = None  # a dead man's switch: raises the alarm when it is no longer called
    teams: dict[Name, Team] = {}
    quiet_hours: QuietHours | None = None
    smtp: Smtp | None = None

    @model_validator(mode="after")
    def _mail(self) -> Notify:
        if any(receiver.email_to for _, receiver in self.receivers()) and not self.smtp:
            raise ValueError("email_to needs notify.smtp (smarthost, from)")
        return self

    def receivers(self) -> list[tuple[tuple[str, ...], Receiver]]:
        """Every receiver that is given, with its keys under notify."""
        names = ("critical", "warning", "info")
        found: list[tuple[tuple[str, ...], Receiver | None]] = [
            ((name,), getattr(self, name)) for name in (*names, "security", "watchdog")]
        found += [(("teams", team, name), getattr(told, name)) for team, told in self.teams.items() for name in names]
        return [(where, receiver) for where, receiver in found if receiver]


class Links(Strict):
    """Where annotations point."""

    grafana: str = "http://127.0.0.1:3000"
    runbooks: str = "http://127.0.0.1:9095/runbooks"

    @field_validator("grafana", "runbooks")
    @classmethod
    def _http(cls, url: str) -> str:
        if not re.match(r"^https?://[^\s\"']+$", url):
            raise ValueError(f"{url!r} is not an http(s) address")
        return url.rstrip("/")


PORTS: dict[str, int] = {
    "prometheus": 9090, "alertmanager": 9093, "grafana": 3000, "viewer": 9097, "inbox": 9095, "demo": 9400,
    "node-exporter": 9100, "blackbox-exporter": 9115, "postgres-exporter": 9187, "redis-exporter": 9121,
    "mtail": 3903, "cadvisor": 8080, "postgres": 15432, "redis": 16379,
    "kibana": 5601, "elasticsearch-exporter": 9114, "logstash": 5180, "logstash-tcp": 5170,
    "prometheus-2": 9190, "alertmanager-2": 9193, "alertmanager-gossip": 9094, "alertmanager-2-gossip": 9194,
}


# What can run beside the core: `make up WITH=demo,logs,ha`. Each is a file of its own under compose/.
EXTRAS = {"demo": "eight AI apps, PostgreSQL and Redis", "logs": "Elasticsearch, Logstash, Kibana and Filebeat",
          "ha": "a second Prometheus and a second Alertmanager"}

# What there are two of, with `ha`: the part → its second.
SECOND = {"prometheus": "prometheus-2", "alertmanager": "alertmanager-2"}


class VitalsFile(Strict):
    """vitals.yaml as written."""

    demo: bool = True
    apps: list[App] = []
    thresholds: dict[str, Number] = {}
    alerts: dict[str, AlertChange] = {}
    prices: Prices
    notify: Notify = Notify()
    links: Links = Links()
    ports: dict[str, Annotated[int, Field(ge=1, le=65535)]] = {}
    profiles_dir: Path | None = None
    retention: Duration = "35d"
    alertmanagers: list[Address] = []  # further ones that are told of every alert: docs/high-availability.md
    log_dir: Path | None = None  # the one folder that log files are read in
    log_patterns: list[LogPattern] = []  # what is looked for in every app's log files, beside the built-in patterns
    log_limits: dict[str, Number | None] = {}  # pattern → limit for every app that does not set its own
    log_retention: Annotated[str, Field(pattern=r"^[1-9][0-9]*[dh]$")] = "14d"  # log lines in Elasticsearch


class Settings(BaseModel):
    """Everything the generators and engines need to know, checked."""

    model_config = ConfigDict(arbitrary_types_allowed=True, frozen=True)

    root: Path
    state: Path
    cache: Path
    document: Any
    file: VitalsFile
    ports: dict[str, int]
    extras: frozenset[str]  # what runs beside the core: some of EXTRAS
    without: frozenset[str] = frozenset()  # services that cannot run here: nothing asks them

    def having(self, extras: frozenset[str]) -> Settings:
        """The same settings for a stack with these extras."""
        return self.model_copy(update={"extras": extras})

    @property
    def demo(self) -> bool:
        return "demo" in self.extras

    @property
    def logs(self) -> bool:
        return "logs" in self.extras

    @property
    def ha(self) -> bool:
        return "ha" in self.extras

    def replicas(self, part: str) -> tuple[str, ...]:
        """The names of all that do the work of a part: two of prometheus and of alertmanager with `ha`."""
        return (part, SECOND[part]) if self.ha and part in SECOND else (part,)

    @property
    def log_reader(self) -> bool:
        """Whether any app's log files are read."""
        return self.demo or any(app.logs for app in self.apps)

    @property
    def retention(self) -> str:
        return self.file.retention

    @property
    def apps(self) -> list[App]:
        return self.file.apps


def load(path: Path | None = None) -> Settings:
    """Read vitals.yaml (``$VITALS_CONFIG``, else the one in the project). Raises VitalsError.

    Profiles are not read here: starting, stopping and asking for status need none of them.
    """
    path = path or Path(os.environ.get("VITALS_CONFIG") or ROOT / "vitals.yaml")
    if path == ROOT / "vitals.yaml" and not (ROOT / "Makefile").exists():
        raise VitalsError("only `vitals lint` runs as installed by pip; the rest runs from a checkout, by `make`")
    document = yamlfile.load(path)
    file = yamlfile.validate(document, VitalsFile)
    for name in file.ports:
        if name not in PORTS:
            raise document.error(("ports", name), "no such port" + yamlfile.nearest(name, PORTS))
    ports = {**PORTS, **file.ports}
    by_number: dict[int, str] = {}
    for name, number in ports.items():
        if number in by_number:
            given, other = (name, by_number[number]) if name in file.ports else (by_number[number], name)
            raise document.error(("ports", given), f"port {number} is also {other}'s; give one another number")
        by_number[number] = name
    seen: dict[str, int] = {}
    for i, app in enumerate(file.apps):
        if app.job in seen:
            first = document.line("apps", seen[app.job], "job")
            raise document.error(("apps", i, "job"), f"{app.job!r} is already the job on line {first}; "
                                 "a job name stands for one application")
        seen[app.job] = i
    return Settings(root=ROOT, state=_folder("VITALS_STATE", ROOT / ".vitals"), document=document, file=file,
                    cache=_folder("VITALS_CACHE", _cache_home() / "agent-vitals"), ports=ports,
                    extras=frozenset({"demo"} if file.demo else ()))


def _folder(variable: str, default: Path) -> Path:
    return Path(os.environ.get(variable) or default).expanduser().absolute()


def _cache_home() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()


def load_profiles(settings: Settings) -> dict[str, tuple[Profile, yamlfile.Document]]:
    """The bundled profiles and those of ``profiles_dir``, by name, each with its document for error lines."""
    folders = [settings.root / "prometheus" / "profiles"]
    if extra := settings.file.profiles_dir:
        extra = (settings.document.path.parent / extra.expanduser()).resolve()
        if not extra.is_dir():
            raise settings.document.error(("profiles_dir",), f"{extra} is not a folder")
        folders.append(extra)
    profiles: dict[str, tuple[Profile, yamlfile.Document]] = {}
    for file in (f for folder in folders for f in sorted(folder.glob("*.y*ml"))):
        document = yamlfile.load(file)
        profile = yamlfile.validate(document, Profile)
        if profile.profile in profiles:
            other = profiles[profile.profile][1].path
            raise document.error(("profile",), f"{profile.profile!r} is already defined in {other}; rename it")
        profiles[profile.profile] = (profile, document)
    for i, app in enumerate(settings.apps):
        if app.profile not in profiles:
            raise settings.document.error(
                ("apps", i, "profile"), f"no profile {app.profile!r}" + yamlfile.nearest(app.profile, profiles))
    for team in settings.file.notify.teams:
        if team not in (teams := {app.team for app in settings.apps if app.team}):
            raise settings.document.error(("notify", "teams", team), f"no app belongs to team {team!r}"
                                          + yamlfile.nearest(team, teams) + "; give an app `team:`")
    if settings.demo:
        for i, app in enumerate(settings.apps):
            if app.job in demo_jobs(profiles):
                raise settings.document.error(
                    ("apps", i, "job"), f"{app.job!r} is one of the demo's jobs; choose another or set demo: false")
    return profiles


DEMO_JOBS = ("marketing-agents", "support-agent", "artisan-hub", "startup-studio", "hierarchical-agents",
             "otel-genai", "litellm", "vllm")


DEMO_FAKES = ("dcgm",)  # what the demo fakes: no app


def demo_jobs(profiles: dict[str, Any]) -> tuple[str, ...]:
    """The demo lives as one job for each of these profiles, named like the profile."""
    return tuple(job for job in DEMO_JOBS if job in profiles)


def required(settings: Settings) -> None:
    """The folders that must be writable before anything starts."""
    for folder in (settings.state, settings.cache):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            raise VitalsError(f"{folder}: cannot be made: {err.strerror}; set VITALS_STATE / VITALS_CACHE") from err

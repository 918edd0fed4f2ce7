"""Log patterns → programs for mtail, the log reader: what it counts, in whose files, and for which app.

One program for each app with log files. A program's metrics have only words that stand in it as label values (the
app's job and profile, a level, a pattern's name): nothing from a log line ever becomes one.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

from vitals import yamlfile
from vitals.errors import VitalsError
from vitals.settings import LogPattern, LogPatterns, Settings, demo_jobs, load_profiles

EngineName = Literal["native", "compose"]
Where = tuple[str | int, ...]

# What an app's line is called by. Each word is looked for where the app's format has its level.
LEVELS = {
    "critical": "crit|critical|fatal|panic|alert|emerg|emergency",
    "error": "err|error",
    "warning": "warn|warning",
    "info": "info|information|notice",
    "debug": "debug|trace|verbose",
}
PROBLEMS = ("critical", "error", "warning")
# The field names of Python's logging, structlog, OpenTelemetry, the Elastic Common Schema and Google Cloud.
FIELDS = r"levelname|level|severity|log\.level|severity_?[tT]ext|log_?level|lvl"
_WORDS = "|".join(LEVELS.values())
# In this order: the first that is found in a line decides, so that no line counts twice. A level in plain text stands
# near the beginning, in capitals or brackets; lines that go on with another (tracebacks) begin with a blank.
FORMS = (
    rf'"(?:{FIELDS})"\s*:\s*"(?P<json>(?i:{_WORDS}))"',
    r'"level"\s*:\s*(?P<pino>[1-6]0)\b',
    rf'^(?:[A-Za-z@._]+=.*?\s)??(?:level|lvl|severity)="?(?P<logfmt>(?i:{_WORDS}))\b',
    rf"^(?:[^\s{{][^\"]{{0,100}}?[^A-Za-z0-9_])??(?P<text>{_WORDS.upper()})(?:[^A-Za-z0-9_]|$)",
    rf'^(?:[^\s{{][^"]{{0,100}}?)??\[(?P<bracket>{_WORDS})\]',
)
PINO = {"debug": "10|20", "info": "30", "warning": "40", "error": "50", "critical": "60"}

# Files that a rotation made: what is in them was read under their first name.
ROTATED = r"\.(?:[0-9]+|gz|bz2|xz|zst|zip)$"

READER = "reader.json"  # in the folder of the programs: what compose/log-reader.yaml has to know


@dataclass(frozen=True)
class Found:
    """A pattern and where it is written."""

    pattern: LogPattern
    document: yamlfile.Document
    where: Where


@dataclass(frozen=True)
class AppLogs:
    """One app's log files, as the reader sees them, and what is looked for in them."""

    job: str
    profile: str
    files: tuple[str, ...]
    patterns: tuple[Found, ...]


@dataclass(frozen=True)
class Patterns:
    """Every pattern: those of all apps, those of single apps, and the limits that somebody has set (None: no alert)."""

    common: tuple[Found, ...]
    own: dict[str, tuple[Found, ...]]
    limits: dict[str, Decimal | None]
    own_limits: dict[str, dict[str, Decimal | None]]

    def of(self, job: str) -> tuple[Found, ...]:
        return (*self.common, *self.own.get(job, ()))

    def all(self) -> Iterator[Found]:
        yield from self.common
        for found in self.own.values():
            yield from found


def patterns(settings: Settings) -> Patterns:
    """The built-in patterns and those of vitals.yaml. Raises VitalsError with file, line and key."""
    document = settings.document
    builtin = yamlfile.load(settings.root / "prometheus" / "log-patterns.yaml")
    listed = yamlfile.validate(builtin, LogPatterns).patterns
    common = [Found(p, builtin, ("patterns", i)) for i, p in enumerate(listed)]
    common += [Found(p, document, ("log_patterns", i)) for i, p in enumerate(settings.file.log_patterns)]
    own = {app.job: tuple(Found(p, document, ("apps", i, "log_patterns", k)) for k, p in enumerate(app.log_patterns))
           for i, app in enumerate(settings.apps)}
    found = Patterns(tuple(common), own, settings.file.log_limits, {a.job: a.log_limits for a in settings.apps})
    seen: dict[str, Found] = {}
    for one in found.all():
        name = one.pattern.name
        if name in seen:
            first = seen[name]
            raise one.document.error((*one.where, "name"), f"{name!r} is already a pattern "
                                     f"({first.document.path.name}:{first.document.line(*first.where)}); give this one "
                                     "another name, or set the other's limit under log_limits")
        seen[name] = one
    _known(settings, ("log_limits",), settings.file.log_limits, found.common)
    for i, app in enumerate(settings.apps):
        _known(settings, ("apps", i, "log_limits"), app.log_limits, found.of(app.job))
        if app.log_patterns and not app.logs:
            raise document.error(("apps", i, "log_patterns"), "are looked for in no file: say where it logs (logs)")
    return found


def _known(settings: Settings, where: Where, limits: dict[str, Decimal | None], found: tuple[Found, ...]) -> None:
    names = [one.pattern.name for one in found]
    for name, limit in limits.items():
        if name not in names:
            raise settings.document.error((*where, name), "no such log pattern" + yamlfile.nearest(name, names))
        if limit is not None and limit < 0:
            raise settings.document.error((*where, name), "a limit cannot be below 0")


def meanings(settings: Settings) -> str:
    """A template action that says what the alert's pattern means."""
    arms = [f'if eq $labels.pattern "{one.pattern.name}" }}}}{one.pattern.means}'
            for one in patterns(settings).all()]
    return "{{ " + "{{ else ".join(arms) + "{{ end }}" if arms else ""


# --- files ----------------------------------------------------------------------------------------------


def demo_folder(settings: Settings, engine: EngineName) -> str:
    """Where the demo's apps write their logs."""
    return str(settings.state / "native" / "data" / "logs") if engine == "native" else "/var/log/demo"


def folder(settings: Settings) -> Path | None:
    """``log_dir`` of vitals.yaml, absolute; None where no app has log files. Raises VitalsError."""
    document = settings.document
    for i, app in enumerate(settings.apps):
        if app.logs and not settings.file.log_dir:
            raise document.error(("apps", i, "logs"), "log_dir is not set: name the one folder that logs are read in")
    if not settings.file.log_dir:
        return None
    path = (document.path.parent / settings.file.log_dir.expanduser()).resolve()
    if not path.is_dir():
        raise document.error(("log_dir",), f"{path} is not a folder")
    if path == Path("/"):
        raise document.error(("log_dir",), "the whole machine is no folder for logs")
    return path


def apps(settings: Settings, profiles: dict[str, Any], engine: EngineName) -> list[AppLogs]:
    """Every app whose log files are read, in order. Raises VitalsError."""
    found = patterns(settings)
    result = []
    if settings.demo:
        result += [AppLogs(job, job, (f"{demo_folder(settings, engine)}/{job}.log",), found.common)
                   for job in demo_jobs(profiles)]
    root = folder(settings)
    claimed: list[tuple[str, int, int]] = []
    for i, app in enumerate(settings.apps):
        for k, path in enumerate(app.logs):
            for other, j, line in claimed:
                if j != i and (fnmatchcase(path, other) or fnmatchcase(other, path)):
                    raise settings.document.error(
                        ("apps", i, "logs", k), f"{path!r} and {other!r} of {settings.apps[j].job} (line {line}) name "
                        "the same files; a file is one app's")
            claimed.append((path, i, settings.document.line("apps", i, "logs", k)))
        if app.logs:
            base = str(root) if engine == "native" else "/var/log/apps"
            result.append(AppLogs(app.job, app.profile, tuple(f"{base}/{path}" for path in app.logs),
                                  found.of(app.job)))
    return result


# --- programs -------------------------------------------------------------------------------------------


def files(settings: Settings, profiles: dict[str, Any], engine: EngineName) -> dict[str, str]:
    """What the log reader is given, by file name: its programs, and for Compose which files it reads."""
    found = apps(settings, profiles, engine)
    texts = {f"{app.job}.mtail": program(app)[0] for app in found}
    if engine == "compose" and found:
        texts[READER] = json.dumps({"files": [file for app in found for file in app.files],
                                    "folder": str(folder(settings) or "")}, indent=1) + "\n"
    return texts


def program(app: AppLogs) -> tuple[str, dict[int, Found]]:
    """One app's program, and the pattern that each of its lines looks for (lines from 1)."""
    mine = f'["{app.job}"]["{app.profile}"]'
    counted = f"app_log_lines_total{mine}"
    matched = f"app_log_pattern_matches_total{mine}"
    lines = [
        f"# {app.job}: made by `vitals` from vitals.yaml and prometheus/log-patterns.yaml.",
        "counter app_log_lines_total by job, profile, level",
        "counter app_log_plain_lines_total by job, profile",
        "counter app_log_pattern_matches_total by job, profile, pattern",
        "hidden text level",
        "hidden gauge problem",
        "",
        f"getfilename() =~ /^(?:{'|'.join(_glob(file) for file in app.files)})$/ {{",
        "  # Every counter is there from the first line on, so that its first increase is seen.",
        f"  app_log_plain_lines_total{mine} += 0",
        *(f'  {counted}["{level}"] += 0' for level in LEVELS),
        *(f'  {matched}["{one.pattern.name}"] += 0' for one in app.patterns),
        "",
        "  # Its level, in the first form that it has one in.",
        '  level = ""',
    ]
    for depth, form in enumerate(FORMS, 1):
        name = re.search(r"\?P<(\w+)>", form)
        assert name
        pad = "  " * depth
        word = f"string(${name[1]})" if name[1] == "pino" else f"tolower(${name[1]})"
        lines += [f"{pad}/{_slashes(form)}/ {{", f"{pad}  level = {word}", f"{pad}}} else {{"]
    lines.append("  " * (len(FORMS) + 1) + f"app_log_plain_lines_total{mine}++")
    lines += ["  " * depth + "}" for depth in range(len(FORMS), 0, -1)]
    lines.append("  problem = 1")
    for level, words in LEVELS.items():
        lines.append(f"  level =~ /^(?:{words}|{PINO[level]})$/ {{")
        lines.append(f'    {counted}["{level}"]++')
        if level not in PROBLEMS:
            lines.append("    problem = 0")
        lines.append("  }")
    lines.append("")
    at: dict[int, Found] = {}
    for block, condition in (("all", ""), ("problems", "problem == 1")):
        wanted = [one for one in app.patterns if one.pattern.lines == block]
        pad = "    " if condition else "  "
        lines += [f"  {condition} {{"] if wanted and condition else []
        for one in wanted:
            lines.append(f"{pad}/{_slashes(one.pattern.regex)}/ {{")
            at[len(lines)] = one
            lines += [f'{pad}  {matched}["{one.pattern.name}"]++', f"{pad}}}"]
        lines += ["  }"] if wanted and condition else []
    lines.append("}")
    return "\n".join(lines) + "\n", at


def arguments(settings: Settings, programs: str) -> list[str]:
    """The native mtail's arguments, beside those that say where it listens."""
    read = [file for app in apps(settings, load_profiles(settings), "native") for file in app.files]
    return [f"-progs={programs}", *(f"-logs={file}" for file in read), f"-ignore_filename_regex_pattern={ROTATED}",
            "-logtostderr", "-emit_prog_label=false", "-http_debugging_endpoint=false", "-http_info_endpoint=false"]


def variables(staged: Path) -> dict[str, str]:
    """What compose/log-reader.yaml wants to know, from the configuration in place (none before the first start)."""
    file = staged / READER
    about: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {"files": [], "folder": ""}
    # Without apps of one's own there is no folder to look into: the programs' own holds no logs.
    return {"VITALS_LOG_FILES": ",".join(about["files"]), "VITALS_LOG_DIR": about["folder"] or str(staged),
            "VITALS_LOG_ROTATED": ROTATED}


def stamp(programs: Path) -> str:
    """Changes with the programs in a folder: mtail reads them when it starts."""
    digest = hashlib.sha256()
    for file in sorted(programs.glob("*.mtail")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def _slashes(regex: str) -> str:
    """An expression between mtail's slashes: those inside are escaped, once."""
    return re.sub(r"(\\.)|/", lambda found: found[1] or r"\/", regex)


def _glob(path: str) -> str:
    """A path with * and ? as an expression for mtail."""
    special = {"*": "[^\\/]*", "?": "[^\\/]", "/": "\\/"}
    return "".join(special.get(char) or re.sub(r"([.+])", r"\\\1", char) for char in path)


def check(settings: Settings, engine: EngineName, mtail: Path, staged: Path) -> None:
    """Lets mtail compile the programs in a folder. Raises VitalsError that names the pattern it refuses."""
    # It opens its port even to compile: any free one, on loopback.
    done = subprocess.run([mtail, "-compile_only", "-logtostderr", "-address=127.0.0.1", "-port=0", "-progs", staged],
                          capture_output=True, text=True)
    if done.returncode == 0:
        return
    at = {app.job: program(app)[1] for app in apps(settings, load_profiles(settings), engine)}
    for job, line, why in re.findall(r"^([a-z0-9-]+)\.mtail:(\d+):[\d:-]+ (.*)$", done.stderr, re.M):
        if one := at.get(job, {}).get(int(line)):
            raise one.document.error((*one.where, "regex"), f"mtail refuses it: {why}; what runs was left alone")
    said = [line for line in done.stderr.splitlines() if not line.startswith("I")]
    raise VitalsError("mtail refuses the log programs; what runs was left alone:\n  " + "\n  ".join(said[:12]))

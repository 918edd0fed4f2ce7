"""`.vitals-lint.yaml` as written. Apart from `config`, since Pydantic takes longer to load than most runs take."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from vitals import yamlfile
from vitals.lint import manual, rulefiles
from vitals.lint.config import Config, FailOn, Pardon, Scope
from vitals.lint.model import Options, Severity


def _check(value: Any) -> Any:
    if isinstance(value, str) and value not in manual.checks():
        raise ValueError(f"no check {value!r}" + yamlfile.nearest(value, manual.checks()))
    return value


def _duration(value: Any) -> Any:
    found = rulefiles.seconds(value) if isinstance(value, str) else None
    if not found:
        raise ValueError(f"{value} is not a duration; write it like 30s or 1m")
    return found


def _version(value: Any) -> Any:
    match = re.fullmatch(r"v?(\d+)\.(\d+)(?:\.\d+)?", str(value)) if isinstance(value, str | Decimal) else None
    if not match:
        raise ValueError(f'{value} is not a version; write it like "3.0"')
    return int(match[1]), int(match[2])


Id = Annotated[str, BeforeValidator(_check)]
Seconds = Annotated[float, BeforeValidator(_duration)]
Version = Annotated[tuple[int, int], BeforeValidator(_version)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Checks(Strict):
    enable: list[Id] = []
    disable: list[Id] = []
    severity: dict[Id, Severity] = {}

    @model_validator(mode="after")
    def _once(self) -> Checks:
        if both := set(self.enable) & set(self.disable):
            raise ValueError(f"{min(both)} is both enabled and disabled")
        return self


class Paths(Checks):
    path: str = Field(min_length=1)


class Suppress(Strict):
    checks: list[Id] = Field(min_length=1)
    path: str | None = None
    subject: str | None = None
    until: date | None = None
    reason: str = Field(min_length=1)


class File(Strict):
    checks: Checks = Checks()
    paths: list[Paths] = []
    exclude: list[str] = []
    suppress: list[Suppress] = []
    scrape_interval: Seconds | None = None
    evaluation_interval: Seconds | None = None
    prometheus: Version | None = None
    required_labels: list[str] | None = None
    required_annotations: list[str] | None = None
    catalogues: list[str] = []
    baseline: str | None = None
    fail_on: FailOn | None = None
    min_severity: Severity | None = None


def load(path: Path) -> Config:
    """Reads a configuration file. Raises VitalsError with file, line and key."""
    document = yamlfile.load(path)
    file = yamlfile.validate(document, File)
    folder = path.absolute().parent
    default = Options()
    options = Options(
        file.scrape_interval, file.evaluation_interval,
        default.required_labels if file.required_labels is None else tuple(file.required_labels),
        default.required_annotations if file.required_annotations is None else tuple(file.required_annotations),
        file.prometheus or default.prometheus)
    scopes = [Scope(getattr(part, "path", None), tuple(part.enable), tuple(part.disable), dict(part.severity))
              for part in (file.checks, *file.paths)]
    pardons = [Pardon(document.line("suppress", i), tuple(s.checks), s.path, s.subject, s.until, s.reason)
               for i, s in enumerate(file.suppress)]
    return Config(str(path), folder, tuple(scopes), tuple(file.exclude), tuple(pardons), options,
                  tuple(_beside(folder, name) for name in file.catalogues),
                  str(folder / file.baseline) if file.baseline else None, file.fail_on, file.min_severity)


def _beside(folder: Path, name: str) -> str:
    """A catalogue's file, relative to the configuration; or the name of a bundled one."""
    return str(folder / name) if "/" in name or (folder / name).exists() else name

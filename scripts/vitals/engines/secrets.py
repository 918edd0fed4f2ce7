"""Passwords of the stack's own services: made on first start, one file each, in a folder only its owner enters."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from vitals.errors import VitalsError
from vitals.settings import Settings


@dataclass(frozen=True)
class Secret:
    part: str  # the core, or the extra that needs it
    whose: str
    kept: bool = False  # it cannot be changed without losing what it protects


# By the name of its file.
SECRETS = {
    "grafana-admin": Secret("core", "Grafana's admin (compose engine)"),
    "postgres-admin": Secret("demo", "PostgreSQL's superuser, postgres"),
    "postgres": Secret("demo", "demo, the owner of the demo's database"),
    "postgres-monitor": Secret("demo", "monitor, with which the exporter reads statistics"),
    "redis": Secret("demo", "Redis"),
    "elastic": Secret("logs", "Elasticsearch's superuser, elastic"),
    "kibana-system": Secret("logs", "kibana_system, with which Kibana works"),
    "logstash-writer": Secret("logs", "logstash_writer, who adds log lines and nothing else"),
    "elastic-exporter": Secret("logs", "exporter, who reads Elasticsearch's statistics"),
    "grafana-reader": Secret("logs", "grafana_reader, with which Grafana reads log lines"),
    "logs-hash-key": Secret("logs", "key of the hashes that stand for mail addresses in log lines"),
    "kibana-session": Secret("logs", "key of Kibana's session cookies"),
    "kibana-objects": Secret("logs", "key of what Kibana keeps encrypted", kept=True),
    "kibana-reporting": Secret("logs", "key of Kibana's reports"),
}


def folder(settings: Settings) -> Path:
    return settings.state / "secrets"


def names(settings: Settings) -> list[str]:
    """The secrets that this stack needs: the core's, and those of what runs beside it."""
    return [name for name, secret in SECRETS.items() if secret.part == "core" or secret.part in settings.extras]


def ensure(settings: Settings) -> dict[str, str]:
    """Every secret of this stack by name; those that are missing are made (32 letters and digits)."""
    place = folder(settings)
    private(place)
    for name in missing(settings):
        write(place / name, new())
    return {name: (place / name).read_text() for name in names(settings)}


def missing(settings: Settings) -> list[str]:
    """The secrets of this stack without a file, or with an empty one."""
    place = folder(settings)
    return [name for name in names(settings)
            if not (place / name).exists() or not (place / name).read_text().strip()]


def new() -> str:
    return secrets.token_hex(16)


def derived(words: dict[str, str]) -> dict[str, str]:
    """Files made of secrets, as containers want them: a setting can be read from a file, an environment be seen."""
    found = {}
    if "redis" in words:
        found["redis.conf"] = f"include /etc/redis/redis.conf\ndir /data\nrequirepass {words['redis']}\n"
        found["redis-exporter.json"] = json.dumps({"redis://redis:6379": words["redis"]})
    if "elastic" in words:
        found["kibana.yml"] = "".join(f'{key}: "{value}"\n' for key, value in (
            ("elasticsearch.username", "kibana_system"), ("elasticsearch.password", words["kibana-system"]),
            ("xpack.security.encryptionKey", words["kibana-session"]),
            ("xpack.encryptedSavedObjects.encryptionKey", words["kibana-objects"]),
            ("xpack.reporting.encryptionKey", words["kibana-reporting"])))
        login = {"username": "exporter", "password": words["elastic-exporter"]}
        module = {"type": "userpass", "userpass": login}
        found["elastic-exporter.yml"] = json.dumps({"auth_modules": {"vitals": module}})
    return found


def private(place: Path) -> None:
    """Makes a folder that only its owner enters, also when it was there before."""
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    if place.stat().st_uid != os.getuid():
        raise VitalsError(f"{place} belongs to another user; remove it, or set VITALS_STATE to a folder of your own")
    place.chmod(0o700)


def write(file: Path, text: str, mode: int = 0o600) -> None:
    """A file that appears whole, and for its owner alone from its first moment."""
    aside = file.with_name(f".{file.name}.{os.getpid()}")
    aside.unlink(missing_ok=True)
    aside.touch(mode=0o600)
    aside.write_text(text)
    aside.chmod(mode)
    aside.replace(file)

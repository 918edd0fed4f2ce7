"""The only module that writes generated files. Everything it makes is committed, stable in order, never edited."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import yaml

from vitals import alerting, logs, notify, recording, scraping, slo
from vitals.errors import VitalsError
from vitals.recording import Group, Profiles
from vitals.scraping import EngineName
from vitals.settings import Settings, load_profiles

HEADER = "# Made by `vitals build`. Change {source} instead, then build again.\n"


def files(settings: Settings) -> dict[Path, str]:
    """Every generated file of the project: path → text."""
    from vitals import dashboards, documents, kibana
    from vitals.lint import manual

    profiles = load_profiles(settings)
    notify.secret_files(settings)  # whoever is to be told can be
    root = settings.root
    found = {root / "prometheus" / path: text for path, text in _prometheus(settings, profiles, "native").items()}
    found[root / "alertmanager" / "alertmanager.yml"] = _yaml(
        notify.alertmanager(settings), "vitals.yaml (notify) or scripts/vitals/notify.py")
    folders = dashboards.audiences()
    for uid, model in dashboards.models(settings, profiles).items():
        file = root / "grafana" / "dashboards" / folders[uid] / f"{uid}.json"
        found[file] = json.dumps(model, indent=1, sort_keys=True) + "\n"
    found[root / "grafana" / "provisioning" / "dashboards" / "vitals.yaml"] = _yaml(
        dashboards.provisioning(), "scripts/vitals/dashboards/grafana.py")
    found[root / "compose" / "kibana" / "objects.ndjson"] = kibana.ndjson()
    for name, text in documents.pages(settings, profiles).items():
        found[root / "docs" / name] = text
    for name, text in manual.pages().items():
        found[root / "docs" / "lint" / name] = text
    return found


def owned(settings: Settings) -> set[Path]:
    """The files on disk that a build owns; one that it no longer makes is stale."""
    root = settings.root
    return {*(root / "prometheus" / "rules").glob("*.yml"), *(root / "grafana" / "dashboards").rglob("*.json"),
            *(root / "docs" / "lint").glob("*.md")}


def build(settings: Settings) -> list[Path]:
    """Writes what has changed, removes what is no longer made; gives the paths touched."""
    wanted = files(settings)
    touched = []
    for path, text in wanted.items():
        if not path.exists() or path.read_text() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            touched.append(path)
    for path in owned(settings) - set(wanted):
        path.unlink()
        touched.append(path)
    return touched


def stale(settings: Settings) -> list[Path]:
    """The generated files that differ from what a build would make."""
    wanted = files(settings)
    differ = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    return sorted([*differ, *(owned(settings) - set(wanted))])


def stage(settings: Settings, engine: EngineName, into: Path) -> None:
    """Fills a folder with the configuration that an engine runs: prometheus/, alertmanager/ and mtail/.

    Rules and routes come from vitals.yaml as it is now, not from the committed files, so that a reload needs
    no build. Target files of the user's own under prometheus/targets/ are copied along.
    """
    profiles = load_profiles(settings)
    prometheus = into / "prometheus"
    texts = {prometheus / path: text for path, text in _prometheus(settings, profiles, engine).items()}
    texts[prometheus / "alertmanagers.yml"] = _yaml(scraping.alertmanagers(settings, engine), "vitals.yaml")
    for name, entries in scraping.targets(settings, profiles, engine).items():
        texts[prometheus / "targets" / name] = _yaml(entries, "vitals.yaml")
    texts[into / "alertmanager" / "alertmanager.yml"] = _yaml(notify.alertmanager(settings, engine), "vitals.yaml")
    for name, text in logs.files(settings, profiles, engine).items():
        texts[into / "mtail" / name] = text
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for file in sorted((settings.root / "alertmanager" / "templates").glob("*.tmpl")):
        (into / "alertmanager" / "templates").mkdir(exist_ok=True)
        shutil.copyfile(file, into / "alertmanager" / "templates" / file.name)
    own = settings.root / "prometheus" / "targets"
    for file in sorted(file for folder in (own, own / "probes") for kind in ("yml", "json")
                       for file in folder.glob(f"*.{kind}")):
        copy = prometheus / "targets" / file.relative_to(own)
        if copy.exists():
            raise VitalsError(f"{file}: this name is taken by the generated targets; rename the file")
        shutil.copyfile(file, copy)
    _copy_secrets(settings, engine, into)


def _copy_secrets(settings: Settings, engine: EngineName, into: Path) -> None:
    secrets = into / "alertmanager" / "secrets"
    wanted = [(path, secrets / notify.copy_name(path)) for path in notify.secret_files(settings)]
    for app in settings.apps:
        if app.bearer_token_file:
            path = settings.document.path.parent / app.bearer_token_file.expanduser()
            wanted.append((path, into / "prometheus" / "secrets" / app.job))
    for source, copy in wanted:
        if not source.is_file():
            raise VitalsError(f"{settings.document.path}: the secret file {source} does not exist; make it, mode 0600")
        if engine == "compose":
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)


def _prometheus(settings: Settings, profiles: Profiles, engine: EngineName) -> dict[str, str]:
    found = {f"{replica}.yml": _yaml(scraping.prometheus(settings, engine, replica),
                                     "vitals.yaml or scripts/vitals/scraping.py")
             for replica in settings.replicas("prometheus")}
    for name, (content, source) in rules(settings, profiles).items():
        found[f"rules/{name}.yml"] = _yaml(content, source)
    return found


def rules(settings: Settings, profiles: Profiles) -> dict[str, tuple[dict[str, Any], str]]:
    """Every rule file without its .yml: name → (content, what it is made from)."""
    found: dict[str, tuple[dict[str, Any], str]] = {}
    for name, groups in recording.groups(settings, profiles).items():
        kind, _, profile = name.partition("-")
        source = f"prometheus/profiles/{profile}.yaml" if kind in ("profile", "windows") else "vitals.yaml"
        found[name] = {"groups": [_group(g) for g in groups]}, source
    for name, groups in slo.groups(settings, profiles).items():
        profile = name.partition("-")[2]
        source = f"prometheus/profiles/{profile}.yaml (slos)" if profile in profiles else "scripts/vitals/slo.py"
        found[name] = {"groups": [_group(g) for g in groups]}, source
    for name, content in alerting.groups(settings, profiles).items():
        found[name] = content, f"scripts/vitals/alerts/{name.removeprefix('alerts-')}.py"
    return found


def _group(group: Group) -> dict[str, Any]:
    rules = [{"record": r.record, "expr": r.expr, **({"labels": r.labels} if r.labels else {})} for r in group.rules]
    return {"name": group.name, "interval": group.interval, "rules": rules}


class _Dumper(yaml.CSafeDumper):
    """Long text in blocks, and nothing by reference."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.CSafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def _yaml(data: Any, source: str) -> str:
    return HEADER.format(source=source) + as_yaml(data)


def as_yaml(data: Any) -> str:
    """As every generated YAML file is written: keys in their order, long text in blocks, nothing by reference."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, width=100, allow_unicode=True)

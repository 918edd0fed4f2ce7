"""The native engine's parts, taken from the machine's own Debian mirror: fetched, verified, unpacked, not installed.

A private apt root under the cache folder has its own sources, lists and (empty) status, so apt needs no root
and changes nothing on the machine. Packages are verified by the Debian keyring as always.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vitals.errors import VitalsError
from vitals.settings import Settings

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
SERVERS = "forky"  # the Go programs: they bring all they need, whatever the machine's release


@dataclass(frozen=True)
class Group:
    """Packages that are fetched together from one suite."""

    suite: str
    packages: tuple[str, ...]


# PostgreSQL and the libraries it needs beyond any machine's own, by Debian release.
_DATABASES = {
    "bookworm": ("postgresql-15", "postgresql-client-15", "libicu72", "libldap-2.5-0"),
    "trixie": ("postgresql-17", "postgresql-client-17", "libicu76", "libldap2"),
}
_LIBRARIES = ("libpq5", "libsasl2-2", "libxml2", "libxslt1.1", "libjemalloc2", "liblzf1", "liburing2",
              "redis-server", "redis-tools")

GROUPS = {
    "tools": Group(SERVERS, ("promtool", "prometheus-alertmanager")),
    "servers": Group(SERVERS, ("prometheus", "prometheus-node-exporter")),
    "exporters": Group(SERVERS, ("prometheus-postgres-exporter", "prometheus-redis-exporter")),
}
TOOLS = {"promtool": "usr/bin/promtool", "amtool": "usr/bin/amtool"}


def tool(settings: Settings, name: str) -> Path:
    """The path of promtool or amtool, fetched when it is not in the cache yet."""
    return group(settings, "tools") / TOOLS[name]


def group(settings: Settings, name: str) -> Path:
    """The folder into which a group of packages is unpacked, fetched when it is not in the cache yet."""
    suite, packages = _wanted(name)
    return fetch(settings, packages, suite)


def where(settings: Settings, name: str) -> Path:
    """That folder, whether or not it is there yet."""
    suite, packages = _wanted(name)
    return _folder(settings, packages, suite)


def _wanted(name: str) -> tuple[str, tuple[str, ...]]:
    if name != "databases":
        return GROUPS[name].suite, GROUPS[name].packages
    release = _release()
    if release not in _DATABASES:
        raise VitalsError(f"no PostgreSQL is known for Debian {release}; set demo: false, or use ENGINE=compose")
    return release, (*_DATABASES[release], *_LIBRARIES)


def fetch(settings: Settings, packages: Sequence[str], suite: str) -> Path:
    """Unpacked packages of a suite, from the cache or the mirror. Raises VitalsError when neither has them."""
    done = _folder(settings, packages, suite)
    if done.is_dir():
        return done
    try:
        settings.cache.mkdir(parents=True, exist_ok=True)
        with _locked(settings.cache / f".{done.name}.lock"):
            if not done.is_dir():
                _fetch(settings.cache, list(packages), suite, done)
    except OSError as err:
        raise VitalsError(f"{settings.cache}: cannot be written ({err.strerror}); set VITALS_CACHE to a folder that can") from err
    return done


def _folder(settings: Settings, packages: Sequence[str], suite: str) -> Path:
    key = hashlib.sha256(" ".join([suite, *sorted(packages)]).encode()).hexdigest()[:12]
    return settings.cache / f"{suite}-{key}"


def _fetch(cache: Path, packages: list[str], suite: str, done: Path) -> None:
    for program in ("apt-get", "dpkg-deb"):
        if not shutil.which(program):
            raise VitalsError(f"{program} is not there: the native engine needs Debian's apt; use ENGINE=compose")
    with tempfile.TemporaryDirectory(dir=cache, prefix="fetch-") as folder:
        work = Path(folder)
        config = _private_root(work / "apt", suite)
        debs = work / "debs"
        debs.mkdir()
        _apt(config, debs, "update")
        _apt(config, debs, "download", *packages)
        root = work / "root"
        for deb in sorted(debs.glob("*.deb")):
            subprocess.run(["dpkg-deb", "-x", deb, root], check=True)
        _loosen(root)
        versions = sorted("_".join(deb.name.split("_")[:2]) for deb in debs.glob("*.deb"))
        (root / "packages.txt").write_text("\n".join(versions) + "\n")
        root.rename(done)


def _loosen(root: Path) -> None:
    """Debian's Alertmanager reads its templates at a fixed absolute path, where nothing is installed.

    In the unpacked copy that path becomes a relative one of the same length, so that the program, run in the
    folder it was unpacked into, finds its own. No namespace, no mount, no root.
    """
    program = root / "usr/bin/prometheus-alertmanager"
    if program.exists():
        absolute, relative = b"/usr/share/prometheus/alertmanager", b"usr//share/prometheus/alertmanager"
        program.write_bytes(program.read_bytes().replace(absolute, relative))


def _private_root(root: Path, suite: str) -> Path:
    for folder in ("etc/apt.conf.d", "etc/preferences.d", "etc/sources.list.d", "state/lists/partial", "cache/archives/partial"):
        (root / folder).mkdir(parents=True)
    (root / "state/status").touch()
    architecture = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True).stdout.strip()
    (root / "etc/sources.list.d/mirror.sources").write_text(
        f"Types: deb\nURIs: {mirror()}\nSuites: {suite}\nComponents: main\nArchitectures: {architecture}\n"
        # A suite in the making may stand longer than its index says.
        f"Check-Valid-Until: no\nSigned-By: {KEYRING}\n")
    config = root / "apt.conf"
    config.write_text(
        f'Dir::Etc "{root}/etc";\nDir::Etc::sourcelist "/dev/null";\nDir::Etc::sourceparts "{root}/etc/sources.list.d";\n'
        f'Dir::Etc::parts "{root}/etc/apt.conf.d";\nDir::Etc::preferencesparts "{root}/etc/preferences.d";\n'
        f'Dir::State "{root}/state";\nDir::State::status "{root}/state/status";\nDir::Cache "{root}/cache";\n'
        f'Acquire::Languages "none";\nAPT::Sandbox::User "";\nAPT::Architecture "{architecture}";\n')
    return config


def mirror() -> str:
    """The Debian mirror that this machine's apt uses for its own release."""
    release = _release()
    for uri, suites in _sources():
        if release in suites:
            return uri
    raise VitalsError("apt's sources name no Debian mirror for this release; the native engine needs one (or ENGINE=compose)")


def _sources() -> Iterator[tuple[str, list[str]]]:
    """(URI, suites) of every binary source in apt's configuration, in both of its formats."""
    etc = Path("/etc/apt")
    for file in [etc / "sources.list", *sorted(etc.glob("sources.list.d/*.list"))]:
        for line in file.read_text().splitlines() if file.is_file() else []:
            if found := re.match(r"deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+(\S+)", line):
                yield found[1], [found[2]]
    for file in sorted(etc.glob("sources.list.d/*.sources")):
        for stanza in re.split(r"\n\s*\n", file.read_text()):
            fields = dict(re.findall(r"^([A-Za-z-]+):[ \t]*(.*)$", stanza, re.M))
            if "deb" in fields.get("Types", "").split() and fields.get("Enabled", "yes") != "no":
                for uri in fields.get("URIs", "").split():
                    yield uri, fields.get("Suites", "").split()


def _release() -> str:
    fields = dict(re.findall(r'^([A-Z_]+)="?([^"\n]*)"?$', Path("/etc/os-release").read_text(), re.M))
    if fields.get("ID") != "debian" or not KEYRING.exists():
        raise VitalsError("the native engine takes its parts from Debian's mirror and this is no Debian; use ENGINE=compose")
    return fields.get("VERSION_CODENAME", "")


def _apt(config: Path, folder: Path, *arguments: str) -> None:
    done = subprocess.run(["apt-get", "-q", "-o", "Acquire::Retries=2", *arguments], cwd=folder, capture_output=True,
                          text=True, env={**os.environ, "APT_CONFIG": str(config), "LC_ALL": "C"})
    # `update` answers 0 even when it fetched nothing.
    if done.returncode or re.search(r"^(E|Err|W: Failed)", done.stdout + done.stderr, re.M):
        last = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith(("E:", "Err", "W:"))][:1]
        raise VitalsError(f"apt-get {arguments[0]} failed: {''.join(last) or 'no reason given'}. Is the network there? "
                          "The parts are fetched once, on the first start.")


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Two starts at once fetch one after the other; the second finds it done."""
    with file.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield

"""The native engine's parts, taken from the machine's own Debian mirror: fetched, verified, unpacked, not installed.

A private apt root under the cache folder has its own sources, lists and (empty) status, so apt needs no root
and changes nothing on the machine. Packages are verified by the Debian keyring as always. What is unpacked is
kept by the list it was made from: another list is another folder.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vitals.errors import VitalsError
from vitals.settings import Settings


@dataclass(frozen=True)
class Group:
    """Packages that are fetched together, and the programs they bring: upstream's name → path inside."""

    suite: str
    packages: tuple[str, ...]
    programs: dict[str, str]


# The Go programs bring all they need, whatever the machine's release. The databases come from the oldest release
# that has this project's Python, with every library a small machine may lack: newer machines run them as well.
GROUPS = {
    "tools": Group("forky", ("promtool", "prometheus-alertmanager"), {
        "promtool": "usr/bin/promtool", "amtool": "usr/bin/amtool",
        "alertmanager": "usr/bin/prometheus-alertmanager"}),
    "servers": Group("forky", ("prometheus", "prometheus-node-exporter", "prometheus-blackbox-exporter"), {
        "prometheus": "usr/bin/prometheus", "node_exporter": "usr/bin/prometheus-node-exporter",
        "blackbox_exporter": "usr/bin/prometheus-blackbox-exporter"}),
    "logs": Group("forky", ("mtail",), {"mtail": "usr/bin/mtail"}),
    "exporters": Group("forky", ("prometheus-postgres-exporter", "prometheus-redis-exporter"), {
        "postgres_exporter": "usr/bin/prometheus-postgres-exporter",
        "redis_exporter": "usr/bin/prometheus-redis-exporter"}),
    # Reads compose files without a daemon: for the tests of what is written in them.
    "compose": Group("forky", ("docker-compose",), {"docker-compose": "usr/libexec/docker/cli-plugins/docker-compose"}),
    "databases": Group("bookworm", (
        "postgresql-15", "postgresql-client-15", "redis-server", "redis-tools",
        "libatomic1", "libaudit1", "libcap-ng0", "libcap2", "libcom-err2", "libffi8", "libgcc-s1", "libgcrypt20",
        "libgmp10", "libgnutls30", "libgpg-error0", "libgssapi-krb5-2", "libhogweed6", "libicu72", "libidn2-0",
        "libjemalloc2", "libk5crypto3", "libkeyutils1", "libkrb5-3", "libkrb5support0", "libldap-2.5-0", "liblz4-1",
        "liblzf1", "liblzma5", "libnettle8", "libp11-kit0", "libpam0g", "libpq5", "libsasl2-2", "libselinux1",
        "libpcre2-8-0", "libssl3", "libstdc++6", "libsystemd0", "libtasn1-6", "libunistring2", "libuuid1", "libxml2",
        "libxslt1.1", "libzstd1", "zlib1g"), {
        "postgres": "usr/lib/postgresql/15/bin/postgres", "initdb": "usr/lib/postgresql/15/bin/initdb",
        "pg_dump": "usr/lib/postgresql/15/bin/pg_dump", "pg_restore": "usr/lib/postgresql/15/bin/pg_restore",
        "redis-server": "usr/bin/redis-server"}),
}

# Versions that this project was tried with. A mirror moves on: another one is used, and said.
TRIED = {
    ("forky", "prometheus"): "3.5", ("forky", "promtool"): "3.5", ("forky", "prometheus-alertmanager"): "0.33",
    ("forky", "prometheus-node-exporter"): "1.11", ("forky", "prometheus-blackbox-exporter"): "0.28",
    ("forky", "prometheus-postgres-exporter"): "0.19", ("forky", "prometheus-redis-exporter"): "1.86",
    ("forky", "docker-compose"): "2.40", ("forky", "mtail"): "3.2",
    ("bookworm", "postgresql-15"): "15", ("bookworm", "redis-server"): "7.0",
}

# The tools that checks and tests need, and the oldest version that knows all they ask for.
TOOLS = {"promtool": (3, 0), "amtool": (0, 27), "docker-compose": (2, 24)}

# Part of every cache folder's name: raise it when what is done to unpacked packages changes.
LAYOUT = "2"
NEEDED_BYTES = 900 * 2**20
FRESH_SECONDS = 6 * 3600  # for so long a suite's index is not asked for again
JUST_NOW_SECONDS = 60  # the same, when somebody asks for what is new
KEYRINGS = [Path(f"/usr/share/keyrings/debian-archive-keyring.{kind}") for kind in ("gpg", "pgp")]
_STABLE_NAMES = ("stable", "oldstable", "testing", "unstable", "sid")


# --- what others ask for --------------------------------------------------------------------------------


def tool(settings: Settings, name: str) -> Path:
    """The path of one of TOOLS: from the cache, the mirror, or PATH when it is new enough there."""
    try:
        return next(group(settings, key) / found.programs[name] for key, found in GROUPS.items()
                    if name in found.programs)
    except VitalsError:
        found = shutil.which(name)
        if found and _version(found) >= TOOLS[name]:
            return Path(found)
        raise


def programs(settings: Settings, names: Sequence[str]) -> dict[str, Path]:
    """Every program of these groups. A group that cannot be fetched may be on PATH instead, all of it."""
    todo = [name for name in names if not where(settings, name).is_dir()]
    if todo:
        print("fetching programs from the Debian mirror (once; about 150 MB) ...", file=sys.stderr, flush=True)
    with ThreadPoolExecutor(len(names)) as pool:
        return {program: path for found in pool.map(lambda name: _programs(settings, name), names)
                for program, path in found.items()}


def _programs(settings: Settings, name: str) -> dict[str, Path]:
    try:
        root = group(settings, name)
    except VitalsError:
        found = {program: shutil.which(program) for program in GROUPS[name].programs}
        if all(found.values()):
            return {program: Path(path) for program, path in found.items() if path}
        raise
    return {program: root / path for program, path in GROUPS[name].programs.items()}


def group(settings: Settings, name: str) -> Path:
    """The folder into which a group of packages is unpacked, fetched when it is not in the cache yet."""
    return fetch(settings, GROUPS[name].packages, GROUPS[name].suite)


def where(settings: Settings, name: str) -> Path:
    """That folder, whether or not it is there yet."""
    return _folder(settings, GROUPS[name].packages, GROUPS[name].suite)


def libraries(program: Path) -> dict[str, str]:
    """The environment in which an unpacked program finds the libraries it was unpacked with."""
    root = next((p for p in program.parents if (p / "parts.json").exists()), None)
    folders = sorted(root.glob("usr/lib/*-linux-gnu")) + sorted(root.glob("lib/*-linux-gnu")) if root else []
    return {"LD_LIBRARY_PATH": ":".join(map(str, folders))} if folders else {}


def versions(settings: Settings) -> dict[str, str]:
    """The packages in use and their exact versions."""
    found: dict[str, str] = {}
    for name in GROUPS:
        file = where(settings, name) / "parts.json"
        if file.exists():
            found |= {k: v for k, v in json.loads(file.read_text()).items() if k in GROUPS[name].packages}
    return found


def changes(settings: Settings, name: str) -> dict[str, tuple[str, str]]:
    """The packages of a group that the mirror has in another version: package → (version here, version there).

    Empty for a group that is not in the cache. Raises VitalsError when the mirror does not answer.
    """
    file = where(settings, name) / "parts.json"
    if not file.exists():
        return {}
    here, found = json.loads(file.read_text()), GROUPS[name]
    with _cached(settings.cache, found.suite):
        config = _private_root(settings.cache / f"apt-{found.suite}", found.suite)
        stamp = config.with_name("updated")
        if not stamp.exists() or time.time() - stamp.stat().st_mtime > JUST_NOW_SECONDS:
            _apt(config, settings.cache, "update")
            stamp.touch()
        listed = _apt(config, settings.cache, "download", "--print-uris", *found.packages)
    there = {package: version.replace("%3a", ":") for package, version in re.findall(r"' ([^_\s]+)_([^_\s]+)_", listed)}
    return {package: (here.get(package, ""), version) for package, version in there.items()
            if here.get(package) != version}


def fetch_anew(settings: Settings, name: str) -> None:
    """Unpacks what the mirror has of a group now, beside what is in use; ``swap`` takes it into use."""
    found, new = GROUPS[name], _beside(settings, name)
    with _cached(settings.cache, found.suite):
        shutil.rmtree(new, ignore_errors=True)
        _fetch(settings.cache, list(found.packages), found.suite, new)


def swap(settings: Settings, name: str) -> None:
    """What lies beside a group's folder takes its place, and the other way round: done twice, all is as before."""
    used, beside = where(settings, name), _beside(settings, name)
    between = used.with_name(used.name + ".swap")
    used.rename(between)
    beside.rename(used)
    between.rename(beside)


def forget(settings: Settings, name: str) -> None:
    """Removes what lies beside a group's folder."""
    shutil.rmtree(_beside(settings, name), ignore_errors=True)


def _beside(settings: Settings, name: str) -> Path:
    used = where(settings, name)
    return used.with_name(used.name + ".beside")


def fetch(settings: Settings, packages: Sequence[str], suite: str) -> Path:
    """Unpacked packages of a suite, from the cache or the mirror. Raises VitalsError when neither has them."""
    done = _folder(settings, packages, suite)
    if done.is_dir():
        return done
    with _cached(settings.cache, suite):
        if not done.is_dir():
            _fetch(settings.cache, list(packages), suite, done)
    return done


def debs(settings: Settings, packages: Sequence[str], suite: str) -> dict[str, Path]:
    """The packages as they come, not unpacked: name → file, all of one day. Raises VitalsError as ``fetch`` does."""
    done = _folder(settings, packages, suite).with_name(_folder(settings, packages, suite).name + "-debs")
    if not done.is_dir():
        with _cached(settings.cache, suite):
            if not done.is_dir():
                config = _private_root(settings.cache / f"apt-{suite}", suite)
                with tempfile.TemporaryDirectory(dir=settings.cache, prefix=".fetch-") as folder:
                    work = Path(folder) / "debs"
                    work.mkdir()
                    _download(config, list(packages), work)
                    work.rename(done)
    return {file.name.split("_")[0]: file for file in sorted(done.glob("*.deb"))}


# --- how --------------------------------------------------------------------------------------------------


def _folder(settings: Settings, packages: Sequence[str], suite: str) -> Path:
    key = hashlib.sha256(" ".join([LAYOUT, suite, *sorted(packages)]).encode()).hexdigest()[:12]
    return settings.cache / f"{suite}-{key}"


@contextmanager
def _cached(cache: Path, suite: str) -> Iterator[None]:
    """The cache folder, made, with room in it, and for one fetch from this suite at a time."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with _locked(cache / f".{suite}.lock"):
            _room(cache)
            yield
    except OSError as err:
        what = "there is no room left" if err.errno == errno.ENOSPC else f"cannot be written ({err.strerror})"
        raise VitalsError(f"{cache}: {what}; set VITALS_CACHE to another folder") from err


def _room(cache: Path) -> None:
    if shutil.disk_usage(cache).free < NEEDED_BYTES:
        raise OSError(errno.ENOSPC, "no room")


def _fetch(cache: Path, packages: list[str], suite: str, done: Path) -> None:
    """Aside first, then renamed: an interrupted fetch leaves nothing half."""
    config = _private_root(cache / f"apt-{suite}", suite)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".fetch-") as folder:
        work = Path(folder)
        _download(config, packages, work)
        root = work / "root"
        found = {}
        for deb in sorted(work.glob("*.deb")):
            unpacked = subprocess.run(["dpkg-deb", "-x", deb, root], capture_output=True, text=True)
            if unpacked.returncode:
                full = "No space left" in unpacked.stderr
                raise OSError(errno.ENOSPC if full else errno.EIO, unpacked.stderr.strip())
            name, version = deb.name.split("_")[:2]
            found[name] = version.replace("%3a", ":")
            deb.unlink()
        _loosen(root)
        _trim(root)
        (root / "parts.json").write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
        root.rename(done)
    for name, version in found.items():
        if (suite, name) in TRIED and not re.match(rf"(\d+:)?{re.escape(TRIED[suite, name])}\b", version):
            print(f"note: {name} {version}; this project was tried with {TRIED[suite, name]}", file=sys.stderr)


def _download(config: Path, packages: list[str], folder: Path) -> None:
    stamp = config.with_name("updated")
    fresh = stamp.exists() and time.time() - stamp.stat().st_mtime < FRESH_SECONDS
    if fresh:
        try:
            _apt(config, folder, "download", *packages)
            return
        except VitalsError:  # the mirror has moved on since
            pass
    _apt(config, folder, "update")
    stamp.touch()
    _apt(config, folder, "download", *packages)


def _loosen(root: Path) -> None:
    """Debian's Alertmanager reads its templates at a fixed absolute path, where nothing is installed.

    In the unpacked copy that path becomes a relative one of the same length, so that the program, run in the
    folder it was unpacked into, finds its own. No namespace, no mount, no root.
    """
    program = root / "usr/bin/prometheus-alertmanager"
    if program.exists():
        absolute, relative = b"/usr/share/prometheus/alertmanager", b"usr//share/prometheus/alertmanager"
        program.write_bytes(program.read_bytes().replace(absolute, relative))


def _trim(root: Path) -> None:
    for folder in ("usr/share/doc", "usr/share/man", "usr/share/locale"):
        shutil.rmtree(root / folder, ignore_errors=True)


def _private_root(root: Path, suite: str) -> Path:
    """An apt configuration that writes only under ``root``; the machine's proxies and logins to mirrors are kept."""
    for program in ("apt-get", "apt-config", "dpkg-deb", "dpkg"):
        if not shutil.which(program):
            raise VitalsError(f"{program} is not there: the native engine takes its parts with Debian's apt; "
                              "use ENGINE=compose")
    source = mirror()
    keyring = next((k for k in KEYRINGS if k.exists()), None)
    if keyring is None:
        raise VitalsError("the package debian-archive-keyring is not installed: nothing fetched could be verified; "
                          "install it, or use ENGINE=compose")
    for folder in ("etc/apt.conf.d", "etc/preferences.d", "etc/sources.list.d", "state/lists/partial",
                   "cache/archives/partial"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "state/status").touch()
    architecture = _output("dpkg", "--print-architecture")
    (root / "etc/sources.list.d/mirror.sources").write_text(
        f"Types: deb\nURIs: {source}\nSuites: {suite}\nComponents: main\nArchitectures: {architecture}\n"
        # A suite in the making may stand longer than its index says.
        f"Check-Valid-Until: no\nSigned-By: {keyring}\n")
    reach = [line for line in _output("apt-config", "dump").splitlines()
             if re.match(r"Acquire::(https?|ftp|socks|Force|Proxy)", line)]
    config = root / "apt.conf"
    config.write_text("\n".join([
        f'Dir::Etc "{root}/etc";', 'Dir::Etc::sourcelist "/dev/null";',
        f'Dir::Etc::sourceparts "{root}/etc/sources.list.d";',
        f'Dir::Etc::parts "{root}/etc/apt.conf.d";', f'Dir::Etc::preferencesparts "{root}/etc/preferences.d";',
        'Dir::Etc::netrc "/etc/apt/auth.conf";', 'Dir::Etc::netrcparts "/etc/apt/auth.conf.d";',
        f'Dir::State "{root}/state";', f'Dir::State::status "{root}/state/status";', f'Dir::Cache "{root}/cache";',
        'Dir::Cache::pkgcache "";', 'Dir::Cache::srcpkgcache "";', 'Acquire::GzipIndexes "true";',
        'Acquire::Languages "none";', 'Acquire::Retries "2";', 'APT::Sandbox::User "";',
        f'APT::Architecture "{architecture}";', *reach]) + "\n")
    return config


def mirror(etc: Path = Path("/etc/apt"), release_file: Path = Path("/etc/os-release")) -> str:
    """The Debian mirror that this machine's apt uses for its own release."""
    about = release_file.read_text() if release_file.exists() else ""
    fields = dict(re.findall(r'^([A-Z_]+)="?([^"\n]*)"?$', about, re.M))
    if fields.get("ID") != "debian":
        raise VitalsError("the native engine takes its parts from Debian's mirror and this is "
                          f"{fields.get('NAME', 'no Debian')}; use ENGINE=compose, or put the programs on PATH")
    suites = {fields.get("VERSION_CODENAME", ""), *_STABLE_NAMES}
    best, found = 0, ""
    for source in _sources(etc):
        if "main" in source.components and suites & set(source.suites):
            # Other projects name their suites after Debian's releases: Debian's own key or path tells them apart.
            points = 1 + 2 * ("debian-archive" in source.keyring) + source.uri.rstrip("/").endswith("/debian")
            if points > best:
                best, found = points, source.uri
    if not found:
        raise VitalsError("apt's sources name no Debian mirror for this release (main); add one, or use ENGINE=compose")
    return found


@dataclass(frozen=True)
class Source:
    uri: str
    suites: list[str]
    components: list[str]
    keyring: str = ""


def _sources(etc: Path) -> Iterator[Source]:
    """Every binary source in apt's configuration, in both of its formats."""
    for file in [etc / "sources.list", *sorted(etc.glob("sources.list.d/*.list"))]:
        for line in file.read_text().splitlines() if file.is_file() else []:
            if found := re.match(r"deb\s+(?:\[([^]]*)\]\s+)?(\S+)\s+(\S+)\s+(.*)", line):
                yield Source(found[2], [found[3]], found[4].split("#")[0].split(), found[1] or "")
    for file in sorted(etc.glob("sources.list.d/*.sources")):
        lines = [line for line in file.read_text().splitlines() if not line.startswith("#")]
        for stanza in re.split(r"\n\s*\n", "\n".join(lines)):
            fields = dict(re.findall(r"^([A-Za-z-]+):[ \t]*((?:.|\n[ \t])*)$", stanza, re.M))
            if "deb" in fields.get("Types", "").split() and fields.get("Enabled", "yes").strip() not in ("no", "false"):
                for uri in fields.get("URIs", "").split():
                    yield Source(uri, fields.get("Suites", "").split(), fields.get("Components", "").split(),
                                 fields.get("Signed-By", ""))


def _apt(config: Path, folder: Path, *arguments: str) -> str:
    done = subprocess.run(["apt-get", "-q", *arguments], cwd=folder, capture_output=True, text=True,
                          env={**os.environ, "APT_CONFIG": str(config), "LC_ALL": "C"})
    said = (done.stdout + done.stderr).splitlines()
    # `update` answers 0 even when it fetched nothing.
    wrong = [line for line in said if line.startswith(("E:", "Err", "W: Failed"))]
    if done.returncode or wrong:
        if any("No space left" in line for line in said):
            raise OSError(errno.ENOSPC, "no room")
        raise VitalsError(f"apt-get {arguments[0]} failed: {(wrong or ['no reason given'])[-1]}\n"
                          "Is the network there? The parts are fetched once, on the first start.")
    return done.stdout


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _version(program: str) -> tuple[int, ...]:
    done = subprocess.run([program, "--version"], capture_output=True, text=True)
    found = re.search(r"version v?(\d+)\.(\d+)", done.stdout + done.stderr)
    return (int(found[1]), int(found[2])) if found else ()


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Two starts at once fetch one after the other; the second finds it done."""
    with file.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield

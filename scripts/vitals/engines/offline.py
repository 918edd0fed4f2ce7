"""Look-alikes of the official images, made from Debian packages where no registry is reachable.

The recipes are compose/offline/images.yaml. An image is a tar of unpacked packages given to `docker import`: no base
image, no BuildKit, no network in any step but the download of the packages, which apt verifies. A tag names the
Debian version and the recipe it was made by, so an image that is there is never made again, and never stale.
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vitals import yamlfile
from vitals.engines import parts
from vitals.errors import VitalsError
from vitals.settings import Settings, Strict

REPOSITORY = "agent-vitals-offline"
LABEL = "agent-vitals.offline"
# Part of every tag: raise it when what is done with packages changes.
LAYOUT = "1"
PYTHON = "3.13"  # the Python of the recipes, for which wheels are taken
DROPPED = re.compile(r"usr/share/(doc/(?!.*/copyright$).+/.|man/|locale/|lintian/|bash-completion/|info/|perl)"
                     r"|usr/lib/(systemd|tmpfiles\.d|sysusers\.d)/|etc/(init\.d|default|logrotate\.d)/")


class Recipe(Strict):
    """One image: what goes in, and how it is run."""

    replaces: str
    packages: list[str]
    links: dict[str, str] = {}
    users: dict[str, int] = {}
    owners: dict[str, int] = {}
    files: dict[str, str] = {}
    dockerfile: str | None = None
    wheels: list[str] = []
    config: str = ""
    proof: list[str]


class Recipes(Strict):
    """compose/offline/images.yaml."""

    suite: str
    base: list[str]
    images: dict[str, Recipe]


@dataclass(frozen=True)
class Image:
    """An image as it has to be."""

    name: str
    tag: str  # the full reference
    recipe: Recipe
    debs: list[Path]
    files: dict[str, Path]  # place in the image → file or folder
    changes: list[str]  # Dockerfile instructions


def recipes(settings: Settings) -> Recipes:
    return yamlfile.validate(yamlfile.load(settings.root / "compose" / "offline" / "images.yaml"), Recipes)


def build(settings: Settings) -> dict[str, str]:
    """Makes the images that are missing and removes those of older recipes; gives variable → image for all."""
    begun = time.monotonic()
    wanted = _images(settings)
    there = set(present())
    missing = [image for image in wanted if image.tag not in there]
    with ThreadPoolExecutor(2) as pool:
        for line in pool.map(lambda image: _build(settings, image), missing):
            print(line, flush=True)
    _prune(there - {image.tag for image in wanted}, {image.name for image in wanted})
    as_before = len(wanted) - len(missing)
    print(f"{len(missing)} images made, {as_before} as before, in {time.monotonic() - begun:.1f} s", flush=True)
    images = {image.recipe.replaces: image.tag for image in wanted}
    if others := sorted(pinned(settings).keys() - images.keys()):
        names = ", ".join(name.removesuffix("_IMAGE").lower().replace("_", "-") for name in others)
        print(f"no Debian package, so left out of an offline stack: {names}", flush=True)
    return images


def pinned(settings: Settings) -> dict[str, str]:
    """Every official image, by its variable in versions.env."""
    lines = (settings.root / "compose" / "versions.env").read_text().splitlines()
    return {line.split("=", 1)[0]: line.split("=", 1)[1] for line in lines if re.match(r"[A-Z_]+_IMAGE=", line)}


def present() -> list[str]:
    """The look-alikes that Docker has, newest first."""
    listed = _docker("image", "ls", "--filter", f"label={LABEL}", "--format", "{{.Repository}}:{{.Tag}}")
    return [line for line in listed.split() if line.startswith(f"{REPOSITORY}/")]


def at_hand(settings: Settings) -> dict[str, str]:
    """Variable → look-alike that Docker has, of whatever recipe; empty unless it has one for every recipe."""
    newest: dict[str, str] = {}
    for tag in present():
        newest.setdefault(tag.removeprefix(f"{REPOSITORY}/").split(":")[0], tag)
    book = recipes(settings).images
    return {recipe.replaces: newest[name] for name, recipe in book.items()} if set(book) <= set(newest) else {}


# --- the choice a stack has made --------------------------------------------------------------------------


def kept(file: Path) -> dict[str, str]:
    """The look-alikes that a stack was started with; none where it uses the official images."""
    lines = file.read_text().splitlines() if file.exists() else []
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def keep(file: Path, images: dict[str, str]) -> None:
    """Writes that choice, in the form of versions.env, which it overrides."""
    if images:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("# Look-alikes used instead of the images in compose/versions.env. `make up IMAGES=official` "
                        "ends that.\n" + "".join(f"{name}={tag}\n" for name, tag in sorted(images.items())))
    else:
        file.unlink(missing_ok=True)


# --- what an image has to be ------------------------------------------------------------------------------


def _images(settings: Settings) -> list[Image]:
    book = recipes(settings)
    names = sorted({*book.base, *(name for recipe in book.images.values() for name in recipe.packages)})
    debs = parts.debs(settings, names, book.suite)
    return [_image(settings, name, recipe, [debs[package] for package in [*recipe.packages, *book.base]])
            for name, recipe in book.images.items()]


def _image(settings: Settings, name: str, recipe: Recipe, debs: list[Path]) -> Image:
    files = {place: settings.root / source for place, source in recipe.files.items()}
    changes = recipe.config.strip().splitlines()
    if recipe.dockerfile:
        copies, changes = _dockerfile((settings.root / recipe.dockerfile).read_text())
        files |= {place: settings.root / source for place, source in copies.items()}
    version = debs[0].name.split("_")[1].replace("%3a", ":").split(":")[-1]
    digest = hashlib.sha256(json.dumps(
        [LAYOUT, recipe.model_dump(), [deb.name for deb in debs], changes, _locked(settings, recipe.wheels)],
        sort_keys=True).encode())
    for place, source in sorted(files.items()):
        for file in _tree(source):
            digest.update(f"{place}/{file.relative_to(source)}\0".encode() + file.read_bytes())
    stands_for = pinned(settings).get(recipe.replaces, name)
    tag = re.sub(r"[^A-Za-z0-9_.-]", "-", version) + "-" + digest.hexdigest()[:8]
    changes += [f"LABEL {key}={json.dumps(value)}" for key, value in {
        LABEL: stands_for,
        "org.opencontainers.image.title": f"Offline look-alike of {stands_for}",
        "org.opencontainers.image.description":
            "Made from Debian packages by Agent Vitals (make images-offline). This is not the official image.",
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.vendor": "none: made on this machine",
        f"{LABEL}.packages": ", ".join(" ".join(deb.name.split("_")[:2]) for deb in debs),
    }.items()]
    return Image(name, f"{REPOSITORY}/{name}:{tag}", recipe, debs, files, changes)


def _dockerfile(text: str) -> tuple[dict[str, str], list[str]]:
    """What a Dockerfile copies (place → source) and how it says the image is run. RUN is the recipe's to translate."""
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    words = [line.split() for line in lines if line.startswith("COPY ")]
    kept = ("ENV ", "USER ", "WORKDIR ", "EXPOSE ", "HEALTHCHECK ", "ENTRYPOINT ", "CMD ")
    return ({place: source for _, source, place in words if not place.startswith("/tmp")},
            [line for line in lines if line.startswith(kept)])


def _locked(settings: Settings, wheels: list[str]) -> list[str]:
    """These requirements as requirements.lock has them, version and hashes."""
    entries = re.split(r"\n(?=\S)", (settings.root / "requirements.lock").read_text())
    return [entry for entry in entries if entry.split("==")[0] in wheels]


def _tree(source: Path) -> list[Path]:
    if source.is_file():
        return [source]
    return sorted(file for file in source.rglob("*") if file.is_file() and "__pycache__" not in file.parts)


# --- making it --------------------------------------------------------------------------------------------


def _build(settings: Settings, image: Image) -> str:
    begun = time.monotonic()
    files = {**image.files, **_wheels(settings, image.recipe.wheels)}
    changes = [word for change in image.changes for word in ("--change", change)]
    with tempfile.TemporaryFile() as errors:
        importing = subprocess.Popen(["docker", "import", *changes, "-"], stdin=subprocess.PIPE, text=False,
                                     stdout=subprocess.PIPE, stderr=errors)
        assert importing.stdin and importing.stdout
        try:
            with importing.stdin as sink, tarfile.open(fileobj=sink, mode="w|", format=tarfile.PAX_FORMAT) as tar:
                size = _fill(tar, image, files)
        except BrokenPipeError:  # docker says why
            pass
        except BaseException:
            importing.kill()
            raise
        said = importing.stdout.read().decode().strip()
        if importing.wait():
            errors.seek(0)
            raise VitalsError(f"docker import of {image.name} failed: {errors.read().decode().strip()}")
    _prove(image, said)
    _docker("tag", said, image.tag)
    return f"  {image.tag:56} {size / 2**20:4.0f} MB  {time.monotonic() - begun:4.1f} s"


def _fill(tar: tarfile.TarFile, image: Image, files: dict[str, Path]) -> int:
    """The whole file system of an image; gives its size. What is owned by root is root's, whoever runs this."""
    seen: set[str] = set()
    size = 0

    def add(name: str, content: bytes = b"", mode: int = 0o644, owner: int = 0, **more: Any) -> None:
        nonlocal size
        name = name.strip("/")
        for parent in [str(p) for p in reversed(Path(name).parents) if str(p) != "."]:
            if parent not in seen:
                add(parent, mode=0o755, type=tarfile.DIRTYPE)
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode, entry.uid, entry.gid = len(content), mode, owner, owner
        for key, value in more.items():
            setattr(entry, key, value)
        seen.add(name)
        size += len(content)
        tar.addfile(entry, io.BytesIO(content))

    authorities = b""
    for deb in sorted(image.debs, key=lambda deb: not deb.name.startswith("base-files_")):  # it has /bin -> usr/bin
        for entry, content in _unpacked(deb):
            if entry.name in seen or DROPPED.match(entry.name):
                continue
            if entry.name.startswith("usr/share/ca-certificates/"):
                authorities += content
            add(entry.name, content, entry.mode & 0o1777, type=entry.type, linkname=entry.linkname)
    add("/etc/ssl/certs/ca-certificates.crt", authorities)
    for name in _applets(image.debs):
        if f"usr/bin/{name}" not in seen and f"usr/sbin/{name}" not in seen:
            add(f"usr/bin/{name}", type=tarfile.SYMTYPE, linkname="busybox", mode=0o777)
    for place, target in image.recipe.links.items():
        place = re.sub(r"^/(s?bin)/", r"/usr/\1/", place)
        add(place, type=tarfile.SYMTYPE, linkname=target, mode=0o777)
    users = {"root": 0, **image.recipe.users, "nobody": 65534}
    add("/etc/passwd", "".join(f"{name}:x:{uid}:{uid}::/:/bin/sh\n" for name, uid in users.items()).encode())
    add("/etc/group", "".join(f"{name}:x:{uid}:\n" for name, uid in users.items()).encode())
    add("/etc/nsswitch.conf", b"passwd: files\ngroup: files\nhosts: files dns\n")
    for folder in ("tmp", "run", "var/tmp"):
        if folder not in seen:
            add(folder, type=tarfile.DIRTYPE, mode=0o1777 if folder.endswith("tmp") else 0o755)
    for place, source in files.items():
        for file in _tree(source):
            add(str(Path(place) / file.relative_to(source)) if source.is_dir() else place, file.read_bytes(),
                0o755 if file.suffix == ".sh" else 0o644)
    for folder, owner in image.recipe.owners.items():
        add(folder, type=tarfile.DIRTYPE, mode=0o755, owner=owner)
    return size


def _unpacked(deb: Path) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE) as unpacking:
        assert unpacking.stdout
        with tarfile.open(fileobj=unpacking.stdout, mode="r|") as packed:
            for entry in packed:
                entry.name = entry.name.removeprefix(".").strip("/")
                if entry.islnk():
                    entry.linkname = entry.linkname.removeprefix("./")
                if entry.name:
                    file = packed.extractfile(entry) if entry.isreg() else None
                    yield entry, file.read() if file else b""
    if unpacking.returncode:
        raise VitalsError(f"{deb}: dpkg-deb cannot read it; remove the folder, it is fetched again")


def _applets(debs: list[Path]) -> list[str]:
    """What busybox can be called."""
    package = next(deb for deb in debs if deb.name.startswith("busybox-static_"))
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
        busybox = Path(folder) / "usr/bin/busybox"
        listed = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout
    return sorted({*listed.split()} - {"busybox"})


def _wheels(settings: Settings, names: list[str]) -> dict[str, Path]:
    """Python packages of requirements.lock, for the Python in the image, by Debian's own pip."""
    if not names:
        return {}
    lines = _locked(settings, names)
    done = settings.cache / ("wheels-" + hashlib.sha256("\n".join([PYTHON, *lines]).encode()).hexdigest()[:12])
    if not done.is_dir():
        pip = next(parts.fetch(settings, ["python3-pip-whl"], "forky").glob("usr/share/python-wheels/pip-*.whl"))
        machine = platform.machine()
        with tempfile.TemporaryDirectory(dir=settings.cache, prefix=".wheels-") as folder:
            wanted = Path(folder) / "requirements.txt"
            wanted.write_text("\n".join(lines) + "\n")
            ran = subprocess.run(
                [sys.executable, pip / "pip", "install", "-q", "--no-input", "--disable-pip-version-check", "--no-deps",
                 "--no-compile", "--only-binary", ":all:", "--require-hashes", "--python-version", PYTHON,
                 *(f"--platform={kind}_{machine}" for kind in ("manylinux_2_28", "manylinux2014")),
                 "--target", Path(folder) / "site", "-r", wanted], capture_output=True, text=True)
            if ran.returncode:
                raise VitalsError(f"pip failed: {(ran.stderr.strip().splitlines() or ['no reason given'])[-1]}\n"
                                  "Is the network there? pip's usual settings for mirrors and proxies apply.")
            shutil.move(Path(folder) / "site", done)
    return {f"/usr/local/lib/python{PYTHON}/dist-packages": done}


def _prove(image: Image, made: str) -> None:
    """An image whose program does not start is none."""
    program, *arguments = image.recipe.proof
    ran = subprocess.run(["docker", "run", "--rm", "--network", "none", "--read-only", "--entrypoint", program, made,
                          *arguments], capture_output=True, text=True)
    if ran.returncode:
        _docker("image", "rm", made)
        raise VitalsError(f"the {image.name} image does not work: {(ran.stdout + ran.stderr).strip()}\n"
                          "Does its recipe in compose/offline/images.yaml lack a package?")


def _prune(others: set[str], names: set[str]) -> None:
    """Images of older recipes go; Docker keeps one that a container still uses."""
    for tag in others:
        if tag.removeprefix(f"{REPOSITORY}/").split(":")[0] in names:
            subprocess.run(["docker", "image", "rm", tag], capture_output=True)


def _docker(*arguments: str) -> str:
    try:
        done = subprocess.run(["docker", *arguments], capture_output=True, text=True)
    except FileNotFoundError as err:
        raise VitalsError("there is no docker command; install Docker") from err
    if done.returncode:
        raise VitalsError(f"docker {arguments[0]} failed: {(done.stderr.strip().splitlines() or ['no reason'])[-1]}")
    return done.stdout.strip()

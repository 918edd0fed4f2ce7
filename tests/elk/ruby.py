"""The rubies that run the pipeline's filter: plain Ruby from Debian, and JRuby, which Logstash is built on.

JRuby needs a Java, which nothing else here does: ELK_JRUBY=1 asks for it, with the ``java`` on PATH.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from vitals.engines import parts
from vitals.settings import Settings

RUBY = ("ruby3.1", "libruby3.1", "libyaml-0-2", "libedit2", "libffi8", "libgmp10", "libncurses6", "libtinfo6", "libssl3",
        "zlib1g", "libcrypt1", "libbsd0", "libmd0")
# JRuby 9.4, as Logstash 9 has it.
JRUBY = ("jruby", "libasm-java", "libbackport9-java", "libbcpkix-java", "libbcprov-java", "libbctls-java",
         "libbcutil-java", "libdirgra-java", "libheadius-options-java", "libinvokebinder-java", "libjcodings-java",
         "libjffi-java", "libjffi-jni", "libjitescript-java", "libjline2-java", "libjnr-constants-java",
         "libjnr-enxio-java", "libjnr-ffi-java", "libjnr-netdb-java", "libjnr-posix-java", "libjnr-unixsocket-java",
         "libjnr-x86asm-java", "libjoda-time-java", "libjruby-joni-java", "libjzlib-java", "libsnakeyaml-engine-java")
# Nothing here takes more than some seconds; a regular expression that runs away takes for ever.
HANG_SECONDS = 300
JRUBY_HANG_SECONDS = 900
ENGINES = ["ruby", *(["jruby"] if os.environ.get("ELK_JRUBY") == "1" else [])]


def run(settings: Settings, script: Path, stdin: str, engine: str = "ruby") -> str:
    """What the script prints; fails when it fails, or complains."""
    command, environment = _jruby(settings) if engine == "jruby" else _ruby(settings)
    limit = JRUBY_HANG_SECONDS if engine == "jruby" else HANG_SECONDS
    done = subprocess.run([*command, script], input=stdin, capture_output=True, text=True, timeout=limit,
                          env={**os.environ, **environment, "LC_ALL": "C.UTF-8"})
    assert done.returncode == 0, done.stderr[-4000:]
    assert engine == "jruby" or not done.stderr, done.stderr[-4000:]
    return done.stdout


def _ruby(settings: Settings) -> tuple[list[str | Path], dict[str, str]]:
    root = parts.fetch(settings, RUBY, "bookworm")
    program = root / "usr/bin/ruby3.1"
    folders = [root / "usr/lib/ruby/3.1.0", *root.glob("usr/lib/*-linux-gnu/ruby/3.1.0")]
    return [program, "--disable-gems", "-W1", *(f"-I{folder}" for folder in folders)], parts.libraries(program)


def _jruby(settings: Settings) -> tuple[list[str | Path], dict[str, str]]:
    root = parts.fetch(settings, JRUBY, "trixie")
    home = root / "usr/share/jruby"
    jars = [home / "lib/jruby.jar", *sorted((root / "usr/share/java").glob("*.jar"))]
    return ["java", "-Xmx2g", "-Xss4m", "-Djava.awt.headless=true", "-Djruby.openssl.load.jars=false",
            f"-Djruby.home={home}", f"-Djruby.lib={home / 'lib'}", "-cp", ":".join(map(str, jars)),
            "org.jruby.Main"], {}

"""Makes .venv with the locked dependencies. Needs python3 and pip, or apt to take pip from.

Run by every `make` verb; does nothing when the lock has not changed since. The environment is built aside and
renamed into place, so that an interrupted run leaves nothing half.
"""

import fcntl
import glob
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
STAMP = os.path.join(VENV, "stamp")
INPUTS = ("requirements.lock", "pyproject.toml", "scripts/bootstrap.py")


class Failed(Exception):
    """Said as one line."""


def main():
    if sys.version_info < (3, 11):
        raise Failed(f"Python 3.11 or newer is needed; {sys.executable} is {sys.version.split()[0]}")
    with open(os.path.join(ROOT, ".bootstrap.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = fingerprint()
        if not os.path.exists(STAMP) or open(STAMP).read() != wanted:
            build(wanted)


def fingerprint():
    digest = hashlib.sha256(sys.version.encode())
    for name in INPUTS:
        digest.update(open(os.path.join(ROOT, name), "rb").read())
    return digest.hexdigest()


def build(wanted):
    print("Making .venv from requirements.lock (once, and when the lock changes) ...", flush=True)
    shutil.rmtree(VENV, ignore_errors=True)
    try:
        say("  a fresh environment")
        run([sys.executable, "-m", "venv", "--without-pip", VENV])
        with tempfile.TemporaryDirectory() as work:
            pip = find_pip(work)
            python = os.path.join(VENV, "bin", "python")
            say("  the locked packages")
            run([python, *pip, "install", "-q", "--no-input", "--disable-pip-version-check", "--only-binary", ":all:",
                 "--require-hashes", "-r", os.path.join(ROOT, "requirements.lock")])
            say("  the project itself")
            run([python, *pip, "install", "-q", "--no-input", "--disable-pip-version-check", "--no-deps",
                 "--no-build-isolation", "-e", ROOT])
        with open(STAMP, "w") as stamp:
            stamp.write(wanted)
    except BaseException:
        shutil.rmtree(VENV, ignore_errors=True)
        raise


def find_pip(work):
    """How to call a pip that can install into another environment: its wheel, run in place."""
    import importlib.util
    bundled = []
    if importlib.util.find_spec("ensurepip"):
        import ensurepip
        bundled = glob.glob(os.path.join(os.path.dirname(ensurepip.__file__), "_bundled", "pip-*.whl"))
    wheels = bundled or glob.glob("/usr/share/python-wheels/pip-*.whl") or pip_from_apt(work)
    return [os.path.join(sorted(wheels)[-1], "pip")]


def pip_from_apt(work):
    """Debian ships pip apart from Python: its package is fetched and unpacked, not installed."""
    for program in ("apt-get", "dpkg-deb"):
        if not shutil.which(program):
            raise Failed("this Python has no pip, and there is no apt to take it from; install python3-venv")
    say("  pip, from the package python3-pip-whl")
    options = []
    if run(["apt-cache", "show", "python3-pip-whl"], check=False):
        for folder in ("state/lists/partial", "cache/archives/partial"):
            os.makedirs(os.path.join(work, folder))
        options = ["-o", f"Dir::State={work}/state", "-o", "Dir::State::status=/var/lib/dpkg/status",
                   "-o", f"Dir::Cache={work}/cache", "-o", "APT::Sandbox::User="]
        run(["apt-get", "-q", *options, "update"])
    run(["apt-get", "-q", *options, "download", "python3-pip-whl"], cwd=work)
    package = glob.glob(os.path.join(work, "python3-pip-whl_*.deb"))[0]
    run(["dpkg-deb", "-x", package, work])
    return glob.glob(os.path.join(work, "usr/share/python-wheels/pip-*.whl"))


def run(command, check=True, cwd=None):
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd)
    if check and done.returncode:
        lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        why = next((line for line in reversed(lines) if line.startswith(("ERROR", "E:"))), (lines or ["no reason"])[-1])
        raise Failed(f"{os.path.basename(command[0])} failed: {why.strip()}\n  Is the network there? Nothing was left behind.")
    return done.returncode


def say(text):
    print(text, flush=True)


if __name__ == "__main__":
    try:
        main()
    except (Failed, OSError) as err:
        sys.exit(f"bootstrap: {err}")
    except KeyboardInterrupt:
        sys.exit("bootstrap: interrupted; nothing was left behind")

"""Makes .venv with the locked dependencies. Needs python3 and pip, or apt to take pip from.

Run by every `make` verb; does nothing when the lock has not changed since. Whatever goes wrong, no half-made
environment is left.
"""

import fcntl
import hashlib
import importlib.util
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "stamp"
INPUTS = ("requirements.lock", "pyproject.toml", "scripts/bootstrap.py")
PIP = ("-q", "--no-input", "--disable-pip-version-check")


class Failed(Exception):
    """Said as one line."""


def main() -> None:
    with (ROOT / ".bootstrap.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = fingerprint()
        if not STAMP.exists() or STAMP.read_text() != wanted:
            build(wanted)


def fingerprint() -> str:
    """Changes when another Python, other dependencies or another project layout ask for a new environment."""
    digest = hashlib.sha256(f"{sys.version} {ROOT}".encode())
    for name in INPUTS:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def build(wanted: str) -> None:
    say("Making .venv from requirements.lock (once, and when the lock changes) ...")
    shutil.rmtree(VENV, ignore_errors=True)
    try:
        run(sys.executable, "-m", "venv", "--without-pip", VENV)
        with tempfile.TemporaryDirectory() as work:
            pip = [VENV / "bin" / "python", find_pip(Path(work)), "install", *PIP]
            say("  the locked packages")
            run(*pip, "--only-binary", ":all:", "--require-hashes", "-r", ROOT / "requirements.lock")
            say("  the project itself")
            run(*pip, "--no-deps", "--no-build-isolation", "-e", ROOT)
        STAMP.write_text(wanted)
    except BaseException:
        shutil.rmtree(VENV, ignore_errors=True)
        raise


def find_pip(work: Path) -> Path:
    """A pip that runs from its wheel, so that it can install into an environment that has none."""
    bundled: list[Path] = []
    if spec := importlib.util.find_spec("ensurepip"):
        bundled = list(Path(str(spec.origin)).parent.glob("_bundled/pip-*.whl"))
    # This Python's own first: Debian's may be too old for a Python that is not Debian's.
    wheels = bundled or list(Path("/usr/share/python-wheels").glob("pip-*.whl")) or pip_from_apt(work)
    return sorted(wheels)[-1] / "pip"


def pip_from_apt(work: Path) -> list[Path]:
    """Debian ships pip apart from Python: its package is fetched and unpacked, not installed."""
    for program in ("apt-get", "dpkg-deb"):
        if not shutil.which(program):
            raise Failed("this Python has no pip, and there is no apt to take it from; install python3-venv")
    say("  pip, from the package python3-pip-whl")
    # Lists of one's own: the machine's may never have been fetched, and need root.
    for folder in ("state/lists/partial", "cache/archives/partial"):
        (work / folder).mkdir(parents=True)
    apt = ["apt-get", "-q", "-o", f"Dir::State={work}/state", "-o", "Dir::State::status=/var/lib/dpkg/status",
           "-o", f"Dir::Cache={work}/cache", "-o", "APT::Sandbox::User="]
    run(*apt, "update")
    run(*apt, "download", "python3-pip-whl", cwd=work)
    run("dpkg-deb", "-x", next(work.glob("python3-pip-whl_*.deb")), work)
    return list(work.glob("usr/share/python-wheels/pip-*.whl"))


def run(*command: object, cwd: Path | None = None) -> None:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, cwd=cwd)
    if done.returncode:
        lines = (done.stderr + done.stdout).strip().splitlines() or ["no reason given"]
        said = [line for line in lines if line.startswith(("ERROR: ", "E: ")) and line != "ERROR: Exception:"]
        why = (said or lines)[-1]
        raise Failed(f"{Path(str(command[0])).name} failed: {why}\n  Is the network there? Nothing half-made was left.")


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    try:
        main()
    except (Failed, OSError) as err:
        sys.exit(f"bootstrap: {err}")
    except KeyboardInterrupt:
        sys.exit("bootstrap: interrupted; nothing half-made was left")

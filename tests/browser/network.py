"""Runs a command in a network of its own, in which nothing changes: python -m tests.browser.network COMMAND...

Chromium breaks off what it loads (ERR_NETWORK_CHANGED) whenever any interface of the machine comes or goes, as with
every container that Docker starts. In here there is a loopback, and a bridge to nowhere for the dashboards of hosts.
What the tests take from the mirror is fetched before.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
import sys
from pathlib import Path

from vitals import settings
from vitals.engines.native import Native

from . import chromium

NEW_USER, NEW_NETWORK = 0x10000000, 0x40000000  # <linux/sched.h>
SIOCSIFFLAGS, SIOCBRADDBR = 0x8914, 0x89A0  # <linux/sockios.h>
UP = 1  # <linux/if.h>
BRIDGE = b"bridge0"


def enter() -> None:
    """Raises OSError where that is not allowed."""
    user, group = os.geteuid(), os.getegid()
    if ctypes.CDLL(None, use_errno=True).unshare(NEW_NETWORK | (NEW_USER if user else 0)):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    if user:  # one may have a network in a user namespace of one's own, in which one stays who one is
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCBRADDBR, BRIDGE + b"\0")
        for name in (b"lo", BRIDGE):
            fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh22x", name, UP))


def can_enter() -> bool:
    """Tried by a process of its own: half of it would be worse than nothing."""
    child = os.fork()
    if not child:
        try:
            enter()
        except OSError as err:
            print(f"the browser shares this machine's network ({err.strerror}): changes there may disturb it", flush=True)
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def main() -> None:
    loaded = settings.load(settings.ROOT / "vitals.yaml")
    chromium.fetch(loaded)
    Native(loaded).programs()
    if can_enter():
        enter()
    os.execvp(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()

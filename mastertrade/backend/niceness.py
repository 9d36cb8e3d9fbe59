"""A session of PostgreSQL as nice as the process that it works for."""

import os
import socket
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

# pid, uid and gid of who listens at the other end of a Unix socket.
CREDENTIALS = struct.Struct("3i")


def share_niceness(connection: Any) -> None:
    """Give the session of a psycopg connection the niceness of this process.

    What a worker asks for would else have the right of way of a request. Only on this
    machine: where the server listens at a Unix socket, and its process is seen from
    here. Where this account may not, the session stays as it is.
    """
    niceness = os.getpriority(os.PRIO_PROCESS, 0)
    if niceness <= 0 or not hasattr(socket, "SO_PEERCRED"):
        return
    pid = connection.info.backend_pid
    if pid and _parent_of(pid) == _listener(connection.fileno()):
        with suppress(PermissionError, ProcessLookupError):
            os.setpriority(os.PRIO_PROCESS, pid, niceness)


def _listener(descriptor: int) -> int | None:
    """The process that listens at the other end; None over a network."""
    with socket.socket(fileno=os.dup(descriptor)) as found:
        if found.family != socket.AF_UNIX:
            return None
        size = CREDENTIALS.size
        answer = found.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    pid: int = CREDENTIALS.unpack(answer)[0]
    return pid or None  # 0: in another container


def _parent_of(pid: int) -> int | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[1])

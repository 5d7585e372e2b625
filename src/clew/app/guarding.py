"""One server a study: a second one is told where the first one is."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

from clew.errors import StudyError, check
from clew.study.store import read_only

NETWORK = (
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "fuse.sshfs",
    "9p",
    "afs",
    "lustre",
    "beegfs",
    "ceph",
    "fuse.glusterfs",
)


def hold(folder: Path, port: int) -> IO[str]:
    """Hold a study folder for this server until the handle is closed; the lock ends with the process, however that ends.

    Raises
    ------
    StudyError
        If another server has it, or it lies on a network file system, where SQLite's log of writes cannot be trusted.
    """
    refuse_network(folder)
    try:
        handle = open(folder / ".serving", "a+")  # noqa: SIM115 (held as long as the server lives)
    except OSError as error:
        raise StudyError(read_only(folder)) from error
    try:
        _lock(handle, folder)
    except BaseException:
        handle.close()
        raise
    handle.truncate(0)
    handle.write(f"{port} {os.getpid()}\n")
    handle.flush()
    return handle


def _lock(handle: IO[str], folder: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        handle.seek(0)
        port, _, process = handle.read().strip().partition(" ")
        raise StudyError(
            f"The study '{folder}' must be open in one server only. Got one that has it already, at port {port or '?'} (process "
            f"{process or '?'}): use its page, which several people can share."
        ) from error


def refuse_network(folder: Path) -> None:
    """Raise StudyError where the folder lies on a network file system."""
    kind = file_system(folder)
    check(
        kind not in NETWORK,
        StudyError,
        "The study '{}' must lie on a disk of this machine to be served: labels could be lost elsewhere. Got a network file "
        "system ({}). Run clew serve on the machine that has the disk, and reach it by a tunnel.",
        folder,
        kind,
    )


def file_system(folder: Path, mounts: str = "/proc/mounts") -> str:
    """Return the kind of file system that holds a folder ("ext4", "nfs4"); "" where the system does not say."""
    try:
        lines = Path(mounts).read_text().splitlines()
    except OSError:
        return ""
    there = str(folder.resolve())
    best, kind = "", ""
    for line in lines:
        point, of = ([*line.split(), "", "", ""])[1:3]
        point = point.replace("\\040", " ")
        if (there == point or there.startswith(point.rstrip("/") + "/")) and len(point) >= len(best):
            best, kind = point, of
    return kind

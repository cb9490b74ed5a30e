"""A directory that one process at a time may use, by a lock of the kernel on a file in it.

The kernel frees the lock when its process ends, in whatever way. A file that is still there then
tells the next process who had it.
"""

import contextlib
import datetime
import errno
import fcntl
import functools
import os
import pathlib
import socket
from collections.abc import Callable, Iterator

from igam_tf.core import files
from igam_tf.core.errors import InputError

NAME = "lock"
# A file system without such locks, as some network file systems are.
_UNSUPPORTED = (errno.ENOLCK, errno.ENOTSUP, errno.EINVAL, errno.ENOSYS)


@contextlib.contextmanager
def locked(directory: pathlib.Path, log: Callable[[str], object]) -> Iterator[Callable[[], None]]:
    """Holds the lock of a directory, which is created, and removed again if it stays empty.

    Args:
      log: takes a line where a process has ended without freeing the lock, and where the file
        system has no locks.

    Yields:
      A function that raises a StorageError where the directory is no longer the one that was
      locked: its disk is gone, or it was moved or removed. A write would go elsewhere.

    Raises:
      InputError: another process has the lock.
      StorageError: the file cannot be written.
    """
    path = directory / NAME
    with files.new_directory(directory):
        with files.writing(path):
            descriptor = _acquire(path, log)
        try:
            yield functools.partial(_require_at, path, descriptor)
        finally:
            # Before the lock is free, so that no other process's file is removed.
            with contextlib.suppress(OSError):
                if _is_at(path, descriptor):
                    path.unlink()
            os.close(descriptor)


def _acquire(path: pathlib.Path, log: Callable[[str], object]) -> int:
    """The descriptor of the lock's file, locked, with this process's name in it."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except FileNotFoundError:  # another process has removed the directory, empty
            continue
        try:
            _lock(path, descriptor, log)
            if _is_at(path, descriptor):
                _sign(path, descriptor, log)
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # of a file that its process has just removed


def _lock(path: pathlib.Path, descriptor: int, log: Callable[[str], object]) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = _text(descriptor) or "another process"
        raise InputError(f"run_dir: {path.parent} is in use by {holder}") from error
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        log(
            f"WARNING {path.parent}: its file system has no locks ({error.strerror}); no second "
            "process may use it"
        )


def _sign(path: pathlib.Path, descriptor: int, log: Callable[[str], object]) -> None:
    if before := _text(descriptor):
        log(f"{path.parent.name}: its lock is taken over from {before}, which has ended")
    since = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    text = f"process {os.getpid()} on {socket.gethostname()} since {since}"
    os.pwrite(descriptor, text.encode(), 0)
    os.ftruncate(descriptor, len(text.encode()))


def _text(descriptor: int) -> str:
    return os.pread(descriptor, 1000, 0).decode(errors="replace").strip()


def _require_at(path: pathlib.Path, descriptor: int) -> None:
    with files.writing(path.parent):
        if not _is_at(path, descriptor):
            raise FileNotFoundError(errno.ENOENT, "it has vanished, or was moved")


def _is_at(path: pathlib.Path, descriptor: int) -> bool:
    """Whether the open file is the one at the path."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False

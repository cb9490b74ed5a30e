"""SIGINT, SIGTERM and SIGHUP: exceptions, or notes where a piece of work has to be finished first.

A signal that the process was told to ignore stays ignored, as SIGHUP under `nohup`. Only the main
thread can handle signals; in others nothing changes.
"""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_Handler = Callable[[int, FrameType | None], None]


class Interruption(KeyboardInterrupt):
    """A signal that ends the process.

    Args:
      number: of the signal.
      text: what became of the work.
    """

    def __init__(self, number: int, text: str = "") -> None:
        super().__init__(number, text)  # for pickle
        self.number, self.text = number, text

    def __str__(self) -> str:
        return ": ".join(filter(None, ["interrupted", self.text]))

    @property
    def code(self) -> int:
        """The exit code: that of SIGTERM also for SIGHUP, for both ask for an end."""
        return exit_code(self.number)


def exit_code(number: int) -> int:
    """The exit code of a process that a signal has ended."""
    return 128 + (signal.SIGTERM if number == signal.SIGHUP else number)


@contextlib.contextmanager
def raised() -> Iterator[None]:
    """SIGTERM and SIGHUP raise an Interruption, as SIGINT raises a KeyboardInterrupt."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise Interruption(number)

    with handled((signal.SIGTERM, signal.SIGHUP), interrupt):
        yield


class Signals:
    """The first of the signals that arrived in a context of `postponed`; 0 for none."""

    number = 0

    def require_none(self, text: str = "") -> None:
        """Raises the Interruption of the signal that has arrived.

        Args:
          text: what became of the work.
        """
        if self.number:
            raise Interruption(self.number, text)


@contextlib.contextmanager
def postponed(work: str) -> Iterator[Signals]:
    """Notes signals with a line on standard error; later ones change nothing.

    Raises:
      Interruption: at the end, of a signal that nobody has asked for.

    Args:
      work: what the process does before it ends.
    """
    signals = Signals()

    def note(number: int, frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        line = f"{name}: {work}" if not signals.number else f"{name} ignored: {work}"
        signals.number = signals.number or number
        # Not through `print`: the handler may run in the middle of one.
        with contextlib.suppress(OSError):
            os.write(2, f"{os.linesep if sys.stderr.isatty() else ''}{line}\n".encode())

    with handled(NUMBERS, note):
        yield signals
    signals.require_none()


@contextlib.contextmanager
def handled(numbers: tuple[int, ...], handler: _Handler) -> Iterator[None]:
    """Calls a handler for those of the signals that are not ignored."""
    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.getsignal(number) for number in numbers}
        before = {number: old for number, old in before.items() if old != signal.SIG_IGN}
    for number in before:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)

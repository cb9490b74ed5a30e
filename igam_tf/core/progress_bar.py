"""Progress bars that also move while the work itself reports nothing.

A thread draws them, because a compiled loop cannot call Python. On a terminal it redraws one line;
elsewhere it prints a line every `LINE_SECONDS`.
"""

import contextlib
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TextIO

from tqdm import tqdm

REDRAW_SECONDS = 0.5
LINE_SECONDS = 30.0
REDRAWN_LINE = "{desc} {n_fmt}/{total_fmt} {bar} {remaining} left{postfix}"
LINE = "{desc}: {n_fmt} of {total_fmt}{unit}, {elapsed} elapsed, {remaining} left{postfix}"


class ProgressBar(tqdm):
    """The progress of one piece of work; `ProgressDisplay.bar` opens it.

    Attributes:
      done: units of work done, those before the bar's start included.
      metrics: figures beside the bar. Numbers and tensors are converted only when they are drawn.
    """

    monitor_interval = 0  # without tqdm's own thread, which redraws slow bars every 10 s

    def __init__(self, stream: TextIO, label: str, total: int, initial: int, unit: str) -> None:
        self.done = initial
        self.metrics: Mapping[str, Any] = {}
        terminal = stream.isatty()
        super().__init__(
            desc=label,
            total=total,
            initial=initial,
            unit=f" {unit}",
            file=stream,
            mininterval=0,
            miniters=0,
            nrows=shutil.get_terminal_size().lines,
            ncols=_columns() if terminal else None,
            bar_format=REDRAWN_LINE if terminal else LINE,
            gui=not terminal,  # tqdm's word for an output of another kind than a terminal
        )

    def report(self, done: int, metrics: Mapping[str, Any] | None = None) -> None:
        """Sets `done`, and `metrics` where they are new; draws nothing."""
        self.done, self.metrics = done, self.metrics if metrics is None else metrics

    def draw(self) -> None:
        figures = {
            name: value if isinstance(value, str) else float(value)
            for name, value in self.metrics.items()
        }
        self.set_postfix(figures, refresh=False)
        if not self.gui:
            self.ncols = _columns()
        if self.done > self.n:
            self.update(self.done - self.n)
        else:  # the rate is that of the last progress
            self.refresh()

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        if self.gui:
            print(self, file=self.fp, flush=True)
        else:
            super().display(msg, pos)


def _columns() -> int:
    """The terminal's width without its last column, 79 where it does not say."""
    return shutil.get_terminal_size().columns - 1


class ProgressDisplay:
    """Shows bars, one at a time, on a stream.

    On a terminal a bar is one line that is redrawn and stays when the bar ends. Elsewhere lines
    are at least `LINE_SECONDS` apart, also those of consecutive bars.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._terminal = stream, stream.isatty()
        self._drawn_at = time.monotonic()

    @contextlib.contextmanager
    def bar(
        self, label: str, total: int, initial: int = 0, *, unit: str, last_line: bool = False
    ) -> Iterator[ProgressBar]:
        """A bar that is drawn until the context ends.

        Args:
          initial: units done before, from which the time left does not profit.
          unit: of `total`, in the plural.
          last_line: prints a line at the end also where there is no terminal.
        """
        bar, closed = ProgressBar(self._stream, label, total, initial, unit), threading.Event()
        thread = threading.Thread(target=self._draw_until, args=(bar, closed), daemon=True)
        thread.start()
        try:
            yield bar
        finally:
            closed.set()
            thread.join()
            if self._terminal or last_line:
                bar.draw()
            bar.close()

    def log(self, write: Callable[[str], object], line: str) -> None:
        """Writes a line with `write`; on a terminal the line is above the bar."""
        if self._terminal:
            with ProgressBar.external_write_mode(self._stream):
                write(line)
        else:
            write(line)

    def _draw_until(self, bar: ProgressBar, closed: threading.Event) -> None:
        seconds = REDRAW_SECONDS if self._terminal else LINE_SECONDS
        while not closed.wait(max(0.0, self._drawn_at + seconds - time.monotonic())):
            self._drawn_at = time.monotonic()
            with contextlib.suppress(OSError):  # a closed pipe is the main thread's concern
                bar.draw()

"""Progress bars: one redrawn line on a terminal, lines far apart elsewhere, from a thread."""

import io
import re
import threading
import time

import numpy as np
import pytest
import tensorflow as tf

from igam_tf.core import progress_bar
from igam_tf.core.progress_bar import ProgressDisplay


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _silent_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines come at the end of a bar alone, unless a test shortens the intervals."""
    monkeypatch.setattr(progress_bar, "REDRAW_SECONDS", 3600.0)
    monkeypatch.setattr(progress_bar, "LINE_SECONDS", 3600.0)


def test_a_terminal_has_one_line_that_is_redrawn() -> None:
    stream = Terminal()
    with ProgressDisplay(stream).bar("a run", 10, unit="iterations") as bar:
        bar.report(3, {"loss": 0.25})
        bar.draw()
        assert "\n" not in stream.getvalue()
        bar.report(10, {"loss": np.float32(0.125), "accuracy": "50 %"})
    first, third, *_, last = stream.getvalue().removesuffix("\n").split("\r")[1:]
    assert first.rstrip().endswith(" ? left")
    assert re.fullmatch(r"a run 3/10 .* 00:0\d left, loss=0.25 *", third)
    assert re.fullmatch(r"a run 10/10 .* 00:00 left, loss=0.125, accuracy=50 % *", last)
    assert stream.getvalue().count("\n") == 1


def test_a_line_is_written_above_a_terminals_bar() -> None:
    stream = Terminal()
    display = ProgressDisplay(stream)
    with display.bar("a run", 10, unit="iterations") as bar:
        bar.draw()
        display.log(lambda line: stream.write(line + "\n"), "WARNING")
        above, below = stream.getvalue().split("WARNING\n")
        assert above.endswith(" \r")  # the bar's line is blank
        assert below.startswith("\ra run 0/10 ")


def test_without_a_terminal_a_line_is_all_that_is_written() -> None:
    stream = io.StringIO()
    display = ProgressDisplay(stream)
    with display.bar("a run", 10, unit="iterations"):
        display.log(lambda line: stream.write(line + "\n"), "WARNING")
    assert stream.getvalue() == "WARNING\n"


@pytest.mark.parametrize("last_line", [False, True])
def test_without_a_terminal_only_a_requested_line_ends_a_bar(last_line: bool) -> None:
    stream = io.StringIO()
    display = ProgressDisplay(stream)
    for label in ("first", "second"):
        with display.bar(label, 4, unit="examples", last_line=last_line) as bar:
            bar.report(4, {"accuracy": tf.constant(0.5)})
    line = r"%s: 4 of 4 examples, 00:00 elapsed, 00:00 left, accuracy=0.5\n"
    expected = line % "first" + line % "second" if last_line else ""
    assert re.fullmatch(expected, stream.getvalue())


def test_the_thread_prints_lines_while_the_work_reports_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(progress_bar, "LINE_SECONDS", 0.01)
    stream, printed = io.StringIO(), threading.Event()
    monkeypatch.setattr(stream, "write", lambda text: printed.set())
    with ProgressDisplay(stream).bar("silent", 20, unit="examples"):
        assert printed.wait(60)


def test_short_bars_share_the_time_between_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_bar, "LINE_SECONDS", 0.2)
    stream = io.StringIO()
    display = ProgressDisplay(stream)
    for number in range(100):
        with display.bar(f"bar {number}", 1, unit="examples"):
            time.sleep(0.01)
        if stream.getvalue():
            break
    assert re.fullmatch(r"bar \d+: 0 of 1 examples, 00:00 elapsed, \? left\n", stream.getvalue())


def test_earlier_work_does_not_count_towards_the_time_left() -> None:
    with ProgressDisplay(io.StringIO()).bar("resumed", 100, 90, unit="iterations") as bar:
        assert str(bar).startswith("resumed: 90 of 100 iterations, 00:00 elapsed, ? left")
        bar.start_t -= 10
        bar.last_print_t -= 10
        bar.report(95)
        bar.draw()
        assert re.match(r"resumed: 95 of 100 iterations, 00:1\d elapsed, 00:1\d left", str(bar))


def test_an_error_inside_ends_the_bar_and_its_thread() -> None:
    stream, before = io.StringIO(), threading.active_count()

    def fail() -> None:
        display = ProgressDisplay(stream)
        with display.bar("broken", 5, unit="iterations", last_line=True) as bar:
            bar.report(2)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert threading.active_count() == before
    assert stream.getvalue().startswith("broken: 2 of 5 iterations")

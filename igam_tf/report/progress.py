"""The progress of evaluations and diagnoses, on standard error."""

import contextlib
import sys
from collections.abc import Iterator

from igam_tf.core.progress_bar import ProgressBar, ProgressDisplay
from igam_tf.evaluation.stages import OnExamples


class EvaluationProgress:
    """A `progress` callback that shows a bar for each attack and each probe.

    Args:
      label: what is evaluated: a model or a row.
    """

    def __init__(self, label: str) -> None:
        self._label, self._display = label, ProgressDisplay(sys.stderr)
        self._bar: ProgressBar | None = None

    @contextlib.contextmanager
    def stage(self, label: str, total: int) -> Iterator[OnExamples]:
        """A bar for one attack or probe; the function that it yields takes the examples done."""
        with self._display.bar(f"{self._label} ({label})", total, unit="examples") as bar:
            self._bar = bar
            yield lambda done: bar.report(int(done))

    def __call__(self, label: str, done: int, total: int, accuracy: float) -> None:
        if self._bar is not None:
            self._bar.report(done, {"accuracy": f"{100 * accuracy:.1f} %"})


def progress(label: str) -> EvaluationProgress:
    """The `progress` argument of `evaluate` and `diagnose`, on standard error.

    On a terminal each attack and each probe has a line: examples done, time left, accuracy.
    Elsewhere there is such a line every 30 s.
    """
    return EvaluationProgress(label)

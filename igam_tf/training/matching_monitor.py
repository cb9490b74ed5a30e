"""Warnings about a student's training, from the numbers of its epochs."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import keras

from igam_tf.core.errors import InputError
from igam_tf.training.igam import Igam

# The thresholds separate the histories in results/*.json: those of robust students on one side,
# those of students that failed on the other. docs/what_numbers_mean.md has the figures.
WON = (
    0.995  # disc_accuracy: robust students end at up to 0.992, those with too little pull at 1.000
)
LOST = 0.55  # disc_accuracy: 0.57 and more, but for a first epoch; the student that broke had 0.53
LOW_COSINE = (
    0.2  # between gradients: a student with 0.25 matched its teacher, at disc_accuracy 0.54
)
SHORT = 0.2  # student_norm over teacher_norm: 0.23 and more; the student that broke had 0.14
VANISHED = 1e-7  # a mean norm; the smallest one recorded is 2e-5, of pixels in [0, 255]
COLLAPSED = 2 / 3  # accuracy over the best: 0.72 and more; those that broke had 0.52 and less


class MatchingMonitor(keras.callbacks.Callback):
    """Logs a line for each kind of trouble, at the end of the first epoch that shows it.

    The kinds are: the discriminator has won, or lost; gradients vanish; clean accuracy collapses.
    The line has the number and what to change (docs/what_numbers_mean.md). It is for `Igam`, whose
    epochs are judged once matching has begun.

    Args:
      log: takes a line.
      history: the logs of a resumed run's earlier epochs, whose trouble is not logged again.

    Raises:
      InputError: out of `fit`, of another trainer than `Igam`.
    """

    def __init__(
        self, log: Callable[[str], object] = print, history: Iterable[Mapping[str, Any]] = ()
    ) -> None:
        super().__init__()
        self._log = log
        self._history = list(history)
        self._logged: set[str] = set()
        self._best = 0.0
        self._matching_epochs = 0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        if not isinstance(self.model, Igam):
            raise InputError(f"MatchingMonitor: expected an Igam trainer, got {self.model.name}")
        for row in self._history:
            self._logged |= dict(self._troubles(row)).keys()
        self._history = []

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        for kind, text in self._troubles(logs or {}):
            if kind not in self._logged:
                self._log(f"WARNING epoch {epoch + 1}: {text} (docs/what_numbers_mean.md)")
            self._logged.add(kind)

    def _troubles(self, logs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Pairs of a kind of trouble and its line."""
        names = ("accuracy", "matching", "disc_accuracy", "cosine", "student_norm", "teacher_norm")
        accuracy, matching, of_discriminator, cosine, student, teacher = (
            float(logs[name]) for name in names
        )
        self._best = max(self._best, accuracy)
        if not matching:
            return
        self._matching_epochs += 1
        settings = self.model.settings
        # Without L_adv the student does not hear of the discriminator, which begins at chance.
        if settings.lambda_adv and self._matching_epochs > 1:
            if of_discriminator >= WON:
                yield "won", _won(of_discriminator, student, teacher)
            if of_discriminator < LOST and cosine < LOW_COSINE:
                yield "lost", _lost(of_discriminator, cosine)
        if settings.matched_to != "zero":
            if teacher <= VANISHED:
                yield "vanished", _teacher_vanished(teacher)
            elif student <= max(VANISHED, SHORT * teacher):
                yield "vanished", _student_vanished(student, teacher)
        chance = 1 / self.model.student.output_shape[-1]
        if self._best > 2 * chance and accuracy < COLLAPSED * self._best:
            weights = settings.lambda_adv, settings.lambda_diff
            yield "collapsed", _collapsed(accuracy, self._best, *weights)


def _won(accuracy: float, student: float, teacher: float) -> str:
    return (
        f"the discriminator has won: disc_accuracy {accuracy:.3f} (student_norm {student:.1e}, "
        f"teacher_norm {teacher:.1e}), so L_adv teaches little. Where student_norm is larger, "
        "raise lambda_diff; else raise disc_every or lower disc_channels"
    )


def _lost(accuracy: float, cosine: float) -> str:
    return (
        f"the discriminator has lost: disc_accuracy {accuracy:.2f}, chance is 0.5, at cosine "
        f"{cosine:.2f}; the student misleads it and does not match. Lower lambda_adv or "
        "disc_every, or raise disc_channels"
    )


def _student_vanished(student: float, teacher: float) -> str:
    return (
        f"gradients vanish: student_norm {student:.1e}, teacher_norm {teacher:.1e}. Lower "
        "lambda_diff"
    )


def _teacher_vanished(teacher: float) -> str:
    return (
        f"gradients vanish: teacher_norm {teacher:.1e} leaves nothing to match. Check the "
        "teacher's accuracy, its adapter and teacher_statistics, or set gradient_of=xent"
    )


def _collapsed(accuracy: float, best: float, lambda_adv: float, lambda_diff: float) -> str:
    return (
        f"clean accuracy collapses: accuracy {accuracy:.2f}, the best was {best:.2f}. Lower "
        f"lambda_adv ({lambda_adv:g}) or lambda_diff ({lambda_diff:g})"
    )

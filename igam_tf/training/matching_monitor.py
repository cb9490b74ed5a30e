"""Warnings about a student's training, from the numbers of its epochs."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import keras

from igam_tf.core.errors import InputError
from igam_tf.training.igam import Igam

# The thresholds separate the histories in results/*.json: those of robust students from those of
# students that failed. docs/what_numbers_mean.md has the figures.
HIGHEST_ACCURACY = 0.995  # disc_accuracy: robust 0.992 at most, failed (too weak a pull) 1.000
LOWEST_ACCURACY = 0.55  # disc_accuracy: robust 0.56 at least, failed 0.53
LOWEST_COSINE = 0.2  # between gradients: 0.25 is a match in spite of a disc_accuracy of 0.54
LOWEST_RATIO = 0.2  # student_norm over teacher_norm: robust 0.23 at least, failed 0.14
LOWEST_NORM = 1e-7  # the smallest mean norm in the records is 2e-5, of pixels in [0, 255]
LOWEST_SHARE = 2 / 3  # accuracy over the best: robust 0.72 at least, failed 0.52 at most


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
            if of_discriminator >= HIGHEST_ACCURACY:
                yield "win", _discriminator_wins(of_discriminator, student, teacher)
            if of_discriminator < LOWEST_ACCURACY and cosine < LOWEST_COSINE:
                yield "loss", _discriminator_loses(of_discriminator, cosine)
        if settings.matched_to != "zero":
            if teacher <= LOWEST_NORM:
                yield "vanishing", _teacher_vanishes(teacher)
            elif student <= max(LOWEST_NORM, LOWEST_RATIO * teacher):
                yield "vanishing", _student_vanishes(student, teacher)
        chance = 1 / self.model.student.output_shape[-1]
        if self._best > 2 * chance and accuracy < LOWEST_SHARE * self._best:
            weights = settings.lambda_adv, settings.lambda_diff
            yield "collapse", _accuracy_collapses(accuracy, self._best, *weights)


def _discriminator_wins(accuracy: float, student: float, teacher: float) -> str:
    return (
        f"the discriminator has won: disc_accuracy {accuracy:.3f} (student_norm {student:.1e}, "
        f"teacher_norm {teacher:.1e}), so L_adv teaches little. Where student_norm is larger, "
        "raise lambda_diff; else raise disc_every or lower disc_channels"
    )


def _discriminator_loses(accuracy: float, cosine: float) -> str:
    return (
        f"the discriminator has lost: disc_accuracy {accuracy:.2f}, chance is 0.5, at cosine "
        f"{cosine:.2f}; the student misleads it and does not match. Lower lambda_adv or "
        "disc_every, or raise disc_channels"
    )


def _student_vanishes(student: float, teacher: float) -> str:
    return (
        f"gradients vanish: student_norm {student:.1e}, teacher_norm {teacher:.1e}. Lower "
        "lambda_diff"
    )


def _teacher_vanishes(teacher: float) -> str:
    return (
        f"gradients vanish: teacher_norm {teacher:.1e} leaves nothing to match. Check the "
        "teacher's accuracy, its adapter and teacher_statistics, or set gradient_of=xent"
    )


def _accuracy_collapses(accuracy: float, best: float, lambda_adv: float, lambda_diff: float) -> str:
    return (
        f"clean accuracy collapses: accuracy {accuracy:.2f}, the best was {best:.2f}. Lower "
        f"lambda_adv ({lambda_adv:g}) or lambda_diff ({lambda_diff:g})"
    )

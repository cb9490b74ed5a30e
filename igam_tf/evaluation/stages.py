"""Progress of an evaluation or a diagnosis, stage by stage: an attack or a probe is a stage."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Protocol, runtime_checkable

# BatchNorm mode and attack (or the probe), examples done, all examples, accuracy on those done.
Progress = Callable[[str, int, int, float], None]
OnExamples = Callable[[float], None]  # examples done, counting a batch in work by its share


@runtime_checkable
class StageProgress(Protocol):
    """A progress callback that also hears of a stage's beginning and of work inside a batch."""

    def stage(self, label: str, total: int) -> contextlib.AbstractContextManager[OnExamples]:
        """Opens a stage; the function that it yields takes the examples done."""


@contextlib.contextmanager
def stage(progress: Progress | None, label: str, total: int) -> Iterator[OnExamples]:
    """A stage of `total` examples. Callbacks without stages hear of finished batches alone."""
    if isinstance(progress, StageProgress):
        with progress.stage(label, total) as on_examples:
            yield on_examples
    else:
        yield lambda done: None

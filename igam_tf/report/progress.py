"""The progress of an evaluation, on a terminal."""

import sys

from igam_tf.evaluation import Progress


def progress(label: str) -> Progress | None:
    """Counts the examples done on one line of standard error; None if that is no terminal."""
    if not sys.stderr.isatty():
        return None

    def show(mode: str, done: int, total: int, accuracy: float) -> None:
        text = f"\r{label} ({mode}): {done}/{total}, {100 * accuracy:.1f} %"
        print(text, end="\n" if done == total else "", file=sys.stderr, flush=True)

    return show

"""How far an evaluation is, on a terminal."""

import sys

from igam_tf.evaluation import Progress


def progress(label: str) -> Progress | None:
    """A line on standard error that counts examples, for terminals only."""
    if not sys.stderr.isatty():
        return None

    def show(mode: str, done: int, total: int, accuracy: float) -> None:
        end = "\n" if done == total else ""
        print(
            f"\r{label} ({mode}): {done}/{total}, {100 * accuracy:.1f} %",
            end=end,
            file=sys.stderr,
            flush=True,
        )

    return show

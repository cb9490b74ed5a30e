"""The process around a run: seeds, determinism, and the record of what it ran on."""

import contextlib
import datetime
import os
import pathlib
import platform
import subprocess
from collections.abc import Iterator
from typing import Any

from igam_tf.core.version import __version__


def set_seed(seed: int, deterministic: bool = False) -> None:
    """Seeds Python, NumPy and TensorFlow (initial weights).

    Data order, augmentation and attack starts are stateless functions of their own seeds and do not
    depend on this. `deterministic` also makes TensorFlow's operations deterministic where it can,
    at some cost in speed; on a CPU, repeated runs are bit-identical without it, given
    `repeatable_graphs` and the same number of threads.
    """
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(seed)
    if deterministic:
        tf.config.experimental.enable_op_determinism()


@contextlib.contextmanager
def repeatable_graphs() -> Iterator[None]:
    """Makes each process round a training step alike: what is traced inside is not rewritten
    arithmetically.

    TensorFlow's arithmetic rewrites walk hash tables whose order changes from one tracing to the
    next. They regroup the many sums of a second derivative, so that the same student's step had
    other last digits in each process. A step took as long without them.
    """
    import tensorflow as tf

    # TensorFlow's start takes the options of that moment for all of the input pipeline, whatever
    # they are later.
    tf.constant(0)
    name = "arithmetic_optimization"
    before = tf.config.optimizer.get_experimental_options().get(name, True)
    tf.config.optimizer.set_experimental_options({name: False})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({name: before})


def environment() -> dict[str, Any]:
    """Versions, machine and code revision, for the record beside every result."""
    import keras
    import numpy as np
    import tensorflow as tf

    return {
        "igam_tf": __version__,
        "revision": _revision(),
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
        "machine": f"{platform.machine()}, {_cores()} cores, {_processor()}",
        "devices": [device.name for device in tf.config.list_physical_devices()],
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "TensorFlow's default"),
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    return next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")),
        "unknown processor",
    )


def _revision() -> str | None:
    """The commit of the checkout that this code runs from, `+` if it has changes; None outside a
    checkout.
    """
    root = pathlib.Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--abbrev=12", "--dirty=+"],
            cwd=root,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return described.stdout.strip()

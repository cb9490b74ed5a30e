"""The process of a run: seeds, repeatable graphs, and the record of versions and machine."""

import contextlib
import datetime
import os
import pathlib
import platform
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

from igam_tf.core.version import __version__


def set_seed(seed: int, deterministic: bool = False) -> None:
    """Seeds Python, NumPy and TensorFlow, and so the initial weights.

    Data order, augmentation and attack starts have their own seeds (`igam_tf.core.randomness`).
    `deterministic` turns on TensorFlow's deterministic operations, which are slower. A CPU does not
    need them: with `repeatable_graphs` and a fixed number of threads, runs repeat bit by bit.
    """
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(seed)
    if deterministic:
        tf.config.experimental.enable_op_determinism()


@contextlib.contextmanager
def repeatable_graphs() -> Iterator[None]:
    """Makes every process round a training step in the same way.

    Graphs traced in the context skip TensorFlow's arithmetic rewrites. Those regroup the sums of a
    second derivative in the order of a hash table, which differs from process to process, and so
    change the last digits. Training steps take equally long without them.
    """
    import tensorflow as tf

    # Starts TensorFlow first: its input pipelines keep the options of that moment for good.
    tf.constant(0)
    name = "arithmetic_optimization"
    before = tf.config.optimizer.get_experimental_options().get(name, True)
    tf.config.optimizer.set_experimental_options({name: False})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({name: before})


def environment() -> dict[str, Any]:
    """Versions, machine and code revision: the record beside every result."""
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
        "threads": tf.config.threading.get_intra_op_parallelism_threads()
        or int(os.environ.get("TF_NUM_INTRAOP_THREADS") or _cores()),
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "TensorFlow's default"),
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


# What the last digits of a training depend on.
_ROUNDING = ("threads", "onednn", "machine", "devices", "tensorflow", "keras", "numpy")


def changes(record: Mapping[str, Any]) -> list[str]:
    """What has changed since the record of another process, and makes this one round otherwise.

    Each line is `NAME BEFORE, now NOW`. What the record lacks is left out.
    """
    now = environment()
    return [
        f"{name} {record[name]}, now {now[name]}"
        for name in _ROUNDING
        if name in record and record[name] != now[name]
    ]


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
    """This checkout's commit, with `+` if files have changed; None outside a checkout."""
    root = pathlib.Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        process = subprocess.run(
            ["git", "describe", "--always", "--abbrev=12", "--dirty=+"],
            cwd=root,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return process.stdout.strip()

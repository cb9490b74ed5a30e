"""Records and pictures made by hand."""

import numpy as np

from igam_tf.evaluation.records import Count, EvalRecord


def record(
    counts: dict[str, int], n: int = 50, modes: tuple[str, ...] = ("moving", "batch")
) -> EvalRecord:
    """`counts` by attack, `clean` among them; every further mode has one more right."""
    attacks = {name: {"norm": "linf", "epsilon": 8.0} for name in counts if name != "clean"}
    results = {
        mode: {name: Count(right + index, n) for name, right in counts.items()}
        for index, mode in enumerate(modes)
    }
    return EvalRecord(n, 10, 0, (0.0, 255.0), attacks, results, {})


def pictures(count: int = 3, shape: tuple[int, int, int] = (8, 8, 3), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 255, (count, *shape)).astype(np.float32)

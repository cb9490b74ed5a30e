"""Doubts about an evaluation, one sentence each: what AutoAttack's own checks warn of.

It refuses probabilities instead (`preconditions.require_logits`), and `diagnostics` look further.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from igam_tf.attacks import Attack, Chain, Square, programs
from igam_tf.core.bounds import Bounds
from igam_tf.data.splits import Split
from igam_tf.evaluation.records import Count

# Logits that change by more than this share of an image's l2 norm of logits are random. Another
# order of summation changes float32 by 1e-6 or less.
SAME = 1e-4

# Square may lower accuracy by this share of all images after gradient attacks, as in AutoAttack.
BLACK_BOX_GAIN = 0.002


def of_settings(attacks: Iterable[Attack], bounds: Bounds, split: Split) -> list[str]:
    """Settings that make an attack weaker than its radius says."""
    shape = split.images.shape[1:]
    return [doubt for attack in attacks for doubt in attack.doubts(bounds, shape)]


def of_model(attacks: Sequence[Attack], model: Any, split: Split, statistics: str) -> list[str]:
    """A model that draws random numbers, and one of fewer classes than an attack has targets."""
    images = split.pixels(0, min(len(split), 32))
    first, second = (programs.logits(model, images, statistics) for _ in range(2))
    doubts = [doubt for attack in attacks for doubt in attack.class_doubts(first.shape[1])]
    change = logit_change(first, second)
    names = [attack.name for attack in attacks if not attack.averages_draws]
    if change > SAME and names:
        doubts.append(
            f"{', '.join(names)}: the model draws random numbers (between two passes logits change "
            f"by up to {change:.2g} of their norm), and one draw's gradients mislead about the "
            "next; autoattack-rand averages over draws"
        )
    return doubts


def of_results(attacks: Iterable[Attack], counts: Mapping[str, Count]) -> list[str]:
    """Chains in which Square fools examples that survive the gradient attacks before it."""
    doubts = []
    for chain in attacks:
        if not isinstance(chain, Chain) or not isinstance(chain.stages[-1], Square):
            continue
        if len(chain.stages) < 3:
            continue
        before, after = (counts[name] for name in chain.count_names[-2:])
        fooled = before.correct - after.correct
        if fooled > BLACK_BOX_GAIN * before.n:
            doubts.append(
                f"{chain.name}: {chain.stages[-1].name} fools {fooled} of {before.correct} images "
                "that survive the gradient attacks, which may be masked: run it with more queries, "
                "or an attack made for this model"
            )
    return doubts


def logit_change(first: np.ndarray, second: np.ndarray) -> float:
    """The largest change of a logit between two passes over the same images.

    It is relative to the l2 norm of that image's logits.

    Args:
      first, second: logits [B, K] of the passes.
    """
    size = np.linalg.norm(first.astype(np.float64), axis=1) + 1e-10
    change = np.abs(second.astype(np.float64) - first).max(1) / size
    return float(np.nan_to_num(change).max())

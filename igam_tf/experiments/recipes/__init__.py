"""What the tables' rows are made of at each preset: the same rows everywhere, in other sizes.

`of(preset, seed, given)` has the robust source models, the baselines and the students; a table
(`table1`, ...) puts them together and knows no sizes.
"""

from collections.abc import Mapping

from igam_tf.core.errors import InputError
from igam_tf.experiments.configs import Weights
from igam_tf.experiments.recipes.base import Recipes
from igam_tf.experiments.recipes.cpu import Cpu
from igam_tf.experiments.recipes.demo import Demo
from igam_tf.experiments.recipes.paper import Paper

PRESETS: Mapping[str, type[Recipes]] = {"demo": Demo, "cpu": Cpu, "paper": Paper}

__all__ = ["PRESETS", "Recipes", "of"]


def of(preset: str, seed: int, given: Mapping[str, Weights | None] | None = None) -> Recipes:
    """The recipes of a preset.

    Args:
      given: trained robust models to use as sources, by the paper's name of the data that they were
        trained on.

    Raises:
      InputError: no such preset.
    """
    if preset not in PRESETS:
        raise InputError(f"preset: expected one of {', '.join(PRESETS)}, got {preset!r}")
    return PRESETS[preset](seed, given or {})

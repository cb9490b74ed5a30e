"""The attacks of AutoAttack on the packaged models, beside the official code with seed 0."""

import numpy as np
import pytest

from igam_tf import attacks, data, pretrained

from .. import tiny

# Of the first 100 test images of shapes32 at 8/255; docs/evaluation.md quotes them. test_fab.py has
# FAB.
OFFICIAL = {
    "igam": {"apgd-ce": 46, "apgd-t": 41, "square": 69, "autoattack": 41},
    "pgd7": {"apgd-ce": 86, "apgd-t": 85, "square": 95, "autoattack": 85},
    "standard": {"apgd-ce": 3, "apgd-t": 1, "square": 18, "autoattack": 1},
}

# The others take minutes.
QUICK = [("igam", "apgd-ce"), ("pgd7", "apgd-ce"), ("standard", "apgd-ce"), ("standard", "apgd-t")]


@pytest.mark.parametrize(
    ("model", "attack"),
    [
        pytest.param(
            model, attack, marks=pytest.mark.slow if (model, attack) in QUICK else tiny.LONG
        )
        for model in OFFICIAL
        for attack in OFFICIAL[model]
    ],
)
def test_it_is_as_strong_as_the_official_code(model: str, attack: str) -> None:
    network, test = pretrained.load(model), data.load("shapes32", train_size=1, test_size=100).test
    x, y = test.pixels(), np.asarray(test.labels)
    result = attacks.resolve(attack, "8/255").run(network, x, y, seed=0)
    assert result.correct.sum() <= OFFICIAL[model][attack] + 1
    correct = network(result.x_adv, training=False).numpy().argmax(1) == y
    np.testing.assert_array_equal(correct, result.correct)
    assert np.abs(result.x_adv - x).max() <= 8 + 1e-4
    assert result.x_adv.min() >= 0
    assert result.x_adv.max() <= 255

"""Equal contents, equal digits."""

import dataclasses

import numpy as np

from igam_tf.data import Split
from igam_tf.evaluation import fingerprints

from .. import tiny


def test_fingerprints() -> None:
    split = Split(*tiny.batch())
    models = [
        tiny.classifier(1),
        tiny.classifier(1),
        tiny.classifier(2),
        lambda x: x,
        lambda x: x + 1,
    ]
    digits = [fingerprints.of_model(model, split) for model in models]
    assert digits[0] == digits[1]
    assert len(set(digits)) == 4
    others = [
        split.first(3),
        dataclasses.replace(split, scale=0.5),
        Split(split.images, np.roll(split.labels, 1)),
    ]
    assert len({fingerprints.of_data(each) for each in (split, *others)}) == 4
    assert fingerprints.of_data(Split(*tiny.batch())) == fingerprints.of_data(split)

"""The models that come with the package: they are what they are said to be."""

import numpy as np
import pytest

from igam_tf import attacks, data, pretrained
from igam_tf.core.errors import InputError
from igam_tf.experiments import runs, tables

ROWS = {"standard": "Standard", "igam": "IGAM-MNIST", "pgd7": "PGD7-trained"}


def test_their_configurations_are_those_of_the_demos_table() -> None:
    rows = tables.table("1", "demo").rows
    expected = {name: rows[row] for name, row in ROWS.items()}
    expected["teacher"] = expected["igam"].teacher
    expected["source"] = expected["teacher"].teacher
    assert {name: runs.read_config(pretrained.path(name)) for name in pretrained.NAMES} == expected


@pytest.mark.slow
def test_robustness_rises_from_standard_to_igam_to_adversarial_training() -> None:
    dataset = data.load("shapes32", test_size=60)
    test = dataset.test
    right = {}
    for name in ROWS:
        model = pretrained.load(name)
        attacked = attacks.fgsm(model, test.pixels(), test.labels, epsilon="8/255")
        clean = np.argmax(model.predict(test.pixels(), verbose=0), -1)
        assert np.mean(clean == test.labels) == 1
        right[name] = np.mean(np.argmax(model.predict(attacked, verbose=0), -1) == test.labels)
    assert right["standard"] + 0.2 < right["igam"] < right["pgd7"]


def test_an_unknown_name() -> None:
    for call in (pretrained.path, pretrained.load):
        with pytest.raises(
            InputError, match=r"^pretrained: expected one of source, .*, pgd7, got 'resnet'$"
        ):
            call("resnet")

"""Costs against counts made by hand."""

import dataclasses

import pytest

from igam_tf.experiments import costs, tables
from igam_tf.experiments.configs import Scoring, Weights

from .small import FINETUNED, ROBUST, STUDENT

OWN = costs.SizedNetwork(ROBUST.network, "shapes28")


def test_a_plain_step_is_three_passes() -> None:
    cost = costs.of_training(dataclasses.replace(ROBUST, adversary=None))
    assert (cost.images, cost.gradients, dict(cost.passes)) == (56, 0, {OWN: 168})


def test_an_adversarial_step_has_the_attacks_gradients_too() -> None:
    cost = costs.of_training(ROBUST)  # 7 iterations of 8 images, 2 gradients each
    assert (cost.images, cost.gradients, dict(cost.passes)) == (56, 112, {OWN: 3 * 56 + 2 * 112})


def test_a_step_of_trades_trains_on_two_images_and_has_a_target_for_its_attack() -> None:
    adversary = dataclasses.replace(ROBUST.adversary, objective="trades")
    cost = costs.of_training(dataclasses.replace(ROBUST, adversary=adversary))
    assert (cost.images, cost.gradients, dict(cost.passes)) == (56, 112, {OWN: 7 * 56 + 2 * 112})


@pytest.mark.parametrize(
    ("adapter", "passes"), [((), 56), (("pad:32",), 56), (("transposed:32",), 112)]
)
def test_a_new_head_needs_the_frozen_teacher_forwards_alone(
    adapter: tuple[str, ...], passes: int
) -> None:
    cost = costs.of_training(dataclasses.replace(FINETUNED, adapter=adapter))
    assert (cost.images, cost.gradients, dict(cost.passes)) == (56, 0, {OWN: passes})


def test_a_student_pays_for_both_gradients_while_it_matches() -> None:
    teacher = dataclasses.replace(
        FINETUNED,
        teacher=dataclasses.replace(ROBUST, data=dataclasses.replace(ROBUST.data, dataset="mnist")),
    )
    cost = costs.of_training(dataclasses.replace(STUDENT, teacher=teacher))
    # 7 iterations of 8 images, 3 of them matching, and every second one with the discriminator
    assert cost.images == 56
    assert cost.gradients == 2 * (24 + 12)
    assert dict(cost.passes) == {
        OWN: 3 * 32 + 6 * 24 + 2 * 12,
        costs.SizedNetwork(ROBUST.network, "mnist"): 2 * (24 + 12),
    }
    alone = costs.of_training(dataclasses.replace(STUDENT, teacher=teacher, matched_to="zero"))
    assert (alone.images, alone.gradients, dict(alone.passes)) == (
        56,
        24 + 12,
        {OWN: 3 * 32 + 6 * 24 + 2 * 12},
    )


SCORINGS = [
    (("pgd20",), 20, 0),
    (("pgd5", "pgd20", "pgd10"), 20, 0),  # read off one trajectory
    (("fgsm", "pgd20"), 21, 0),
    (("pgd20", "pgd20-margin"), 40, 0),
    (("pgd20-x3",), 60, 0),
    (("apgd-ce",), 100, 0),
    (("apgd-t",), 900, 0),
    (("square300",), 0, 300),
]


@pytest.mark.parametrize(
    ("attacks", "gradients", "queries"), SCORINGS, ids=["+".join(names) for names, *_ in SCORINGS]
)
def test_scoring(attacks: tuple[str, ...], gradients: int, queries: int) -> None:
    cost = costs.of_scoring(ROBUST, Scoring("shapes28", 10, attacks))
    assert (cost.images, cost.gradients) == (20, 20 * gradients)  # two BatchNorm modes
    assert dict(cost.passes) == {OWN: 20 * (2 * gradients + queries + 1)}


@pytest.mark.parametrize(("strong_queries", "queries"), [(None, 5000), (300, 300)])
def test_strong_attacks_add_their_most_in_one_mode(
    strong_queries: int | None, queries: int
) -> None:
    settings = {"strong_examples": 4, "strong_queries": strong_queries}
    cost = costs.of_scoring(ROBUST, Scoring("shapes28", 10, ("pgd20",), **settings))
    assert cost.images == 24
    assert cost.gradients == 20 * 20 + 4 * 1000
    assert dict(cost.passes) == {OWN: 20 * 41 + 4 * (2 * 1000 + queries + 1)}


def test_weights_on_disk_are_their_own_network() -> None:
    weights = Weights("ab", "model.keras")
    assert costs.network_of(dataclasses.replace(FINETUNED, teacher=weights)) == costs.SizedNetwork(
        weights
    )
    assert (
        costs.SizedNetwork(weights)
        in costs.of_training(dataclasses.replace(FINETUNED, teacher=weights)).passes
    )


def test_the_paper_says_that_a_step_of_igam_is_cheaper_than_one_of_pgd7() -> None:
    """By this count, without the discriminator: 347 s against 815 s an epoch (§5.2), 0.43, in the
    paper.
    """
    rows = tables.table("3", "paper").rows
    student, robust = rows["IGAM-CIFAR10"], rows["PGD7-trained"]
    matching = costs.of_training(dataclasses.replace(student, steps_before_matching=0))
    adversarial = costs.of_training(robust)
    ratio = (sum(matching.passes.values()) / matching.images) / (
        sum(adversarial.passes.values()) / adversarial.images
    )
    assert 0.4 < ratio < 0.6

import pytest

from madry_checkpoints import CheckpointError
from madry_checkpoints.networks import DiscriminatorNames, WideResnet

from . import samples


@pytest.mark.parametrize("kind", samples.KINDS)
def test_sizes_are_found_from_shapes(kind):
    scope, network = samples.NETWORKS[kind]
    shapes = {name.removeprefix(scope): value.shape for name, value in samples.arrays(kind).items()}
    assert type(network).from_shapes(shapes) == network


def test_the_published_sizes():
    wide = WideResnet(10, 5, 3, 10, None, moving_averages=True).weights()
    assert sum(name.endswith("DW") for name in wide) == 32
    assert wide["unit_2_0/sub1/conv1/DW"].shape == (3, 3, 160, 320)
    assert wide["logit/DW"].shape == (640, 10)


def test_names_of_the_original_graphs(golden):
    """Names and shapes of the golden files, against the tables at the same sizes."""
    import numpy as np

    for folder, classes, source, sizes in (
        ("igam_release", 100, 10, (5, 16, 3, 256)),
        ("igam_upsize", 10, 200, (4, 8, 3, 256)),
    ):
        values = np.load(golden / folder / "initial_values.npz")
        expected = {
            **WideResnet(1, 5, 3, source, classes, moving_averages=True).weights(),
            **{
                f"classifier/{n}": w
                for n, w in WideResnet(1, 5, 3, classes, None, True).weights().items()
            },
            **{f"discriminator/{n}": w for n, w in DiscriminatorNames(*sizes).weights().items()},
        }
        assert {name: values[name].shape for name in values.files if name != "global_step"} == {
            name: weight.shape for name, weight in expected.items()
        }


@pytest.mark.parametrize(
    ("network", "side"), [((5, 16, 3, 256), 32), ((4, 8, 3, 256), 32), ((3, 4, 1, 9 * 16), 24)]
)
def test_input_size_of_a_discriminator(network, side):
    assert DiscriminatorNames(*network).input_size() == side


def test_a_discriminator_without_a_square_input():
    with pytest.raises(CheckpointError, match="48 features of 16 channels are no square"):
        DiscriminatorNames(3, 4, 3, 48).input_size()

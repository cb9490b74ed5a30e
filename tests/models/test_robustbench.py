"""RobustBench's networks: wrappings, strictness, files, normalisation, and what Keras does next."""

import pathlib
import pickle
import sys
import types
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import safetensors.numpy
import tensorflow as tf

from igam_tf import export, layers, models
from igam_tf.core.bounds import PIXELS
from igam_tf.core.errors import InputError
from igam_tf.models.robustbench.state_files import read_state_file
from igam_tf.models.robustbench.state_names import unwrapped
from igam_tf.training.derivatives import check_derivatives

from .. import tiny
from .torch_states import wide_resnet_state

State = dict[str, Any]
STATE = wide_resnet_state()
IMAGES = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
HALF = np.full((3, 1, 1), 0.5, np.float32)


def prefixed(prefix: str, state: State = STATE) -> State:
    return {prefix + name: value for name, value in state.items()}


def other(state: State = STATE) -> State:
    return {name: value + 1 for name, value in state.items()}


WRAPPINGS: dict[str, State] = {
    "plain": STATE,
    "DataParallel": prefixed("module."),
    "a model in a model": prefixed("module.model.net."),
    "torch.compile": prefixed("_orig_mod."),
    "Lightning": {"epoch": 3, "state_dict": prefixed("model.")},
    "an optimiser beside it": {
        "model_state_dict": STATE,
        "unaveraged_model_state_dict": other(),
        "optimizer": {"state": {}, "param_groups": [{"lr": 0.1}]},
    },
    "another name": {"net": STATE, "acc": 51.2, "best": np.float32(3)},
    "an average": {"n_averaged": np.array(7), **prefixed("module.")},
    "nested twice": {"model": {"state_dict": STATE}},
}


@pytest.mark.parametrize("name", WRAPPINGS)
def test_wrappings_are_undone(name: str) -> None:
    state = unwrapped(WRAPPINGS[name])
    assert state.arrays.keys() == STATE.keys()
    assert all(np.array_equal(value, STATE[name]) for name, value in state.arrays.items())
    assert (state.mean, state.std) == (None, None)


def test_an_entry_selects_one_of_several() -> None:
    content = {"last": STATE, "best": other()}
    assert np.array_equal(unwrapped(content, "last").arrays["fc.bias"], STATE["fc.bias"])


@pytest.mark.parametrize(
    "names",
    [
        ("normalize.mean", "normalize.std"),
        ("mu", "sigma"),
        ("module.mean", "module.std"),
        ("0.mean", "0.std"),
        ("module.normalizer.new_mean", "module.normalizer.new_std"),
    ],
)
def test_the_state_dicts_own_normalisation(names: tuple[str, str]) -> None:
    state = unwrapped({names[0]: HALF, names[1]: HALF / 2, **prefixed("1.")})
    assert (state.mean, state.std) == ((0.5,) * 3, (0.25,) * 3)
    assert state.arrays.keys() == STATE.keys()


def test_the_copy_in_an_attacker() -> None:
    """As the package `robustness` saves a model."""
    statistics = {"normalizer.new_mean": HALF, "normalizer.new_std": HALF}
    copy = {"normalize.new_mean": HALF, "normalize.new_std": HALF}
    inside = prefixed("module.attacker.", {**copy, **prefixed("model.")})
    content = {**prefixed("module.", {**statistics, **prefixed("model.")}), **inside}
    assert unwrapped(content).arrays.keys() == STATE.keys()
    content["module.attacker.model.fc.bias"] = STATE["fc.bias"] + 1
    with pytest.raises(InputError, match=r"attacker\.\*: expected a copy .* in fc\.bias"):
        unwrapped(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([STATE], "expected names and arrays, got list"),
        ({"epoch": 3}, "no state dict, which has names and arrays"),
        ({"last": STATE, "best": STATE}, r"several state dicts \(last, best\); entry= selects one"),
        ({**STATE, "comment": "none"}, "comment: expected an array, got str"),
        ({**STATE, "module.fc.bias": STATE["fc.bias"]}, "fc.bias: fc.bias occurs twice"),
        ({**STATE, "mu": HALF}, "missing: the input normalisation has mean alone"),
        ({**STATE, "mu": HALF, "mean": HALF}, "normalisation's mean occurs twice"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_state_dict(content: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        unwrapped(content)
    assert "\n" not in str(error.value)


def test_an_entry_that_is_not_there() -> None:
    with pytest.raises(InputError, match=r"expected one of its mappings \(last\), got 'best'"):
        unwrapped({"last": STATE}, "best")


def shaped(name: str, *shape: int) -> State:
    return {**STATE, name: np.zeros(shape, np.float32)}


def without(*names: str) -> State:
    return {name: value for name, value in STATE.items() if name not in names}


DEEP = wide_resnet_state(2, sub_block1=True)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({**STATE, "extra.weight": HALF}, "unknown: extra.weight"),
        ({**STATE, "block1.layer.1.bn1.weight": HALF}, "unknown: block1.layer.1.bn1.weight"),
        ({**STATE, "block9.num_batches_tracked": HALF}, "unknown: block9.num_batches_tracked"),
        (without("fc.bias"), "missing: fc.bias"),
        (without("conv1.weight"), "missing: conv1.weight"),
        (without("block2.layer.0.conv1.weight"), "missing: block2.layer.0.conv1.weight"),
        (
            shaped("block1.layer.0.conv1.weight", 17, 16, 3, 3),
            r"of another shape: block1.layer.0.conv1.weight \[17, 16, 3, 3\] instead of "
            r"\[16, 16, 3, 3\]",
        ),
        (
            shaped("conv1.weight", 16, 27),
            r"of another shape: conv1.weight \[16, 27\] instead of \[16, 3, 3, 3\]",
        ),
        (shaped("conv1.weight", 16, 4, 3, 3), r"of another shape: conv1.weight \[16, 4, 3, 3\]"),
        (shaped("bn1.bias", 63), r"of another shape: bn1.bias \[63\] instead of \[64\]"),
        (shaped("fc.bias", 9), r"fc.weight \[10, 64\] and fc.bias \[9\] differ in the number of"),
        ({"fc.weight": STATE["fc.weight"]}, r"no names such as block1.layer.0.\*"),
        (
            {name: value for name, value in DEEP.items() if name != "sub_block1.layer.1.bn2.bias"},
            "missing: sub_block1.layer.1.bn2.bias",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_name_is_used_and_every_weight_assigned(state: State, message: str) -> None:
    with pytest.raises(InputError, match=f"^state_dict: WideResNet: {message}") as error:
        models.robustbench("WideResNet", state)
    assert "\n" not in str(error.value)


def test_sizes_follow_from_the_state_dict() -> None:
    state = wide_resnet_state(2, 3, 100, sub_block1=True)
    counters = [name for name in state if name.endswith("num_batches_tracked")]
    model = models.robustbench("WideResNet", {k: v for k, v in state.items() if k not in counters})
    assert (model.input_shape, model.output_shape) == ((None, 32, 32, 3), (None, 100))
    assert model.get_layer("block3.layer.1.conv2").filters == 192
    assert layers.bounds_of(model) == PIXELS
    assert {norm.epsilon for norm in layers.batch_norms(model)} == {1e-5}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"architecture": "VGG"}, "^architecture: expected one of WideResNet, .*, got 'VGG'"),
        ({"image_size": 0}, "^image_size: expected a whole number of at least 1, got 0"),
        ({"activation": "loud"}, "activation: expected one of keras.activations, .* got 'loud'"),
        ({"mean": (0.5, 0.5)}, "mean: expected a number for each of 3 channels"),
        ({"std": 0}, "std: expected positive numbers, got 0"),
        ({"out_shortcut": False}, "out_shortcut: is True in this architecture, got False"),
        ({"state_dict": {**STATE, "mu": HALF, "sigma": HALF}, "mean": 0.4}, "mean: .* its own"),
        ({"architecture": "DMWideResNet"}, "DMWideResNet: no names such as layer.0.block.0"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_arguments_that_do_not_fit(arguments: State, message: str) -> None:
    with pytest.raises(InputError, match=message):
        models.robustbench(**{"architecture": "WideResNet", "state_dict": STATE, **arguments})


def test_mean_and_std_are_of_pixels_between_0_and_1() -> None:
    first = models.robustbench("WideResNet", STATE, mean=(0.4, 0.5, 0.6), std=0.25)
    second = models.robustbench("WideResNet", STATE)
    images = IMAGES / 255 - np.array((0.4, 0.5, 0.6), np.float32)
    assert tiny.relative(first(IMAGES), second(255 * images / 0.25)) < 1e-5


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    path = tmp_path_factory.mktemp("states") / "model.safetensors"
    safetensors.numpy.save_file(STATE, path)
    return path


def test_a_source_has_an_architecture_a_path_and_options(file: pathlib.Path) -> None:
    text = f"robustbench:WideResNet:{file}:activation=silu:mean=0.5,0.5,0.5:std=0.25"
    source = models.robustbench_source(text)
    assert source is not None
    assert (source.architecture, source.path) == ("WideResNet", str(file))
    assert source.options == {"activation": "silu", "mean": (0.5, 0.5, 0.5), "std": 0.25}
    assert source.load().get_layer("bn1.activation").activation is keras.activations.silu
    assert models.robustbench_source(str(file)) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("robustbench:VGG:x.pt", "expected robustbench:ARCHITECTURE:PATH with one of WideResNet"),
        ("robustbench:ResNet18", "expected robustbench:ARCHITECTURE:PATH"),
        ("robustbench:ResNet18:x.pt:width=3", "expected options image_size, .* got 'width'"),
    ],
)
def test_what_is_no_source(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        models.robustbench_source(text)


def _absent(path: pathlib.Path) -> None:
    """Leaves nothing there."""


def _half(path: pathlib.Path) -> None:
    safetensors.numpy.save_file({"fc.bias": HALF}, path)
    path.write_bytes(path.read_bytes()[:20])


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        ("no.safetensors", _absent, "is not a file"),
        ("half.safetensors", _half, "cannot be read"),
        ("model.h5", _half, "expected a file .safetensors, .pt"),
    ],
)
def test_what_is_no_file(
    tmp_path: pathlib.Path, name: str, make: Callable[[pathlib.Path], None], message: str
) -> None:
    make(tmp_path / name)
    with pytest.raises(InputError, match=f"^{tmp_path / name}: {message}") as error:
        models.robustbench("WideResNet", tmp_path / name)
    assert "\n" not in str(error.value)


def test_a_torch_file_without_torch(tmp_path: pathlib.Path, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    (tmp_path / "model.pt").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"model\.pt: a \.pt file needs PyTorch; install"):
        read_state_file(tmp_path / "model.pt")


def test_torch_reads_weights_alone(tmp_path: pathlib.Path, monkeypatch: Any) -> None:
    """No code of the file runs."""
    calls: list[dict[str, Any]] = []

    def load(file: pathlib.Path, **arguments: Any) -> dict[str, Any]:
        calls.append(arguments)
        return STATE

    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(load=load))
    (tmp_path / "model.pt").write_bytes(b"PK")
    assert read_state_file(tmp_path / "model.pt") is STATE
    assert calls == [{"map_location": "cpu", "weights_only": True}]


def test_a_torch_file_with_code(tmp_path: pathlib.Path, monkeypatch: Any) -> None:
    """PyTorch's message spans lines and advises to run the code."""

    def load(file: pathlib.Path, **_: Any) -> None:
        raise pickle.UnpicklingError(
            "Weights only load failed.\nWeightsUnpickler error: Unsupported global: my.Net\nMore"
        )

    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(load=load))
    (tmp_path / "model.pt").write_bytes(b"PK")
    message = r"refuses it: .* more than tensors \(Unsupported global: my\.Net\); save its"
    with pytest.raises(InputError, match=message):
        read_state_file(tmp_path / "model.pt")


def test_a_model_is_saved_and_loaded(file: pathlib.Path, tmp_path: pathlib.Path) -> None:
    model = models.robustbench("WideResNet", file, activation="swish")
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert np.array_equal(loaded(IMAGES), model(IMAGES))


@pytest.mark.slow
def test_a_model_is_exported(file: pathlib.Path, tmp_path: pathlib.Path) -> None:
    source = f"robustbench:WideResNet:{file}"
    export.export_from(source, tmp_path / "out")
    saved = tf.saved_model.load(str(tmp_path / "out"))
    logits = saved.serve(tf.constant(IMAGES))["logits"]
    assert tiny.relative(logits, models.robustbench("WideResNet", file)(IMAGES)) < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("activation", ["relu", "swish"])
def test_second_derivatives_are_right(activation: str) -> None:
    model = models.robustbench("WideResNet", STATE, activation=activation)
    images = np.concatenate([IMAGES, IMAGES[:, ::-1]])
    assert check_derivatives(model, images, np.arange(4)).status == "PASS"

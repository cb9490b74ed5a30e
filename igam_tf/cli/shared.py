"""Flags that several commands have, and what they mean together."""

import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from absl import flags

from igam_tf.cli.command import Command
from igam_tf.errors import InputError

if TYPE_CHECKING:
    from igam_tf.experiments.configs import Data, Network, Run, Schedule
    from igam_tf.experiments.runs import Options

# The keys of igam_tf.experiments.tables.TABLES: importing them would start TensorFlow for --help.
TABLES = ("1", "2", "3", "4", "5", "figure5", "halves", "controls", "sweep", "protocols", "protocols_upsize")


def define_data(command: Command, dataset: str) -> None:
    values = command.flags
    flags.DEFINE_string(
        "dataset",
        dataset,
        "shapes28, shapes32, shapes64, shapes100 (embedded), mnist, cifar10, cifar100 or tiny_imagenet.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "data_dir",
        None,
        "Where TFDS's prepared data, or tiny-imagenet-200, is; TFDS_DATA_DIR, else ~/tensorflow_datasets.",
        flag_values=values,
    )


def define_training_data(command: Command, dataset: str) -> None:
    define_data(command, dataset)
    values = command.flags
    flags.DEFINE_integer(
        "train_size", None, "Training images used, the first ones; all by default.", flag_values=values
    )
    flags.DEFINE_bool("augmented", True, "Random crop (2 pixels of padding) and flip.", flag_values=values)
    flags.DEFINE_float(
        "pixel_noise",
        0.0,
        "Half width of uniform noise on training pixels, in the data's unit.",
        lower_bound=0,
        flag_values=values,
    )


def data_config(values: Any) -> "Data":
    from igam_tf.experiments.configs import Data

    return Data(values.dataset, values.train_size, values.augmented, values.pixel_noise)


def define_kind(command: Command) -> None:
    flags.DEFINE_string(
        "kind",
        None,
        "Which network of a TensorFlow 1 checkpoint that holds several, such as igam_teacher.",
        flag_values=command.flags,
    )


def define_network(command: Command, kind: str) -> None:
    values = command.flags
    flags.DEFINE_enum("network", kind, ["wide_resnet", "mnist_cnn"], "The classifier.", flag_values=values)
    flags.DEFINE_integer("width", 1, "WRN: factor on its 16, 32, 64 channels (the paper: 10).", flag_values=values)
    flags.DEFINE_integer("blocks", 1, "WRN: residual units per stage (the paper: 5).", flag_values=values)
    flags.DEFINE_list("channels", ["32", "64"], "MNIST CNN: of its two convolutions.", flag_values=values)
    flags.DEFINE_integer("hidden", 1024, "MNIST CNN: units of its hidden layer.", lower_bound=1, flag_values=values)
    flags.DEFINE_enum(
        "normalization",
        "unit_norm",
        ["per_image", "unit_norm", "l2"],
        "WRN: its input, inside the model: per_image (MadryLab), unit_norm (the release's student) or l2.",
        flag_values=values,
    )


def network_config(values: Any) -> "Network":
    from igam_tf.experiments.configs import Network

    if values.network == "mnist_cnn":
        channels = numbers("channels", values.channels, int)
        if len(channels) != 2 or min(channels) < 1:
            raise InputError(f"channels: expected two positive integers, got {','.join(values.channels)!r}")
        return Network("mnist_cnn", channels=channels, hidden=values.hidden)
    return Network("wide_resnet", values.width, values.blocks, values.normalization)


def define_schedule(command: Command, steps: int, batch_size: int, rates: list[str], optimizer: str) -> None:
    values = command.flags
    flags.DEFINE_integer("steps", steps, "Training iterations.", lower_bound=1, flag_values=values)
    flags.DEFINE_integer("batch_size", batch_size, "Images per iteration.", lower_bound=1, flag_values=values)
    flags.DEFINE_list("learning_rates", rates, "Comma-separated, one more than boundaries.", flag_values=values)
    flags.DEFINE_list("boundaries", [], "Iterations after which the rate changes, comma-separated.", flag_values=values)
    flags.DEFINE_enum(
        "optimizer",
        optimizer,
        ["momentum", "keras_momentum", "adam"],
        "momentum: 0.9, TensorFlow 1's form.",
        flag_values=values,
    )


def schedule_config(values: Any) -> "Schedule":
    from igam_tf.experiments.configs import Schedule

    return Schedule(
        values.steps,
        values.batch_size,
        numbers("learning_rates", values.learning_rates, float),
        numbers("boundaries", values.boundaries, int),
        values.optimizer,
    )


def numbers(flag: str, texts: list[str], kind: Callable[[str], Any]) -> tuple[Any, ...]:
    try:
        return tuple(kind(text) for text in texts)
    except ValueError as error:
        raise InputError(f"{flag}: expected comma-separated numbers, got {','.join(texts)!r}") from error


def define_run(command: Command) -> None:
    values = command.flags
    define_runs_dir(command)
    define_precision(command)
    define_jit(command)
    flags.DEFINE_string(
        "run_dir", None, "This run's own directory; by default under runs_dir, named by its config.", flag_values=values
    )
    flags.DEFINE_bool("resume", False, "Go on with an interrupted run of the same configuration.", flag_values=values)
    flags.DEFINE_integer("seed", 0, "Of initial weights, data order and random starts.", flag_values=values)
    flags.DEFINE_bool("tensorboard", False, "Write TensorBoard summaries into the run's directory.", flag_values=values)


def define_precision(command: Command) -> None:
    flags.DEFINE_enum(
        "precision",
        "float32",
        ["float32", "bfloat16"],
        "Of convolutions and activations; bfloat16 is for processors that have it (docs/performance.md).",
        flag_values=command.flags,
    )


def define_jit(command: Command) -> None:
    flags.DEFINE_bool(
        "jit", False, "Compile training steps with XLA; takes minutes at first.", flag_values=command.flags
    )


def define_runs_dir(command: Command) -> None:
    values = command.flags
    flags.DEFINE_string("runs_dir", "runs", "Where run directories are.", flag_values=values)
    flags.DEFINE_bool(
        "deterministic", False, "Use deterministic TensorFlow operations where there are any.", flag_values=values
    )


def options(values: Any) -> "Options":
    from igam_tf.experiments.runs import Options

    return Options(
        pathlib.Path(values.runs_dir),
        values.data_dir,
        tensorboard=getattr(values, "tensorboard", False),
        deterministic=values.deterministic,
        jit=getattr(values, "jit", False),
    )


def train(values: Any, run: "Run") -> None:
    """Trains in the directory that the flags name, and says where the result is."""
    from igam_tf.experiments import configs, runs

    run = configs.at_precision(run, values.precision)
    where = options(values)
    directory = pathlib.Path(values.run_dir) if values.run_dir else runs.directory_of(run, where)
    runs.train(run, directory, where, values.resume)
    print(f"done: {directory / 'model.keras'}")

"""evaluate: clean and attacked accuracy of a model, with everything that the numbers need to be believed.

MODEL is a run directory, a .keras file or a TensorFlow 1 checkpoint. With --output an evaluation that was killed goes on where
it stopped.

  evaluate runs/STUDENT --dataset=shapes32 --attacks=fgsm,pgd20,pgd100-margin --statistics=moving,batch
  evaluate runs/STUDENT --attacks=pgd20,strong --num_examples=200 --diagnose --output=student.json

  evaluate runs/STUDENT --attacks=my_attacks.py:momentum,my_package.attacks:mine

Attacks: fgsm, pgdK, apgdK-ce, apgdK-dlr, apgdK-t (targeted), squareQ (black box, Q queries). strong
is apgd-ce, apgd-t and square in turn on what is left. -margin or -dlr behind fgsm and pgdK sets the
loss, -l2 the ball, -xR R restarts. transfer- before any of them: computed on --surrogate. An attack of
your own is package.module:name or file.py:name.
"""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

from absl import flags

from igam_tf.cli import shared
from igam_tf.cli.command import Command

_COMMAND = Command("evaluate", __doc__, positional="model")
shared.define_data(_COMMAND, "shapes32")
_VALUES = _COMMAND.flags
shared.define_kind(_COMMAND)
flags.DEFINE_enum(
    "suite",
    None,
    ["madry"],
    "The challenges' protocol for a model of MNIST or CIFAR-10 images, beside what is published for their secret models; "
    "sets dataset, attacks, epsilon and step_size.",
    flag_values=_VALUES,
)
flags.DEFINE_list("attacks", ["fgsm", "pgd20"], "Names as above, comma-separated.", flag_values=_VALUES)
flags.DEFINE_string(
    "surrogate", None, "Another model (as MODEL) that transfer- attacks are computed on.", flag_values=_VALUES
)
flags.DEFINE_enum(
    "attack_head",
    "target",
    ["target", "source"],
    "Of a fine-tuned teacher, the head that attacks are computed on; source is the release's way.",
    flag_values=_VALUES,
)
flags.DEFINE_bool(
    "diagnose", False, "Check for masked gradients and the like, on the first 200 images at most.", flag_values=_VALUES
)
flags.DEFINE_string(
    "epsilon", "8/255", "Radius: n/255 of the pixel range, or a number in its unit.", flag_values=_VALUES
)
flags.DEFINE_string("step_size", "2/255", "PGD's step, like --epsilon.", flag_values=_VALUES)
flags.DEFINE_list("statistics", ["moving"], "BatchNorm modes: moving, batch, recalibrated.", flag_values=_VALUES)
flags.DEFINE_integer(
    "num_examples", None, "Test images, the first ones; all by default.", lower_bound=1, flag_values=_VALUES
)
flags.DEFINE_integer("batch_size", 100, "Images at a time.", lower_bound=1, flag_values=_VALUES)
flags.DEFINE_integer("seed", 0, "Of the random starts.", flag_values=_VALUES)
flags.DEFINE_string("output", None, "Write the record there, as JSON.", flag_values=_VALUES)
flags.DEFINE_string("save_adversarial", None, "Write the adversarial images there, as .npz.", flag_values=_VALUES)


def main(argv: Sequence[str] | None = None) -> int:
    return _COMMAND.run(_run, argv)


def _run(values: Any) -> None:
    from igam_tf import data, diagnostics, evaluation, files, report
    from igam_tf.attacks.suites import Suite, madry_suite
    from igam_tf.experiments import trained
    from igam_tf.experiments.scoring import CALIBRATION_SIZE

    suite = Suite(values.dataset, values.epsilon, values.step_size, tuple(values.attacks))
    if values.suite == "madry":
        suite = madry_suite(tuple(trained.load_model(values.target, values.kind).input_shape[1:]))
    recalibrates = "recalibrated" in values.statistics
    dataset = data.load(
        suite.dataset, values.data_dir, train_size=None if recalibrates else 1, test_size=values.num_examples
    )
    model = trained.load_for(dataset, values.target, values.kind)
    surrogate = trained.load_for(dataset, values.surrogate) if values.surrogate else None
    output = pathlib.Path(values.output) if values.output else None
    images: dict[str, Any] | None = {} if values.save_adversarial else None
    record = evaluation.evaluate(
        model,
        dataset.test,
        attacks=suite.attacks,
        epsilon=suite.epsilon,
        step_size=suite.step_size,
        statistics=values.statistics,
        batch_size=values.batch_size,
        seed=values.seed,
        calibration=dataset.train.first(CALIBRATION_SIZE) if recalibrates else None,
        surrogate=surrogate,
        attack_head=values.attack_head,
        progress=report.progress(values.target),
        parts_dir=output.with_name(output.name + ".parts") if output else None,
        images=images,
    )
    if output:
        files.write_text(output, record.to_json() + "\n")
    if values.diagnose:
        found = diagnostics.diagnose(
            model,
            dataset.test.first(values.num_examples),
            epsilon=suite.epsilon,
            step_size=suite.step_size,
            batch_size=values.batch_size,
            seed=values.seed,
            statistics=_trained_mode(values.statistics),
            surrogate=surrogate,
            progress=report.progress(values.target),
        )
        record = dataclasses.replace(record, diagnosis=found.to_dict())
        if output:
            files.write_text(output, record.to_json() + "\n")
    print(report.record_text(record, _published(suite.dataset) if values.suite else None))
    if images is not None:
        files.write_arrays(pathlib.Path(values.save_adversarial), images)


def _trained_mode(statistics: list[str]) -> str:
    """The first mode that the model itself runs in."""
    return next((mode for mode in statistics if mode != "recalibrated"), "batch")


def _published(dataset: str) -> dict[str, float]:
    from madry_checkpoints.manifest import manifest

    return dict(manifest()[f"{dataset}_secret"].published_accuracy)

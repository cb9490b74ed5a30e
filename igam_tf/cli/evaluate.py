"""evaluate: clean and attacked accuracy of a model, with everything that the numbers need to be believed.

MODEL is a run directory, a .keras file or a TensorFlow 1 checkpoint.

  evaluate runs/STUDENT --dataset=shapes32 --attacks=fgsm,pgd20,pgd100-margin --statistics=moving,batch
"""

import pathlib
from collections.abc import Sequence
from typing import Any

from absl import flags

from igam_tf.cli import shared
from igam_tf.cli.command import Command

_COMMAND = Command("evaluate", __doc__, positional="model")
shared.define_data(_COMMAND, "shapes32")
_VALUES = _COMMAND.flags
flags.DEFINE_string(
    "kind",
    None,
    "Which network of a TensorFlow 1 checkpoint that holds several, such as igam_teacher.",
    flag_values=_VALUES,
)
flags.DEFINE_list("attacks", ["fgsm", "pgd20"], "fgsm, pgdK; -margin behind for that loss.", flag_values=_VALUES)
flags.DEFINE_string(
    "epsilon", "8/255", "Radius: n/255 of the pixel range, or a number in its unit.", flag_values=_VALUES
)
flags.DEFINE_string("step_size", "2/255", "PGD's step, like --epsilon.", flag_values=_VALUES)
flags.DEFINE_list("statistics", ["moving"], "BatchNorm modes: moving, batch.", flag_values=_VALUES)
flags.DEFINE_integer(
    "num_examples", None, "Test images, the first ones; all by default.", lower_bound=1, flag_values=_VALUES
)
flags.DEFINE_integer("batch_size", 100, "Images at a time.", lower_bound=1, flag_values=_VALUES)
flags.DEFINE_integer("seed", 0, "Of the random starts.", flag_values=_VALUES)
flags.DEFINE_string("output", None, "Write the record there, as JSON.", flag_values=_VALUES)


def main(argv: Sequence[str] | None = None) -> int:
    return _COMMAND.run(_run, argv)


def _run(values: Any) -> None:
    from igam_tf import data, evaluation, report
    from igam_tf.experiments import trained

    model = trained.load_model(values.target, values.kind)
    dataset = data.load(values.dataset, values.data_dir, test_size=values.num_examples)
    record = evaluation.evaluate(
        model,
        dataset.test,
        attacks=values.attacks,
        epsilon=values.epsilon,
        step_size=values.step_size,
        statistics=values.statistics,
        batch_size=values.batch_size,
        seed=values.seed,
        progress=report.progress(values.target),
    )
    print(report.record_text(record))
    if values.output:
        report.write_text(pathlib.Path(values.output), record.to_json() + "\n")

"""evaluate: clean and attacked accuracy of a model, with all settings and 95 % intervals.

MODEL is a run directory, a .keras file, a TensorFlow 1 checkpoint or a network of RobustBench. An
evaluation with --output that was killed continues where it stopped.

  evaluate runs/STUDENT --dataset=shapes32 --attacks=fgsm,pgd20,pgd100-margin
  evaluate runs/STUDENT --attacks=pgd20 --statistics=moving,batch
  evaluate runs/STUDENT --attacks=pgd20,strong --num_examples=200 --diagnose --output=student.json
  evaluate runs/STUDENT --attacks=my_attacks.py:momentum,my_package.attacks:mine
  evaluate robustbench:WideResNet:Carmon2019Unlabeled.safetensors --dataset=cifar10
  evaluate runs/STUDENT --attacks=fgsm,pgd5,pgd20 --diagnose --format=html --report=student.html
  evaluate runs/STUDENT --suite=robustbench-linf --dataset=cifar10
  evaluate runs/STUDENT --attacks=autoattack --output=student.json --shards=1/4

Attacks:
  fgsm, pgdK        K steps; add -margin or -dlr for another loss, -l2 for the l2 ball,
                    -xR for R restarts
  apgdK-ce, apgdK-dlr, apgdK-t
                    Auto-PGD of K steps on cross-entropy, DLR or targeted DLR; add -l2, -xR
  fabK              targeted FAB of K steps for each class; add -l2, -xR
  squareQ           Square, a black-box attack with Q queries; add -l2
  strong            apgd-ce, apgd-t and square in turn, each on the survivors
  autoattack, autoattack-l2
                    AutoAttack: apgd-ce, apgd-t, fab and square in turn, each on the survivors
  autoattack-rand   apgd-ce and apgd-dlr on means over 20 draws, for models with random numbers
  transfer-NAME     any of these, computed on --surrogate and judged on MODEL
  package.module:name, file.py:name
                    an attack of your own
"""

import dataclasses
import pathlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from igam_tf.cli import shared
from igam_tf.core.bounds import Amount
from igam_tf.core.command import Command, shell_line
from igam_tf.core.errors import InputError
from igam_tf.core.settings import Setting, values_of
from igam_tf.core.settings.choices import HEADS, MODES, REPORT_FORMATS
from igam_tf.core.settings.datasets import SOURCES, MemoryLimit, SourceSettings
from igam_tf.core.settings.flags import arguments_of
from igam_tf.experiments.options import DataDir

if TYPE_CHECKING:
    from igam_tf.attacks.suites import Suite
    from igam_tf.data import Dataset
    from igam_tf.evaluation.records import EvalRecord
    from igam_tf.evaluation.shards import Shards


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluateFlags(SourceSettings):
    model: Annotated[str, Setting(f"The model: {shared.MODEL}.", positional=True)]
    dataset: Annotated[
        str | None,
        Setting(
            f"The data set: {SOURCES} (docs/data.md). By default that of the run in MODEL, with "
            "its settings of own images, or else shapes32."
        ),
    ] = None
    data_dir: DataDir = None
    memory_limit: MemoryLimit = 2.0
    kind: shared.Kind = None
    suite: Annotated[
        str | None,
        Setting(
            "madry: the protocol of MadryLab's challenge for MNIST or CIFAR-10, beside the "
            "accuracies published for its secret model. It replaces dataset, attacks, epsilon and "
            "step_size. robustbench-linf and robustbench-l2: AutoAttack at 8/255 and at 0.5 for "
            "pixels in [0, 1], with the figures of a RobustBench row. They replace attacks and "
            "epsilon.",
            choices=("madry", "robustbench-linf", "robustbench-l2"),
        ),
    ] = None
    attacks: Annotated[tuple[str, ...], Setting("Names from the list above.")] = ("fgsm", "pgd20")
    surrogate: Annotated[
        str | None, Setting("The model on which transfer- attacks are computed; see MODEL.")
    ] = None
    attack_head: Annotated[
        str,
        Setting(
            "The head of a fine-tuned teacher on which attacks are computed; the release attacks "
            "the source head.",
            choices=HEADS,
        ),
    ] = "target"
    diagnose: Annotated[
        bool, Setting("Check for masked gradients, on the first 200 images at most.")
    ] = False
    epsilon: Annotated[
        Amount,
        Setting(
            "Radius: n/255 of the pixel range, or a number in pixel units. In the l2 ball 0.5/1 is "
            "0.5 for pixels in [0, 1], whatever the model's range."
        ),
    ] = "8/255"
    step_size: Annotated[Amount, Setting("Step size of PGD, in the form of --epsilon.")] = "2/255"
    statistics: Annotated[tuple[str, ...], Setting("BatchNorm modes.", choices=MODES)] = ("moving",)
    num_examples: Annotated[
        int | None,
        Setting("Use only this many test images, the first ones; all by default.", at_least=1),
    ] = None
    batch_size: Annotated[int, Setting("Images per batch.", at_least=1)] = 100
    seed: Annotated[int, Setting("Seed of the random starts.")] = 0
    output: Annotated[pathlib.Path | None, Setting("Write the record to this JSON file.")] = None
    format: Annotated[
        str,
        Setting(
            "The report as text, as Markdown, as JSON with accuracy by class, or as one HTML page "
            "with pictures.",
            choices=REPORT_FORMATS,
        ),
    ] = "text"
    report: Annotated[
        pathlib.Path | None,
        Setting("The file of --format. The text is then printed, too."),
    ] = None
    save_adversarial: Annotated[
        pathlib.Path | None, Setting("Write the adversarial images to this .npz file.")
    ] = None
    shards: Annotated[
        str | None,
        Setting(
            "I/N: evaluate share I of N, for N processes with the same flags and the same --output "
            "on a shared file system. The process that finishes last writes the record, as does a "
            "later call without --shards. With batch statistics there are N batches at least, "
            "otherwise N examples. The workers of TF_CONFIG have their shares without this flag, "
            "and the chief writes the record."
        ),
    ] = None


COMMAND = Command("evaluate", __doc__, EvaluateFlags)


def main(argv: Sequence[str] | None = None) -> int:
    return COMMAND.run(_run, argv)


def _run(flags: EvaluateFlags) -> None:
    from igam_tf.evaluation.shards import UnfinishedShards

    try:
        _evaluate(flags)
    except UnfinishedShards as unfinished:
        print(unfinished)


def _evaluate(flags: EvaluateFlags) -> None:
    """Evaluates, and writes and prints the record.

    Raises:
      UnfinishedShards: another process makes the record.
    """
    from igam_tf import data, evaluation, report
    from igam_tf.core import files
    from igam_tf.evaluation import diagnostics
    from igam_tf.evaluation.shards import as_shards
    from igam_tf.experiments import trained
    from igam_tf.experiments.scoring import CALIBRATION_SIZE

    if flags.report:
        files.require_place(flags.report, "report")
    output, shards = flags.output, _shards(flags)
    parts_dir = output.with_name(output.name + ".parts") if output else None
    as_shards(shards, parts_dir)
    name, source_settings = _source(flags)
    suite = _suite(flags, name)
    recalibrates = "recalibrated" in flags.statistics
    dataset = data.load(
        suite.dataset,
        flags.data_dir,
        train_size=None if recalibrates else 1,
        test_size=flags.num_examples,
        memory_limit=flags.memory_limit,
        **source_settings,
    )
    model = trained.load_for(dataset, flags.model, flags.kind)
    surrogate = trained.load_for(dataset, flags.surrogate) if flags.surrogate else None
    images: dict[str, Any] | None = {} if flags.save_adversarial else None
    record = evaluation.evaluate(
        model,
        dataset,
        attacks=suite.attacks,
        epsilon=suite.epsilon,
        step_size=suite.step_size,
        statistics=flags.statistics,
        batch_size=flags.batch_size,
        seed=flags.seed,
        calibration=dataset.train.first(CALIBRATION_SIZE) if recalibrates else None,
        surrogate=surrogate,
        attack_head=flags.attack_head,
        progress=report.progress(flags.model),
        parts_dir=parts_dir,
        images=images,
        shards=shards,
    )
    if output:
        files.write_text(output, record.to_json() + "\n")
    if flags.diagnose:
        diagnosis = diagnostics.diagnose(
            model,
            dataset.test.first(flags.num_examples),
            bounds=record.bounds,
            # Diagnostics attack in the l-infinity ball.
            epsilon=suite.epsilon if suite.norm == "linf" else flags.epsilon,
            step_size=suite.step_size if suite.norm == "linf" else flags.step_size,
            batch_size=flags.batch_size,
            seed=flags.seed,
            statistics=_trained_mode(flags.statistics),
            surrogate=surrogate,
            progress=report.progress(flags.model),
        )
        record = dataclasses.replace(record, diagnosis=diagnosis.to_dict())
        if output:
            files.write_text(output, record.to_json() + "\n")
    text = report.record_text(record, _published(suite.dataset) if flags.suite == "madry" else None)
    if flags.suite and flags.suite != "madry":
        text += "\n" + report.robustbench_row(record, suite.dataset)
    if flags.report or flags.format == "text":
        print(text)
    content = text + "\n"
    if flags.format != "text":
        content = _report(flags, suite, record, model, dataset)
    if flags.report:
        files.write_text(flags.report, content)
        print(f"written: {flags.report}")
    elif flags.format != "text":
        print(content, end="")
    if flags.save_adversarial and images is not None:
        files.write_arrays(flags.save_adversarial, images)


def _shards(flags: EvaluateFlags) -> "Shards | None":
    """This process's share: the flag's, or that of a worker of TF_CONFIG; None for the whole."""
    from igam_tf.core.cluster import VARIABLE, cluster
    from igam_tf.evaluation.shards import Shards

    workers = cluster()
    if workers is None:
        return Shards.parse(flags.shards) if flags.shards else None
    if flags.shards:
        raise InputError(f"shards: the workers of {VARIABLE} have their shares without --shards")
    return Shards.of_worker(workers)


def _source(flags: EvaluateFlags) -> tuple[str, dict[str, Any]]:
    """The data set's name and the settings of its images: the flags', else those of MODEL's run."""
    from igam_tf.experiments import runs

    settings = values_of(flags, SourceSettings)
    own = None if flags.dataset or flags.suite == "madry" else runs.data_of(flags.model)
    if own is None:
        return flags.dataset or "shapes32", settings
    overrides = {name: value for name, value in settings.items() if value is not None}
    return own.dataset, values_of(own, SourceSettings) | overrides


def _suite(flags: EvaluateFlags, dataset: str) -> "Suite":
    """The attacks and amounts of the flags, or those of the suite that replaces them."""
    from igam_tf.attacks.suites import Suite, madry_suite, robustbench_suite
    from igam_tf.experiments import trained

    if flags.suite is None:
        return Suite(dataset, flags.epsilon, flags.step_size, flags.attacks)
    if flags.suite == "madry":
        return madry_suite(tuple(trained.load_model(flags.model, flags.kind).input_shape[1:]))
    return robustbench_suite(flags.suite, dataset)


def _report(
    flags: EvaluateFlags, suite: "Suite", record: "EvalRecord", model: Any, dataset: "Dataset"
) -> str:
    """The report in a format other than text."""
    from igam_tf.experiments.configs import Scoring
    from igam_tf.report import model_report

    settings = dataclasses.replace(
        flags, format="text", output=None, report=None, save_adversarial=None, shards=None
    )
    command = shell_line("evaluate", *arguments_of(settings))
    scoring = Scoring(suite.dataset, record.n, (), suite.epsilon, suite.step_size)
    return model_report.rendered(
        record, flags.model, model, dataset, scoring, command, flags.format
    )


def _trained_mode(statistics: Sequence[str]) -> str:
    """The first mode that the model itself runs in."""
    return next((mode for mode in statistics if mode != "recalibrated"), "batch")


def _published(dataset: str) -> dict[str, float]:
    from madry_checkpoints.manifest import manifest

    return dict(manifest()[f"{dataset}_secret"].published_accuracy)


if __name__ == "__main__":
    sys.exit(main())

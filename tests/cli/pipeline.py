"""The whole path from teacher to student, in seconds."""

import dataclasses
import pathlib

from .verbs import run

COMMON = ["--train_size=32", "--batch_size=8", "--seed=3"]
TEACHER_FLAGS = [
    *COMMON,
    *("--dataset=shapes28", "--noaugmented", "--steps=5", "--optimizer=adam", "--weight_decay=0"),
    *("--network=mnist_cnn", "--channels=8,16", "--hidden=64"),
    *("--learning_rates=0.001,0.0001", "--boundaries=3"),
    *("--epsilon=25/255", "--step_size=0.05", "--attack_steps=1", "--ramp_steps=3"),
]
FINETUNE_FLAGS = [*COMMON, "--steps=5", "--adapter=mean,crop:28,scale:1/255", "--statistics=moving"]
STUDENT_FLAGS = [
    *COMMON,
    *("--steps=14", "--steps_before_matching=6", "--learning_rates=0.05", "--pixel_noise=8"),
    *("--lambda_adv=0.5", "--lambda_diff=100", "--diff_reduction=mean", "--gradient_crop=28"),
    *("--disc_every=2", "--disc_layers=2", "--disc_channels=2"),
]
VERBS = {
    "train_robust": TEACHER_FLAGS,
    "finetune_teacher": FINETUNE_FLAGS,
    "train_student": STUDENT_FLAGS,
}


@dataclasses.dataclass(frozen=True)
class Pipeline:
    """The directories of the three runs."""

    teacher: pathlib.Path
    finetuned: pathlib.Path
    student: pathlib.Path

    def flags_of(self, verb: str) -> list[str]:
        """A verb's flags, with the teacher that it needs."""
        return [*VERBS[verb], *([] if verb == "train_robust" else [f"--teacher={self.teacher}"])]


def train(where: pathlib.Path) -> Pipeline:
    pipeline = Pipeline(where / "teacher", where / "finetuned", where / "student")
    for verb, flags, teacher, directory in (
        ("train_robust", TEACHER_FLAGS, None, pipeline.teacher),
        ("finetune_teacher", FINETUNE_FLAGS, pipeline.teacher, pipeline.finetuned),
        ("train_student", STUDENT_FLAGS, pipeline.finetuned, pipeline.student),
    ):
        of_teacher = [f"--teacher={teacher}"] if teacher else []
        assert run(verb, *flags, *of_teacher, f"--run_dir={directory}") == 0
    return pipeline

#!/usr/bin/env python3
"""A folder of images to a robust student: trained, evaluated, reported and exported.

    python examples/own_task.py photos/ results/

The folder has train/CLASS/*.png and test/CLASS/*.png (or val/). A network of the user's trains
against PGD on the same images and is the robust teacher; the student is a MobileNetV2 that learns
the teacher's input gradients. The same by commands:

    OWN="--dataset=folder:photos --image_size=48 --batch_size=32"
    NET="--network=keras:MobileNetV2:alpha=0.35"
    bin/train_robust $OWN $NET --attack_steps=0 --run_dir=runs/plain
    bin/train_robust $OWN --network=wide_resnet --width=1 --blocks=1 --run_dir=runs/robust
    bin/finetune_teacher $OWN --teacher=runs/robust --run_dir=runs/teacher
    bin/train_student $OWN $NET --teacher=runs/teacher --lambda_diff=1000 --run_dir=runs/student
    bin/evaluate runs/student --attacks=fgsm,pgd20,strong --format=html --report=student.html
    bin/export_model runs/student student

Steps and lambdas are for a first look. Real figures take longer training, and lambdas that were
tried on a validation split.
"""

import pathlib
import sys

import keras

from igam_tf import data, evaluation, export, models, training
from igam_tf.core.errors import InputError

SIDE = 48
NETWORK = "keras:MobileNetV2:alpha=0.35"


def main(folder: str, results: str, steps: int = 300, num_examples: int = 100) -> None:
    """Trains, evaluates and exports; `results` receives record.json and the SavedModel."""
    keras.utils.set_random_seed(0)
    task = data.load(f"folder:{folder}", image_size=SIDE, color="rgb")
    shape = task.image_shape

    robust = models.wide_resnet(task.num_classes, width=1, blocks=1, input_shape=shape)
    trainer = training.AdversarialTrainer(robust, epsilon="8/255", step_size="2/255", steps=7)
    trainer.compile(training.Momentum(0.05))
    fit(trainer, task, steps)

    teacher = training.finetune(robust, task, steps=steps, batch_size=32)

    student = models.user_network(NETWORK, shape, task.num_classes, task.bounds)
    images, labels = task.train.select(range(4))
    print(training.check_derivatives(student, images, labels))
    trainer = training.Igam(
        student, teacher, models.discriminator(shape), lambda_adv=1.0, lambda_diff=1000.0
    )
    trainer.compile(training.Momentum(0.02), training.Momentum(0.02))
    fit(trainer, task, steps)

    record = evaluation.evaluate(
        student, task.test, attacks=("fgsm", "pgd20"), num_examples=num_examples
    )
    for attack in ("clean", "fgsm", "pgd20"):
        print(f"{attack:6} {100 * record.accuracy(attack):5.1f} %")
    place = pathlib.Path(results)
    place.mkdir(parents=True, exist_ok=True)
    (place / "record.json").write_text(record.to_json() + "\n")
    export.export(student, place / "student")


def fit(trainer: keras.Model, task: data.Dataset, steps: int) -> None:
    """One epoch of `steps` augmented batches."""
    stream = data.training_batches(task.train, 32, seed=0, bounds=task.bounds)
    trainer.fit(stream, steps_per_epoch=steps, shuffle=False, verbose=2)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: own_task.py FOLDER RESULTS")
    try:
        main(*sys.argv[1:])
    except InputError as error:
        print(f"own_task: {error}", file=sys.stderr)
        sys.exit(2)

"""Flags to the digest that names a run's directory: the same as before the flags followed from
settings.
"""

import importlib
import shlex

import pytest

from igam_tf.core import settings
from igam_tf.experiments import runs, trained
from igam_tf.experiments.configs import Run, Weights

DIGESTS = """
f171ee91c2 train_robust
78dd187db0 train_robust --dataset=shapes28 --network=mnist_cnn --optimizer=adam
  --learning_rates=0.001 --epsilon=0.1 --step_size=0.03 --attack_steps=5
3a7276db0a train_robust --dataset=cifar10 --network=wide_resnet --width=2 --blocks=3 --epsilon=8/255
  --step_size=2/255 --normalization=l2
1e6308b713 train_robust --attack_steps=0 --weight_decay=0 --seed=3 --precision=bfloat16
0e59d8f1a4 train_robust --network=mnist_cnn --channels=4,8 --hidden=7 --width=3 --train_size=100
  --noaugmented --pixel_noise=8
9d24aaec1f train_robust --learning_rates=0.1,0.01,1 --boundaries=5,9 --steps=11 --batch_size=3
  --ramp_steps=4
e58fbbe7bc train_robust --objective=trades --beta=4 --attack_steps=10
030997c1fd train_robust --ema=0.99 --best_weights --validation=0.1 --validation_attack=pgd5
  --validation_epsilon=4/255 --validation_examples=50
3f897b6a04 train_student --teacher=x --ema=0.999 --best_weights --validation=0.1
8b7d61478c finetune_teacher --teacher=x
1a336b4cd1 finetune_teacher --teacher=x --kind=igam_teacher --adapter=mean,crop:28,scale:1/255
  --statistics=moving --normalization=l2 --seed=2
2352a4cb96 train_student --teacher=x
ba4e8d5bb9 train_student --teacher=x --lambda_adv=2 --lambda_diff=3.5 --disc_every=2 --disc_layers=3
  --disc_channels=4 --gradient_crop=28 --protocol=paper --gradient_of=softmax --matched_to=zero
  --adapter=mean --steps_before_matching=7
31f07b43cb train_student --teacher=x --diff_reduction=mean --adversarial_reduction=sum
  --discriminator_update=same_gradients --teacher_statistics=moving --width=4 --weight_decay=1e-3
f171ee91c2 train_robust --strategy=none
7b175461fe train_robust --strategy=mirrored
7b175461fe train_robust --strategy=mirrored --replicas=2
24babd1064 train_student --teacher=x --strategy=mirrored --sync_batchnorm
7b403fb41f finetune_teacher --teacher=x --strategy=mirrored
"""
# A line that is indented continues the one above.
LINES = [
    tuple(line.split(maxsplit=1)) for line in DIGESTS.replace("\n  ", " ").strip().splitlines()
]


@pytest.mark.parametrize(("digest", "line"), LINES, ids=[digest for digest, _ in LINES])
def test_a_command_line_keeps_its_digest(
    digest: str, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = []

    def train(run: Run, *_: object) -> None:
        digests.append(settings.digest(run))

    monkeypatch.setattr(runs, "train", train)
    monkeypatch.setattr(trained, "weights", lambda path, kind: Weights("ab", path, kind))
    verb, *arguments = shlex.split(line)
    assert importlib.import_module(f"igam_tf.cli.{verb}").main(arguments) == 0
    assert digests == [digest]

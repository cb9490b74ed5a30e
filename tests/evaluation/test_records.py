"""Records: counts, which examples are correct, JSON there and back, records of older versions."""

import dataclasses
import json

import numpy as np
import pytest

from igam_tf.core.errors import InputError
from igam_tf.evaluation import evaluate, intervals
from igam_tf.evaluation.records import Count, EvalRecord, packed

from .. import tiny

SIZE = 13
FLAGS = {
    mode: {
        name: np.random.default_rng([place, *name.encode()]).random(SIZE) < 0.6
        for name in ("clean", "strong: apgd-ce", "strong")
    }
    for place, mode in enumerate(("batch", "moving"))
}
DOUBTS = ["pgd2: 2 steps of 2 do not reach its radius 8"]
NAMES = ["cat", "dog"]
DIAGNOSIS = {"findings": [{"name": "steps", "passed": True, "numbers": [0.25, None]}]}


def record() -> EvalRecord:
    results = {
        mode: {
            name: Count(int(correct.sum()), SIZE, 1 if name == "strong" else None)
            for name, correct in by_name.items()
        }
        for mode, by_name in FLAGS.items()
    }
    flags = {
        mode: {name: packed(correct) for name, correct in by_name.items()}
        for mode, by_name in FLAGS.items()
    }
    attacks = {"apgd-ce": {"name": "apgd-ce", "epsilon": 8.0}}
    environment = {"revision": None}
    optional = (DOUBTS, flags, DIAGNOSIS, NAMES)
    return EvalRecord(SIZE, 5, 0, (0.0, 255.0), attacks, results, environment, *optional)


@pytest.mark.parametrize("size", [1, 7, 8, 9, 16, 100])
def test_flags_are_packed_eight_to_two_digits(size: int) -> None:
    flags = np.random.default_rng(size).random(size) < 0.5
    text = packed(flags)
    assert len(text) == 2 * -(-size // 8)
    bits = "".join(f"{int(digit, 16):04b}" for digit in text)
    assert bits == "".join("01"[int(flag)] for flag in flags).ljust(len(bits), "0")


@pytest.mark.parametrize("there_and_back", [False, True])
def test_which_examples_are_correct(there_and_back: bool) -> None:
    read = EvalRecord.from_json(record().to_json()) if there_and_back else record()
    for mode, by_name in FLAGS.items():
        for name, correct in by_name.items():
            np.testing.assert_array_equal(read.right(name, mode), correct, strict=True)
            count = read.count(name, mode)
            assert count.correct == correct.sum()
            assert read.accuracy(name, mode) == correct.mean()
            assert count.interval == intervals.wilson(count.correct, SIZE)
            assert count.never_fooled == (1 if name == "strong" else None)
    np.testing.assert_array_equal(read.right(), FLAGS["batch"]["clean"])  # of the first mode
    assert read.accuracy() == FLAGS["batch"]["clean"].mean()


def test_there_and_back_nothing_changes() -> None:
    whole = record()
    evaluated = evaluate(tiny.classifier(), tiny.batch(), statistics=("moving", "batch"))
    for each in (whole, evaluated):
        assert EvalRecord.from_json(each.to_json()) == each
        fields = json.loads(each.to_json())
        assert fields["flags"] == each.flags
        assert fields["results"] == dataclasses.asdict(each)["results"]
    assert (whole.doubts, whole.diagnosis) == (DOUBTS, DIAGNOSIS)


def test_records_of_an_older_version_load() -> None:
    fields = json.loads(record().to_json())
    for name in ("doubts", "flags", "diagnosis", "class_names"):
        del fields[name]
    old = EvalRecord.from_json(json.dumps(fields))
    assert old == dataclasses.replace(record(), doubts=[], flags={}, diagnosis=None, class_names=[])
    assert old.count("strong").correct == FLAGS["batch"]["strong"].sum()
    with pytest.raises(InputError, match=r"^record: it does not say which examples are right"):
        old.right("strong")


@pytest.mark.parametrize("question", [("pgd7",), ("clean", "train")])
def test_what_a_record_does_not_hold(question: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match=r"^record: there is no '.*' with statistics '.*', only "):
        record().right(*question)

"""`reproduce_table` trains once, then reuses; it says why a row cannot run."""

import dataclasses
import pathlib
import re

import pytest

from igam_tf.core.errors import InputError
from igam_tf.experiments import runs, tables
from igam_tf.experiments.configs import Data, Scoring, Table

from ..experiments import small
from .verbs import require_one_line, run

ROWS = {
    "Standard": dataclasses.replace(small.ROBUST, adversary=None),
    "Absent": dataclasses.replace(small.ROBUST, data=Data("mnist")),
    "IGAM": small.STUDENT,
}
SCORING = Scoring("shapes28", 12, ("fgsm", "pgd2"), batch_size=5, seed=3)
TABLE = Table("1", "tiny", "a tiny table", ROWS, SCORING)
BEGINNING = "Table 1, preset demo (others: cpu, paper; --preset)\n"


@pytest.fixture(autouse=True)
def declarations(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Declares the tiny table as Table 1; the arguments of every declaration."""
    calls: list[object] = []

    def declare(*arguments: object) -> object:
        calls.append(arguments)
        return TABLE

    monkeypatch.setitem(tables.TABLES, "1", declare)
    return calls


@pytest.fixture(scope="module")
def flags(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Flags of all tests, which share their runs."""
    where = tmp_path_factory.mktemp("table")
    places = [f"--runs_dir={where}", f"--data_dir={where}"]
    return ["--table=1", "--rows=Standard,Absent", "--num_examples=6", *places]


def test_rows_are_trained_once_and_absent_rows_say_why(
    flags: list[str],
    declarations: list[object],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("reproduce_table", *flags, "--seed=4") == 0
    first, errors = capsys.readouterr()
    assert errors == ""
    assert first.startswith(BEGINNING)
    assert re.search(r"^Standard +moving ", first, re.M)
    assert re.search(r"^Absent +not run: dataset mnist: not found under ", first, re.M)
    assert re.search(r"^IGAM +not run: not asked for", first, re.M)
    file = pathlib.Path(first.splitlines()[-1].removeprefix("written: "))
    assert file.name == "table1-demo-seed4.txt"
    assert first.endswith(f"\n{file.read_text()}written: {file}\n")
    assert declarations[-1] == ("demo", 4, None)

    def refuse(subject: object, *_: object, **__: object) -> None:
        assert subject == ROWS["Absent"]
        raise InputError("still absent")

    monkeypatch.setattr(runs, "train", refuse)
    assert run("reproduce_table", *flags, "--seed=4") == 0
    tables_only = [
        re.sub("not run: .*", "not run", text[text.index("Table 1: ") :])
        for text in (first, capsys.readouterr().out)
    ]
    assert tables_only[0] == tables_only[1]


def test_several_seeds_have_means_and_a_study(
    flags: list[str], tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = tmp_path / "study.json"
    assert run("reproduce_table", *flags, "--seed=4,5", f"--save_study={study}") == 0
    text, _ = capsys.readouterr()
    assert text.count("Table 1: ") == 2
    assert "Over seeds 4, 5: mean and its 95 % interval" in text
    assert "Absent: not run with every seed" in text
    means = re.search(r"^written: (.*table1-demo-seeds4-5.txt)$", text, re.M)[1]
    assert pathlib.Path(means).read_text() in text
    assert text.endswith(f"written: {study}\n")
    assert run("reproduce_table", f"--from={study}") == 0
    parts = re.findall(r"^(?:Table 1: |Over seeds).*?(?=^written)", text, re.M | re.S)
    assert capsys.readouterr().out == "\n".join(parts)


def test_seeds_differ(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    message = "seed: expected one or more different numbers, got '4,4'"
    require_one_line(capsys, "reproduce_table", [*flags, "--seed=4,4"], message)

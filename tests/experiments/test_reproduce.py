"""A table: what is missing is trained, what is finished is reused, what cannot be is said."""

import dataclasses
import pathlib
import re
import shutil

import pytest

from igam_tf import data, evaluation, report
from igam_tf.core.errors import InputError
from igam_tf.experiments import reproduce, runs, trained
from igam_tf.experiments.configs import Data, Schedule, Scoring, Table
from igam_tf.experiments.options import Options
from igam_tf.experiments.reproduce import Result

from . import small

SCORING = Scoring("shapes28", 12, ("fgsm", "pgd2"), batch_size=5, seed=3)
ROWS = {
    "Standard": dataclasses.replace(small.ROBUST, adversary=None),
    "FT": small.FINETUNED,
    "Absent": dataclasses.replace(small.ROBUST, data=Data("mnist")),
    "Wild": dataclasses.replace(small.ROBUST, schedule=Schedule(6, 8, (1e30,))),
    "IGAM": small.STUDENT,
}
TABLE = Table("1", "tiny", "a tiny table", ROWS, SCORING, {"FT": {"clean": 33.4, "pgd2": 0.5}})
RAN = ("Standard", "FT", "IGAM")


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> Options:
    where = tmp_path_factory.mktemp("table")
    return small.options(where / "runs", data_dir=str(where / "no data"))


@pytest.fixture(scope="module")
def results(options: Options) -> dict[str, Result]:
    """Of the first call, in which everything is trained."""
    return reproduce.reproduce(TABLE, options)


@pytest.fixture
def nothing_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(run: object, *_: object, **__: object) -> None:
        raise AssertionError(f"trained {run}")

    monkeypatch.setattr(runs, "train", refuse)


@pytest.fixture
def nothing_is_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "evaluate", None)


def test_rows_in_order_with_their_records(results: dict[str, Result], options: Options) -> None:
    assert list(results) == list(ROWS)
    for name in RAN:
        record = results[name].record
        assert record is not None
        assert (record.n, record.batch_size, record.seed) == (12, 5, 3)
        assert list(record.results) == ["moving", "batch"]
        assert list(record.results["moving"]) == ["clean", "fgsm", "pgd2"]
        assert results[name].directory == runs.directory_of(ROWS[name], options)
        model = trained.load_model(results[name].directory)
        test = data.load("shapes28", test_size=12).test
        expected = evaluation.evaluate(
            model,
            test,
            attacks=SCORING.attacks,
            statistics=SCORING.statistics,
            batch_size=5,
            seed=3,
        )
        assert record.results == expected.results


def test_what_cannot_run_says_why_and_the_others_go_on(results: dict[str, Result]) -> None:
    assert results["Absent"].record is None
    assert results["Absent"].note.startswith("dataset mnist: not found under ")
    assert "tfds build mnist" in results["Absent"].note
    assert results["Wild"].record is None
    assert results["Wild"].note.startswith("training diverged: ")


def test_a_teacher_is_trained_once_for_all_rows(
    results: dict[str, Result], options: Options
) -> None:
    names = [path.name for path in options.runs_dir.iterdir()]
    assert (
        sum(name.startswith("finetune_teacher") for name in names) == 1
    )  # FT is IGAM's teacher here
    assert sum(name.startswith("train_robust") for name in names) == 3  # Standard, Wild, the source


def test_the_second_time_everything_is_reused(
    results: dict[str, Result],
    options: Options,
    monkeypatch: pytest.MonkeyPatch,
    nothing_is_scored: None,
) -> None:
    def train(run: object, *arguments: object, **settings: object) -> None:
        if run in (ROWS["Absent"], ROWS["Wild"]):
            raise InputError("still not")
        raise AssertionError(f"trained {run}")

    monkeypatch.setattr(runs, "train", train)
    second = reproduce.reproduce(TABLE, options)
    for name in RAN:
        assert second[name] == results[name]
    assert second["Absent"].note == second["Wild"].note == "still not"


@pytest.mark.usefixtures("nothing_trains")
class TestOnFinishedRuns:
    def test_only_some_rows(self, results: dict[str, Result], options: Options) -> None:
        limited = reproduce.reproduce(TABLE, options, rows=("IGAM",))
        assert limited["IGAM"] == results["IGAM"]
        for name in set(ROWS) - {"IGAM"}:
            assert limited[name] == Result(None, "not asked for (--rows)")

    def test_records_are_read_without_the_weights(
        self, results: dict[str, Result], options: Options, tmp_path: pathlib.Path
    ) -> None:
        weights = shutil.ignore_patterns("*.keras")
        shutil.copytree(options.runs_dir, tmp_path / "runs", ignore=weights)
        elsewhere = dataclasses.replace(options, runs_dir=tmp_path / "runs")
        for name, result in reproduce.reproduce(TABLE, elsewhere, rows=RAN).items():
            assert result.record == (results[name].record if name in RAN else None)

    def test_another_number_of_examples_is_another_record(
        self, results: dict[str, Result], options: Options
    ) -> None:
        record = reproduce.reproduce(TABLE, options, ("FT",), num_examples=4)["FT"].record
        assert record is not None
        assert record.n == 4
        assert reproduce.reproduce(TABLE, options, ("FT",))["FT"] == results["FT"]

    def test_other_modes(self, results: dict[str, Result], options: Options) -> None:
        record = reproduce.reproduce(TABLE, options, ("FT",), statistics=("batch",))["FT"].record
        assert record is not None
        assert record.results == {"batch": results["FT"].record.results["batch"]}

    def test_given_weights_take_a_rows_place(
        self, results: dict[str, Result], options: Options, tmp_path: pathlib.Path
    ) -> None:
        path = tmp_path / "mine.keras"
        path.write_bytes((results["IGAM"].directory / "model.keras").read_bytes())
        where = dataclasses.replace(options, runs_dir=tmp_path / "runs")
        weights = {"Absent": trained.weights(path)}
        for _ in range(2):
            row = reproduce.reproduce(TABLE, where, ("Absent",), weights=weights)["Absent"]
            assert row.record.results == results["IGAM"].record.results
            assert row.note == f"weights: {path}"
        assert [file.name.partition("-")[0] for file in (tmp_path / "runs").iterdir()] == ["given"]

    def test_progress_is_asked_for_row_by_row(
        self, results: dict[str, Result], options: Options, tmp_path: pathlib.Path
    ) -> None:
        rows: list[str] = []
        calls: list[object] = []

        def progress(row: str) -> object:
            rows.append(row)
            return lambda *call: calls.append(call)

        reproduce.reproduce(TABLE, options, ("FT",), num_examples=3, progress=progress)
        assert rows == ["FT"]
        parts = [
            (f"{mode}, {attack}", 3, 3)
            for mode in ("moving", "batch")
            for attack in TABLE.scoring.attacks
        ]
        assert [call[:3] for call in calls] == parts

    @pytest.mark.slow
    def test_strong_attacks_and_diagnosis_stand_beside(
        self, results: dict[str, Result], options: Options, tmp_path: pathlib.Path
    ) -> None:
        settings = {"strong_examples": 4, "strong_queries": 50, "attacks": ("fgsm",)}
        scoring = dataclasses.replace(TABLE.scoring, **settings)
        table = dataclasses.replace(TABLE, scoring=scoring)
        calls: list[object] = []
        result = reproduce.reproduce(
            table, options, ("FT",), progress=lambda row: lambda *call: calls.append(call)
        )["FT"]
        assert result.strong.n == 4
        assert list(result.strong.attacks) == ["apgd-ce", "apgd-t", "square50"]
        assert list(result.strong.results["moving"]) == [
            "clean",
            "strong: apgd-ce",
            "strong: apgd-t",
            "strong",
        ]
        assert result.strong.diagnosis["settings"]["n"] == 4
        text = report.table_text(table, {"FT": result})
        assert re.search(r"^ +Clean +FGSM +strong$", text, re.M)
        assert re.search(r"^  FT: (PASS|WARN)", text, re.M)
        assert "Square (50 queries, not 5000), each on what is left of the first 4 images" in text
        del calls[:]
        reread = reproduce.reproduce(
            table, options, ("FT",), progress=lambda row: lambda *call: calls.append(call)
        )["FT"]
        assert reread == result
        assert not calls  # both records were read back

    @pytest.mark.parametrize("settings", [{"rows": ("FT", "Nope")}, {"weights": {"Nope": None}}])
    def test_unknown_rows(self, options: Options, settings: dict[str, object]) -> None:
        with pytest.raises(
            InputError, match=r"^rows: table 1 has Standard, FT, Absent, Wild, IGAM, not Nope$"
        ):
            reproduce.reproduce(TABLE, options, **settings)

    def test_unknown_modes(self, options: Options) -> None:
        """Before anything is trained."""
        with pytest.raises(
            InputError, match=r"^statistics: expected some of moving, batch, recalibrated, got "
        ):
            reproduce.reproduce(TABLE, options, statistics=("moving", "train"))


def test_as_text(results: dict[str, Result]) -> None:
    text = report.table_text(TABLE, results)
    for name in ROWS:
        assert any(line.startswith(f"{name} ") for line in text.splitlines())
    assert "not run: dataset mnist: not found" in text
    assert "not run: training diverged" in text
    clean = 100 * results["FT"].record.accuracy()
    assert f"33.4 ({clean - 33.4:+.1f})" in text

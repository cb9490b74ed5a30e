"""The accuracies in the tables of README and docs/ are those of the documents in results/."""

import dataclasses
import re
from collections.abc import Iterable, Sequence

import pytest

from igam_tf.evaluation.records import EvalRecord
from igam_tf.experiments import summary
from igam_tf.experiments.study import StudyRun, record_of

from .page_tables import PAGE_TABLES, STUDIES, Place

COLUMNS = {"clean": "clean", "FGSM": "fgsm", "strong": "strong", "`strong`": "strong"}
COLUMNS |= {f"PGD-{steps}": f"pgd{steps}" for steps in (5, 10, 20, 50, 100)}


@dataclasses.dataclass(frozen=True)
class Quoted:
    """Which records a table of a page quotes.

    Attributes:
      seeds: a cell has one figure for each, as far as the row has a record.
      modes: the second one's figures stand in parentheses.
      names: the table's names for rows that the page calls otherwise.
      decimals: of a percentage.
    """

    document: str
    table: str
    seeds: Sequence[int] = (0,)
    modes: Sequence[str] = ("moving",)
    names: dict[str, str] = dataclasses.field(default_factory=dict)
    decimals: int = 1

    def row(self, title: str) -> str:
        return self.names.get(title, title)

    def cell(self, row: str, column: str) -> str:
        """A cell's text from the records."""
        _, results = STUDIES[self.document].read(self.table, self.seeds)
        results_of_row = (results[seed][row] for seed in self.seeds)
        records = [
            result.strong if column == "strong" else result.record for result in results_of_row
        ]
        return " / ".join(self._figure(record, column) for record in records if record)

    def _figure(self, record: EvalRecord, column: str) -> str:
        first, *others = (
            f"{100 * record.accuracy(column, mode):.{self.decimals}f}" for mode in self.modes
        )
        return " ".join([first, *(f"({other})" for other in others)])


BATCH = ("batch",)
SEEDS = (0, 1, 2)
TABLE_1 = "Table 1 at `cpu`: a robust MNIST network, a CIFAR-10 student"
TEACHER = "What is the teacher worth?"
PAPER_PROTOCOL = "The paper's protocol on real images"
TRAINED_TWICE = "How these runs were made, and one of them again"
EVALUATIONS = "Evaluation of the same trained models"
HALVES = "Table 2's rows between the halves of CIFAR-10"
ACCURACIES: dict[Place, Quoted] = {
    ("docs/tables", "Table 2", 0): Quoted(
        "tables-demo", "2", modes=("moving", "batch"), decimals=0
    ),
    ("docs/tables", "Table 3", 0): Quoted("tables-demo", "3"),
    ("docs/tables", "Figure 5", 0): Quoted("tables-demo", "figure5"),
    ("docs/results", TABLE_1, 0): Quoted("controls-cpu", "1", (0, 1)),
    ("docs/results", TABLE_1, 1): Quoted("controls-cpu", "1", (0, 1), BATCH),
    ("docs/results", "From 5 to 100 steps", 0): Quoted("curve-cpu", "curve"),
    ("docs/results", TEACHER, 0): Quoted("controls-cpu", "controls", (0, 1)),
    ("docs/results", HALVES, 0): Quoted("halves-cpu", "halves"),
    ("docs/results", HALVES, 1): Quoted("halves-cpu", "halves", modes=BATCH),
}
LAMBDA_DIFF = dict(zip(("0", "1250", "2500", "5000"), ("0", "2.5", "5", "10"), strict=True))
LAMBDA_ADV = dict(zip(("0", "0.25", "0.5", "1"), ("0", "0.5", "1", "2"), strict=True))
MNIST, UPSIZE = "Behind the MNIST CNN", "Behind a resized residual teacher"
PROTOCOLS = Quoted("protocols", "protocols", SEEDS, names={"protocol=paper": "paper"})
PROTOCOLS_UPSIZE = Quoted(
    "protocols",
    "protocols_upsize",
    SEEDS,
    names={
        "adapter resize:64": "resize (tf2)",
        "normalisation unchanged (zero mean)": "normalization kept",
    },
)
MEANS: dict[Place, Quoted] = {
    ("docs/tables", "Table 4", 0): Quoted(
        "ablations-demo",
        "4",
        SEEDS,
        names={ours: f"lambda_diff {paper}" for ours, paper in LAMBDA_DIFF.items()},
    ),
    ("docs/tables", "Table 5", 0): Quoted(
        "ablations-demo",
        "5",
        SEEDS,
        names={ours: f"lambda_adv {paper}" for ours, paper in LAMBDA_ADV.items()},
    ),
    ("docs/results", TEACHER, 2): Quoted("controls-cpu", "controls", (0, 1)),
    ("docs/protocols", MNIST, 0): PROTOCOLS,
    ("docs/protocols", MNIST, 1): dataclasses.replace(PROTOCOLS, modes=BATCH),
    ("docs/protocols", UPSIZE, 0): PROTOCOLS_UPSIZE,
    ("docs/protocols", UPSIZE, 1): dataclasses.replace(PROTOCOLS_UPSIZE, modes=BATCH),
}

# Compared by a test of their own, here or in test_quoted_speeds.py.
OTHER_TESTS = {
    ("docs/results", TEACHER, 1),
    ("docs/results", PAPER_PROTOCOL, 0),
    ("docs/results", TRAINED_TWICE, 0),
    ("docs/results", "Eq. 18", 0),
    ("docs/protocols", EVALUATIONS, 0),
    ("docs/protocols", EVALUATIONS, 1),
    ("docs/performance", "Attacks measured", 0),
    ("docs/performance", "Attacks measured", 1),
    ("docs/performance", "Attacks measured", 2),
    ("docs/performance", "Training measured", 0),
    ("docs/performance", "Training measured", 1),
    ("docs/performance", "Settings", 1),
    ("docs/performance", "Every convolution alone", 0),
    ("docs/performance", "Every convolution alone", 1),
    ("docs/performance", "Precision", 0),
    ("docs/evaluation", "AutoAttack", 2),
    ("docs/performance", "Several workers", 0),
}
# Lists, counted operations, durations of commands, and measurements without a record.
NO_RECORD = {
    ("docs/evaluation", "Attacks", 0),
    ("docs/evaluation", "AutoAttack", 0),
    ("docs/evaluation", "AutoAttack", 1),
    ("docs/evaluation", "Diagnostics", 0),
    ("docs/tables", "Tables", 0),
    ("docs/tables", "Measured at `demo`", 0),
    ("docs/performance", "The floor of each row", 0),
    ("docs/performance", "What oneDNN is worth", 0),
    ("docs/performance", "What was removed", 0),
    ("docs/performance", "Settings", 0),
    ("docs/performance", "Memory", 0),
}


def test_every_table_of_docs_is_compared_or_has_no_record() -> None:
    places = [place for place in PAGE_TABLES if place[0] != "README"]
    assert sorted([*ACCURACIES, *MEANS, *OTHER_TESTS, *NO_RECORD]) == sorted(places)


@pytest.mark.parametrize("place", ACCURACIES, ids=str)
def test_accuracies(place: Place) -> None:
    quoted, lines = ACCURACIES[place], PAGE_TABLES[place]
    assert lines
    for line in lines:
        row, *cells = line.items()
        for title, cell in cells:
            assert cell == quoted.cell(quoted.row(row[1]), COLUMNS[title]), (row, title)


@pytest.mark.parametrize("place", MEANS, ids=str)
def test_means_and_differences_over_seeds(place: Place) -> None:
    """A cell stands in the row's part of what `--from` prints."""
    quoted = MEANS[place]
    tables, results = STUDIES[quoted.document].read(quoted.table, quoted.seeds)
    (text,) = (
        part
        for part in summary.summary_text(tables[quoted.seeds[0]], results).split("\n\n")
        if part.startswith(quoted.modes[0])
    )
    for line in PAGE_TABLES[place]:
        title, *cells = (cell.replace("`", "").replace("*", "") for cell in line.values())
        row = quoted.row(title)
        match = re.search(rf"^{re.escape(row)}  .*(?:\n  .*)?", text, re.MULTILINE)
        assert match, row
        figures = " ".join([*match[0].split(), quoted.cell(row, "pgd20")])
        for cell in cells:
            pattern = re.escape(f" {cell}").replace(r",\ not\ distinguishable", r"\ n\.d\.")
            pattern = pattern.replace(r"\ n\.d\.", r"(?: \[[^]]*\])? n\.d\.")
            assert re.search(pattern, figures), (row, cell)


def test_what_the_readme_says_of_the_demo() -> None:
    first, second = (PAGE_TABLES["README", "What to expect of the demo", each] for each in (0, 1))
    table_1, demo = Quoted("table1-demo", "1", SEEDS), Quoted("demo", "1")
    for line in first:
        row = line["row"].split()[0]
        assert line["PGD-20, seeds 0 / 1 / 2"] == table_1.cell(row, "pgd20")
        margin = " / ".join(
            f"{100 * record_of(run.records['margin100'], row).accuracy('pgd100-margin'):.1f}"
            for run in _runs("table1-demo", "1", row)
            if "margin100" in run.records
        )
        assert line["PGD-100, margin loss, seeds 0 / 1 / 2"] == margin
    whole = dataclasses.replace(demo, decimals=0)
    for line in second:
        assert line["PGD-20"] == demo.cell(line["row"], "pgd20")
        assert line["`strong`"] == whole.cell(line["row"], "strong")


def test_evaluations_of_one_model() -> None:
    students, teachers = (PAGE_TABLES["docs/protocols", EVALUATIONS, order] for order in (0, 1))
    records = {
        name: record
        for run in STUDIES["protocols"].runs.values()
        for name, record in run.records.items()
    }
    release = {
        mode: Quoted("protocols", "protocols", SEEDS, (mode,)) for mode in ("moving", "batch")
    }
    assert [line["PGD-20"] for line in students] == [
        release["moving"].cell("release", "pgd20"),
        release["batch"].cell("release", "pgd20"),
        *(
            _pgd20(records[f"student-seed{seed}-batch{size}"] for seed in SEEDS)
            for size in (20, 500)
        ),
    ]
    assert [line["PGD-20"] for line in teachers] == [
        _pgd20(records[f"finetuned-seed{seed}-{head}"] for seed in SEEDS)
        for head in ("target", "source")
    ]


def test_gradients_of_the_controls() -> None:
    """Means over the last whole epoch, and the diagnoses' linearised robustness."""
    for line in PAGE_TABLES["docs/results", TEACHER, 1]:
        epochs = []
        for run in _runs("controls-cpu", "controls", line["row"]):
            assert run.history is not None
            epochs.append(dict(zip(run.history.columns, run.history.rows[-2], strict=True)))
        assert [*line.values()][1:] == [
            " / ".join(f"{1e4 * epoch['student_norm']:.1f}" for epoch in epochs),
            " / ".join(f"{epoch['cosine']:.3f}" for epoch in epochs).replace("-0.000", "0.000"),
            " / ".join(f"{epoch['disc_accuracy']:.2f}" for epoch in epochs),
        ]
    for line in PAGE_TABLES["docs/results", "Eq. 18", 0]:
        row = line["row"].removesuffix(", the teacher")
        table = "controls" if row.startswith(("J_t", "zero")) else "1"
        _, results = STUDIES["controls-cpu"].read(table)
        measures = [
            by_row[row].strong.diagnosis["measures"]
            for by_row in results.values()
            if by_row[row].strong
        ]
        figures = " / ".join(f"{each['linearised_robustness']:.1f}" for each in measures)
        assert [*line.values()][1].removesuffix(" (seed 0)") == figures


def test_the_papers_protocol() -> None:
    paper, release = PAGE_TABLES["docs/results", PAPER_PROTOCOL, 0]
    for line, quoted, row in (
        (paper, Quoted("sweep-cpu", "sweep"), "paper and lambda_diff xB"),
        (release, Quoted("controls-cpu", "1"), "IGAM-MNIST"),
    ):
        _, *cells = line.items()
        assert [cell for _, cell in cells] == [quoted.cell(row, COLUMNS[key]) for key, _ in cells]


def test_a_row_that_was_trained_twice() -> None:
    study, lines = STUDIES["controls-cpu"], PAGE_TABLES["docs/results", TRAINED_TWICE, 0]
    (row,) = (
        table.rows["J_t"] for table in study.tables if (table.name, table.seed) == ("controls", 1)
    )
    for line, run in zip(lines, (f"{row.run}", f"again/{row.run}"), strict=True):
        for title, cell in [*line.items()][1:]:
            name = row.strong if title == "strong" else row.record
            assert name is not None
            record = record_of(study.runs[run].records[name], run)
            assert cell == f"{100 * record.accuracy(COLUMNS[title]):.1f}", (run, title)


def _runs(document: str, table: str, row: str) -> list[StudyRun]:
    study = STUDIES[document]
    names = [each.rows[row].run for each in study.tables if each.name == table]
    return [study.runs[name] for name in names if name]


def _pgd20(records: Iterable[object]) -> str:
    return " / ".join(f"{100 * record_of(each, '').accuracy('pgd20'):.1f}" for each in records)

"""`plot_figure`: mistakes, the files it writes, and that a second call trains nothing."""

import dataclasses
import pathlib

import pytest
from matplotlib.figure import Figure

from igam_tf import evaluation
from igam_tf.cli import plot_figure
from igam_tf.experiments import paper_figures, runs, tables
from igam_tf.report.figures import draw, style

from ..report.figures import drawable
from .verbs import require_one_line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--figure=2"], "figure: expected one of 1, 4, 6, 5, 7, curves, got '2'"),
        (["--figur=2"], "Unknown command line flag 'figur'"),
        (["extra"], "unexpected argument 'extra'"),
        (["--preset=big"], "preset: expected one of demo, cpu, paper, got 'big'"),
        (["--num_images=0"], "num_images: expected a whole number of at least 1, got '0'"),
        (["--num_images=21"], "num_images: expected 1 to 20, got 21"),
        (["--num_images=many"], "num_images: expected a whole number of at least 1, got 'many'"),
        (
            ["--num_images=3", "--figure=7"],
            "num_images: expected --figure=1 or 4 or 6, got --figure=7",
        ),
        (
            ["--num_examples=0", "--figure=5"],
            "num_examples: expected a whole number of at least 1, got '0'",
        ),
        (["--num_examples=5"], "num_examples: expected --figure=5 or curves, got --figure=1"),
        (["--resolution=5"], "resolution: expected --figure=7, got --figure=1"),
        (
            ["--resolution=4", "--figure=7"],
            "resolution: expected an odd number of 3 or more, got 4",
        ),
        (["--table=2"], "table: expected --figure=curves, got --figure=1"),
        (["--figure=curves", "--table=6"], "table: expected one of 1, 2, 3, 4, 5, figure5, "),
        (
            ["--figure=7", "--statistics=batch"],
            "statistics: expected moving for figure 7, got batch",
        ),
        (
            ["--statistics=recalibrated"],
            "statistics: expected one of moving, batch, got 'recalibrated'",
        ),
        (["--rows=IGAM-MNIST"], "rows: figure 1 has Standard, PGD7-trained, not IGAM-MNIST"),
        (["--figure=5", "--rows=FT"], "rows: table figure5 has Standard, "),
        (["--output=FILE"], "FILE is no directory"),
        (["--output=FILE/below"], "FILE is no directory"),
        (
            ["--figure=1", "--preset=cpu", "--data_dir=NOWHERE"],
            "dataset cifar10: not found under NOWHERE",
        ),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str], message: str, tmp_path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "FILE").write_text("mine")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert "written" not in require_one_line(capsys, "plot_figure", arguments, message)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.fixture
def declared(monkeypatch) -> None:
    """Tiny rows in place of the paper's, and small files."""
    monkeypatch.setattr(
        paper_figures, "figure", lambda name, *_: dataclasses.replace(drawable.PICTURE, name=name)
    )
    monkeypatch.setattr(
        tables, "table", lambda name, *_: dataclasses.replace(drawable.TABLE, name=name)
    )
    monkeypatch.setattr(style, "DPI", 40)


@pytest.mark.slow
@pytest.mark.usefixtures("declared")
def test_the_second_time_nothing_is_trained(tmp_path, monkeypatch, capsys) -> None:
    """And the files are the same."""
    contents = []
    for attempt in range(2):
        if attempt:
            monkeypatch.setattr(runs, "train", drawable.refuse)
            monkeypatch.setattr(evaluation, "evaluate", None)
        for arguments in (["--figure=6", "--num_images=2"], ["--figure=5"]):
            places = [f"--{name}={tmp_path / name}" for name in ("runs_dir", "data_dir", "output")]
            assert plot_figure.main([*arguments, "--rows=Standard,Unwritten", *places]) == 0
            lines = capsys.readouterr().out.splitlines()
            assert "left out: Unwritten: not at this preset" in lines
            assert all(line.startswith("written: ") for line in lines[-2:])
        contents.append({file.name: file.read_bytes() for file in (tmp_path / "output").iterdir()})
    names = {
        f"figure{number}-demo-seed0.{suffix}" for number in (5, 6) for suffix in ("png", "pdf")
    }
    assert set(contents[0]) == names
    assert contents[0] == contents[1]


@pytest.mark.parametrize(
    ("arguments", "name", "function", "options"),
    [
        (
            ["--figure=4", "--num_images=2"],
            "figure4-demo-seed0",
            "gradient_figure",
            (("PGD",), 2, "moving"),
        ),
        (
            ["--statistics=batch", "--seed=4"],
            "figure1-demo-seed4-batch",
            "gradient_figure",
            (("PGD",), None, "batch"),
        ),
        (["--figure=7", "--seed=2"], "figure7-demo-seed2", "landscape_figure", (("PGD",), 2, 81)),
        (
            ["--figure=7", "--resolution=5"],
            "figure7-demo-seed0",
            "landscape_figure",
            (("PGD",), 0, 5),
        ),
        (
            ["--figure=5", "--preset=cpu", "--num_examples=5"],
            "figure5-cpu-seed0",
            "bar_figure",
            ("moving", ("PGD",), 5),
        ),
        (
            ["--figure=curves"],
            "curves-table1-demo-seed0",
            "curve_figure",
            ("moving", ("PGD",), None),
        ),
        (
            ["--figure=curves", "--table=3"],
            "curves-table3-demo-seed0",
            "curve_figure",
            ("moving", ("PGD",), None),
        ),
        (
            ["--figure=curves", "--table=figure5", "--statistics=batch"],
            "curves-figure5-demo-seed0-batch",
            "curve_figure",
            ("batch", ("PGD",), None),
        ),
    ],
)
@pytest.mark.usefixtures("declared")
def test_every_figure(
    arguments: list[str],
    name: str,
    function: str,
    options: tuple[object, ...],
    tmp_path,
    monkeypatch,
    capsys,
) -> None:
    """The flags reach the drawing function, and the files are named after the figure."""
    calls = []

    def spy(subject, options, *positional, progress=None, **keywords):
        assert (options.runs_dir, options.data_dir) == (tmp_path / "runs", "DATA")
        calls.append((subject.name, (*positional, *keywords.values())))
        return Figure((1, 1))

    monkeypatch.setattr(draw, function, spy)
    monkeypatch.chdir(tmp_path)
    places = [f"--runs_dir={tmp_path / 'runs'}", "--data_dir=DATA"]
    assert plot_figure.main([*arguments, "--rows=PGD", *places]) == 0
    files = [pathlib.Path("figures", f"{name}.{suffix}") for suffix in ("png", "pdf")]
    assert capsys.readouterr().out.splitlines() == [f"written: {file}" for file in files]
    assert sorted(pathlib.Path("figures").iterdir()) == sorted(files)
    subject = name.split("-")[1 if function == "curve_figure" else 0].removeprefix("table")
    if function in ("gradient_figure", "landscape_figure"):
        subject = subject.removeprefix("figure")
    assert calls == [(subject, options)]

"""plot_figure: help at once, one line for every mistake, files where they are asked for; the second time nothing is trained."""

import dataclasses

import pytest

from igam_tf.cli import plot_figure
from igam_tf.experiments import pictures, runs, tables
from igam_tf.figures import style

from ..figures import test_draw
from . import test_verbs


@pytest.mark.parametrize(
    "check",
    [
        test_verbs.test_help_of_the_command,
        test_verbs.test_help_does_not_start_tensorflow,
        test_verbs.test_the_files_can_be_started,
    ],
)
def test_as_every_verb(check) -> None:
    check("plot_figure")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--figure=2"], "--figure=2: value should be one of <1|4|6|5|7|curves>"),
        (["--figur=2"], "Unknown command line flag 'figur'"),
        (["extra"], "unexpected argument 'extra'"),
        (["--preset=big"], "--preset=big"),
        (["--num_images=0"], "num_images: expected 1 to 20, got 0"),
        (["--num_images=many"], "--num_images=many"),
        (["--num_images=3", "--figure=7"], "num_images: it is for --figure=1 or 4 or 6, not for 7"),
        (["--num_examples=0", "--figure=5"], "--num_examples=0"),
        (["--num_examples=5"], "num_examples: it is for --figure=5 or curves, not for 1"),
        (["--resolution=5"], "resolution: it is for --figure=7, not for 1"),
        (["--resolution=4", "--figure=7"], "resolution: expected an odd number of 3 or more, got 4"),
        (["--table=2"], "table: it is for --figure=curves, not for 1"),
        (["--figure=curves", "--table=6"], "--table=6: value should be one of"),
        (["--figure=7", "--statistics=batch"], "statistics: figure 7 has moving alone"),
        (["--statistics=recalibrated"], "--statistics=recalibrated"),
        (["--rows=IGAM-MNIST"], "rows: figure 1 has Standard, PGD7-trained, not IGAM-MNIST"),
        (["--figure=5", "--rows=FT"], "rows: table figure5 has Standard, "),
        (["--output=FILE"], "output: expected a directory, FILE is a file"),
        (["--output=FILE/below"], "output: expected a directory, FILE is a file"),
        (["--figure=1", "--preset=cpu", "--data_dir=NOWHERE"], "dataset cifar10: not found under NOWHERE"),
    ],
)
def test_mistakes_are_one_line(arguments: list[str], message: str, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "FILE").write_text("mine")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert plot_figure.main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("plot_figure: ")
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert "written" not in captured.out
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.fixture
def declared(monkeypatch) -> None:
    """Tiny rows in place of the paper's."""
    monkeypatch.setattr(pictures, "picture", lambda name, *_: dataclasses.replace(test_draw.PICTURE, name=name))
    monkeypatch.setattr(tables, "table", lambda name, *_: test_draw.TABLE)


_TWICE = ("figure6-demo-seed0", "figure5-demo-seed0")  # the others' second time would show nothing new


@pytest.fixture(scope="module")
def finished_runs(tmp_path_factory):
    return tmp_path_factory.mktemp("plotted")


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["--figure=6", "--num_images=2"], "figure6-demo-seed0"),
        (["--figure=1", "--statistics=batch", "--seed=4"], "figure1-demo-seed4-batch"),
        (["--figure=7", "--resolution=5"], "figure7-demo-seed0"),
        (["--figure=5", "--num_examples=5"], "figure5-demo-seed0"),
        (["--figure=curves", "--table=3", "--num_examples=5"], "curves-table3-demo-seed0"),
        (["--figure=curves", "--table=figure5", "--num_examples=5"], "curves-figure5-demo-seed0"),
    ],
)
@pytest.mark.usefixtures("declared")
def test_every_figure(arguments: list[str], name: str, tmp_path, monkeypatch, capsys, finished_runs) -> None:
    given = [*arguments, f"--runs_dir={finished_runs}", f"--data_dir={tmp_path}", f"--output={tmp_path / 'new'}"]
    monkeypatch.setattr(style, "DPI", 40)
    contents = []
    for attempt in range(2 if name in _TWICE else 1):
        if attempt:
            monkeypatch.setattr(runs, "train", test_draw.refuse)
        assert plot_figure.main(given) == 0
        out = capsys.readouterr().out
        files = [tmp_path / "new" / f"{name}.{suffix}" for suffix in ("png", "pdf")]
        assert out.splitlines()[-2:] == [f"written: {file}" for file in files]
        assert "left out: Unwritten: not at this preset" in out
        assert sorted((tmp_path / "new").iterdir()) == sorted(files)
        contents.append([file.read_bytes() for file in files])
    assert all(each == contents[0] for each in contents)

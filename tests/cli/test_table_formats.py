"""`reproduce_table --format` and `--output`, with sample results."""

import json
import pathlib
import re

import pytest

from igam_tf.cli import reproduce_table
from igam_tf.experiments import reproduce, tables
from igam_tf.report import illustrations

from ..report import samples


@pytest.fixture(autouse=True)
def sample_results(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(tables.TABLES, "1", lambda preset, seed, teacher: samples.TABLE)
    monkeypatch.setattr(reproduce, "reproduce", lambda *_: samples.by_seed()[0])
    monkeypatch.setattr(illustrations, "of_table", lambda *_: samples.PICTURES)


def run(where: pathlib.Path, *arguments: str) -> int:
    return reproduce_table.main(["--table=1", f"--runs_dir={where}", *arguments])


@pytest.mark.parametrize("format", ["md", "json", "html"])
def test_beside_the_text(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str], format: str
) -> None:
    flags = [f"--format={format}", "--seed=3", "--num_examples=9", "--statistics=batch,moving"]
    assert run(tmp_path, *flags) == 0
    text, errors = capsys.readouterr()
    assert errors == ""
    file = tmp_path / f"table1-demo-seed3.{format}"
    txt = tmp_path / "table1-demo-seed3.txt"
    assert text.endswith(f"{txt.read_text()}written: {txt}\nwritten: {file}\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([file.name, txt.name])
    command = "bin/reproduce_table --table=1 --preset=demo --seed=3 --rows=Standard "
    command += "--statistics=batch,moving --num_examples=9"
    assert command in re.sub("<.*?>", "", file.read_text())


def test_several_seeds_are_in_one_file(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, "--format=json", "--seed=3,5") == 0
    file = tmp_path / "table1-demo-seeds3-5.json"
    assert capsys.readouterr().out.endswith(f"written: {file}\n")
    assert [table["seed"] for table in json.loads(file.read_text())["tables"]] == [3, 5]


def test_output_names_the_file_and_makes_its_directory(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "new" / "page.html"
    assert run(tmp_path / "runs", "--format=html", f"--output={file}") == 0
    assert capsys.readouterr().out.endswith(f"written: {file}\n")
    assert file.read_text().startswith("<!DOCTYPE html>")
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["table1-demo-seed0.txt"]
    plain = tmp_path / "copy.txt"
    assert run(tmp_path / "runs", f"--output={plain}") == 0
    assert plain.read_text() == (tmp_path / "runs" / "table1-demo-seed0.txt").read_text()


def test_weights_are_part_of_the_command_of_their_row_alone(tmp_path: pathlib.Path) -> None:
    model = tmp_path / "my model.keras"
    model.write_bytes(b"anything")
    assert run(tmp_path, "--format=json", f"--weights=Standard={model}", f"--teacher={model}") == 0
    (table,) = json.loads((tmp_path / "table1-demo-seed0.json").read_text())["tables"]
    commands = {row["name"]: row["command"] for row in table["rows"]}
    assert commands["Standard"].endswith(
        f"--rows=Standard '--teacher={model}' '--weights=Standard={model}'"
    )
    assert "--weights" not in commands["IGAM-MNIST"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format=pdf"], "format: expected one of text, md, json, html, got 'pdf'"),
        (["--output={}"], "output: {} is a directory, expected a file's name"),
        (
            ["--output={}/file/page.html"],
            "output: {}/file/page.html cannot be written, {}/file is no directory",
        ),
    ],
)
def test_mistakes_show_before_anything_is_made(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    (tmp_path / "file").touch()
    assert run(tmp_path / "runs", *(argument.format(tmp_path) for argument in arguments)) == 2
    assert re.fullmatch(
        f"reproduce_table: {message.replace('{}', str(tmp_path))}\n", capsys.readouterr().err
    )
    assert [path.name for path in tmp_path.iterdir()] == ["file"]

"""`reproduce_table --list` and `--dry_run`: what there is and what it would take, with nothing
trained or written.
"""

import pathlib
import re

import pytest

from igam_tf.cli import reproduce_table


def output(capsys: pytest.CaptureFixture[str], *flags: str) -> str:
    assert reproduce_table.main(list(flags)) == 0
    return capsys.readouterr().out


def test_list(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = tmp_path / "runs"
    text = output(capsys, "--table=2", f"--runs_dir={runs}", "--list")
    for row in (
        "Standard",
        "FT-TinyImagenet",
        "IGAM-TransposeConv",
        "IGAM-RandomPad",
        "IGAM-Pad",
        "IGAM-Upsize",
    ):
        assert re.search(
            rf"^  {row}: training to do, scoring to do: \w+-[0-9a-f]+$", text, re.MULTILINE
        )
    assert not runs.exists()


def test_dry_run_of_every_seed(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = tmp_path / "runs"
    text = output(
        capsys,
        "--table=1",
        "--rows=FT-MNIST",
        "--seed=0,1",
        f"--runs_dir={runs}",
        "--dry_run",
        "--devices=1,8",
    )
    assert text.count("MB a step  step") == 2
    assert text.count("shapes28: embedded") == 2
    assert text.count("in all") == 2
    assert all(float(hours) > 0 for hours in re.findall(r"([\d.e-]+)  in all", text))
    assert "IGAM" not in text
    assert not runs.exists()


def test_dry_run_says_which_data_is_missing(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = output(
        capsys,
        "--table=3",
        "--preset=cpu",
        "--rows=Standard",
        f"--data_dir={tmp_path}",
        "--dry_run",
        f"--runs_dir={tmp_path}",
    )
    assert f"cifar100: MISSING: dataset cifar100: not found under {tmp_path}" in text
    assert "tfds build cifar100" in text


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--rows=FT-Mnist", "--dry_run"], "not FT-Mnist"),
        (["--devices=2"], "devices: needs --dry_run"),
        (["--devices=0", "--dry_run"], "devices: expected"),
    ],
)
def test_mistakes_come_before_the_calibration(
    tmp_path: pathlib.Path,
    capsys: pytest.CaptureFixture[str],
    flags: list[str],
    message: str,
) -> None:
    assert reproduce_table.main(["--table=1", *flags, f"--runs_dir={tmp_path}"]) == 2
    assert message in capsys.readouterr().err

import pathlib
import re
import resource
import subprocess
import sys

import pytest

from madry_checkpoints.cli import main

from . import samples

ROOT = pathlib.Path(__file__).resolve().parents[2]


def _lines(capsys, *arguments):
    assert main(arguments) == 0
    return capsys.readouterr().out.splitlines()


VERBS = {
    "list": (),
    "fetch": ("NAME", "--directory"),
    "inspect": ("PATH",),
    "convert": ("PATH OUT", "--kind", "--normalization", "--input_shape", "--[no]overwrite"),
}


def test_help_lists_the_verbs(capsys):
    for flag in ("--help", "-h"):
        text = "\n".join(_lines(capsys, flag))
        assert all(f"  {verb} " in text for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb(verb, capsys):
    text = "\n".join(_lines(capsys, verb, "--help"))
    assert f"usage: madry_checkpoints {verb}" in text
    assert all(word in text for word in VERBS[verb])


@pytest.mark.parametrize("arguments", [["--help"], ["convert", "--help"], ["list"]])
def test_help_and_list_are_quick_and_do_not_start_tensorflow(arguments):
    script = f"""
import sys
from madry_checkpoints.cli import main
main({arguments})
assert not {{"tensorflow", "keras"}} & set(sys.modules)
"""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert (
        seconds < 1
    )  # of processor time: other processes may be running; 0.3 s on an idle machine


def test_list(capsys):
    text = "\n".join(_lines(capsys, "list"))
    assert "mnist_adv_trained" in text
    assert "by hand: https://drive.google.com" in text
    assert "published: fgsm 96.36 %" in text


def test_inspect_a_release_file(tmp_path, capsys):
    values = samples.release_file()
    values["classifier/new/DW"] = values.pop("classifier/logit/DW")
    lines = _lines(capsys, "inspect", samples.save(values, tmp_path / "modelIGAM-1"))
    slots = sum("Adam" in name or "Momentum" in name for name in values) + 4
    assert lines[0].endswith(
        f"{len(values)} variables, {slots} of them optimiser slots or counters"
    )
    text = "\n".join(lines)
    assert "igam_teacher: complete" in text
    assert "igam_student: incomplete" in text
    assert "  missing: classifier/logit/DW" in lines
    assert "  unknown: classifier/new/DW" in lines
    assert "  classifier/new/DW [128, 7] float32 UNKNOWN" in lines
    assert "  logit/DW/Adam [64, 10] float32 slot" in lines
    assert "  logit/DW [64, 10] float32 igam_teacher" in lines
    assert lines[-1] == "checksums: right for every variable"


def test_inspect_unknown_variables(tmp_path, capsys):
    values = samples.arrays("igam_discriminator")
    del values["discriminator/logit/DW"]
    text = "\n".join(_lines(capsys, "inspect", samples.save(values, tmp_path / "c")))
    assert "igam_discriminator: not a whole igam_discriminator: missing logit/DW" in text
    text = "\n".join(
        _lines(capsys, "inspect", samples.save({"w": values.popitem()[1]}, tmp_path / "d"))
    )
    assert "no known network" in text


def test_convert(tmp_path, capsys):
    weights = samples.arrays("igam_student")
    prefix = samples.save(weights, tmp_path / "c")
    count = sum(value.size for value in weights.values())
    out = str(tmp_path / "x.keras")
    lines = _lines(capsys, "convert", prefix, out, "--input_shape=64,64,3", "--normalization=l2")
    assert lines == [f"{out}: wide_resnet, {count:,} parameters, input [64, 64, 3]"]


def test_fetch(tmp_path, capsys):
    import zipfile

    prefix = samples.save(samples.arrays("mnist_challenge"), tmp_path / "c")
    with zipfile.ZipFile(tmp_path / "igam_release.zip", "w") as file:
        for suffix in (".index", ".data-00000-of-00001"):
            file.write(prefix + suffix, f"c{suffix}")
    assert (
        _lines(capsys, "fetch", "igam_release", f"--directory={tmp_path}")[-1]
        == f"{tmp_path}/igam_release"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected a command"),
        (["convrt"], "expected a command .*'convrt'"),
        (["list", "all"], "list: unexpected argument 'all'"),
        (["inspect"], "inspect: expected PATH"),
        (["inspect", "nothing"], "nothing: no checkpoint here"),
        (["convert", "a", "b", "--kind=wrn"], "kind: expected one of .*, got 'wrn'"),
        (
            ["convert", "a", "b", "--input_shape=32,32"],
            "input_shape: expected a list of 3 whole numbers .*, got '32,32'",
        ),
        (["convert", "a", "b", "--input_shape=32,x,3"], "input_shape: expected"),
        (["convert", "a", "b", "--output=c"], "Unknown command line flag 'output'"),
        (["fetch", "nothing"], "expected one of mnist_natural"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(arguments, message, capsys):
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert re.fullmatch(f"madry_checkpoints.*{message}.*\n", captured.err)


@pytest.mark.parametrize(
    "command", [["-m", "madry_checkpoints"], [ROOT / "bin/convert_checkpoint"]]
)
def test_the_commands_outside_this_process(command):
    result = subprocess.run(
        [sys.executable, *command, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "usage: " in result.stdout
    assert result.stderr == ""


def test_the_script_works_anywhere_and_reports_like_the_command(tmp_path):
    script = [sys.executable, ROOT / "bin/convert_checkpoint", "nothing", "x.keras"]
    result = subprocess.run(script, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr.startswith("madry_checkpoints convert: nothing: no checkpoint here")
    assert result.stderr.count("\n") == 1


@pytest.mark.slow
def test_a_closed_pipe_ends_the_command_quietly(tmp_path):
    prefix = samples.save(samples.release_file(), tmp_path / "c")
    with subprocess.Popen(
        [sys.executable, "-m", "madry_checkpoints", "inspect", prefix],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0

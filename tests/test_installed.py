"""The wheel in a new environment, away from the checkout: program, package data, notebook."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile

import matplotlib.font_manager  # writes the cache of fonts; a first import prints a line
import pytest

from . import fenced

pytestmark = pytest.mark.slow
pytest.importorskip("build.__main__")

PACKAGED = "import igam_tf; print(igam_tf.pretrained.path('igam'))"
NOTEBOOK = """
import nbclient, nbformat
notebook = nbformat.read("quickstart.ipynb", 4)
nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3").execute()
for cell in notebook.cells:
    for output in cell.get("outputs", []):
        print(output.get("text") or sorted(output.data))
"""


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The folder with the wheel and the source distribution, made as `make dist` makes them."""
    copy, out = tmp_path_factory.mktemp("copy") / "igam_tf", tmp_path_factory.mktemp("dist")
    ignored = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "runs", "*.egg-info")
    shutil.copytree(fenced.ROOT, copy, ignore=ignored)
    command = [sys.executable, "-m", "build", "--outdir", str(out), str(copy)]
    subprocess.run(command, check=True, capture_output=True)
    return out


@pytest.fixture(scope="module")
def installed(
    distributions: pathlib.Path, tmp_path_factory: pytest.TempPathFactory
) -> pathlib.Path:
    """The executables of a new environment with the wheel.

    Dependencies are this environment's: a path file adds its packages after those of the new one,
    without the link to the checkout.
    """
    where = tmp_path_factory.mktemp("installed")
    venv.create(where, with_pip=True)
    (wheel,) = distributions.glob("*.whl")
    # -I: a checkout in PYTHONPATH would count as installed.
    pip = [where / "bin/python", "-I", "-m", "pip", "install", "--quiet", "--no-deps", wheel]
    subprocess.run([*pip, "--disable-pip-version-check"], check=True)
    (packages,) = where.glob("lib/python*/site-packages")
    others = [path for path in sys.path if path.endswith("-packages")]
    (packages / "dependencies.pth").write_text("\n".join(others) + "\n")
    return where / "bin"


def run(
    installed: pathlib.Path, where: pathlib.Path, *command: str
) -> "subprocess.CompletedProcess[str]":
    """Runs a program of the environment in a folder, with no way to the checkout."""
    variables = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    variables |= {
        "PATH": f"{installed}{os.pathsep}{os.environ['PATH']}",
        "XDG_CACHE_HOME": str(where / "cache"),
        "MPLCONFIGDIR": matplotlib.get_cachedir(),
    }
    return subprocess.run(
        command, cwd=where, env=variables, capture_output=True, text=True, check=False
    )


def output(installed: pathlib.Path, where: pathlib.Path, *command: str) -> str:
    """What the program prints; it must succeed without a warning."""
    process = run(installed, where, *command)
    assert (process.returncode, process.stderr) == (0, "")
    return process.stdout


def test_the_source_distribution_is_a_whole_checkout(distributions: pathlib.Path) -> None:
    (archive,) = distributions.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        names = {name.partition("/")[2] for name in file.getnames()}
    files = ["requirements.txt", "bin/evaluate", "docs/tables.md", "results/demo.json"]
    files += ["tests/conftest.py", "examples/quickstart.ipynb", "Makefile", "CHANGELOG.md"]
    assert not set(files) - names


def test_the_wheel_holds_packages_and_their_data_alone(distributions: pathlib.Path) -> None:
    (wheel,) = distributions.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"igam_tf", "madry_checkpoints"}
    tracked = [
        path.relative_to(fenced.ROOT).as_posix()
        for package in ("igam_tf", "madry_checkpoints")
        for path in (fenced.ROOT / package).rglob("*")
        if path.is_file() and path.parent.name != "__pycache__"
    ]
    assert sorted(name for name in names if ".dist-info/" not in name) == sorted(tracked)
    assert {"igam_tf/py.typed", "madry_checkpoints/py.typed"} <= set(tracked)


def test_the_packages_are_the_wheels(installed: pathlib.Path, tmp_path: pathlib.Path) -> None:
    code = "import igam_tf, madry_checkpoints as m; print(igam_tf.__file__, m.__file__, sep='\\n')"
    files = output(installed, tmp_path, "python", "-c", code).splitlines()
    assert len(files) == 2
    assert all(pathlib.Path(file).is_relative_to(installed.parent) for file in files)


@pytest.mark.parametrize(
    "command",
    [
        ("igam", "--help"),
        ("python", "-m", "igam_tf", "--help"),
        ("igam", "convert", "--help"),
        ("igam", "train-student", "--help"),
        ("igam", "reproduce-table", "--list"),
        ("python", "-m", "madry_checkpoints", "list"),
    ],
    ids=" ".join,
)
def test_the_program(
    installed: pathlib.Path, tmp_path: pathlib.Path, command: tuple[str, ...]
) -> None:
    words = {"--help": "usage: ", "--list": "IGAM-MNIST", "list": "mnist_secret"}
    assert words[command[-1]] in output(installed, tmp_path, *command)
    assert not list(tmp_path.glob("*.txt"))


def test_a_mistake_is_one_line(installed: pathlib.Path, tmp_path: pathlib.Path) -> None:
    process = run(installed, tmp_path, "igam", "evaluate", "nothing")
    assert (process.returncode, process.stdout) == (2, "")
    assert process.stderr.startswith("evaluate: nothing: expected the directory of a finished run")
    assert process.stderr.count("\n") == 1


def test_a_packaged_model_is_evaluated(installed: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """With a page from the templates, which names a command that works here."""
    model = output(installed, tmp_path, "python", "-c", PACKAGED).strip()
    flags = ("--attacks=fgsm", "--num_examples=20", "--format=html", "--report=page.html")
    text = output(installed, tmp_path, "igam", "evaluate", model, *flags, "--output=igam.json")
    assert "fgsm" in text
    page = (tmp_path / "page.html").read_text()
    assert "<style>" in page
    assert f"igam evaluate {model} --attacks=fgsm" in re.sub("<.*?>", "", page)
    assert '"revision": null' in (tmp_path / "igam.json").read_text()


def test_a_run_is_made_in_the_working_directory(
    installed: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    flags = ("--train_size=16", "--batch_size=8", "--steps=2", "--attack_steps=0")
    text = output(installed, tmp_path, "igam", "train_robust", *flags)
    (run_directory,) = (tmp_path / "runs").iterdir()
    assert f"done: runs/{run_directory.name}/model.keras" in text
    assert (run_directory / "model.keras").is_file()


def test_the_notebook(installed: pathlib.Path, tmp_path: pathlib.Path) -> None:
    pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    shutil.copy(fenced.ROOT / "examples/quickstart.ipynb", tmp_path)
    process = run(installed, tmp_path, "python", "-c", NOTEBOOK)
    assert process.returncode == 0, process.stderr
    assert process.stdout.count("image/png") == 2
    assert "PGD-20" in process.stdout
    assert "mnist_challenge" in process.stdout
    assert "logits (4, 10)" in process.stdout

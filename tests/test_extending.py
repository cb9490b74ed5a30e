"""docs/extending.md: every file on the page runs and prints what stands below it."""

import itertools
import pathlib
import re
import runpy
import shlex
import sys
from collections.abc import Iterator

import pytest

from igam_tf import attacks
from igam_tf.cli import evaluate as command

from . import fenced

pytestmark = pytest.mark.slow  # half a minute of training and attacks

PAGE = "docs/extending.md"
_NUMBER = r"\d+(?:\.\d+)?"


def examples() -> dict[str, tuple[str, str]]:
    """Code and output by file name, in the page's order."""
    pairs = itertools.pairwise(fenced.blocks(PAGE))
    return {_name(code): (code, output) for (kind, code), (_, output) in pairs if kind == "python"}


def _name(code: str) -> str:
    return re.match(r"# (\w+\.py)\n", code)[1]


EXAMPLES = examples()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pathlib.Path]:
    """The reader's folder, with every file of the page; importable, and the working directory."""
    path = tmp_path_factory.mktemp("mine")
    for name, (code, _) in EXAMPLES.items():
        (path / name).write_text(code)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        patch.syspath_prepend(path)
        yield path
    for name in EXAMPLES:
        sys.modules.pop(name.removesuffix(".py"), None)


def same(printed: str, expected: str) -> bool:
    """Whether both are one text, its whole numbers equal, its decimals within two last digits."""
    if re.sub(_NUMBER, "#", printed) != re.sub(_NUMBER, "#", expected):
        return False
    numbers = zip(re.findall(_NUMBER, printed), re.findall(_NUMBER, expected), strict=True)
    return all(_close(number, figure) for number, figure in numbers)


def _close(number: str, figure: str) -> bool:
    _, _, decimals = figure.partition(".")
    if not decimals:
        return number == figure
    return abs(float(number) - float(figure)) < 2.5 * 10 ** -len(decimals)


def test_every_block_of_python_is_a_file_with_its_output() -> None:
    kinds = [kind for kind, _ in fenced.blocks(PAGE)]
    assert kinds == ["python", "text"] * len(EXAMPLES) + ["sh"]
    assert len(EXAMPLES) == 6


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_file_prints_what_the_page_says(
    folder: pathlib.Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    runpy.run_path(str(folder / name), run_name="__main__")
    printed, expected = capsys.readouterr().out, EXAMPLES[name][1]
    assert same(printed, expected), f"printed\n{printed}the page says\n{expected}"


def test_the_command(
    folder: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It attacks the student that one of the files saves."""
    if not (folder / "student.keras").exists():
        runpy.run_path(str(folder / "small_network.py"), run_name="__main__")
        capsys.readouterr()
    monkeypatch.setattr(sys, "path", [*sys.path])
    (line,) = fenced.code(PAGE, "sh")
    program, *arguments = shlex.split(line.replace("\\\n", " "))
    assert program == "bin/evaluate"
    assert command.main(arguments) == 0
    output = capsys.readouterr().out
    for description in (
        "scaled10: linf, eps 4/255 .* loss scaled_cross_entropy",
        "momentum10: linf, eps 4/255 .* momentum 1$",
        "shifts8-x10: worst of 10 random shifts",
    ):
        assert re.search(f"^  {description}", output, re.MULTILINE)
    shares = dict(re.findall(r"^  (\S+) +([\d.]+) %", output, re.MULTILINE))
    assert list(shares) == ["clean", "scaled10", "momentum10", "shifts8-x10"]
    assert all(float(shares[name]) < float(shares["clean"]) for name in shares if name != "clean")
    assert attacks.resolve("momentum.py:momentum").name == "momentum10"


@pytest.mark.parametrize(
    ("printed", "is_same"),
    [
        ("images 32\nclean: 0.05\n", True),
        ("images 32\nclean: 0.07\n", True),
        ("images 32\nclean: 0.08\n", False),
        ("images 33\nclean: 0.05\n", False),
        ("images 32\nfgsm: 0.05\n", False),
        ("images 32\n", False),
    ],
)
def test_what_counts_as_the_same(printed: str, is_same: bool) -> None:
    assert same(printed, "images 32\nclean: 0.05\n") == is_same

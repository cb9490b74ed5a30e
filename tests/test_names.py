"""Identifiers are nouns of the field, and no line is over 100 characters."""

import ast
import pathlib
from collections.abc import Iterator

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
# Participles and metaphors say what happened to a thing; a name says what the thing is.
BANNED = """
again always anybody asked beyond both brought but chosen done drawn each_other everybody
everything fed found gained gave given gone got held keeper kept known looks lost made meant
nothing over put said seen sent shown so_far sofar somebody something standing stopped taken
theirs thought told took wanted watched wished worn
"""
# What complies already; at the end this is everything.
PLACES = """
CHANGELOG.md
README.md
bin
examples
igam_tf/__init__.py
igam_tf/adapters.py
igam_tf/core
igam_tf/data
igam_tf/experiments
igam_tf/gradients.py
igam_tf/layers
igam_tf/losses.py
igam_tf/models
igam_tf/pretrained
igam_tf/report
igam_tf/report/figures
igam_tf/report/html
igam_tf/training
madry_checkpoints
results/README.md
tests/adapters
tests/conftest.py
tests/core
tests/data
tests/experiments
tests/fenced.py
tests/layers
tests/models
tests/parity
tests/report
tests/tiny.py
"""
places = pytest.mark.parametrize("place", PLACES.split())


@places
def test_names_are_nouns(place: str) -> None:
    assert not [
        f"{file.relative_to(ROOT)}:{line}: {name}"
        for file in files(place)
        if file.suffix != ".md"
        for line, name in identifiers(ast.parse(file.read_text()))
        if name.strip("_").lower() in BANNED.split()
    ]


@places
def test_lines_have_at_most_100_characters(place: str) -> None:
    """Rows of Markdown tables may be longer, since they cannot be broken."""
    assert not [
        f"{file.relative_to(ROOT)}:{number}"
        for file in files(place)
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if len(line) > 100 and not (file.suffix == ".md" and line.startswith("|"))
    ]


def files(place: str) -> list[pathlib.Path]:
    """The Python and Markdown files of a folder, with scripts that have no suffix, or one file."""
    path = ROOT / place
    inside = path.rglob("*") if path.is_dir() else [path]
    return [file for file in inside if file.is_file() and file.suffix in (".py", ".md", "")]


def identifiers(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of everything that a module defines, binds or takes as an argument."""
    for node in ast.walk(tree):
        match node:
            case (
                ast.Name(id=name, ctx=ast.Store())
                | ast.Attribute(attr=name, ctx=ast.Store())
                | ast.arg(arg=name)
                | ast.FunctionDef(name=name)
                | ast.ClassDef(name=name)
                | ast.alias(asname=str(name))
            ):
                # `progress(label, done, total, accuracy)` is a part of the public API.
                if not (name == "done" and isinstance(node, ast.arg)):
                    yield node.lineno, name


def test_every_kind_of_identifier_is_found() -> None:
    code = (
        "import x as a\nfor b in c: d.e = 1\nclass f:\n    g: int\ndef h(i, done): j = lambda k: 0"
    )
    assert "".join(sorted(name for _, name in identifiers(ast.parse(code)))) == "abefghijk"

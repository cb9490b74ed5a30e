"""Identifiers are nouns of the field, and no line of code is over 100 characters."""

import ast
import pathlib
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).resolve().parents[1]
# Participles and metaphors say what happened to a thing; a name says what the thing is.
BANNED = """
again always anybody asked beyond both brought but chosen drawn each_other everybody
everything fed found gained gave given gone got held keeper kept known looks lost made meant
nothing over put said seen sent shown so_far sofar somebody something standing stopped taken
theirs thought told took wanted watched wished worn
"""
FILES = [
    file
    for place in ("igam_tf", "madry_checkpoints", "bin", "examples", "tests")
    for file in sorted((ROOT / place).rglob("*"))
    if file.suffix in (".py", ".css", ".html") or file.parent.name == "bin"
]


def test_names_are_nouns() -> None:
    assert not [
        f"{file.relative_to(ROOT)}:{line}: {name}"
        for file in FILES
        if file.suffix not in (".css", ".html")
        for line, name in identifiers(ast.parse(file.read_text()))
        if name.strip("_").lower() in BANNED.split()
    ]


def test_lines_have_at_most_100_characters() -> None:
    assert not [
        f"{file.relative_to(ROOT)}:{number}"
        for file in FILES
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if len(line) > 100
    ]


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
                yield node.lineno, name


def test_every_kind_of_identifier_is_found() -> None:
    code = "import x as a\nfor b in c: d.e = 1\nclass f:\n    g: int\ndef h(i): j = lambda k: 0"
    assert "".join(sorted(name for _, name in identifiers(ast.parse(code)))) == "abefghijk"

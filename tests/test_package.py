"""The package's public names, and what its stages may import."""

import ast
import importlib
import pathlib
import subprocess
import sys
from collections.abc import Iterator

import pytest

import igam_tf

MODULES = [name for name in igam_tf.__all__ if name.islower() and name != "__version__"]
PACKAGE = pathlib.Path(igam_tf.__file__).parent
# Data flows down this list. What stands on one line may import each other.
STAGES = [
    ["core"],
    ["data"],
    ["layers", "models", "adapters"],
    ["gradients", "losses"],
    ["attacks"],
    ["training"],
    ["evaluation"],
    ["experiments"],
    ["report"],
    ["export"],
    ["pretrained"],
    ["benchmark"],
    ["selfcheck"],
    ["cli"],
]
LEVEL = {stage: level for level, stages in enumerate(STAGES) for stage in stages}


@pytest.mark.parametrize("name", MODULES)
def test_every_public_module_is_one_of_the_package(name: str) -> None:
    assert getattr(igam_tf, name) is importlib.import_module(f"igam_tf.{name}")


def test_dir_shows_exactly_the_public_names() -> None:
    """In a fresh process, and also once submodules have been loaded."""
    code = (
        "import igam_tf, sys;"
        "print(dir(igam_tf) == sorted(igam_tf.__all__), 'tensorflow' in sys.modules)"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert output.stdout.split() == ["True", "False"]
    importlib.import_module("igam_tf.attacks.pgd")
    assert dir(igam_tf) == sorted(igam_tf.__all__)


def test_submodules_are_attributes() -> None:
    assert igam_tf.attacks.PGD(steps=5).name == "pgd5"
    assert igam_tf.pretrained.path("igam").is_dir()
    assert igam_tf.core.precision.PRECISIONS == ("float32", "bfloat16")
    with pytest.raises(AttributeError, match="'igam_tf' has no attribute 'nonsense'"):
        _ = igam_tf.nonsense


def test_public_classes_are_those_of_core() -> None:
    assert igam_tf.Bounds is igam_tf.core.bounds.Bounds
    assert igam_tf.InputError is igam_tf.core.errors.InputError


def test_every_entry_at_the_top_is_a_stage() -> None:
    entries = {
        path.stem
        for path in PACKAGE.iterdir()
        if not path.name.startswith(("_", ".")) and path.name != "py.typed"
    }
    assert entries == set(LEVEL)


@pytest.mark.parametrize("stage", LEVEL)
def test_a_stage_imports_only_from_stages_before_it(stage: str) -> None:
    later = {
        f"{file.relative_to(PACKAGE)} imports {name}"
        for file in _sources(PACKAGE, stage)
        for name in _imports(file)
        if name.startswith("igam_tf.") and LEVEL[name.split(".")[1]] > LEVEL[stage]
    }
    assert not later


def test_checkpoints_import_only_core_layers_and_models() -> None:
    imports = {
        ".".join(name.split(".")[:2])
        for file in (PACKAGE.parent / "madry_checkpoints").rglob("*.py")
        for name in _imports(file)
        if name.startswith("igam_tf.")
    }
    assert imports <= {"igam_tf.core", "igam_tf.layers", "igam_tf.models"}


@pytest.mark.parametrize("stage", [stage for stage in LEVEL if stage not in {"experiments", "cli"}])
def test_only_experiments_and_commands_import_checkpoints(stage: str) -> None:
    names = {name for file in _sources(PACKAGE, stage) for name in _imports(file)}
    assert not any(name.startswith("madry_checkpoints") for name in names)


def test_no_two_modules_share_a_name() -> None:
    """A verb may be called as what it does; `__init__` and `__main__` are in every package."""
    stems = [
        path.stem
        for path in [*PACKAGE.rglob("*.py"), *PACKAGE.parent.glob("madry_checkpoints/*.py")]
        if not path.stem.startswith("__") and path.parent.name != "cli"
    ]
    assert not {stem for stem in stems if stems.count(stem) > 1}


def test_no_two_classes_share_a_name() -> None:
    files = [*PACKAGE.rglob("*.py"), *PACKAGE.parent.glob("madry_checkpoints/*.py")]
    names = [
        node.name
        for file in files
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ClassDef)
    ]
    assert not {name for name in names if names.count(name) > 1}


def _sources(package: pathlib.Path, stage: str) -> list[pathlib.Path]:
    folder = package / stage
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]


def _imports(file: pathlib.Path) -> Iterator[str]:
    """Whole names of what a file imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)

"""The notebook as a file; test_installed.py executes it."""

import json
import re

from . import fenced

NOTEBOOK = fenced.ROOT / "examples/quickstart.ipynb"


def test_no_outputs_are_stored() -> None:
    """They would hold one machine's paths and figures."""
    notebook = json.loads(NOTEBOOK.read_text())
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert len(code) >= 4
    assert not [cell["id"] for cell in code if cell["outputs"] or cell["execution_count"]]
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}


def test_lines_have_at_most_100_characters() -> None:
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    lines = [line for cell in cells for line in "".join(cell["source"]).splitlines()]
    assert not [line for line in lines if len(line) > 100]


def test_the_commands_are_verbs() -> None:
    from igam_tf.cli.program import VERBS

    verbs = re.findall(r"`igam ([a-z-]+)`", NOTEBOOK.read_text())
    assert verbs
    assert not set(verbs) - set(VERBS)

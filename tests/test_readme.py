"""The README's code runs as it stands, but for the number of steps."""

import re

import pytest

from . import fenced


@pytest.mark.slow
def test_the_example_with_a_users_own_models(tmp_path, monkeypatch, capsys) -> None:
    (code,) = fenced.code("README.md")
    monkeypatch.chdir(tmp_path)
    shortened, replaced = re.subn(
        r"steps_per_epoch=\d+, epochs=\d+", "steps_per_epoch=2, epochs=1", code
    )
    shortened, replaced_steps = re.subn(r"\bsteps=\d+", "steps=2", shortened)
    assert (replaced, replaced_steps) == (1, 1)
    exec(compile(shortened, "README.md", "exec"), {})
    assert re.search(r"\{5: .*, 10: .*, 20: ", capsys.readouterr().out)

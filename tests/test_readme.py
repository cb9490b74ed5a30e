"""The README's code runs as it stands, but for the number of steps."""

import pathlib
import re

import keras

README = pathlib.Path(__file__).resolve().parents[1] / "README.md"


def test_the_example_with_a_users_own_models(tmp_path, monkeypatch, capsys) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    teacher = keras.Sequential(
        [keras.Input((32, 32, 3)), keras.layers.Conv2D(2, 5, 4), keras.layers.Flatten(), keras.layers.Dense(10)]
    )
    teacher.save("my_robust_teacher.keras")
    shortened, replaced = re.subn(r"steps_per_epoch=\d+, epochs=\d+", "steps_per_epoch=2, epochs=1", code)
    assert replaced == 1
    exec(compile(shortened, str(README), "exec"), {})
    assert re.search(r"\{5: .*, 10: .*, 20: ", capsys.readouterr().out)

"""Parts on disk: computed once, written whole or not at all, refused for other settings."""

import pathlib
from collections.abc import Callable

import numpy as np
import pytest

from igam_tf.core.errors import InputError
from igam_tf.evaluation.ledger import Ledger

SETTINGS = {"seed": 0, "attacks": ["pgd2"]}
PART = {
    "last pgd2": np.array([True, False]),
    "images pgd2": np.arange(6, dtype=np.float32).reshape(1, 2, 3),
}


def never() -> dict[str, np.ndarray]:
    raise AssertionError("a finished part was computed again")


def same(arrays: dict[str, np.ndarray]) -> None:
    assert list(arrays) == list(PART)
    for key, values in PART.items():
        np.testing.assert_array_equal(arrays[key], values, strict=True)


def test_a_part_is_computed_once(tmp_path: pathlib.Path) -> None:
    parts = tmp_path / "deep" / "parts"
    same(Ledger(parts, SETTINGS).part("moving-pgd2-0", lambda: PART))
    resumed = Ledger(parts, dict(reversed(SETTINGS.items())))
    same(resumed.part("moving-pgd2-0", never))
    with pytest.raises(AssertionError, match="computed again"):
        resumed.part("moving-pgd2-1", never)
    resumed.close()
    assert list(tmp_path.rglob("*")) == [tmp_path / "deep"]


def test_without_a_directory_nothing_is_stored(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ledger = Ledger(None, SETTINGS)
    calls: list[int] = []
    for number in (1, 2):
        same(ledger.part("a", lambda: calls.append(1) or PART))
        assert len(calls) == number
    ledger.close()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "settings", [{"seed": 1, "attacks": ["pgd2"]}, {"seed": 0}, {**SETTINGS, "more": None}]
)
def test_parts_of_other_settings_are_refused(
    tmp_path: pathlib.Path, settings: dict[str, object]
) -> None:
    Ledger(tmp_path, SETTINGS).part("a", lambda: PART)
    with pytest.raises(
        InputError, match="holds an unfinished evaluation with other settings"
    ) as error:
        Ledger(tmp_path, settings)
    assert "\n" not in str(error.value)
    same(Ledger(tmp_path, SETTINGS).part("a", never))  # it was left as it was


@pytest.mark.parametrize("name", ["notes.txt", "a.npz", "folder/x"])
def test_a_directory_of_other_files_is_refused_and_untouched(
    tmp_path: pathlib.Path, name: str
) -> None:
    """Closing removes the whole directory."""
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("precious")
    with pytest.raises(InputError, match="holds other files") as error:
        Ledger(tmp_path, SETTINGS)
    assert "\n" not in str(error.value)
    assert (tmp_path / name).read_text() == "precious"


def half_a_part(directory: pathlib.Path) -> None:
    Ledger(directory, SETTINGS)
    (directory / "tmp-77-a.npz").write_bytes(b"PK\x03\x04 and no more")


def half_the_settings(directory: pathlib.Path) -> None:
    (directory / "tmp-77-settings.json").write_text('{"see')


@pytest.mark.parametrize("write_half", [half_a_part, half_the_settings])
def test_what_was_half_written_is_ignored(
    tmp_path: pathlib.Path, write_half: Callable[[pathlib.Path], None]
) -> None:
    write_half(tmp_path)
    same(Ledger(tmp_path, SETTINGS).part("a", lambda: PART))
    same(Ledger(tmp_path, SETTINGS).part("a", never))
    assert not list(tmp_path.glob("*.tmp"))


def test_a_part_that_fails_leaves_nothing(tmp_path: pathlib.Path) -> None:
    ledger = Ledger(tmp_path, SETTINGS)
    with pytest.raises(AssertionError, match="computed again"):
        ledger.part("a", never)
    assert [path.name for path in tmp_path.iterdir()] == ["settings.json"]

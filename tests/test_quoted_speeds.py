"""The speeds in the tables of docs/ are those of results/benchmark.json."""

import itertools
from collections.abc import Sequence

import pytest

from .page_tables import PAGE_TABLES, ROOT, STUDIES


@pytest.mark.parametrize(
    ("order", "record", "sizes"),
    [
        (0, "attacks-width1", (0, 1)),
        (1, "attacks-width1-curve", (1,)),
        (2, "attacks-width10", (0,)),
    ],
)
def test_speed_of_attacks(order: int, record: str, sizes: Sequence[int]) -> None:
    results = STUDIES["benchmark"].benchmarks[record]["results"]
    lines = PAGE_TABLES["docs/performance", "Attacks measured", order]
    names = ("floor", "ours", "cleverhans", "art", "foolbox")
    for line, (size, key) in zip(
        lines, itertools.product(sizes, ("median_s", "to_floor")), strict=False
    ):
        for name, cell in zip(names, [*line.values()][1:], strict=False):
            assert cell == rounded(results[size]["contenders"][name][key], cell), (name, key)


def test_speed_of_compiled_training() -> None:
    lines = PAGE_TABLES["docs/performance", "Settings", 1]
    for name, line in zip(("plain", "igam-paper"), lines, strict=True):
        contenders = [
            STUDIES["benchmark"].benchmarks[f"train-width1-{record}"]["results"][0]["contenders"]
            for record in ("jit", "one-thread")
        ]
        assert [*line.values()][1:] == [
            *(f"{100 * each[name]['share_of_convolution_peak']:.0f} %" for each in contenders),
            *(f"{each[name]['first_s']:.0f}" for each in contenders),
        ]


MEASURED, ALONE = "Training measured", "Every convolution alone"


@pytest.mark.parametrize(
    ("heading", "order", "record"),
    [
        (MEASURED, 0, "train-width1"),
        (MEASURED, 1, "train-width10"),
        (ALONE, 0, "train-width1-amx"),
        (ALONE, 1, "train-width10-amx"),
    ],
)
def test_speed_of_training(heading: str, order: int, record: str) -> None:
    contenders = STUDIES["benchmark"].benchmarks[record]["results"][0]["contenders"]
    plain, pgd7 = (contenders[name]["iteration_s"] for name in ("plain", "pgd7"))
    names = ("plain", "pgd7", "attack", "igam-paper", "igam-release", "mnist-paper")
    lines = PAGE_TABLES["docs/performance", heading, order]
    for name, line in zip(names, lines, strict=True):
        _, seconds, share, *attainable, to_plain, to_pgd7 = line.values()
        contender = contenders[name]
        iteration = contender["iteration_s"]
        figure = seconds.partition(";")[0]
        assert figure == rounded(iteration, figure), name
        assert share == f"{100 * contender['share_of_convolution_peak']:.0f} %", name
        assert attainable == [
            f"{100 * contender['share_of_attainable']:.0f} %" for _ in range(heading == ALONE)
        ]
        assert to_plain == rounded(iteration / plain, to_plain), name
        assert to_pgd7 == rounded(iteration / pgd7, to_pgd7), name


def test_speed_of_bfloat16() -> None:
    lines = PAGE_TABLES["docs/performance", "Precision", 0]
    cases = [(width, name) for width in ("1", "10") for name in ("plain", "igam-paper")]
    for (width, name), line in zip(cases, lines, strict=True):
        seconds = [
            STUDIES["benchmark"].benchmarks[record]["results"][0]["contenders"][name]["iteration_s"]
            for record in (f"train-width{width}-amx", f"train-width{width}-amx-bfloat16")
        ]
        sizes, _, *cells, ratio = line.values()
        assert sizes.partition(",")[0] == width
        assert cells == [rounded(*pair) for pair in zip(seconds, cells, strict=True)], name
        assert ratio == rounded(seconds[0] / seconds[1], ratio), name


def test_efficiency_of_several_workers() -> None:
    measured = STUDIES["benchmark"].benchmarks["scaling"]["results"]
    lines = PAGE_TABLES["docs/performance", "Several workers", 0]
    for contender, line in zip(measured, lines, strict=True):
        name, efficiency, least, greatest, means, processor = line.values()
        assert name == contender["contender"]
        assert efficiency == rounded(contender["efficiency"], efficiency)
        assert least == rounded(min(contender["efficiencies"]), least)
        assert greatest == rounded(max(contender["efficiencies"]), greatest)
        assert means == rounded(contender["efficiency_of_means"], means)
        assert processor == rounded(contender["processor_efficiency"], processor)


def test_cost_of_autoattack() -> None:
    (measured,) = STUDIES["benchmark"].benchmarks["autoattack"]["results"]
    stages = [*measured["stages"], *measured["art"]]
    lines = PAGE_TABLES["docs/evaluation", "AutoAttack", 2]
    for stage, line in zip(stages, lines, strict=True):
        name, images, gradients, forward, seconds, floor, by_gradient = line.values()
        assert name == stage["name"]
        assert int(images) == stage["images"]
        assert gradients == f"{stage['gradients']:,}"
        assert forward == f"{stage['forward_passes']:,}"
        assert seconds == rounded(stage["seconds"], seconds)
        assert floor == rounded(stage["seconds"] / stage["floor_seconds"], floor)
        if stage["gradients"]:
            milliseconds = 1000 * stage["seconds"] / stage["gradients"]
            assert by_gradient == rounded(milliseconds, by_gradient)
    of_attack = {stage["name"]: stage["seconds"] / stage["gradients"] for stage in stages[:2]}
    of_art = stages[4]["seconds"] / stages[4]["gradients"]
    text = (ROOT / "docs/evaluation.md").read_text("utf-8")
    assert f"ART's APGD takes {of_art / of_attack['apgd-ce']:.1f} times as long" in text


def rounded(value: float, cell: str) -> str:
    """The value with as many decimals as a cell has."""
    return f"{value:.{len(cell.partition('.')[2])}f}"

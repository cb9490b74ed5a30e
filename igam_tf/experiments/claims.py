"""The paper's claims about its tables, as comparisons of cells that are tested on our figures."""

import dataclasses
from collections.abc import Callable, Iterable

Cell = tuple[str, str]  # row, column


@dataclasses.dataclass(frozen=True)
class Claim:
    """A claim holds where the first cell of each of its pairs is the higher one.

    Attributes:
      source: section or table of the paper.
      in_text: False for what the paper's figures show and its text leaves out.
    """

    table: str
    statement: str
    source: str
    pairs: tuple[tuple[Cell, Cell], ...]
    in_text: bool = True


@dataclasses.dataclass(frozen=True)
class Finding:
    """The test of a claim.

    Attributes:
      holds: None where a figure is missing.
      higher, lower, figures: the pair that is closest to breaking the claim.
    """

    claim: Claim
    holds: bool | None
    higher: Cell | None = None
    lower: Cell | None = None
    figures: tuple[float, float] | None = None


def find(claim: Claim, figure: Callable[[str, str], float | None]) -> Finding:
    """Tests a claim; `figure(row, column)` is in percent, None where there is no figure."""
    pairs = []
    for higher, lower in claim.pairs:
        first, second = figure(*higher), figure(*lower)
        if first is None or second is None:
            return Finding(claim, None)
        pairs.append((first - second, higher, lower, (first, second)))
    margin, higher, lower, figures = min(pairs, key=lambda pair: pair[0])
    return Finding(claim, margin > 0, higher, lower, figures)


def finding_text(finding: Finding) -> str:
    """One line: the verdict, the statement, and the pair that is closest to breaking it."""
    claim = finding.claim
    note = "" if claim.in_text else ", which the text leaves out"
    statement = f"{claim.statement} ({claim.source}{note})"
    if finding.higher is None or finding.lower is None or finding.figures is None:
        return f"not tested: {statement}"
    higher, lower = (
        f"{row} {column} {figure:.1f}"
        for (row, column), figure in zip(
            (finding.higher, finding.lower), finding.figures, strict=True
        )
    )
    verdict = "holds" if finding.holds else "DOES NOT HOLD"
    return f"{verdict}: {statement}: {higher} against {lower}"


def of_table(name: str) -> list[Claim]:
    """The claims about a table; `halves` has those about Table 2, for which it stands."""
    return [claim for claim in CLAIMS if claim.table == _STANDS_FOR.get(name, name)]


def _above(
    rows: Iterable[str], lower: str, columns: Iterable[str]
) -> tuple[tuple[Cell, Cell], ...]:
    columns = tuple(columns)
    return tuple(((row, column), (lower, column)) for row in rows for column in columns)


_STANDS_FOR = {"halves": "2"}
_PGD = ("fgsm", "pgd5", "pgd10", "pgd20")
_LONG = (*_PGD, "pgd50", "pgd100")
_PADDED = ("IGAM-RandomPad", "IGAM-Pad", "IGAM-Upsize")
_STUDENTS = ("IGAM-TransposeConv", *_PADDED)

CLAIMS = (
    Claim(
        "1",
        "IGAM-MNIST beats FT-MNIST in every column",
        "§5.1.1",
        _above(["IGAM-MNIST"], "FT-MNIST", ("clean", *_PGD)),
    ),
    Claim(
        "1",
        "IGAM-MNIST beats Standard under every attack",
        "§5.1.1",
        _above(["IGAM-MNIST"], "Standard", _PGD),
    ),
    Claim(
        "1",
        "IGAM-MNIST has more clean accuracy than the PGD7-trained model",
        "§5.1.1",
        _above(["IGAM-MNIST"], "PGD7-trained", ["clean"]),
    ),
    Claim(
        "2",
        "with padding or resizing, IGAM is more robust than Standard and than FT-TinyImagenet "
        "to every PGD",
        "§5.1.2",
        _above(_PADDED, "Standard", _LONG[1:]) + _above(_PADDED, "FT-TinyImagenet", _LONG[1:]),
    ),
    Claim(
        "2",
        "padding and resizing beat the learned adapter at PGD-100",
        "§5.1.2",
        _above(_PADDED, "IGAM-TransposeConv", ["pgd100"]),
    ),
    Claim(
        "2",
        "students exceed their teacher's clean accuracy",
        "§6",
        _above(_STUDENTS, "FT-TinyImagenet", ["clean"]),
    ),
    Claim(
        "2",
        "IGAM-TransposeConv falls below FT-TinyImagenet at PGD-50 and PGD-100",
        "Table 2",
        _above(["FT-TinyImagenet"], "IGAM-TransposeConv", ["pgd50", "pgd100"]),
        in_text=False,
    ),
    Claim(
        "2",
        "IGAM-RandomPad's FGSM is below its PGD-100",
        "Table 2",
        ((("IGAM-RandomPad", "pgd100"), ("IGAM-RandomPad", "fgsm")),),
        in_text=False,
    ),
    Claim(
        "3",
        "IGAM beats Standard under every attack, from MNIST and from CIFAR-10",
        "§5.2",
        _above(("IGAM-MNIST", "IGAM-CIFAR10"), "Standard", _PGD),
    ),
    Claim(
        "3",
        "fine-tuning has lower clean accuracy and robustness than IGAM, though CIFAR-10 and "
        "CIFAR-100 are alike",
        "§5.2",
        _above(("IGAM-MNIST", "IGAM-CIFAR10"), "FT-CIFAR10", ("clean", *_PGD)),
    ),
    Claim(
        "4",
        "L_diff adds robustness to L_adv",
        "§5.2, Roles of Loss Terms",
        ((("lambda_diff 10", "pgd20"), ("lambda_diff 0", "pgd20")),),
    ),
    Claim(
        "5",
        "L_adv adds robustness to L_diff",
        "§5.2, Roles of Loss Terms",
        ((("lambda_adv 2", "pgd20"), ("lambda_adv 0", "pgd20")),),
    ),
    Claim(
        "5",
        "L_adv costs clean accuracy",
        "Table 5",
        ((("lambda_adv 0", "clean"), ("lambda_adv 2", "clean")),),
        in_text=False,
    ),
    Claim(
        "figure5",
        "IGAM beats Standard and its fine-tuned teacher under PGD-5",
        "§5.3",
        tuple(
            ((f"IGAM-{row}", "pgd5"), (lower, "pgd5"))
            for row in ("CIFAR10-Resize", "CIFAR10-Crop", "CIFAR100-Resize", "CIFAR100-Crop")
            for lower in ("Standard", f"FT-{row}")
        ),
    ),
)

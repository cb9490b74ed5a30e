"""Figure 5's rows: Tiny-ImageNet from CIFAR-10 and CIFAR-100 (§5.3).

The paper shows its figures as bars only, so there are none beside ours. It names "the standard
trained and finetuned baselines": here plain training, and each teacher under each adapter.
"""

from igam_tf.experiments import recipes
from igam_tf.experiments.appendix import APPENDIX
from igam_tf.experiments.configs import Run, Table, Weights


def declare(preset: str, seed: int, teacher: Weights | None) -> Table:
    """`teacher` stands for the robust CIFAR-10 network."""
    made = recipes.of(preset, seed, {"cifar10": teacher})
    rows: dict[str, Run] = {"Standard": made.standard("tiny_imagenet")}
    students = made.students("figure 5")
    for row in students:
        published = APPENDIX["figure 5", row]
        rows[f"FT-{row}"] = made.finetuned(published.source, published.target, published.adapter)
    rows.update({f"IGAM-{row}": student for row, student in students.items()})
    sources = f"{made.datasets['cifar10']} and {made.path('cifar100', 'tiny_imagenet')}"
    return Table(
        "figure5", preset, sources, rows, made.scoring("figure5", "tiny_imagenet", ("pgd5",))
    )

"""Table 2's rows on the halves of CIFAR-10."""

from igam_tf.experiments import tables


def test_halves_have_table_2s_rows_on_the_halves_of_cifar10() -> None:
    halves, two = tables.table("halves", "cpu", 3), tables.table("2", "cpu", 3)
    assert list(halves.rows) == list(two.rows)
    assert (halves.scoring.dataset, halves.scoring.attacks) == (
        "cifar10_last5",
        two.scoring.attacks,
    )
    assert {run.data.dataset for run in halves.rows.values()} == {"cifar10_last5"}
    for row, run in halves.rows.items():
        if row.startswith("IGAM"):
            assert (run.teacher.adapter, run.lambda_diff) == (
                two.rows[row].teacher.adapter,
                two.rows[row].lambda_diff,
            )
            assert run.teacher.teacher.data.dataset == "cifar10_first5_64"
            assert run.schedule.steps > run.steps_before_matching

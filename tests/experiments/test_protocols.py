"""The tables of protocols: the demo's student with one setting changed."""

import dataclasses

import pytest

from igam_tf.experiments import tables


@pytest.mark.parametrize("name", ["protocols", "protocols_upsize"])
def test_protocol_tables_change_one_setting_at_a_time(name: str) -> None:
    table = tables.table(name, "demo", 3)
    first = table.rows["release"]
    assert table.against_first
    for row, run in table.rows.items():
        changed = [
            f.name
            for f in dataclasses.fields(run)
            if getattr(run, f.name) != getattr(first, f.name)
        ]
        assert len(changed) == (row != "release"), row
        assert run.seed == 3

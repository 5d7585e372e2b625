"""What is gathered for the page holds open rows only."""

from __future__ import annotations

from clew import steps
from clew.report.gathered import gather
from tests.report.studies import read, table_study, two_clouds


def test_sealed_rows_do_not_show(tmp_path):
    study = table_study(tmp_path, two_clouds())
    steps.explore(study, runs=3, references=99)
    text = read(study)
    frame, shown = two_clouds(), set(study.samples().sample)
    sealed = [name for name in study.sample_names() if name not in shown]
    assert len(sealed) == 12
    secrets = frame["secret"].to_numpy()
    of_sealed = set(secrets) - set(study.samples().features[:, -1])
    assert len(of_sealed) == 12
    for value in of_sealed:
        assert f"{value:.2f}" not in text
    record = gather(study)
    assert set(record.samples.sample).isdisjoint(sealed)
    assert len(record.shown[1]) == len(shown)

"""The verb `next`: reasons on the screen, a sheet that `label` takes back, control rows that stay known."""

import json

import numpy as np
import pandas as pd
import pytest

from clew.errors import DataError, SettingError
from clew.steps import label, next_up
from clew.study.handed import control_samples, handed_out


def fill(sheet, kind):
    """What a person would write into the sheet."""
    frame = pd.read_csv(sheet, dtype=str, keep_default_na=False)
    assert (frame["label"] == "").all()
    frame["label"] = ["low" if kind[int(name.rpartition("#")[2]) - 1] == 0 else "high" for name in frame["sample"]]  # fmt: skip
    frame.to_csv(sheet, index=False)


def test_round_after_round_until_the_light_can_judge(table, tmp_path):
    study, kind = table
    told = next_up(study, n=30, out=tmp_path / "0.csv")
    assert told.data["strategy"] == "cluster"
    assert "Fewer than 2 classes have labels" in told.lines[0]
    assert "Go on." in next(line for line in told.lines if line.startswith("Is it worth"))
    for number in range(2):
        fill(tmp_path / f"{number}.csv", kind)
        label(study, tmp_path / f"{number}.csv")
        told = next_up(study, n=30, strategy="margin", wanted=0.5, out=tmp_path / f"{number + 1}.csv")
    assert told.data["strategy"] == "margin"
    assert told.data["light"]["control_labels"] >= 20
    assert told.data["light"]["labels"] == 60
    assert any(line.startswith("  + Wanted 0.5 reached: 1.00") for line in told.lines)
    assert told.lines[-1] == f"Next: fill in the labels, then clew label {study.folder} {tmp_path / '2.csv'}"
    json.dumps(told.data, allow_nan=False)
    assert [step.verb for step in study.steps()][-5:] == ["next", "label", "next", "label", "next"]


def test_rows_are_open_new_and_repeatable_and_control_rows_stay_known(table):
    study, _ = table
    one, two = next_up(study, n=9), next_up(study, n=9)
    names = [row["sample"] for row in one.data["rows"]]
    assert names == [row["sample"] for row in two.data["rows"]]
    assert set(names) <= set(study.samples().sample.tolist())
    assert control_samples(study) == {row["sample"] for row in one.data["rows"] if row["control"]}
    assert len(control_samples(study)) == 3
    assert len(handed_out(study)) == 18


def test_a_label_is_never_asked_for_twice_but_a_groups_name_is_no_label(table, tmp_path):
    from clew.steps import explore, name
    from tests.steps.worlds import QUICK

    study, kind = table
    explore(study, **QUICK)
    name(study, ["0=low", "1=high"])
    told = next_up(study, n=9, out=tmp_path / "a.csv")
    assert told.data["strategy"] == "cluster"  # names of groups teach nothing here
    fill(tmp_path / "a.csv", kind)
    label(study, tmp_path / "a.csv")
    given = set(pd.read_csv(tmp_path / "a.csv")["sample"])
    told = next_up(study, n=9)
    assert told.data["strategy"] == "hybrid"
    assert not given & {row["sample"] for row in told.data["rows"]}


def test_a_labelled_row_that_is_drawn_again_becomes_control(table, tmp_path):
    study, kind = table
    names = study.samples().sample
    everybody = pd.DataFrame({"sample": names[:-4], "label": np.where(np.arange(len(names) - 4) % 2, "a", "b")})  # fmt: skip
    everybody.to_csv(tmp_path / "all.csv", index=False)
    label(study, tmp_path / "all.csv")
    next_up(study, n=4)
    assert len(control_samples(study) & set(names[:-4])) > 3
    before = len(handed_out(study))
    next_up(study, n=4)
    assert len(handed_out(study)) == before + 4  # those that are known are not noted again


def test_a_sheet_is_never_written_over_and_what_is_left_over_is_said(table, tmp_path):
    study, _ = table
    (tmp_path / "mine.csv").write_text("labels of an hour")
    with pytest.raises(SettingError, match="must be a new file"):
        next_up(study, out=tmp_path / "mine.csv")
    with pytest.raises(SettingError, match="in a folder that is there"):
        next_up(study, out=tmp_path / "nowhere" / "a.csv")
    with pytest.raises(SettingError, match="'control' of next must be at least 2"):
        next_up(study, control=1)
    assert study.last("next") is None
    assert (tmp_path / "mine.csv").read_text() == "labels of an hour"
    names = study.samples().sample
    pd.DataFrame({"sample": names, "label": "a"}).to_csv(tmp_path / "all.csv", index=False)
    label(study, tmp_path / "all.csv")
    with pytest.raises(DataError, match="an open row that nobody has labelled"):
        next_up(study)

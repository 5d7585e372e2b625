import numpy as np

from clew.study.intake import Given, Measurement, Relinked, Sources


def test_each_says_what_it_is_in_one_line():
    assert repr(Sources(names=["a", "b"], sha256=["1", "2"])) == "<Sources: 2 files, a to b>"
    measured = Measurement(
        what="objects", n_rows=63, features=["area"], units=["px²"], counts={}, notes=[], samples="00"
    )
    assert repr(measured) == "<Measurement: 63 objects x 1 measurements>"
    given = Given(sample=np.array(["a", "b", "c"]), label=np.array(["x", "y", "x"]), source="l.csv")
    assert given.headline() == "3 labels from l.csv: 2 x, 1 y"
    assert given.summary()["labelled"] == {"x": 2, "y": 1}
    assert Relinked(names=["a"]).summary() == {"relinked": ["a"]}

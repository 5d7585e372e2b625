from clew.study.intake import Given, Measurement, Relinked, Sources


def test_each_says_what_it_is_in_one_line():
    assert repr(Sources(names=["a", "b"], sha256=["1", "2"])) == "<Sources: 2 files, a to b>"
    measured = Measurement(
        what="objects", n_rows=63, features=["area"], units=["px²"], counts={}, notes=[], samples="00"
    )
    assert repr(measured) == "<Measurement: 63 objects x 1 measurements>"
    given = Given.of({"a": "x", "b": "y"}, source="l.csv")
    assert given.headline() == "2 labels from l.csv"
    assert given.digest() == Given.of({"b": "y", "a": "x"}, source="l.csv").digest()
    assert given.digest() != Given.of({"b": "x", "a": "x"}, source="l.csv").digest()
    assert Relinked(names=["a"]).summary() == {"relinked": ["a"]}


def test_the_result_of_labelling_gives_no_label_away():
    given = Given.of({"a": "secret", "b": "y"}, source="l.csv")
    assert "secret" not in repr(vars(given))

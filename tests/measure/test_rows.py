"""Rows of tables become samples, every column gets a role aloud, and no row is lost in silence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clew.distances import square_distances
from clew.errors import DataError, SettingError
from clew.measure.rows import measure_rows, unit_of
from clew.read.tables import Table, read_table
from tests.conftest import shared


def table_of(columns, *, name="t.csv"):
    """Make a table as if it had been read: numbers are float64, text is str."""
    frame = pd.DataFrame(
        {
            key: pd.Series(values, dtype=str if any(isinstance(v, str) for v in values) else np.float64)
            for key, values in columns.items()
        }
    )
    return Table(Path(name).name, Path(name), "0" * 64, frame, [])


X = {"x": [1.0, 2.0, 3.0, 4.0], "y": [2.0, 1.0, 4.0, 3.5]}


def measure(more, **settings):
    return measure_rows([table_of({**X, **more})], **settings)


# ---- roles ----
def test_numbers_are_features_and_nothing_else_is():
    measured = measure({"colour": ["red", "blue", "red", "blue"]})
    assert measured.samples.feature_names == ("x", "y")
    np.testing.assert_array_equal(measured.samples.features, np.transpose([X["x"], X["y"]]))
    assert measured.samples.origin["colour"].tolist() == ["red", "blue", "red", "blue"]
    assert any("being text: 'colour'" in note for note in measured.notes)
    assert measured.samples.sample.tolist() == ["t.csv#1", "t.csv#2", "t.csv#3", "t.csv#4"]
    assert measured.samples.group.tolist() == measured.samples.sample.tolist()


@pytest.mark.parametrize("name", ["id", "Sample", "sample_name", "NAME", "index"])
def test_an_identifier_is_found_by_its_name_and_said(name):
    measured = measure({name: ["a", "b", "c", "d"]})
    assert measured.samples.sample.tolist() == list("abcd") and measured.settings["identifier"] == name
    assert any(f"'{name}' is taken as the identifier" in note for note in measured.notes)


def test_labels_that_read_like_nothing_are_counted_and_sodium_is_a_class(tmp_path):
    path = tmp_path / "t.csv"
    ions = ["Na", "K", "nan", "nan", "NA", ""]
    path.write_text("x,label\n" + "".join(f"{i},{ion}\n" for i, ion in enumerate(ions)))
    measured = measure_rows([read_table(path)])
    assert measured.samples.labels.tolist() == ["Na", "K", "", "", "", ""]
    said = [note for note in measured.notes if "no label" in note]
    assert said == [
        "2 labels in 'label' read 'nan' and are taken as no label; write it otherwise if it names a class.",
        "1 label in 'label' reads 'NA' and is taken as no label; write it otherwise if it names a class.",
    ]
    other = measure_rows([read_table(path)], leave_out=("label",))
    assert not any("no label" in note for note in other.notes)


@pytest.mark.parametrize("name", ["patient", "Patient ID", "image", "station", "batch_number", "event"])
def test_a_group_is_found_by_its_name_and_said(name):
    measured = measure({name: [7, 7, 8, 8]})
    assert measured.samples.group.tolist() == ["7", "7", "8", "8"] and measured.samples.feature_names == (
        "x",
        "y",
    )
    assert any(f"'{name}' is taken as the group" in note for note in measured.notes)


def test_the_coarsest_group_is_taken_since_rows_of_it_resemble_each_other():
    measured = measure({"image": list("abcc"), "patient": list("ppqq")})
    assert measured.settings["group"] == "patient" and "image" in measured.samples.origin


def test_samples_measured_repeatedly_are_groups():
    measured = measure({"sample": ["s", "s", "t", "t"]})
    assert measured.samples.group.tolist() == ["s", "s", "t", "t"] and measured.settings["identifier"] is None


def test_labels_are_found_as_text_and_as_few_whole_numbers():
    assert measure({"class": ["a", "b", "", "b"]}).samples.labels.tolist() == ["a", "b", "", "b"]
    assert measure({"label": [0, 1, 1, 0]}).samples.labels.tolist() == ["0", "1", "1", "0"]
    numbered = measure({"label": [1, 2, 3, 4]})  # the objects' numbers, as label images have them
    assert numbered.samples.labels is None and numbered.samples.sample.tolist() == ["1", "2", "3", "4"]
    assert measure({"class": [0.5, 1.5, 1.5, 2]}).samples.feature_names == ("x", "y", "class")


def test_settings_overrule_every_guess():
    columns = {
        "id": list("abcd"),
        "class": list("uuvv"),
        "batch": list("ppqq"),
        "kind": list("klkl"),
        "n": list("1234"),
    }
    measured = measure(columns, label="kind", group="class", identifier="n")
    assert measured.samples.labels.tolist() == list("klkl") and measured.samples.group.tolist() == list(
        "uuvv"
    )
    assert measured.samples.sample.tolist() == list("1234")


def test_a_target_is_no_feature_and_may_have_gaps():
    measured = measure({"age": [10, np.nan, 30, 30]}, target="age")
    assert measured.samples.feature_names == ("x", "y")
    np.testing.assert_array_equal(measured.samples.target, [10, np.nan, 30, 30])


def test_numbers_that_name_something_are_no_features():
    measured = measure({"id": list("abcd"), "index": [1, 2, 3, 4], "plate": [3, 3, 3, 3]})
    assert measured.samples.feature_names == ("x", "y")
    assert any("numbers that name something: 'index', 'plate'" in note for note in measured.notes)


def test_a_column_called_source_does_not_hide_where_rows_come_from():
    origin = measure({"source": list("pqpq")}).samples.origin
    assert origin["source"].tolist() == ["t.csv"] * 4 and origin["source_"].tolist() == list("pqpq")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"label": "xx"},
            "'label' setting of new must be a column: x, y. Got 'xx' instead. Did you mean 'x'",
        ),
        ({"leave_out": ("z",)}, "'leave_out' setting .* Got 'z'"),
        ({"group": "x", "label": "x"}, "must have one role. Got 'x' as both label and group"),
        ({"missing": "fill"}, "must be one of: drop, refuse"),
    ],
)
def test_unknown_columns_and_double_roles_are_refused(settings, sentence):
    with pytest.raises(SettingError, match=sentence):
        measure({}, **settings)


def test_names_and_groups_must_be_known_of_every_row():
    with pytest.raises(DataError, match=r"must name every row differently. Got 'a' in 2 rows"):
        measure({"n": list("aabc")}, identifier="n")
    with pytest.raises(DataError, match=r"'patient' must be known of every row. Got none in t\.csv#2"):
        measure({"patient": ["p", "", "q", "q"]})
    with pytest.raises(DataError, match=r"'colour' of .* must hold numbers. Got text, such as 'red'"):
        measure({"colour": ["red", "blue", "red", "blue"]}, target="colour")


# ---- rows ----
def test_rows_with_gaps_are_left_out_and_counted_by_column():
    measured = measure({"z": [np.nan, 1, 2, 3], "w": [np.nan, 1, np.nan, 3]})
    assert measured.samples.sample.tolist() == ["t.csv#2", "t.csv#4"]  # numbered as in the file
    assert measured.counts == {"found": 4, "missing": 2, "kept": 2}
    assert "2 of 4 rows left out: missing z (1), w (2)." in measured.notes
    with pytest.raises(
        DataError, match=r"Got 2 of 4 rows without: missing z \(1\), w \(2\); the first is t\.csv#1"
    ):
        measure({"z": [np.nan, 1, 2, 3], "w": [np.nan, 1, np.nan, 3]}, missing="refuse")
    with pytest.raises(DataError, match=r"Got none of 4: missing z \(2\), w \(2\)"):
        measure({"z": [np.nan, np.nan, 2, 3], "w": [1, 2, np.nan, np.nan]})


def test_gaps_in_columns_that_are_no_features_cost_no_row():
    assert measure({"z": [np.nan, 1, 2, 3]}, leave_out=("z",)).samples.n_rows == 4


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        (
            {"z": [5, 5, 5, 5]},
            "'z' of 't.csv' must hold different values. Got 5 in all 4 rows: leave it out with --leave-out z",
        ),
        (
            {"z": [np.nan] * 4},
            "'z' of 't.csv' must hold values. Got none in 4 rows: leave it out with --leave-out z",
        ),
    ],
)
def test_idle_columns_are_refused_with_the_way_on(columns, sentence):
    with pytest.raises(DataError, match=sentence):
        measure(columns)
    assert measure(columns, leave_out=("z",)).samples.n_rows == 4


def test_idle_columns_are_named_all_at_once():
    with pytest.raises(
        DataError, match="Got 5, as one of 2 such columns, in all 4 rows: leave it out with --leave-out z,w"
    ):
        measure({"z": [5, 5, 5, 5], "w": [0, 0, 0, 0]})


def test_one_row_and_no_numbers_are_refused():
    with pytest.raises(DataError, match=r"'t.csv' must be at least 2. Got 1"):
        measure_rows([table_of({"x": [1.0]})])
    with pytest.raises(
        DataError, match=r"must hold numbers in at least one that has no other role. Got: 'a'"
    ):
        measure_rows([table_of({"a": ["u", "v"]})])


def test_a_models_columns_are_taken_as_they_are_from_one_row_on():
    measured = measure_rows(
        [table_of({"y": [1.0], "x": [2.0], "id": ["n"], "more": [3.0]})], columns=("x", "y")
    )
    assert measured.samples.features.tolist() == [[2.0, 1.0]] and measured.samples.sample.tolist() == ["n"]


def test_a_table_without_a_models_column_is_refused_with_no_other_measurement_suggested():
    theirs = table_of({"bill_depth_mm": [1.0, 2.0], "id": ["n", "o"]}, name="d/miss.csv")
    with pytest.raises(DataError) as error:
        measure_rows([theirs], columns=("bill_length_mm", "bill_depth_mm"))
    assert str(error.value) == (
        "The table 'miss.csv' must have the column 'bill_length_mm' that the model was trained on. "
        "Got: bill_depth_mm, id."
    )
    with pytest.raises(DataError, match=r"The table 't\.csv' must have the columns 'z', 'w' that the model"):
        measure({}, columns=("x", "z", "w"))
    with pytest.raises(DataError, match=r"The tables: the 2 tables must"):
        measure_rows([table_of(X, name="a.csv"), table_of(X, name="b.csv")], columns=("z",))


# ---- times ----
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("date", ["01/02/2024", "02/02/2024", "", "03/02/2024"]),
        ("Time", ["12:30", "12:40", "12:50", "13:00"]),
        ("date", ["01/02/2024", "02/02/2024", "03/02/2024", "04/02/2024"]),  # which is the month?
        ("taken", ["2024-01-01", "2024-01-02", "2024-01-03", ""]),  # one is not known
        ("taken", ["2024-01-01T12:00:00Z", "2024-01-02 12:00:00.5", "2024-01-03", ""]),
    ],
)
def test_times_are_left_out_with_a_warning_that_rows_close_in_time_resemble_each_other(name, values):
    measured = measure({name: values})
    assert measured.samples.feature_names == ("x", "y") and name in measured.samples.origin
    assert measured.notes == [
        f"The column '{name}' holds times and is left out: rows close in time may resemble each other, "
        f"and a random seal or fold flatters; --time {name} divides by it, --group by another column."
    ]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("time", ["before", "after", "before", "after"]),
        ("taken", ["2024-01-01", "2024-01-02", "later", "2024-01-03"]),  # one value that is none
        ("taken", ["2024-13-01", "2024-13-02", "2024-13-03", "2024-13-04"]),  # no such month
        ("code", ["AB-1-2", "AB-1-3", "AB-1-4", "AB-1-5"]),
    ],
)
def test_other_text_is_no_time(name, values):
    measured = measure({name: values})
    left_out = f"Left out, being text: '{name}' (--label, --group or --identifier gives a role)."
    assert measured.notes[0] == left_out and not any("holds times" in note for note in measured.notes)


def test_times_are_no_worry_where_groups_are_given_and_numbers_called_time_are_measured():
    dates = ["2024-01-01", "2024-01-01", "2024-01-02", "2024-01-02"]
    assert not any("holds times" in note for note in measure({"date": dates, "patient": list("ppqq")}).notes)
    by_date = measure({"date": dates}, group="date")
    assert by_date.samples.group.tolist() == dates and not by_date.notes
    assert measure({"time": [1, 2, 3, 4]}).samples.feature_names == ("x", "y", "time")


def test_the_weather_stations_dates_are_times():
    table = read_table(shared("tables/dwd_02932_climate.csv"))
    frame = table.frame[["date", "wind_speed", "humidity"]]
    measured = measure_rows([Table(table.name, table.path, table.sha256, frame, [])])
    assert measured.notes[0].startswith("The column 'date' is taken as the time of the rows")
    start = measured.samples.origin["start"].to_numpy()
    assert (np.diff(start) % 86400 == 0).all() and start[0] == 5 * 365 * 86400 + 86400  # 1975-01-01


def test_the_only_column_of_dates_is_taken_as_the_time_and_it_is_said():
    dates = ["2024-01-02", "2024-01-01", "2024-01-03", "2024-01-03"]
    measured = measure({"taken": dates})
    assert measured.notes == [
        "The column 'taken' is taken as the time of the rows, as all of it is dates (year-month-day); --time says otherwise, "
        "--leave-out taken takes none."
    ]
    assert (np.diff(measured.samples.origin["start"]) / 86400).tolist() == [-1, 2, 0]
    assert measured.samples.feature_names == ("x", "y") and measured.settings["time"] == "taken"
    assert "start" not in measure({"taken": dates}, leave_out=("taken",)).samples.origin
    two = measure({"taken": dates, "born": dates[::-1]})
    assert "start" not in two.samples.origin and sum("holds times" in note for note in two.notes) == 2
    stamps = measure({"MESS_DATUM": [20240101.0, 20240102.0, 20240103.0, 20240104.0]})
    assert stamps.samples.feature_names == ("x", "y") and stamps.settings["time"] == "MESS_DATUM"
    model = measure({"taken": dates}, columns=("x", "y"))
    assert "start" not in model.samples.origin and not model.notes


def test_a_named_time_is_no_feature_and_rows_without_it_are_left_out():
    measured = measure({"t_h": [0, 1, np.nan, 3]}, time="t_h")
    assert measured.samples.origin["start"].tolist() == [0, 3600, 10800]
    assert measured.samples.feature_names == ("x", "y")
    assert "The time of a row is 't_h': numbers in the unit 'h'." in measured.notes
    assert "1 of 4 rows left out: missing t_h (1)." in measured.notes
    with pytest.raises(DataError, match=r"Got 1 of 4 rows without: missing t_h \(1\)"):
        measure({"t_h": [0, 1, np.nan, 3]}, time="t_h", missing="refuse")
    with pytest.raises(DataError, match=r"Got 'never' in t\.csv#2"):
        measure({"taken": ["2024-01-01", "never", "2024-01-02", "2024-01-03"]}, time="taken")
    with pytest.raises(SettingError, match="'time' setting of new must be a column"):
        measure({}, time="when")


def test_columns_called_start_are_no_times_unless_they_are_named():
    origin = measure({"start": [7, 8, 9, 10], "end": list("abcd")}, leave_out=("start",)).samples.origin
    assert "start" not in origin and origin["start_"].tolist() == [7, 8, 9, 10] and "end_" in origin
    named = measure({"start": [7, 8, 9, 10]}, time="start").samples.origin
    assert named["start"].tolist() == named["start_"].tolist() == [7, 8, 9, 10]


def test_numbers_called_a_year_are_measured_and_it_is_said_how_to_have_them_as_times():
    measured = measure({"year": [2007, 2008, 2009, 2007]})
    assert measured.samples.feature_names == ("x", "y", "year")
    assert any(
        "'year' holds numbers and is measured like the others; --time year" in n for n in measured.notes
    )
    assert measure({"year": [2007, 2008, 2009, 2007]}, time="year").samples.feature_names == ("x", "y")


def offers(settings=None, **columns):
    """Return what is said of columns of 60 rows that may be the label or the group."""
    frame = {"x": np.arange(60.0)[::-1], "y": np.arange(60.0) ** 2, **columns}
    notes = measure_rows([table_of(frame)], **(settings or {})).notes
    return [note for note in notes if "--label NAME" in note or " has " in note or "share" in note]


def test_text_of_few_values_is_offered_as_the_label_before_the_group():
    island = {"island": list("abc" * 20)}
    learnt, together = (
        "--label island if that is what is to be learnt",
        "--group island if rows of one value belong together",
    )
    assert offers(**island) == [f"'island' has 3 values: {learnt}, {together}."]
    assert offers({"target": "y"}, **island) == [f"'island' has 3 values: {together}."]
    assert offers(**island, patient=list("pq" * 30)) == [f"'island' has 3 values: {learnt}."]
    assert offers({"label": "island"}, **island) == [], "it has its role"
    assert offers(**island, sex=list("mf" * 30)) == [
        "'island' has 3 values and 'sex' has 2 values: --label NAME if one is what is to be learnt, "
        "--group NAME if rows of one value belong together."
    ]


def test_text_of_many_values_that_rows_share_is_named_as_a_possible_group():
    told = "Rows share values of 'nest': say --group nest if rows of one nest resemble each other."
    assert offers(nest=[f"n{i % 11}" for i in range(60)]) == [told]
    assert "--label nest" in offers(nest=[f"n{i % 10}" for i in range(60)])[0]
    assert offers(nest=[f"n{i % 31}" for i in range(60)]) == [], "names, more than groups"
    assert offers({"group": "nest"}, nest=[f"n{i % 11}" for i in range(60)]) == []


def test_columns_without_a_name_that_number_the_rows_are_left_out_and_it_is_said():
    told = "Left out, having no name and numbering the rows: 'Unnamed: 0'."
    for rows in ([0, 1, 2, 3], [1, 2, 3, 4], [17, 3, 8, 0]):
        measured = measure({"Unnamed: 0": rows})
        assert measured.samples.feature_names == ("x", "y") and told in measured.notes
    for values in ([0, 1, 1, 0], [0.5, 1, 2, 3]):
        assert "Unnamed: 0" in measure({"Unnamed: 0": values}).samples.feature_names
    half = {"x": np.random.default_rng(0).normal(size=6), "Unnamed: 0.1": np.arange(6)}
    both = measure_rows([table_of(half, name="a.csv"), table_of(half, name="b.csv")])
    assert both.samples.feature_names == ("x",), "each table is numbered anew"


def doubts(values, *, name="n", **settings):
    x = np.random.default_rng(0).normal(size=len(values))
    measured = measure_rows([table_of({"x": x, name: values})], **settings)
    assert name in measured.samples.feature_names or settings
    return measured.notes


def test_features_that_count_the_rows_are_told():
    told = ["'n' counts the rows: --leave-out n unless it measures something."]
    assert doubts(np.arange(12)) == doubts(np.arange(1, 13)) == told
    assert not doubts(np.arange(2, 14)) and not doubts(np.arange(12)[::-1]) and not doubts(np.arange(12) // 2)
    assert not doubts(np.arange(9)), "few doses may be 0, 1, 2, ..."
    assert not any("counts" in note for note in doubts(np.arange(12), name="day"))


def test_features_of_0_and_1_are_offered_as_the_label_and_become_one():
    values = np.array([0, 1] * 5 + [1, 1])
    assert doubts(values) == ["'n' holds only 0 and 1: --label n if it is what is to be learnt."]
    assert not doubts(values + 1) and not doubts(np.arange(12) % 3)
    two = measure({"a": [0, 1, 1, 0], "b": [1, 0, 1, np.nan]}).notes
    assert "'a', 'b' hold only 0 and 1: --label NAME if one is what is to be learnt." in two
    assert not any("holds only" in note for note in measure({"a": [0, 1, 1, 0]}, target="x").notes)
    labelled = measure({"dead": [0, 1, np.nan, 0]}, label="dead").samples
    assert labelled.labels.tolist() == ["0", "1", "", "0"] and labelled.feature_names == ("x", "y")


@pytest.mark.parametrize(("values", "word"), [(["sick", "", "sick", ""], "sick"), ([1, 1, 1, 1], "1")])
@pytest.mark.parametrize("settings", [{}, {"label": "label"}])
def test_labels_of_one_class_are_said_to_be_so(values, word, settings):
    told = f"The column 'label' has one class only, '{word}': a model needs two to tell apart."
    assert measure({"label": values}, **settings).notes.count(told) == 1
    assert not measure({"label": values}, columns=("x",), **settings).notes, "new rows of one class are fine"
    other = ["sick", "well", "sick", ""] if word == "sick" else [1, 2, 1, 1]
    assert not any("one class" in note for note in measure({"label": other}, **settings).notes)


def test_settings_measure_other_rows_in_the_same_way():
    first = measure({"batch": list("ppqq"), "z": [1, 2, 3, 4]}, leave_out=("z",))
    settings = {key: tuple(v) if isinstance(v, list) else v for key, v in first.settings.items()}
    again = measure({"batch": list("ppqq"), "z": [1, 2, 3, 4]}, **settings)
    assert again.samples.digest() == first.samples.digest()


# ---- several tables ----
def test_several_tables_are_joined_by_column_name_and_each_is_a_group():
    one, two = table_of(X, name="d/a.csv"), table_of(dict(reversed(X.items())), name="e/a.csv")
    measured = measure_rows([one, two])
    np.testing.assert_array_equal(measured.samples.features[:4], measured.samples.features[4:])
    assert measured.samples.sample[[0, 7]].tolist() == ["d/a.csv#1", "e/a.csv#4"]
    assert measured.samples.n_groups == 2 and any("Each table is a group" in note for note in measured.notes)


def test_tables_with_other_columns_are_refused_with_the_difference():
    with pytest.raises(
        DataError, match=r"'b\.csv' must have the same columns as 'a\.csv'.* none named 'y', and 'z' besides"
    ):
        measure_rows([table_of(X, name="a.csv"), table_of({"x": [1.0], "z": [1.0]}, name="b.csv")])
    with pytest.raises(
        DataError, match=r"'x' must hold numbers in all tables or in none. Got numbers in .* text in"
    ):
        measure_rows([table_of({"x": [1.0]}, name="a.csv"), table_of({"x": ["u"]}, name="b.csv")])


# ---- units ----
@pytest.mark.parametrize(
    ("column", "unit"),
    [
        ("bill_length_mm", "mm"),
        ("body_mass_g", "g"),
        ("area [px]", "px"),
        ("area (um)", "µm"),
        ("area (um^2)", "µm²"),
        ("area_µm2", "µm²"),
        ("volume [µm³]", "µm³"),
        ("humidity (%)", "%"),
        ("radius (worst)", ""),
        ("mean_radius", ""),
        ("x_h", ""),
        ("mm", ""),
        ("feature_1", ""),
    ],
)
def test_units_are_taken_from_names_where_they_are_known(column, unit):
    assert unit_of(column) == unit


# ---- real files ----
@pytest.mark.parametrize(("name", "shape", "n_classes"), [("iris", (150, 4), 3), ("wine_data", (178, 13), 3), ("breast_cancer", (569, 30), 2)])  # fmt: skip
def test_scikit_learns_tables_have_their_features_and_classes(name, shape, n_classes):
    samples = measure_rows([read_table(shared(f"tables/{name}.csv"))]).samples
    assert samples.features.shape == shape and len(set(samples.labels)) == n_classes
    assert samples.sample[0] == f"{name}.csv#1"


def test_penguins_are_342_with_units_and_text_columns_named():
    measured = measure_rows([read_table(shared("tables/penguins.csv"))], label="species", leave_out=("year",))
    samples = measured.samples
    assert samples.feature_names == ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g")
    assert samples.units == ("mm", "mm", "mm", "g") and samples.n_rows == 342
    assert any(
        note.startswith("2 of 344 rows left out: missing bill_length_mm (2)") for note in measured.notes
    )
    assert any("being text: 'island', 'sex'" in note for note in measured.notes)
    assert dict(zip(*np.unique(samples.labels, return_counts=True))) == {
        "Adelie": 151,
        "Chinstrap": 68,
        "Gentoo": 123,
    }


def test_a_table_of_measured_blobs_is_named_by_its_labels():
    path = shared("walkthroughs/blobs_round_vs_elongated/blobs_shape_measurements.csv")
    samples = measure_rows([read_table(path)]).samples
    assert samples.n_rows == 63 and samples.labels is None and samples.sample[0] == "1"


def test_distances_let_a_table_do_without_features_and_nothing_else_does():
    tables = [table_of({"name": ["a", "b", "c"], "colour": ["red", "blue", "red"]})]
    far = np.array([[0, 1, 2], [1, 0, 3], [2, 3, 0.0]])
    measured = measure_rows(tables, distances=square_distances(far, names=["c", "b", "a"]))
    assert measured.samples.n_features == 0
    np.testing.assert_array_equal(measured.samples.distances, far[::-1, ::-1])
    assert measured.samples.origin["colour"].tolist() == ["red", "blue", "red"]
    with pytest.raises(DataError, match="must hold numbers in at least one"):
        measure_rows(tables)
    with pytest.raises(DataError, match="Got 1 row without distances: 'a'; without a row: 'q'"):
        measure_rows(tables, distances=square_distances(far, names=["c", "b", "q"]))

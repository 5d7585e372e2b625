"""What comes next: the strategy's rows, and a control arm that no strategy can bend."""

import numpy as np
import pytest

from clew.errors import DataError, SettingError
from clew.learn.active import next_items, quick_forest
from clew.learn.strategies import STRATEGIES, Chosen
from clew.result import Result
from tests.learn.active_worlds import blank, clouds, samples_of


@pytest.fixture(scope="module")
def rows():
    return clouds(200)


@pytest.fixture(scope="module")
def shares():
    return np.random.default_rng(1).dirichlet([1, 1, 1], 200)


def none(samples):
    return np.zeros(samples.n_rows, bool)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_third_row_is_control_and_no_labelled_row_comes(rows, shares, strategy):
    labelled = np.arange(200) < 60
    found = next_items(rows, labelled, shares, strategy=strategy, n=20)
    assert np.flatnonzero(found.control).tolist() == [2, 5, 8, 11, 14, 17]
    assert not labelled[found.rows].any()
    assert len(set(found.rows.tolist())) == 20
    assert found.sample.tolist() == [f"r{row}" for row in found.rows]
    assert (found.reason == "random control").tolist() == found.control.tolist()
    assert np.isnan(found.score[found.control]).all()
    assert found.digest() == next_items(rows, labelled, shares, strategy=strategy, n=20).digest()


def test_control_goes_on_where_the_last_rows_ended(rows, shares):
    whole = next_items(rows, none(rows), shares, n=12, control_every=5).control
    parts = [next_items(rows, none(rows), shares, n=4, control_every=5, handed=h).control for h in (0, 4, 8)]
    np.testing.assert_array_equal(whole, np.concatenate(parts))


def test_neither_model_nor_strategy_decides_on_the_control(rows, shares):
    drawn = {
        tuple(found.rows[found.control])
        for strategy in STRATEGIES
        for p in (shares, shares[::-1])
        for found in [next_items(rows, none(rows), p, strategy=strategy, n=9)]
    }
    assert len(drawn) == 1


def labelled_by_size(n_rounds, *, with_again):
    """Mean of the control rows where the strategy takes the largest rows first, until most are taken."""
    X = np.arange(60.0)[:, None]
    found = []
    for seed in range(300):
        samples, taken, control = samples_of(X), np.zeros(60, bool), np.zeros(60, bool)

        def largest(pool, n, random):
            free = np.flatnonzero(~pool.taken)[::-1][:n]
            return Chosen(free, np.ones(len(free)), ["large"] * len(free))

        for _ in range(n_rounds):
            one = next_items(samples, taken, strategy=largest, n=10, random_state=seed)
            taken[one.rows] = True
            control[one.rows[one.control]] = True
            if with_again:
                control[one.again] = True
        found.append(X[control].mean())
    return np.mean(found), np.std(found) / np.sqrt(len(found))


def test_control_rows_are_a_fair_sample_of_all_rows_whatever_was_taken():
    mean, error = labelled_by_size(4, with_again=True)
    assert abs(mean - 29.5) < 3.5 * error


def test_without_the_labelled_rows_that_were_drawn_again_it_would_not_be():
    """The mutant: control rows are then drawn from what the strategy left over."""
    mean, error = labelled_by_size(4, with_again=False)
    assert mean < 29.5 - 5 * error


def test_without_two_classes_clusters_come_first_and_it_is_said(rows):
    for p in (None, np.ones((200, 1))):
        found = next_items(rows, none(rows), p, strategy="hybrid")
        assert found.strategy == "cluster"
        assert found.note.startswith("Fewer than 2 classes have labels")
    assert next_items(rows, none(rows), strategy="k-centre").note == ""


def test_the_last_rows_are_handed_out_and_it_is_said(rows, shares):
    labelled = np.arange(200) >= 5
    found = next_items(rows, labelled, shares, n=20)
    assert sorted(found.rows.tolist()) == [0, 1, 2, 3, 4]
    assert found.note == "Only 5 rows without a label are left."
    with pytest.raises(DataError, match="Got 200 rows that all have one"):
        next_items(rows, np.ones(200, bool), shares)


def test_a_strategy_that_knows_of_fewer_is_asked_again(shares):
    copies = samples_of(np.repeat(np.arange(4.0), 50)[:, None])  # four clusters at most
    found = next_items(copies, none(copies), strategy="cluster", n=20)
    assert len(set(found.rows.tolist())) == 20


def test_distances_are_taken_in_activations_where_they_are_given(rows, shares):
    far = np.zeros((200, 2))
    far[[7, 9]] = [[100, 0], [0, 100]]
    labelled = np.arange(200) == 0
    found = next_items(rows, labelled, None, far, strategy="k-centre", n=2)
    assert set(found.rows.tolist()) == {7, 9}
    assert set(next_items(rows, labelled, strategy="k-centre", n=2).rows.tolist()) != {7, 9}


def test_the_result_is_saved_and_says_what_it_holds(rows, shares, tmp_path):
    found = next_items(rows, none(rows), shares, n=6)
    again = Result.load(found.save(tmp_path / "next.zip"))
    assert again.digest() == found.digest()
    assert found.headline() == "6 rows by hybrid, 2 of them random control"
    assert [one["control"] for one in found.summary()["rows"]] == found.control.tolist()
    assert found.settings["control_every"] == 3


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"strategy": "margn"}, "Did you mean 'margin'"),
        ({"n": 0}, "must be an int of at least 1. Got 0"),
        ({"control_every": 1}, "must be an int of at least 2. Got 1"),
    ],
)
def test_a_setting_out_of_range_is_refused(rows, shares, changed, said):
    with pytest.raises(SettingError, match=said):
        next_items(rows, none(rows), shares, **changed)


def test_arrays_that_do_not_fit_are_refused(rows, shares):
    with pytest.raises(DataError, match="one entry for each of the 200 rows. Got 100"):
        next_items(rows, none(rows), shares[:100])
    with pytest.raises(DataError, match="must be of bool"):
        next_items(rows, np.zeros(200, int), shares)


def test_the_quick_forest_learns_the_clouds():
    samples = clouds(400)
    forest = quick_forest(0)(blank(samples, np.arange(60)).take(np.arange(60)))
    told = forest.predict(samples.take(np.arange(60, 400))).label
    assert (told == samples.labels[60:]).mean() > 0.85

import numpy as np
import pytest

from clew.errors import DataError
from clew.read.arrays import Row, open_array
from tests.conftest import shared
from tests.read.slicing import differing_parts


def saved(path, values, **more):
    np.savez(path, data=values, **more) if path.suffix == ".npz" else np.save(path, values)
    return path


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(400,), (400, 3), (3, 400)])
@pytest.mark.parametrize("kind", ["<f8", ">i4", "<f4", "<u2"])
def test_any_part_of_a_component_is_that_part_of_the_whole(tmp_path, suffix, order, shape, kind):
    whole = np.asarray(np.random.default_rng(0).integers(0, 1000, shape), kind, order=order)
    path = saved(tmp_path / f"a{suffix}", whole)
    traces = open_array(path, source=path.name, rate=50)
    rows = whole.reshape(400, -1).T if shape[0] == 400 else whole
    assert [one.component for one in traces] == ([""] if len(rows) == 1 else ["1", "2", "3"])
    for one, row in zip(traces, rows, strict=True):
        assert (one.rate, one.stretch.n, one.dated, one.unit) == (50.0, 400, False, "")
        assert not differing_parts(one.stretch.read, row.astype(float), n_draws=8)


def test_a_reader_that_takes_rows_for_columns_is_found_out(tmp_path):
    whole = np.random.default_rng(0).normal(size=(400, 3))
    (first, *_) = open_array(saved(tmp_path / "a.npy", whole), source="a", rate=1)
    stored = first.stretch.data.rows._rows.__self__
    assert differing_parts(Row(stored, 0).read, whole[:, 0])


def test_npy_is_not_read_before_it_is_asked_for(tmp_path):
    n = 400_000_000  # 3.2 GB that take no room on the disk
    path = tmp_path / "long.npy"
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": (n,)})
        begin = file.tell()
        file.truncate(begin + 8 * n)
        file.seek(begin + 8 * (n - 2))
        file.write(np.array([1.5, 2.5]).tobytes())
    (one,) = open_array(path, source="long.npy", rate=100)
    np.testing.assert_array_equal(one.stretch.read(n - 3, n), [0, 1.5, 2.5])


def test_real_events_have_the_components_that_their_files_name():
    path = shared("signals/phasenet_ncedc/BG_ACR_2012082505145960.npz")
    whole = np.load(path)["data"]
    traces = open_array(path, source=path.name, rate=100)
    assert [(one.sensor, one.component) for one in traces] == [("DP", "E"), ("DP", "N"), ("DP", "Z")]
    for i, one in enumerate(traces):
        assert not differing_parts(one.stretch.read, whole[:, i], n_draws=5)


def test_a_real_event_with_one_name_and_two_components_of_zeros_has_one_component_and_says_so():
    path = shared("signals/phasenet_ncedc/NC_BBG_2007102001425167.npz")
    notes = []
    (one,) = open_array(path, source="a.npz", rate=100, notes=notes)
    assert (one.sensor, one.component) == ("EH", "Z")
    np.testing.assert_array_equal(one.stretch.read(0, 9001), np.load(path)["data"][:, 2])
    assert notes == ["'a.npz': 2 components without a name and zero throughout left out; EHZ stays."]


def test_names_that_fit_no_components_are_refused(tmp_path):
    whole = np.ones((50, 3))
    path = saved(tmp_path / "a.npz", whole, channels="EHZ")
    with pytest.raises(DataError, match="'channels' of 'a.npz' must name each component"):
        open_array(path, source="a.npz", rate=1)
    path = saved(tmp_path / "b.npz", whole, channels=np.array(["x", "y", "x"]))
    with pytest.raises(DataError, match="must be 3 different names"):
        open_array(path, source="b.npz", rate=1)


@pytest.mark.parametrize(
    ("key", "value"), [("rate", 20), ("sampling_rate", 20.0), ("fs", [20]), ("dt", 0.05)]
)
def test_the_rate_that_a_file_states_is_used(tmp_path, key, value):
    path = saved(tmp_path / "a.npz", np.arange(50.0), **{key: value})
    assert open_array(path, source="a.npz")[0].rate == 20.0
    notes = []
    assert open_array(path, source="a.npz", rate=10, notes=notes)[0].rate == 10.0
    assert notes == ["'a.npz': the rate of 10 Hz that was given goes before the 20 Hz that it states."]


def test_without_a_rate_the_flag_that_gives_it_is_named(tmp_path):
    with pytest.raises(DataError, match="give it in Hz with --rate"):
        open_array(saved(tmp_path / "a.npy", np.arange(5.0)), source="a.npy")


def test_the_longest_arrays_are_the_samples(tmp_path):
    values = np.random.default_rng(0).normal(size=(3, 60))
    np.savez(
        tmp_path / "a.npz", t=np.arange(90), z=values[0], n=values[1], E=values[2], gain=np.ones(4), rate=5
    )
    traces = open_array(tmp_path / "a.npz", source="a.npz")
    assert [one.component for one in traces] == ["Z", "N", "E"]
    for one, row in zip(traces, values):
        np.testing.assert_array_equal(one.stretch.read(0, 60), row)
    np.savez(tmp_path / "b.npz", first=np.ones((4, 9)), second=np.ones((9, 4)))
    with pytest.raises(DataError, match="must be in one array, called 'data'"):
        open_array(tmp_path / "b.npz", source="b.npz", rate=1)


def test_compressed_npz_gives_the_same_samples(tmp_path):
    whole = np.random.default_rng(0).normal(size=(3, 60))
    np.savez_compressed(tmp_path / "a.npz", data=whole, text=np.array("x"))
    for one, row in zip(open_array(tmp_path / "a.npz", source="a", rate=1), whole, strict=True):
        assert not differing_parts(one.stretch.read, row, n_draws=5)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (np.ones((5, 5)), "axes .* must be of different length"),
        (np.ones((2, 3, 4)), "one or two axes"),
        (np.array(["a", "b"]), "real numbers"),
        (np.ones(4, complex), "real numbers"),
        (np.empty((0,)), "must hold samples"),
    ],
)
def test_arrays_that_are_no_signals_are_refused(tmp_path, values, sentence):
    for name in ("a.npy", "a.npz"):
        with pytest.raises(DataError, match=sentence):
            open_array(saved(tmp_path / name, values), source=name, rate=1)


def test_pickles_are_never_loaded(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}, 2], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="real numbers"):
        open_array(tmp_path / "a.npy", source="a.npy", rate=1)
    np.savez(tmp_path / "a.npz", data=np.arange(4.0), rate=np.array([{}], dtype=object))
    with pytest.raises(DataError, match="--rate"):
        open_array(tmp_path / "a.npz", source="a.npz")


def test_files_that_were_cut_are_refused(tmp_path):
    for name in ("a.npy", "a.npz"):
        path = saved(tmp_path / name, np.arange(500.0))
        path.write_bytes(path.read_bytes()[:2000])
        with pytest.raises(DataError, match="must be (whole|a whole file)"):
            open_array(path, source=name, rate=1)


def test_infinite_samples_are_refused_with_their_number(tmp_path):
    values = np.zeros((2, 30))
    values[1, 7] = np.inf
    traces = open_array(saved(tmp_path / "a.npy", values), source="a.npy", rate=1)
    traces[0].stretch.read(0, 30)
    with pytest.raises(DataError, match=r"number 8\."):
        traces[1].stretch.read(5, 30)

import os

import numpy as np
import pytest

from clew.errors import DataError
from clew.read.recording_files import find_recordings, is_recording, is_seismic, metadata_of
from clew.read.recordings import read_recordings
from tests.conftest import shared
from tests.read.test_recordings import saved, trace

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def test_folders_are_searched_and_what_is_no_recording_is_named(tmp_path):
    first = saved(tmp_path / "2020" / "XX" / "XX.CLEW..HHZ.D.2020.001", trace())
    second = saved(tmp_path / "2020" / "b.sac", trace("HHN"), form="SAC")
    (tmp_path / "2020" / "stations.csv").write_text("a,b\n1,2\n")
    (tmp_path / "readme").write_text("Read me.")
    (tmp_path / ".DS_Store").write_bytes(b"\0")
    assert find_recordings([tmp_path]) == [second, first]  # a folder's own files come first
    (note,) = [note for note in read_recordings([tmp_path]).notes if "passed over" in note]
    assert "3 files were passed over" in note
    assert all(name in note for name in ("stations.csv", "readme", ".DS_Store"))


def test_a_folder_of_arrays_or_tables_counts_where_there_is_nothing_else(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(100))
    (tmp_path / "index.csv").write_text("file,label\na.npy,x\n")
    assert find_recordings([tmp_path]) == [tmp_path / "a.npy"]
    assert not is_recording(tmp_path)
    saved(tmp_path / "b.mseed", trace())
    assert find_recordings([tmp_path]) == [tmp_path / "b.mseed"]
    assert is_recording(tmp_path)


def test_only_what_can_be_nothing_else_is_a_recording(tmp_path):
    bare = saved(tmp_path / "XX.CLEW..HHZ.D.2020.001", trace())
    sac = saved(tmp_path / "sac_without_suffix", trace(), form="SAC")
    gse = saved(tmp_path / "event.z", trace(), form="GSE2")
    assert is_recording(bare) and is_recording(str(sac)) and is_recording(gse)
    for name, content in (
        ("a.csv", b"t,z\n"),
        ("a.npy", b"\x93NUMPY"),
        ("a.tif", b"II*\0"),
        ("a", b"text"),
        ("b", b""),
    ):
        (tmp_path / name).write_bytes(content)
        assert not is_recording(tmp_path / name)
    assert not is_recording(tmp_path / "nothing here")


def test_a_data_set_of_seisbench_is_its_waveforms():
    folder = shared("signals/ipoc_seisbench")
    assert find_recordings([folder]) == [folder / "waveforms.hdf5"]
    assert metadata_of(folder / "waveforms.hdf5") == folder / "metadata.csv"
    assert metadata_of(folder / "waveforms_2.hdf5") == folder / "metadata_2.csv"
    assert read_recordings([folder]).notes == []  # the metadata are not said to be passed over


def test_text_that_begins_with_a_number_is_a_recording_in_a_folder_of_nothing_else(tmp_path):
    (tmp_path / "a.asc").write_text("1.5\n-3\n")
    (tmp_path / "b.readme").write_text("1st measurement\n")
    assert find_recordings([tmp_path]) == [tmp_path / "a.asc"]


def test_the_six_formats_of_obspy_are_known_by_their_first_bytes():
    folder = shared("signals/obspy")
    for name in ("gse2", "mseed", "rjob_20090824_event", "sac"):
        assert all(is_seismic(file.read_bytes()[:4096]) for file in (folder / name).iterdir())
    assert not any(is_seismic(file.read_bytes()[:4096]) for file in (folder / "quakeml").iterdir())
    assert is_recording(folder) and not is_recording(folder / "quakeml")


def test_a_path_where_nothing_is_and_a_folder_without_recordings_are_refused(tmp_path):
    with pytest.raises(DataError, match="must exist"):
        find_recordings([tmp_path / "nothing"])
    with pytest.raises(DataError, match="must hold recordings. Got no files"):
        find_recordings([tmp_path])
    (tmp_path / ".hidden.mseed").write_bytes(b"x")
    with pytest.raises(DataError, match=r"Got no files but hidden ones \(.hidden.mseed\)"):
        find_recordings([tmp_path])
    (tmp_path / "cat.jpg").write_bytes(b"x")
    with pytest.raises(
        DataError, match=r"Got cat.jpg \(files of numbers must be .* need --rate and --window\)"
    ):
        find_recordings([tmp_path])


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_refused_by_name(tmp_path):
    path = saved(tmp_path / "a.mseed", trace())
    path.chmod(0)
    with pytest.raises(DataError, match=r"a.mseed' must be one that can be read"):
        read_recordings([path])


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_folder_that_may_not_be_read_is_refused_by_name(tmp_path):
    saved(tmp_path / "closed" / "a.mseed", trace())
    (tmp_path / "closed").chmod(0)
    with pytest.raises(DataError, match=r"closed' must be one that can be read"):
        find_recordings([tmp_path])

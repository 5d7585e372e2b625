import pytest

from clew.errors import DataError
from clew.read.stations import Station, read_stations


def read(tmp_path, text, **settings):
    (tmp_path / "stations.csv").write_text(text)
    return read_stations(tmp_path / "stations.csv", **settings)


def test_tables_tell_where_stations_stand(tmp_path):
    notes = []
    text = "station,network,Lat,Lon,elevation\nB,XX,46.5,12.25,800\nYY.A,XX,-46.5,-12.25,\n"
    assert read(tmp_path, text, notes=notes) == [
        Station("XX.B", 46.5, 12.25, 800.0),
        Station("YY.A", -46.5, -12.25),
    ]
    assert not notes
    (one,) = read(tmp_path, "station,latitude,longitude\nXX.B,46.5,12.25\n", notes=notes)
    assert one.elevation == 0 and "tells no elevation" in notes[0]


def test_inventories_tell_the_same_as_obspy_does(tmp_path):
    pytest.importorskip("obspy")
    from obspy.core.inventory import Inventory, Network
    from obspy.core.inventory import Station as Other

    other = Other("A", 46.5, 12.25, 800.0)
    Inventory([Network("XX", stations=[other, other])]).write(str(tmp_path / "a.xml"), format="STATIONXML")
    assert read_stations(tmp_path / "a.xml") == [Station("XX.A", 46.5, 12.25, 800.0)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("station,latitude\nA,3\n", "must have the column 'longitude'. Got: station, latitude"),
        ("station,latitude,longitude\nA,93,4\n", "a latitude from -90 to 90"),
        (
            "station,latitude,longitude\nA,3,4\nB,,4\n",
            "'latitude' of 'stations.csv' must be in degrees. Got 'nan' in line 3",
        ),
        (
            "station,latitude,longitude\nA,3,4\nA,5,4\n",
            "must stand in one place. Got 'A' at 3, 4 and at 5, 4",
        ),
    ],
)
def test_bad_places_are_refused(tmp_path, text, said):
    with pytest.raises(DataError, match=said):
        read(tmp_path, text)
    (tmp_path / "b.xml").write_text("<a/>")
    with pytest.raises(DataError, match="must be StationXML or a table"):
        read_stations(tmp_path / "b.xml")

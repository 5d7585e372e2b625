import json

import pytest

from clew.bench import verb
from clew.bench.timing import Side, Sides, Work
from clew.bench.verb import bench, chosen, table, works_of
from clew.cli import main
from clew.errors import SettingError

ROW = {"work", "rival", "ours_s", "rival_s", "ratio", "cpu_ratio", "peak_mb", "quality"}  # DESIGN.md


def fake(name: str, **more) -> Work:
    sides = Sides(
        Side(lambda i: 0.9), Side(lambda i: 0.8, times=20, of="one seed"), lambda found: {"truth": found[-1]}
    )
    return Work(name, f"the {name}", lambda: sides, **({"rival": "theirs", "peak": False} | more))


@pytest.fixture
def fakes(monkeypatch):
    works = [fake("map-small"), fake("map-large"), fake("cut"), fake("map-huge", on_request=True)]
    monkeypatch.setattr(verb, "works_of", lambda work: works)


def test_scripts_get_what_the_design_says(fakes, tmp_path):
    outcome = bench("explore", repeats=2, out=tmp_path / "bench.json")
    assert [row["work"] for row in outcome.data["rows"]] == ["map-small", "map-large", "cut"]
    for row in outcome.data["rows"]:
        assert set(row) > ROW
        assert row["how"] == {
            "ours": "the median of 2 runs",
            "rival": "20 x the median of 2 runs of one seed",
        }
        assert row["quality"] == {"ours": {"truth": 0.9}, "rival": {"truth": 0.8}}
    assert {"python", "numpy"} <= set(outcome.data["versions"])
    assert {"cpu", "cores", "usable_cores", "load", "threads"} <= set(outcome.data["machine"])
    assert json.loads((tmp_path / "bench.json").read_text()) == json.loads(json.dumps(outcome.data))


def test_people_get_a_table_that_can_stand_in_readme(fakes):
    lines = bench("explore", repeats=1).lines
    rows = lines[: lines.index("")]
    assert rows[1].replace("-", "").replace("|", "") == ""
    assert {row.count("|") for row in rows} == {7}
    assert {len(row) for row in rows} == {len(rows[0])}
    assert "map-small: the map-small" in rows[2]
    assert "20 x one run of one seed" in rows[2]
    assert "truth 0.900 / 0.800" in rows[2]
    assert any("numpy" in line for line in lines)


def test_a_row_that_knows_where_its_time_goes_says_so_below_the_table(monkeypatch):
    where = {
        "cpu_ms": {"convolve": 30.0, "trees": 10.0},
        "between_stages_mb": 1300,
        "between_stages_ms": 130.0,
        "least_mb": 8.4,
        "limit_ms": 0.84,
        "times_limit": 250.0,
        "copy_gb_per_s": 10.0,
    }
    asked = []
    sides = Sides(Side(lambda i: 0), where=lambda seconds: asked.append(seconds) or where)
    works = [Work("whole", "all of it", lambda: sides, peak=False), fake("cut")]
    monkeypatch.setattr(verb, "works_of", lambda work: works)
    outcome = bench(repeats=1)
    assert [row["where"] for row in outcome.data["rows"]] == [where, None]
    assert asked == [outcome.data["rows"][0]["ours_s"]]
    (told,) = [line for line in outcome.lines if line.startswith("whole:")]
    assert "convolve 30 (75%), trees 10 (25%)" in told
    assert "the run takes 250.0 times that" in told


def test_a_row_without_rival_memory_or_quality_has_empty_cells():
    row = {
        "work": "a",
        "what": "b",
        "rival": None,
        "rival_s": None,
        "ratio": None,
        "cpu_ratio": None,
        "quality": None,
    }
    row |= {"ours_s": 0.01234, "ours_range_s": [0.01, 1234.5], "how": {"ours": "one run"}, "peak_mb": None}
    assert table([row])[2].split("|")[2:7] == [
        f" {'0.0123 s [0.0100 to 1,234]: one run'} ",
        "       ",
        "                       ",
        "         ",
        "         ",
    ]


def test_rows_are_chosen_by_name_or_family(fakes):
    def names(only):
        return [one.name for one in chosen(verb.works_of("explore"), only)]

    assert names(["map"]) == ["map-small", "map-large"]
    assert names(["cut", "map-large"]) == ["map-large", "cut"]
    assert names(None) == ["map-small", "map-large", "cut"]
    assert names(["map-huge"]) == ["map-huge"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"work": "explor"}, "Did you mean 'explore'?"),
        ({"only": ["cut", "map-smal"]}, "Did you mean 'map-small'?"),
        ({"repeats": 0}, "'repeats'"),
    ],
)
def test_what_is_not_known_is_refused_in_a_sentence(fakes, settings, said):
    with pytest.raises(SettingError) as refused:
        bench(**settings)
    assert said in str(refused.value)


def test_a_place_that_cannot_be_written_is_refused_before_anything_is_measured(fakes, tmp_path):
    with pytest.raises(SettingError, match="'out'"):
        bench(out=tmp_path / "nowhere" / "bench.json")


def test_a_missing_rival_stops_all_before_anything_is_measured(monkeypatch):
    measured = []
    works = [fake("a"), fake("b", needs=("no-such-rival",))]
    monkeypatch.setattr(verb, "works_of", lambda work: works)
    monkeypatch.setattr(verb, "measure", lambda *args, **kwargs: measured.append(args))
    with pytest.raises(SettingError, match="no-such-rival"):
        bench()
    assert measured == []


def test_the_bench_can_be_stopped_between_rows(fakes):
    outcome = bench(repeats=1, on_progress=lambda done, total: done < 1)
    assert [row["work"] for row in outcome.data["rows"]] == ["map-small"]


def test_what_was_measured_is_written_row_by_row(fakes, tmp_path):
    out = tmp_path / "bench.json"
    seen = []

    def look(done, total):
        seen.append(len(json.loads(out.read_text())["rows"]) if out.exists() else 0)

    bench(repeats=1, out=out, on_progress=look)
    assert seen == [0, 1, 2]


def test_the_command_line_takes_the_work_as_its_argument(fakes, capsys):
    with pytest.raises(SystemExit) as left:
        main(["bench", "explore", "--only", "cut,map-small", "--repeats", "1", "--json"])
    assert left.value.code == 0
    assert [row["work"] for row in json.loads(capsys.readouterr().out)["rows"]] == ["map-small", "cut"]
    with pytest.raises(SystemExit) as left:
        main(["bench", "explor"])
    assert left.value.code == 2
    assert "Did you mean 'explore'?" in capsys.readouterr().err


def test_all_is_every_work_in_order():
    rooms = ("start", "explore", "pixels", "explain", "signals", "app", "neural", "encoders", "pick")
    names = {work: [one.name for one in works_of(work)] for work in (*rooms, "all")}
    assert names["all"] == [name for room in rooms for name in names[room]]
    assert len(set(names["all"])) == len(names["all"])

from clew.bench import bench


def test_the_bench_says_what_it_measured_beside_what_one_would_use_instead():
    outcome = bench(work="start", repeats=1)
    assert {row["work"] for row in outcome.data["rows"]} == {"clew --help", "import clew"}
    for row in outcome.data["rows"]:
        assert set(row) >= {"work", "rival", "ours_s", "rival_s", "ratio", "cpu_ratio", "peak_mb", "quality"}
        assert 0 < row["ours_s"] < row["rival_s"] * 5
    assert "numpy" in outcome.data["versions"]
    assert any("clew --help" in line for line in outcome.lines)

"""Labels to and from files on the page: the same as on the command line."""

from __future__ import annotations

import base64
import io
import zipfile

import pytest

from clew.app.exchanging import MOST_BYTES, download
from clew.errors import ClewError, DataError, SettingError
from tests.app.conftest import shot, until
from tests.app.fakes import fake_session


def bring(session, name, data):
    return session.ask("labels.import", name=name, data=base64.b64encode(data).decode())


def test_every_format_of_the_kind_goes_out_and_comes_in_again(blob_study):
    session = fake_session(blob_study, who="anna")
    told = session.ask("labels.formats")
    assert [one["format"] for one in told["formats"]] == ["csv", "parquet", "coco", "label-studio", "qupath"]
    assert told["labels"] == 0
    with pytest.raises(DataError, match="labels of people"):
        download(session.workspace, name="csv")
    samples = session.workspace.samples.sample.tolist()
    session.ask("labels.give", client="give-0001", samples=samples[:9], label="odd one")
    for one in told["formats"]:
        picture = download(session.workspace, name=one["format"])
        assert picture.name.startswith("blobs.")
        session.ask(
            "labels.undo" if one["format"] == "csv" else "labels.undo_import",
            **({"client": "undo-0001"} if one["format"] == "csv" else {}),
        )
        assert session.ask("labels.formats")["labels"] == 0
        answer = bring(session, picture.name, picture.data)
        assert answer["labels"] == 9, one
        assert session.workspace.study.labels()[samples[8]] == ("odd one", "person")
    assert {event.who for event in session.workspace.study.label_events() if event.how == "person"} == {
        "anna"
    }
    assert any(one.get("push") == "changed" for one in session.pushed)
    with pytest.raises(SettingError, match="format"):
        download(session.workspace, name="yolo")


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("l.csv", b"sample,label\nnobody,x\n", "nobody"),
        ("../../l.csv", b"nothing", "column 'sample'"),
        ("l.json", b"{", "whole JSON"),
        ("l.csv", b"x" * (MOST_BYTES + 1), "at most 2.9 MB"),
        ("/", b"", "name"),
    ],
)
def test_a_file_that_does_not_fit_records_nothing(blob_study, name, data, said):
    session = fake_session(blob_study)
    before = len(session.workspace.study.label_events())
    with pytest.raises(ClewError, match=said):
        bring(session, name, data)
    with pytest.raises(DataError, match="come whole"):
        session.ask("labels.import", name="l.csv", data="not base 64!")
    assert len(session.workspace.study.label_events()) == before


def test_outlines_of_several_images_come_in_one_archive(tmp_path):
    from clew import steps
    from tests.steps.worlds import nuclei

    steps.new(
        tmp_path / "o.study",
        [nuclei(tmp_path, "a.tif"), nuclei(tmp_path, "b.tif", seed=9)],
        features="shape",
        sealed=0,
    )
    session = fake_session(tmp_path / "o.study")
    session.ask(
        "labels.give", client="give-0001", samples=session.workspace.samples.sample.tolist(), label="x"
    )
    picture = download(session.workspace, name="qupath")
    assert picture.media_type == "application/zip"
    assert zipfile.ZipFile(io.BytesIO(picture.data)).namelist() == ["a.geojson", "b.geojson"]


MOUNTED = """async () => {
  const { Exchange } = await import("/static/label/exchange.js");
  const { html, render } = await import("/static/vendor/preact-htm.js");
  const place = document.createElement("div");
  place.style = "position: fixed; inset: 60px 300px auto; z-index: 9; background: var(--surface); border: 1px solid var(--rule2)";
  document.body.append(place);
  render(html`<${Exchange} />`, place);
}"""


def test_a_person_brings_labels_in_takes_them_back_and_takes_them_out(opened, tmp_path):
    samples = fake_session(opened.study).workspace.samples.sample.tolist()
    opened.evaluate(MOUNTED)
    until(lambda: "No labels of people yet" in opened.inner_text(".exchange"))
    (tmp_path / "wrong.csv").write_text("sample,label\nnobody,x\n")
    opened.set_input_files("#exchange-file", str(tmp_path / "wrong.csv"))
    until(lambda: "Nothing was recorded." in opened.inner_text(".exchange [role=alert]"))
    (tmp_path / "l.csv").write_text(f"sample,label\n{samples[0]},odd\n{samples[1]},odd\n")
    opened.set_input_files("#exchange-file", str(tmp_path / "l.csv"))
    until(lambda: "2 labels that people gave" in opened.inner_text(".exchange"))
    shot(opened, "exchange")
    with opened.expect_download() as waiting:
        opened.click("text=Label Studio >> nth=-1")
    assert '"odd"' in (waiting.value.path()).read_text()
    opened.click("text=Take it back")
    until(lambda: "No labels of people yet" in opened.inner_text(".exchange"))
    opened.evaluate("() => { document.documentElement.dataset.theme = 'dark'; }")
    shot(opened, "exchange_dark")

"""Labels to and from files on the page: the same as `clew label` and `clew export --labels`."""

from __future__ import annotations

import base64
import binascii
import io
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clew.app.handling import Picture, fetches, handles
from clew.errors import DataError, SettingError, check, check_choice
from clew.steps.exchanging import export_labels

if TYPE_CHECKING:
    from clew.app.session import Session
    from clew.app.workspace import Workspace
    from clew.steps.outcome import Outcome

MOST_BYTES = 2_900_000  # of a file that comes in one message
# name of the format: its title, the ending, what `export_labels` is told, and the kinds of study that it can hold
FORMATS: dict[str, tuple[str, str, Any, tuple[str, ...] | None]] = {
    "csv": ("Table (CSV)", ".csv", None, None),
    "parquet": ("Table (Parquet)", ".parquet", None, None),
    "coco": ("COCO", ".json", "coco", ("image",)),
    "label-studio": ("Label Studio", ".json", "label-studio", ("image", "signal")),
    "qupath": ("QuPath (GeoJSON)", ".geojson", "qupath", ("image",)),
    "quakeml": ("QuakeML", ".xml", None, ("signal",)),
}


@handles("labels.formats")
def formats(session: Session) -> dict[str, Any]:
    """Return the formats that can hold the labels of this study, and how many labels of people there are."""
    study = session.workspace.study
    kind = study.facts()["kind"]
    dated = kind != "signal" or "start" in study.places()  # undated windows fit in tables alone
    held = [
        {"format": name, "title": title}
        for name, (title, _, _, kinds) in FORMATS.items()
        if kinds is None or (kind in kinds and dated)
    ]
    return {"formats": held, "labels": study.count_said(), "most": MOST_BYTES}


@fetches("/labels/{name}")
def download(workspace: Workspace, *, name: str) -> Picture:
    """Return what people said, as a file; of several images QuPath's files come in one archive."""
    check_choice(name, FORMATS, what="format", of="exported labels")
    study = workspace.study
    _, suffix, told, _ = FORMATS[name]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{study.name}{suffix}"
        several = name == "qupath" and sum(one.role == "data" for one in study.sources()) > 1
        if several:
            path = path.with_suffix("")
        export_labels(study, path, format=told)
        if not several:
            return Picture(path.read_bytes(), "application/octet-stream", _plain(path.name))
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
            for file in sorted(path.iterdir()):
                packed.write(file, file.name)
        return Picture(archive.getvalue(), "application/zip", _plain(f"{study.name}.zip"))


def _plain(name: str) -> str:
    """Return a file name that a header can say."""
    return "".join(one if one.isascii() and (one.isalnum() or one in "._- ") else "_" for one in name)


@handles(
    "labels.import"
)  # read beside the labels that others give meanwhile; SQLite lets one write at a time
def bring(session: Session, *, name: str, data: str) -> dict[str, Any]:
    """Record the labels of a file; ``data`` are its bytes in base64. Nothing is recorded unless all fits."""
    from clew.steps.labelling import label

    name = Path(name.replace("\\", "/")).name
    check(
        0 < len(name) <= 200 and name != ".." and "\0" not in name,
        SettingError,
        "The file must have a name of 1 to 200 letters. Got {!a:.60}.",
        name,
    )
    try:
        content = base64.b64decode(data, validate=True)
    except (ValueError, binascii.Error) as error:
        raise DataError(
            f"The file '{name}' must come whole. Got a part that cannot be read; try again."
        ) from error
    check(
        len(content) <= MOST_BYTES,
        DataError,
        "A file of labels must have at most {:.1f} MB here. Got '{}' of {:.1f} MB: run clew label {} {}.",
        MOST_BYTES / 1e6,
        name,
        len(content) / 1e6,
        session.workspace.study.folder,
        name,
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        return _told(session, label(session.workspace.study, path, who=session.who))


@handles("labels.undo_import", on="writer")
def take_back(session: Session) -> dict[str, Any]:
    """Take the last act of labelling back, be it a file's or a page's."""
    from clew.steps.labelling import label

    return _told(session, label(session.workspace.study, undo=True, who=session.who))


def _told(session: Session, outcome: Outcome) -> dict[str, Any]:
    workspace = session.workspace
    workspace.changed("labels")

    def tell() -> None:
        for listener in workspace.kept.get("label listeners", []):
            listener([])

    workspace.threads["writer"].submit(tell)  # where they are always called
    return {"lines": outcome.lines, "labels": workspace.study.count_said()}

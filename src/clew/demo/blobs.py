"""The whole walk-through on simulated blobs, told so that a newcomer understands each step."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.demo.told import OnProgress, Parts, folded, free, groups, hypothesis, maps, on_threads, why
from clew.steps import Outcome

if TYPE_CHECKING:
    from clew.simulate import SimulatedBlobs
    from clew.study.study import Study

STORY = "a photograph of 100 simulated blobs, round and elongated, random in place, size and turn"


def blobs(*, out: Path, on_progress: OnProgress | None = None) -> Outcome:
    """Walk through the whole of clew on simulated blobs, and write the report of it.

    Parameters
    ----------
    out : Path
        The folder for image, study and report; with a number behind it where something is there already.
    """
    from clew import simulate, steps
    from clew.report.verb import report
    from clew.study.study import Study

    out, truth = free(out), simulate.blobs()
    image = _room(out, truth)
    folder = out / "blobs.study"
    parts = Parts(on_progress, total=9)

    lines = [
        f"clew demo: {STORY}.",
        "Nothing below knows which is which; the truth is compared at the very end.",
        "",
    ]
    made = steps.new(folder, [image], features="shape")
    study = Study(folder)
    lines += [f"The raw data: {made.lines[0]}", f"  {made.result.reason}", ""]
    parts.done()

    looked = steps.explore(study)
    parts.done(3)
    lines += [*maps(looked.result, of="blobs", by="their shape measurements"), ""]
    lines += [*groups(looked.result, of="blobs"), "", *hypothesis(looked.result, of="blobs"), ""]
    if not looked.result.k:
        return Outcome(
            [*lines, "No groups, so there is nothing to name."], looked.data, looked.step, looked.result
        )

    steps.name(study, _names(study, looked.result))
    trained = steps.train(study)
    parts.done()
    threads = on_threads(study, trained.result)
    validated = steps.validate(study)
    parts.done()
    explained = steps.explain(study)
    parts.done()
    tested = steps.test(study, reason="the end of the demo")
    parts.done()
    lines += [*_classifier(trained, threads, validated), "", *why(explained.result, part=5), ""]
    lines += [*_sealed(tested), ""]

    agreement = _against_truth(study, trained.result, truth)
    page = report(study).data["report"]
    parts.done()
    lines += [
        "And the truth, which no step had seen:",
        f"  The classifier is right about {agreement['open_right']} of the {agreement['open']} blobs that it learnt from and about "
        f"{agreement['sealed_right']} of the {agreement['sealed']} sealed ones. (Above, the sealed ones were compared with the grouping; "
        "here with what they are.)",
        "",
        f"The report of all this, in one page:  {page}",
        f"The thread of what was done:          clew log {folder}",
        f"Run it all again from the raw file:   clew verify {folder}",
        "From painted strokes to every pixel:",
        f"  clew pixels train {image} --annotations {out / 'painted'} --classes 1=ground,2=blob --out blob.model",
        "Now your own data:                    clew new my.study IMAGE.tif   (or TABLE.csv)",
    ]
    data = {
        **looked.data,
        "truth": agreement,
        "threads": threads,
        "model": trained.data["model"],
        "report": page,
    }
    return Outcome(folded(lines), data, tested.step, tested.result)


def _room(out: Path, truth: SimulatedBlobs) -> Path:
    """Make the folder; write the simulated photograph, strokes painted on it, and its true outlines into it."""
    import tifffile

    from clew.simulate import strokes

    image = out / "simulated-blobs.tif"
    for folder, pixels in (("", truth.pixels), ("painted", strokes(truth)), ("truth", truth.label_image)):
        (out / folder).mkdir(parents=True)
        tifffile.imwrite(out / folder / image.name, pixels)
    return image


def _names(study: Study, found: Any) -> list[str]:
    """Name the groups as a person would who looks at the pictures: the longer ones are elongated."""
    aspect = study.samples().select("aspect_ratio").features[:, 0]
    means = [aspect[found.groups == g].mean() for g in range(found.k)]
    longest = max(range(found.k), key=lambda g: means[g])
    return [f"{g}={'elongated' if g == longest else 'round'}" for g in range(found.k)]


def _classifier(trained: Outcome, threads: dict[str, str], validated: Outcome) -> list[str]:
    from clew.intervals import spell

    open_rows = validated.data["metrics"]["balanced_accuracy"]
    return [
        "(4) The groups get names, and a forest learns them. Unlike the clustering it gives the same answer every time:",
        *(
            f"  {n} thread{'s' if n != '1' else ' '}: the probabilities have the hash {sha}"
            for n, sha in threads.items()
        ),
        f"  Balanced accuracy, cross-validated: {spell(open_rows)}. {validated.data['split']['reason']}",
        f"  The model: {trained.data['model']}, to be used on new images with clew predict.",
    ]


def _sealed(tested: Outcome) -> list[str]:
    from clew.intervals import spell

    figure = tested.data["metrics"]["balanced_accuracy"]
    return [
        "(6) At the very end the seal is opened, which stands on record for ever:",
        f"  Balanced accuracy on the {tested.data['rows']} sealed blobs, opened once: {spell(figure)}.",
        "  (With more of them, clew confirm would also ask whether the groups replicate there.)",
    ]


def _against_truth(study: Study, forest: Any, truth: SimulatedBlobs) -> dict[str, Any]:
    """Compare the model's answer with what was simulated: for the blobs that trained it, and for the sealed ones."""
    from clew.measure.objects import measure_objects
    from clew.read.images import read_image

    image = read_image(study.locate(study.sources()[0]))
    samples = measure_objects([image], [None]).samples
    at = samples.origin[["centroid_row", "centroid_col"]].to_numpy().round().astype(int)
    kind = truth.kind[truth.label_image[at[:, 0], at[:, 1]] - 1]
    right = forest.predict(samples.select(forest.feature_names)).label == kind
    opened = np.isin(samples.sample, study.samples().sample)
    return {
        "open": int(opened.sum()),
        "open_right": int(right[opened].sum()),
        "sealed": int((~opened).sum()),
        "sealed_right": int(right[~opened].sum()),
    }

"""The whole walk-through on simulated blobs, told so that a newcomer understands each step."""

from __future__ import annotations

import hashlib
import itertools
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.steps import Outcome

if TYPE_CHECKING:
    from clew.simulate import SimulatedBlobs
    from clew.study.study import Study

STORY = "a photograph of 100 simulated blobs, round and elongated, random in place, size and turn"
WIDTH = 100
OnProgress = Callable[[int, int], bool | None]


def demo(*, out: Path = Path("clew-demo"), on_progress: OnProgress | None = None) -> Outcome:
    """Walk through the whole of clew on simulated blobs, and write the report of it.

    Parameters
    ----------
    out : Path
        The folder for image, study and report; with a number behind it where something is there already.
    """
    from clew import steps
    from clew.report.verb import report
    from clew.simulate import blobs
    from clew.study.study import Study

    out, truth = _free(out), blobs()
    image = _room(out, truth)
    folder = out / "blobs.study"
    parts = _Parts(on_progress, total=9)

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
    lines += [*_maps(looked.result), "", *_groups(looked.result), "", *_hypothesis(looked), ""]
    if not looked.result.k:
        return Outcome(
            [*lines, "No groups, so there is nothing to name."], looked.data, looked.step, looked.result
        )

    steps.name(study, _names(study, looked.result))
    trained = steps.train(study)
    parts.done()
    threads = _on_threads(study, trained.result)
    validated = steps.validate(study)
    parts.done()
    explained = steps.explain(study)
    parts.done()
    tested = steps.test(study, reason="the end of the demo")
    parts.done()
    lines += [*_classifier(trained, threads, validated), "", *_why(explained.result), ""]
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
    return Outcome(_folded(lines), data, tested.step, tested.result)


def _room(out: Path, truth: SimulatedBlobs) -> Path:
    """Make the folder; write the simulated photograph, strokes painted on it, and its true outlines into it."""
    import tifffile

    from clew.simulate import strokes

    image = out / "simulated-blobs.tif"
    for folder, pixels in (("", truth.pixels), ("painted", strokes(truth)), ("truth", truth.label_image)):
        (out / folder).mkdir(parents=True)
        tifffile.imwrite(out / folder / image.name, pixels)
    return image


def _free(out: Path) -> Path:
    """Return ``out``, or the first of out-2, out-3, ... where nothing is: no demo ever replaces anything."""
    numbered = (out.with_name(f"{out.name}-{n}") for n in itertools.count(2))
    return out if not out.exists() else next(one for one in numbered if not one.exists())


def _maps(found: Any) -> list[str]:
    overlap = found.embedding.neighbor_overlap.mean()
    return [
        "(1) UMAP draws a map of the blobs from their shape measurements. Drawn twice, the map differs:",
        f"  two of its {len(found.embedding.coordinates)} runs share {overlap:.0%} of the neighbours that they give a blob.",
        f"  Each is faithful (trustworthiness {found.embedding.trustworthiness.mean():.2f} of 1); none is the true one.",
    ]


def _groups(found: Any) -> list[str]:
    from clew.explore.stability import in_words

    ari = found.clustering.stability.ari
    return [
        "(2) k-means cuts the blobs into groups, 20 times, each time from other starting points:",
        f"  run 1 and run 2 agree at an adjusted Rand index of {ari[0, 1]:.2f} (1 is the same, 0 is chance).",
        f"  {in_words(found)}",
        f"  Are there groups at all? {found.evidence.headline()}",
        "  (Single clouds: simulated blobs of one kind only, with the spread and skew that was measured, or as one ellipsoid. "
        "Cut in two they look less divided than these blobs do.)",
    ]


def _hypothesis(looked: Outcome) -> list[str]:
    found = looked.result
    if found.hypotheses is None:
        return ["(3) Without groups there is no hypothesis."]
    width = max(map(len, found.features))
    rows = [
        f"    {name:<{width}}  {found.hypotheses.distance_correlation[i, 0]:+8.2f}  {found.hypotheses.effect[i, 0]:+10.1f}"
        for i, name in enumerate(found.features)
    ]
    return [
        "(3) Which measurements tell the groups apart? Each one's correlation with a blob's distance to the centre of "
        "group 0, and the difference between the groups in standard deviations:",
        f"    {'':<{width}}  distance  difference",
        *rows,
        f"  Hypothesis: {found.hypotheses.stated[0].headline()}.",
        "  It is stated, not proved: these features made the groups, so testing them on the groups would be circular.",
    ]


def _names(study: Study, found: Any) -> list[str]:
    """Name the groups as a person would who looks at the pictures: the longer ones are elongated."""
    aspect = study.samples().select("aspect_ratio").features[:, 0]
    means = [aspect[found.groups == g].mean() for g in range(found.k)]
    longest = max(range(found.k), key=lambda g: means[g])
    return [f"{g}={'elongated' if g == longest else 'round'}" for g in range(found.k)]


def _on_threads(study: Study, forest: Any) -> dict[str, str]:
    """Return a short hash of the forest's probabilities, by number of threads."""
    samples = study.samples().select(forest.feature_names)
    return {
        str(n): hashlib.sha256(forest.predict(samples, n_threads=n).probability.tobytes()).hexdigest()[:12]
        for n in (1, 2)
    }


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


def _why(explained: Any) -> list[str]:
    return [
        "(5) What does the forest go by? SHAP values, correlated measurements as one, since they share the credit:",
        *(f"  {line}" for line in explained.ranked()[:3]),
        f"  {explained.cause()}",
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


def _folded(lines: list[str]) -> list[str]:
    """Break long lines between words, with what follows set in as far; commands stay whole, to be copied."""
    folded: list[str] = []
    for line in lines:
        indent = " " * max(2, len(line) - len(line.lstrip())) if line.strip() else ""
        wrapped = textwrap.wrap(
            line, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        )
        folded += wrapped if len(line) > WIDTH and not line.startswith("  clew ") else [line]
    return folded


class _Parts:
    """Counts parts done."""

    def __init__(self, callback: OnProgress | None, *, total: int) -> None:
        self.callback, self.total, self.so_far = callback, total, 0

    def done(self, parts: int = 1) -> None:
        self.so_far += parts
        if self.callback is not None:
            self.callback(self.so_far, self.total)

"""What a saved net says of itself to people: the model card that stands beside its weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clew.neural.model import NetModel

CONFIG, HISTORY = "config.json", "history.csv"
MOST_LISTED = 24  # features
TASKS = {
    ("rows", "classification"): "tabular-classification",
    ("rows", "regression"): "tabular-regression",
    ("image", "classification"): "image-classification",
}  # of the hub's tasks, those that fit
SCALES = {
    "training": "Each is brought to mean 0 and standard deviation 1 by the training rows.",
    "each": "Each row is brought to mean 0 and standard deviation 1 by itself.",
    "peak": "Each row is centred and brought to a largest value of 1.",
    "none": "Values are taken as they are.",
}
LIMITS = (
    "It knows rows that were measured as its training rows were; of others it answers as surely, and may be wrong. Its "
    "probabilities say how sure it is, not how often it is right, until that was checked on unseen rows."
)
USE = [
    "```python",
    "from clew.neural.model import NetModel",
    "",
    'model = NetModel.load_model("this folder")',
]


def card_of(model: NetModel, quality: Sequence[str] = ()) -> str:
    """Return a model card: front matter as Hugging Face reads it, then plain text.

    Parameters
    ----------
    model : NetModel
    quality : sequence of str
        Sentences that say how good it is on rows that it has never seen.
    """
    parts = {
        "What it takes": _takes(model),
        "What it says": _says(model),
        "How it was trained": _trained(model),
        "How good it is": list(quality) or [_chosen(model)],
        "Limits": [*(f"{note.rstrip('.')}." for note in model.notes), LIMITS],
        "Use": USE
        + (["model.predict(samples, cutouts)"] if model.cut else ["model.predict(samples)"])
        + ["```"],
    }
    text = [*_front_matter(model), "", f"# {model.headline()}"]
    for title, lines in parts.items():
        text += ["", f"## {title}", *lines]
    return "\n".join(text) + "\n"


def _front_matter(model: NetModel) -> list[str]:
    task = TASKS.get((model.cut.get("kind", "rows" if model.feature_names else ""), model.kind))
    tags = [f"- {tag}" for tag in ("clew", model.architecture, model.kind)]
    return ["---", "library_name: clew", "tags:", *tags, *([f"pipeline_tag: {task}"] if task else []), "---"]


def _takes(model: NetModel) -> list[str]:
    shown = [
        f"`{name}` in {unit}" if unit else f"`{name}`" for name, unit in zip(model.feature_names, model.units)
    ]
    if len(shown) > MOST_LISTED:
        shown[MOST_LISTED:] = [f"and {len(shown) - MOST_LISTED} more"]
    rate, pixel = model.cut.get("rate"), model.cut.get("pixel_size")
    of = f", at {rate:g} Hz" if rate else f", pixels of {pixel:g} µm" if pixel else ""
    what = f"{model.looks_at[0].upper()}{model.looks_at[1:]}{of}"
    return [
        f"{what}: {', '.join(shown)}." if shown else f"{what}.",
        f"{SCALES[model.preprocess['scale']]} The model does this itself: give it values in their own units.",
    ]


def _says(model: NetModel) -> list[str]:
    if not model.classes:
        return [f"A number: {model.target_name}."]
    counts = {name: f" ({n:,} training rows)" for name, n in model.class_counts.items()}
    return [
        "The probability of each class:",
        "",
        *(f"- `{name}`{counts.get(name, '')}" for name in model.classes),
    ]


def _trained(model: NetModel) -> list[str]:
    recipe, several, first = model.recipe, model.members > 1, model.histories[0]
    rate = "found by trying" if recipe["lr"] == "find" else f"{recipe['lr']:g}"
    ended = [
        f"Member {i}: {one.headline()}." if several else f"{one.headline()}."
        for i, one in enumerate(model.histories)
    ]
    return [
        f"{model.n_parameters:,} weights{' in each net' * several}, trained by {recipe['optimizer']} with learning rate {rate} "
        f"({recipe['schedule']}) and loss {first.loss}; random state{'s' * several} {', '.join(map(str, model.seeds))}.",
        *ended,
        f"With torch {model.trained_with['torch']}. `{HISTORY}` has each epoch, `{CONFIG}` every setting.",
    ]


def _chosen(model: NetModel) -> str:
    """Say what validation said, and that it flatters: by these rows the epoch was chosen, unless they were too few."""
    judged = [one for one in model.histories if one.validated and one.best_epoch and one.score]
    if not judged:
        return "Nobody said when it was saved."
    scores = ", ".join(f"{one.valid_score[one.best_epoch - 1]:.3f}" for one in judged)
    told = f"{judged[0].score[0].upper()}{judged[0].score[1:]} {scores} on the validation rows."
    if model.recipe.get("keep") == "last":
        return f"{told} They had no part in the training."
    return f"{told} These chose the epoch that was kept, so it flatters: only unseen rows tell."

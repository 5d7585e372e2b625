"""What a saved net says of itself to people: the model card that stands beside its weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clew.neural.model import NetModel
    from clew.neural.stored import StoredNet

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


@dataclass(frozen=True)
class CardParts:
    """What a card says of a net beside how it was trained; lines of Markdown.

    Parameters
    ----------
    takes, says : list of str
        What it is given, and what it answers.
    limits : str
        Where not to trust it.
    use : list of str
        Lines of Python.
    tags : tuple of str
        Beside "clew" and the name of the net.
    task : str, optional
        Of the hub's tasks the one that fits.
    """

    takes: list[str]
    says: list[str]
    limits: str
    use: list[str]
    tags: tuple[str, ...] = ()
    task: str | None = None


CODER_LIMITS = (
    "It knows rows that were measured as its training rows were. What it decodes was never measured, and rows that it makes up "
    "may look right and be wrong; a row that comes back badly is unlike the training rows, which need not mean that it matters."
)


def card_of(model: StoredNet, quality: Sequence[str] = ()) -> str:
    """Return a model card: front matter as Hugging Face reads it, then plain text.

    Parameters
    ----------
    model : StoredNet
    quality : sequence of str
        Sentences that say how good it is on data that it has never seen.
    """
    said = model.card_parts()
    tags = [f"- {tag}" for tag in ("clew", model.architecture, *said.tags)]
    task = [f"pipeline_tag: {said.task}"] if said.task else []
    parts = {
        "What it takes": said.takes,
        "What it says": said.says,
        "How it was trained": _trained(model),
        "How good it is": list(quality) or [_chosen(model)],
        "Limits": [*(f"{note.rstrip('.')}." for note in model.notes), said.limits],
        "Use": ["```python", *said.use, "```"],
    }
    text = ["---", "library_name: clew", "tags:", *tags, *task, "---", "", f"# {model.headline()}"]
    for title, lines in parts.items():
        text += ["", f"## {title}", *lines]
    return "\n".join(text) + "\n"


def parts_of_rows(model: NetModel) -> CardParts:
    """Return what the card of a net for rows says."""
    return CardParts(
        takes=_takes(model),
        says=_says(model),
        limits=CODER_LIMITS if model.kind == "coding" else LIMITS,
        use=[
            "from clew.neural.model import NetModel",
            "",
            'model = NetModel.load_model("this folder")',
            "model.predict(samples, cutouts)" if model.cut else "model.predict(samples)",
        ],
        tags=(model.kind,),
        task=TASKS.get((model.cut.get("kind", "rows" if model.feature_names else ""), model.kind)),
    )


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
    if model.kind == "coding":
        latent = f"{model.net_settings['latent']} latent numbers of each row (`model.activations`)"
        told = f" It is told the label of a row: {', '.join(model.classes)}." if model.classes else ""
        return [
            f"{latent}, what comes back of them, and how far that is from the row: its reconstruction error.{told}"
        ]
    if not model.classes:
        return [f"A number: {model.target_name}."]
    counts = {name: f" ({n:,} training rows)" for name, n in model.class_counts.items()}
    return [
        "The probability of each class:",
        "",
        *(f"- `{name}`{counts.get(name, '')}" for name in model.classes),
    ]


def _trained(model: StoredNet) -> list[str]:
    if not model.histories:
        return [
            f"{model.n_parameters:,} weights, which were not trained here: see what is said of their origin in `{CONFIG}`."
        ]
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


def _chosen(model: StoredNet) -> str:
    """Say what validation said, and that it flatters: by these rows the epoch was chosen, unless they were too few."""
    judged = [one for one in model.histories if one.validated and one.best_epoch and one.score]
    if not judged:
        return "Nobody said when it was saved."
    scores = ", ".join(f"{one.valid_score[one.best_epoch - 1]:.3f}" for one in judged)
    told = f"{judged[0].score[0].upper()}{judged[0].score[1:]} {scores} on the validation rows."
    if model.recipe.get("keep") == "last":
        return f"{told} They had no part in the training."
    return f"{told} These chose the epoch that was kept, so it flatters: only unseen rows tell."

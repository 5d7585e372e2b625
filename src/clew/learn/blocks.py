"""Which columns belong together: by the component that they are of, and by the kind of measurement."""

from __future__ import annotations

from collections import Counter

from clew.samples import Samples

FEWEST_STEMS = 3  # measurements that components must share, to be known by the endings of names
BETWEEN = "between components"
OTHERS = "other measurements"


def by_component(samples: Samples) -> dict[str, list[int]]:
    """Return the columns of each component, known by the endings of names: rms_amplitude_z, rms_amplitude_n.

    What has no such ending is of several components, such as polarisation: a thing of its own.
    """
    parts = [name.rpartition("_") for name in samples.feature_names]
    stems: dict[str, set[str]] = {}
    for stem, _, ending in parts:
        stems.setdefault(ending, set()).add(stem)
    most = max((len(one) for one in stems.values()), default=0)
    endings = [
        ending for ending, own in stems.items() if "" not in own and len(own) >= max(FEWEST_STEMS, most / 2)
    ]
    of_all = Counter(stem for ending in endings for stem in stems[ending])
    shared = {stem for stem, n in of_all.items() if n > 1}
    endings = [ending for ending in endings if len(stems[ending] & shared) >= FEWEST_STEMS]
    if len(endings) < 2:
        return {}
    blocks: dict[str, list[int]] = {ending.upper(): [] for ending in endings}
    for column, (_, _, ending) in enumerate(parts):
        blocks.setdefault(ending.upper() if ending in endings else BETWEEN, []).append(column)
    return blocks


def by_measurement(samples: Samples) -> dict[str, list[int]]:
    """Return the columns of each named set, a feature in the first that holds it; single features where there are no two sets."""
    blocks: dict[str, list[int]] = {}
    first = {feature: name for name, features in reversed(samples.sets.items()) for feature in features}
    for column, feature in enumerate(samples.feature_names):
        blocks.setdefault(first.get(feature, OTHERS), []).append(column)
    if len(blocks) < 2:
        return {feature: [column] for column, feature in enumerate(samples.feature_names)}
    return blocks

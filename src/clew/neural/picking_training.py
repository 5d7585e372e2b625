"""Teach a net to pick: from waveforms with known picks, from scratch or from weights that are trained already."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from clew.errors import DataError, SettingError, check, check_choice
from clew.measure.picks import Picks
from clew.neural.architectures import build
from clew.neural.fit import OnProgress, fit
from clew.neural.ground import passing_of
from clew.neural.model_rows import plain
from clew.neural.objectives import Objective
from clew.neural.picking_net import DETECTION, NOISE, PickingNet
from clew.neural.picking_rows import Cut, PickWindows, Waveform, noise_of, trimmed
from clew.neural.picking_settings import FINE_LR, LR, PLAIN, WEIGHTS, Changes, PickingSettings
from clew.neural.place import evaluating, seeded, threads
from clew.neural.recipe import Recipe
from clew.neural.rows import Rows
from clew.neural.stacking import Picker
from clew.neural.stored import weights_of
from clew.read.picks import KnownPick, family_of
from clew.simulate.seismograms import Seismograms, seismograms
from clew.validate.pick_thresholds import ThresholdCurve, threshold_curve
from clew.words import listed

HIGH_PASS = {"args": ["highpass"], "kwargs": {"freq": 1.0, "corners": 2, "zerophase": False}}
FRESH: dict[str, dict[str, Any]] = {
    "phasenet": {
        "window": 3001,
        "overlap": 1500,
        "filter": HIGH_PASS,
        "norm_per_component": True,
    },  # as SeisBench's
    "eqtransformer": {"window": 6000, "overlap": 3000, "filter": HIGH_PASS},
}
FEWEST = 4  # waveforms with picks
SIMULATED_SECONDS = 60.0  # s of a simulated earthquake
JUDGED = 4  # windows of each waveform that is held out, shifted at random
MOST_JUDGED = 400
LOWEST = 0.02  # probability of a candidate for a pick
TOLERANCE = 0.1  # s within which a threshold is chosen
SLACK = 0.02  # of F1, between thresholds that are as good as each other
TINY = 1e-12


class PickLoss(Objective):
    """Cross-entropy of what a net says at each moment: of labels that share 1 where one of them is "N", else of each by itself.

    Parameters
    ----------
    labels : sequence of str
    weights : mapping of str to float
        How much each label counts; 1 by default.
    """

    name, score_name = "cross-entropy", "share of picks within 0.1 s"

    def __init__(
        self, labels: Sequence[str], *, rate: float, weights: Mapping[str, float] | None = None
    ) -> None:
        super().__init__()
        self.labels, self.rate = list(labels), rate
        self.weights = torch.tensor([float((weights or {}).get(one, 1.0)) for one in labels])

    def loss(self, output: Tensor, rows: Rows) -> Tensor:
        """Return the weighted sum over labels of the mean over moments."""
        assert rows.y is not None
        weight = self.weights.to(output.device, output.dtype)
        if NOISE in self.labels:
            each = -(rows.y * output.log_softmax(dim=1)).mean(dim=(0, 2))
        else:
            each = functional.binary_cross_entropy_with_logits(output, rows.y, reduction="none").mean(
                dim=(0, 2)
            )
        return (each * weight).sum()

    def chance(self, rows: Rows) -> float:
        """Return the loss of the best answer that is the same at every moment."""
        assert rows.y is not None
        y = rows.y.double()
        mean = y.mean(dim=(0, 2)).clamp(TINY, 1 - TINY)
        each = -mean * mean.log() - (0 if NOISE in self.labels else 1) * (1 - mean) * (1 - mean).log()
        return float((each * self.weights.double()).sum())

    def score(self, output: Tensor, rows: Rows) -> float:
        """Return the share of windows and phases, of those that hold one, whose highest answer lies within 0.1 s."""
        off = self._off(output, rows)
        return float((off <= TOLERANCE * self.rate + 1e-6).double().mean()) if len(off) else float("nan")

    def scored(self, rows: Rows) -> float:
        """Return how many windows and phases hold a pick."""
        assert rows.y is not None
        return max(1, len(self._off(rows.y, rows)))

    def _off(self, output: Tensor, rows: Rows) -> Tensor:
        assert rows.y is not None
        phases = [i for i, one in enumerate(self.labels) if one not in (NOISE, DETECTION)]
        truth, said = rows.y[:, phases], output[:, phases]
        if NOISE in self.labels and output is not rows.y:
            said = output.softmax(dim=1)[:, phases]
        there = truth.amax(dim=-1) > 0.9
        return (truth.argmax(dim=-1) - said.argmax(dim=-1)).abs()[there]


def fresh_picker(
    architecture: str = "phasenet",
    *,
    phases: Sequence[str] = ("P", "S"),
    rate: float = 100.0,
    components: str = "ZNE",
    net: Mapping[str, Any] | None = None,
    random_state: int = 0,
    **fields: Any,
) -> PickingNet:
    """Return a picker that has learnt nothing, with weights drawn at random.

    Parameters
    ----------
    architecture : {"phasenet", "eqtransformer"}
    phases : sequence of str
    rate : float
        In Hz.
    components : str
        In the order in which the net takes them.
    net : mapping, optional
        Settings of the net.
    random_state : int
    **fields
        Further fields of `PickingNet`: "window", "filter", "norm", ...
    """
    check_choice(architecture, FRESH, what="'architecture' setting", of="a picker")
    labels = [*phases, NOISE] if architecture == "phasenet" else [DETECTION, *phases]
    said = FRESH[architecture] | fields
    with seeded(random_state):
        module = build(architecture, (len(components), said["window"]), len(labels), net or {})
    config: Any = module.config
    return PickingNet(
        architecture=architecture, net_settings=plain(asdict(config)), recipe={}, seeds=[random_state],
        weights=weights_of([module]), histories=[], labels=labels, rate=float(rate), components=components, **said,
    )  # fmt: skip


def train_picker(
    waveforms: Sequence[Waveform],
    *,
    architecture: str = "phasenet",
    start_from: PickingNet | None = None,
    settings: PickingSettings | None = None,
    rate: float = 100.0,
    components: str = "ZNE",
    trained_on: Sequence[str] = (),
    notes: Sequence[str] = (),
    on_progress: OnProgress | None = None,
) -> PickingNet:
    """Train a net to pick, and choose its thresholds on stations that it does not learn from.

    Parameters
    ----------
    waveforms : sequence of Waveform
        As they were recorded: what the net's filter is, they pass here.
    architecture : {"phasenet", "eqtransformer"}
    start_from : PickingNet, optional
        Weights that are trained already; window, labels, rate, components and filter are theirs.
    settings : PickingSettings, optional
    rate : float
        Of the waveforms, in Hz.
    components : str
        Of the waveforms, in their order.
    trained_on : sequence of str
        Sentences for the card: where the waveforms are from.
    notes : sequence of str
        What to mind.
    on_progress : callable (done, total), optional
        Told after each epoch; returning False ends the training, and what was learnt is kept.

    Returns
    -------
    PickingNet
        Its ``validation`` holds for each phase the curve by which the threshold was chosen, as `settled_threshold` says, and the
        stations that chose.

    Raises
    ------
    DataError
        If there are too few picks, none of a phase that the net knows, or waveforms that do not fit.
    SettingError
        If the weights to start from are of another architecture, rate or components.

    Notes
    -----
    PhaseNet: Zhu & Beroza 2019, doi:10.1093/gji/ggy423. EQTransformer, its losses' weights, and what is changed in windows:
    Mousavi et al. 2020, doi:10.1038/s41467-020-17591-w. Changes of windows: Zhu et al. 2020, arXiv:2005.09229.
    """
    how = settings or PickingSettings()
    said = [*notes]
    if start_from is not None:
        check(start_from.architecture == architecture, SettingError, "The weights to start from must be of the architecture '{}'. Got '{}' instead.", architecture, start_from.architecture)  # fmt: skip
        check(abs(start_from.rate - rate) < 1e-6 * rate, SettingError, "The waveforms must be at the rate of the weights to start from ({:g} Hz). Got {:g} Hz.", start_from.rate, rate)  # fmt: skip
        check(start_from.components == components, SettingError, "The waveforms must have the components of the weights to start from, in their order ('{}'). Got '{}'.", start_from.components, components)  # fmt: skip
        check(not how.net, SettingError, "The settings of a net ({}) must not go with weights to start from, which have theirs.", listed(sorted(how.net)))  # fmt: skip
        model = start_from
        said += [f"It began with the weights {start_from.sha256[:12]}, {start_from.headline()}."]
    else:
        model = fresh_picker(architecture, rate=rate, components=components, net=how.net, random_state=how.random_state)  # fmt: skip
    ready = _ready(waveforms, model, said)
    learnt, held = split_by_station(ready, how.held_out, random_state=how.random_state, notes=said)
    net, histories = _fitted(model, learnt, held, how, fine=start_from is not None, on_progress=on_progress)
    config: Any = net.config
    trained = dataclasses.replace(
        model,
        net_settings=plain(asdict(config)),
        recipe=_told(how, histories, start_from),
        seeds=[how.random_state],
        weights=weights_of([net]),
        histories=histories[-1:],
        notes=said,
        origin={} if start_from is None else {"started from": start_from.sha256},
        trained_on=[*trained_on, _told_of(learnt, how, start_from)],
        validation={},
        trained_with={"torch": torch.__version__, "numpy": np.__version__, "device": how.device},
    )
    return _with_thresholds(trained, held, how, said)


def _ready(waveforms: Sequence[Waveform], model: PickingNet, notes: list[str]) -> list[Waveform]:
    """Return waveforms as the net takes them: filtered, with phases that it knows."""
    check(waveforms, DataError, "The waveforms to train a picker with must be at least {}. Got none.", FEWEST)
    passing = passing_of(model.filter, model.rate)
    unknown, ready = Counter[str](), []
    for one in waveforms:
        check(len(one.values) == len(model.components), DataError, "The waveforms must have the components {} of the picker, with zeros for those that are missing. Got {} in '{}'.", listed(list(model.components)), len(one.values), one.name)  # fmt: skip
        one, picks = trimmed(one), dict[str, list[float]]()
        for phase, some in one.picks.items():
            known = next((name for name in (phase, family_of(phase)) if name in model.phases), None)
            if known is None:
                unknown[phase] += len(some)
            else:
                picks.setdefault(known, []).extend(some)
        live = one.live
        values = one.values if passing is None else passing.apply(one.values.astype(np.float64))
        if picks or not one.picks:
            ready.append(
                dataclasses.replace(one, values=(values * live[:, None]).astype(np.float32), picks=picks)
            )
    n = sum(bool(one.picks) for one in ready)
    check(n or not unknown, DataError, "The picks to train with must be of phases that the picker knows ({}). Got: {}.", listed(model.phases), listed(sorted(unknown)))  # fmt: skip
    check(n >= FEWEST, DataError, "The waveforms to train a picker with must hold picks in at least {}. Got {} with, of {}.", FEWEST, n, len(waveforms))  # fmt: skip
    if unknown:
        notes.append(f"Picks of phases that the picker does not know were left out: {', '.join(f'{n} {name}' for name, n in sorted(unknown.items()))}.")  # fmt: skip
    for phase in model.phases:
        there = sum(phase in one.picks for one in ready)
        if there < FEWEST:
            notes.append(
                f"Only {there} waveforms hold a pick of {phase}: do not trust what it says of {phase}."
            )
    return ready


def split_by_station(
    waveforms: Sequence[Waveform], share: float, *, random_state: int = 0, notes: list[str] | None = None
) -> tuple[list[Waveform], list[Waveform]]:
    """Return the waveforms to learn from, and those of other stations: about a share of all.

    Parameters
    ----------
    waveforms : sequence of Waveform
    share : float
        0 for none.
    random_state : int
    notes : list of str, optional
        Is added to, where there is one station only.
    """
    stations = sorted({one.group for one in waveforms})
    if share == 0:
        return list(waveforms), []
    if len(stations) < 2:
        if notes is not None:
            notes.append(
                "All waveforms are of one station, so none were held out, and thresholds are as they were."
            )
        return list(waveforms), []
    order = [stations[i] for i in np.random.default_rng([random_state, 7]).permutation(len(stations))]
    held, wanted = set[str](), share * len(waveforms)
    for station in order[:-1]:
        if held and sum(one.group in held for one in waveforms) >= wanted:
            break
        held.add(station)
    return [one for one in waveforms if one.group not in held], [
        one for one in waveforms if one.group in held
    ]


def _fitted(
    model: PickingNet, learnt: Sequence[Waveform], held: Sequence[Waveform], how: PickingSettings, *, fine: bool,
    on_progress: OnProgress | None,
) -> tuple[torch.nn.Module, list[Any]]:  # fmt: skip
    """Train on simulated earthquakes first, then on all; return the net and how each went."""
    with seeded(how.random_state):
        net = model.net()
    events = [one for one in learnt if one.picks]
    noise = noise_of(learnt, model.rate)
    made = (
        simulated_events(model, how.simulated, random_state=how.random_state)
        if how.simulated and noise
        else None
    )
    changes = how.changes if made is not None else dataclasses.replace(how.changes, simulated=0.0)
    first = 0 if fine or made is None else round(how.pretraining * how.max_epochs)
    stages = [(first, [], changes), (how.max_epochs - first, events, changes)]
    judged = None if not held else windows_to_judge(model, held, how)[0]
    weights = WEIGHTS.get(model.architecture)
    histories: list[Any] = []
    done = 0
    for number, (epochs, own, changed) in enumerate(stages):
        if not epochs:
            continue
        windows = PickWindows(model, own, noise, made, changed, how.shape, how.half_width)
        recipe = Recipe(
            max_epochs=epochs, batch_size=how.batch_size, lr=how.lr or (FINE_LR if fine else LR), schedule="cosine",
            keep="last", clip=1.0, threads=how.threads, device=how.device, random_state=how.random_state + number,
        )  # fmt: skip
        seed = torch.Generator().manual_seed(how.random_state + number)
        rows = windows.draw(how.rows_per_epoch, seed)
        if not fine and not histories:
            expect(net, model.labels, rows)
        history = fit(
            net, rows, recipe=recipe,
            objective=PickLoss(model.labels, rate=model.rate, weights=weights), validation=judged, augment=windows,
            on_progress=_after(done, how.max_epochs, on_progress),
        )  # fmt: skip
        histories.append(history)
        done += epochs
        if history.stopped == "asked":
            break
    return net, histories


def expect(net: torch.nn.Module, labels: Sequence[str], rows: Rows) -> None:
    """Let a net that has learnt nothing say of each moment what is right on average, where its last features are 0.

    Else "no feature at all" may come to mean a P wave, whose probability then never gets far: it hangs on one bias.

    Notes
    -----
    As RetinaNet's prior: Lin et al. 2017, doi:10.1109/ICCV.2017.324.
    """
    assert rows.y is not None
    mean = rows.y.mean(dim=(0, 2)).clamp(1e-6, 1 - 1e-6)
    last: Any = net
    with torch.no_grad():
        if NOISE in labels:
            last.out.bias.copy_(mean.log())
        else:
            for one, bias in zip((last.conv_d, *last.pick_convs), mean.logit()):
                one.bias.fill_(float(bias))


def _after(done: int, total: int, on_progress: OnProgress | None) -> OnProgress | None:
    return None if on_progress is None else lambda n, _: on_progress(done + n, total)


def simulated_events(model: PickingNet, n: int, *, random_state: int = 0) -> Seismograms:
    """Simulate earthquakes at the rate of a net, and pass them through its filter."""
    made = seismograms(n, rate=model.rate, seconds=SIMULATED_SECONDS, random_state=random_state)
    passing = passing_of(model.filter, model.rate)
    if passing is None:
        return made
    waves = np.stack([passing.apply(one.astype(np.float64)) for one in made.waves])
    return dataclasses.replace(made, waves=waves.astype(np.float32))


def windows_to_judge(
    model: PickingNet, held: Sequence[Waveform], how: PickingSettings, *, each: int = JUDGED
) -> tuple[Rows, list[str], list[KnownPick]]:
    """Cut windows out of filtered waveforms to judge by, each shifted at random, as many of noise as there is noise; name each.

    Returns
    -------
    rows : Rows
    names : list of str
        Of each window.
    known : list of KnownPick
        In s from the beginning of the window by whose name they go.
    """
    random = np.random.default_rng([how.random_state, 11])
    each = max(1, min(each, MOST_JUDGED // max(1, len(held))))
    cuts, names, known = list[Cut](), list[str](), list[KnownPick]()
    maker = PickWindows(model, [], [], None, PLAIN, how.shape, how.half_width)
    for i, one in enumerate(held):
        own = dataclasses.replace(maker, events=[one], noise=noise_of([one], model.rate))
        made = [own.event(random) for _ in range(each)] if one.picks else []
        made += [(own.stretch(random), {})] if own.noise else []
        for number, (x, picks) in enumerate(made):
            name = f"{i} {one.name} {number}"
            cuts.append((x, picks))
            names.append(name)
            inside = [(phase, at) for phase, some in picks.items() for at in some if 0 <= at < model.window]
            known += [KnownPick(name, phase, at / model.rate, event=str(i)) for phase, at in inside]
    return maker.rows(cuts), names, known


def candidates(
    model: PickingNet, x: Tensor, names: Sequence[str], *, lowest: float = LOWEST, n_threads: int = 1
) -> Picks:
    """Return all that a net may mean by picks in windows (n, n_components, window) that are prepared, named by theirs."""
    net, found = model.net(), []
    with threads(n_threads), evaluating(net):
        for first in range(0, len(x), 64):
            said = model.probabilities(net(x[first : first + 64])).numpy()
            for name, curves in zip(names[first : first + 64], said):
                for label, curve in zip(model.labels, curves):
                    if label in model.phases:
                        one = Picker(lowest)
                        found += [(name, label, peak) for peak in one.add(0, curve) + one.close()]
    rate = model.rate
    numbers = np.array([[peak.at / rate, peak.probability, peak.spread / rate, peak.start / rate, peak.end / rate] for _, _, peak in found]).reshape(-1, 5)  # fmt: skip
    where = np.array([name for name, _, _ in found], str)
    return Picks(
        recording=where, station=where, phase=np.array([label for _, label, _ in found], str), time=numbers[:, 0],
        probability=numbers[:, 1], uncertainty=numbers[:, 2], start=numbers[:, 3], end=numbers[:, 4],
        dated=np.zeros(len(found), bool), model_sha256=model.sha256,
    )  # fmt: skip


def _with_thresholds(
    model: PickingNet, held: Sequence[Waveform], how: PickingSettings, notes: list[str]
) -> PickingNet:
    """Choose the threshold of each phase on windows of stations that nothing was learnt from."""
    rows, names, known = windows_to_judge(model, held, how) if held else (None, [], [])
    thresholds, curves = dict(model.thresholds), {}
    for phase in model.phases:
        n = len({one.event for one in known if one.phase == phase})
        if rows is None or n < FEWEST:
            if held:
                notes.append(
                    f"Only {n} waveforms with {phase} were held out: its threshold was not chosen by them."
                )
            continue
        found = candidates(model, rows.x, names, n_threads=how.threads)
        curve = threshold_curve(found, known, phase=phase, tolerance=TOLERANCE)
        if not np.isnan(curve.chosen):
            thresholds[phase] = settled_threshold(curve)
        curves[phase] = curve.summary()
    said = {"stations": sorted({one.group for one in held}), "waveforms": len(held), "windows": len(names), "curves": curves}  # fmt: skip
    return dataclasses.replace(model, thresholds=thresholds, validation=said if held else {}, notes=notes)


def settled_threshold(curve: ThresholdCurve) -> float:
    """Return the middle of the thresholds around the best at which F1 is lower by 0.02 at most; NaN where no pick is right.

    F1 often hardly changes over a wide range, and falls steeply behind it, where all picks of a station have the same highest
    probability: the best threshold of some stations may lie just before such an edge, which is elsewhere at others.
    """
    if np.isnan(curve.chosen):
        return curve.chosen
    good = np.nan_to_num(curve.f1) >= np.nanmax(curve.f1) - SLACK
    low = high = int(np.flatnonzero(curve.threshold == curve.chosen)[0])
    while low > 0 and good[low - 1]:
        low -= 1
    while high + 1 < len(good) and good[high + 1]:
        high += 1
    return round(float(curve.threshold[low] + curve.threshold[high]) / 2, 2)


def _told(how: PickingSettings, histories: Sequence[Any], start_from: PickingNet | None) -> dict[str, Any]:
    """Return the recipe, whole."""
    said = asdict(how)
    said["lr"] = how.lr or (LR if start_from is None else FINE_LR)
    said["epochs"] = [len(one.train_loss) for one in histories]
    return said | {
        "optimizer": "adamw",
        "schedule": "cosine",
        "keep": "last",
        "clip": 1.0,
        "width": how.half_width,
    }


def _told_of(learnt: Sequence[Waveform], how: PickingSettings, start_from: PickingNet | None) -> str:
    """Say what it was trained on."""
    counts = Counter(phase for one in learnt for phase in one.picks)
    stations = len({one.group for one in learnt})
    text = f"It learnt from {len(learnt)} waveforms of {stations} station{'s' * (stations != 1)} with {listed([f'{n} {name}' for name, n in sorted(counts.items())])} picks"  # fmt: skip
    text += f", and {how.simulated} simulated earthquakes" if how.simulated else ""
    return text + ("." if start_from is None else f", after the training of {start_from.sha256[:12]}.")


__all__ = [
    "Changes",
    "PickLoss",
    "PickingSettings",
    "candidates",
    "fresh_picker",
    "settled_threshold",
    "split_by_station",
    "train_picker",
]

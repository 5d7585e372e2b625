"""Training of pickers: what is learnt, from which stations, and what is refused."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.special import expit, log_softmax

from clew.errors import DataError, SettingError
from clew.neural.picking_net import PickingNet
from clew.neural.picking_rows import Waveform
from clew.neural.picking_settings import PLAIN, PickingSettings
from clew.neural.picking_training import (
    PickLoss,
    candidates,
    expect,
    fresh_picker,
    settled_threshold,
    split_by_station,
    train_picker,
    windows_to_judge,
)
from clew.neural.rows import Rows
from clew.validate.pick_thresholds import ThresholdCurve

FEW = PickingSettings(max_epochs=2, rows_per_epoch=8, batch_size=4, simulated=0, held_out=0.0)


def small(**fields):
    """A picker of 5 s that learns in a second."""
    return fresh_picker(
        net={"filters_root": 8, "depth": 3}, **{"window": 501, "overlap": 250, "filter": {}} | fields
    )


def event(seed, station="A", phases=("P", "S")):
    """Noise, in which at 6 s the vertical and at 7.5 s the horizontals begin to shake."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(3, 1500)).astype(np.float32)
    at = np.arange(1500)
    values[0] += 20 * random.normal(size=1500) * ((at >= 600) * np.exp(-(at - 600) / 100))
    values[1:] += 40 * random.normal(size=(2, 1500)) * ((at >= 750) * np.exp(-(at - 750) / 150))
    return Waveform(values, dict(zip(phases, ([600.0], [750.0]))), station, f"{station}{seed}")


def hits(model, x, names, known):
    """Return for each known pick whether the most probable one of its phase in its window lies within 0.1 s."""
    found = candidates(model, x, names)
    order = np.argsort(found.probability)
    said = {(found.recording[i], found.phase[i]): found.time[i] for i in order}
    return [abs(said.get((one.recording, one.phase), np.inf) - one.time) <= 0.1 for one in known]


@pytest.fixture(scope="module")
def waveforms():
    return [event(seed, station) for seed, station in enumerate("AABBCCDDEEFFGGHH")]


@pytest.fixture(scope="module")
def trained(waveforms):
    torch.set_num_threads(1)
    how = PickingSettings(
        max_epochs=16, rows_per_epoch=96, batch_size=8, lr=1e-2, simulated=0, held_out=0.25, changes=PLAIN
    )
    return train_picker(waveforms, start_from=small(), settings=how)


# ---- the loss ----
def test_the_loss_of_shares_is_scipys_cross_entropy():
    random = np.random.default_rng(0)
    logits, y = random.normal(size=(2, 4, 3, 50))
    y = np.exp(log_softmax(y, axis=1))
    loss = PickLoss("PSN", rate=100).loss(torch.from_numpy(logits), Rows(torch.zeros(4), torch.from_numpy(y)))
    assert float(loss) == pytest.approx(-(y * log_softmax(logits, axis=1)).sum(axis=1).mean())


def test_the_loss_of_labels_by_themselves_is_weighted_as_the_paper_weighs_them():
    random = np.random.default_rng(0)
    logits, y = random.normal(size=(4, 3, 50)), random.random((4, 3, 50))
    weights = {"Detection": 0.05, "P": 0.40, "S": 0.55}
    objective = PickLoss(list(weights), rate=100, weights=weights)
    loss = objective.loss(torch.from_numpy(logits), Rows(torch.zeros(4), torch.from_numpy(y)))
    each = -(y * np.log(expit(logits)) + (1 - y) * np.log(expit(-logits))).mean(axis=(0, 2))
    assert float(loss) == pytest.approx(each @ [0.05, 0.40, 0.55])


@pytest.mark.parametrize("labels", ["PSN", ["Detection", "P", "S"]])
def test_chance_is_the_best_that_the_same_answer_everywhere_can_do(labels):
    y = torch.softmax(3 * torch.randn(5, 3, 40, generator=torch.Generator().manual_seed(0)), dim=1).double()
    objective, rows = PickLoss(labels, rate=100), Rows(torch.zeros(5), y)
    mean = y.mean(dim=(0, 2))
    best = mean.log() if "N" in labels else torch.logit(mean)
    answers = [best + shift for shift in (0 * best, torch.tensor([0.1, 0, 0]), torch.tensor([0, -0.1, 0.1]))]
    losses = [float(objective.loss(one.view(1, 3, 1).expand(5, 3, 40), rows)) for one in answers]
    assert objective.chance(rows) == pytest.approx(losses[0]) and losses[0] < min(losses[1:])


def test_the_score_counts_the_highest_answers_within_a_tenth_of_a_second():
    y = torch.zeros(2, 3, 100)
    y[0, 0, 30] = y[0, 1, 60] = y[1, 0, 50] = 1
    said = torch.zeros(2, 3, 100)
    said[0, 0, 40], said[0, 1, 71], said[1, 0, 50] = 5, 5, 5
    objective, rows = PickLoss("PSN", rate=100), Rows(torch.zeros(2), y)
    assert objective.scored(rows) == 3 and objective.score(said, rows) == pytest.approx(2 / 3)


@pytest.mark.parametrize("architecture", ["phasenet", "eqtransformer"])
def test_before_it_learns_a_net_without_features_says_what_is_right_on_average(architecture):
    model = fresh_picker(architecture)
    net = model.net()
    y = torch.rand(2, 3, 40, generator=torch.Generator().manual_seed(0)) * torch.tensor([[0.1], [0.4], [1.0]])
    y = y / y.sum(dim=1, keepdim=True)
    expect(net, model.labels, Rows(torch.zeros(2), y))
    last = [net.out] if architecture == "phasenet" else [net.conv_d, *net.pick_convs]
    for one in last:
        torch.nn.init.zeros_(one.weight)
    with torch.no_grad():
        said = model.probabilities(net(torch.randn(1, 3, model.window))).mean(dim=(0, 2))
    np.testing.assert_allclose(said, y.mean(dim=(0, 2)), rtol=1e-4)


# ---- training ----
def test_it_learns_to_pick_at_stations_that_it_never_heard(trained, waveforms):
    new = [event(seed, "X") for seed in range(20, 26)]
    rows, names, known = windows_to_judge(trained, new, FEW)
    near = hits(trained, rows.x, names, known)
    assert len(near) > 30 and np.mean(near) > 0.85
    assert trained.histories[0].train_loss[-1] < 0.5 * trained.histories[0].chance_loss


def test_picks_told_wrong_teach_nothing(waveforms, trained):  # the control of the test above
    random = np.random.default_rng(0)
    wrong = [dataclasses.replace(one, picks={phase: [float(random.uniform(100, 1400))] for phase in "PS"}) for one in waveforms]  # fmt: skip
    how = PickingSettings(
        max_epochs=8, rows_per_epoch=96, batch_size=8, lr=1e-2, simulated=0, held_out=0.0, changes=PLAIN
    )
    model = train_picker(wrong, start_from=small(), settings=how)
    rows, names, known = windows_to_judge(model, [event(seed, "X") for seed in range(20, 26)], FEW)
    assert np.mean(hits(model, rows.x, names, known)) < 0.3


def test_thresholds_are_chosen_on_other_stations_as_a_curve(trained, waveforms):
    held = trained.validation["stations"]
    assert held and set(held) < set("ABCDEFGH")
    for phase in "PS":
        curve = trained.validation["curves"][phase]
        f1 = np.array(curve["f1"], float)
        assert np.interp(trained.thresholds[phase], curve["threshold"], f1) >= np.nanmax(f1) - 0.03 > 0.5
    n = 16 - sum(one.group in held for one in waveforms)
    assert f"learnt from {n} waveforms of {8 - len(held)} station" in trained.trained_on[-1]


def test_a_trained_picker_comes_back_from_its_folder(trained, tmp_path):
    trained.save_model(tmp_path / "model")
    back = PickingNet.load_model(tmp_path / "model")
    assert back.sha256 == trained.sha256 and back.validation == trained.validation
    assert back.thresholds == trained.thresholds and back.recipe["changes"]["stretched"] == 0.0


def test_the_same_seed_gives_the_same_bits_and_another_one_does_not(waveforms):
    nets = [train_picker(waveforms, start_from=small(), settings=dataclasses.replace(FEW, random_state=seed)) for seed in (3, 3, 4)]  # fmt: skip
    assert nets[0].sha256 == nets[1].sha256 != nets[2].sha256


def test_a_picker_is_first_taught_by_simulated_earthquakes_then_by_all():
    long = [dataclasses.replace(event(seed), values=np.pad(event(seed).values, ((0, 0), (1500, 3000)), mode="reflect"), picks={"P": [2100.0]}) for seed in range(4)]  # fmt: skip
    how = dataclasses.replace(FEW, simulated=2, pretraining=0.5, rows_per_epoch=2, batch_size=2, net={"filters_root": 2, "depth": 2})  # fmt: skip
    model = train_picker(long, settings=how)
    assert model.recipe["epochs"] == [1, 1] and "2 simulated earthquakes" in model.trained_on[-1]
    fine = train_picker(long, start_from=model, settings=dataclasses.replace(how, net={}))
    assert fine.recipe["epochs"] == [2] and fine.origin == {"started from": model.sha256}


def test_training_stops_when_asked_and_keeps_what_was_learnt(waveforms):
    told = []
    model = train_picker(waveforms, start_from=small(), settings=dataclasses.replace(FEW, max_epochs=5), on_progress=lambda *n: told.append(n) or len(told) < 2)  # fmt: skip
    assert told == [(1, 5), (2, 5)] and model.recipe["epochs"] == [2]


@pytest.mark.parametrize("edge", [0.5, 0.7, 0.9])
def test_a_threshold_settles_in_the_middle_of_those_that_are_as_good(edge):
    at = np.arange(0.1, 1.0, 0.1).round(2)
    f1 = np.where(at <= edge, 0.80 + 0.01 * (at == edge), 0.3) - 0.5 * (at < 0.3)
    nothing = np.full(len(at), np.nan)
    curve = ThresholdCurve(phase="P", tolerance=0.1, threshold=at, precision=f1, recall=f1, f1=f1, false_per_hour=nothing, n_known=9, n_found=9, chosen=edge)  # fmt: skip
    assert settled_threshold(curve) == pytest.approx((0.3 + edge) / 2, abs=0.006)


# ---- stations ----
def test_no_station_is_on_both_sides(waveforms):
    for seed in range(5):
        learnt, held = split_by_station(waveforms, 0.3, random_state=seed)
        assert held and not {one.group for one in learnt} & {one.group for one in held}
        assert sorted(one.name for one in learnt + held) == sorted(one.name for one in waveforms)
    by_waveform = waveforms[::2], waveforms[1::2]  # the mutant
    assert {one.group for one in by_waveform[0]} & {one.group for one in by_waveform[1]}


def test_one_station_alone_holds_nothing_out_and_that_is_said():
    notes = []
    learnt, held = split_by_station([event(0), event(1)], 0.5, notes=notes)
    assert len(learnt) == 2 and not held and "one station" in notes[0]


# ---- what is refused, or said ----
def test_phases_are_taken_by_their_family_and_others_left_out_and_said(waveforms):
    some = [event(seed, phases=("Pg", "Lg")) for seed in range(4)]
    model = train_picker(some, start_from=small(), settings=FEW)
    assert any("1 Lg" in note or "4 Lg" in note for note in model.notes)
    assert any("do not trust what it says of S" in note for note in model.notes)
    with pytest.raises(DataError, match="phases that the picker knows .P and S.. Got: Lg"):
        train_picker([event(seed, phases=("Lg",)) for seed in range(4)], start_from=small(), settings=FEW)


def test_what_does_not_fit_is_refused_in_a_sentence(waveforms):
    start = small()
    with pytest.raises(DataError, match="at least 4. Got 3"):
        train_picker(waveforms[:3], start_from=start, settings=FEW)
    with pytest.raises(DataError, match="Got none"):
        train_picker([], start_from=start, settings=FEW)
    with pytest.raises(SettingError, match="of the architecture 'eqtransformer'. Got 'phasenet'"):
        train_picker(waveforms, architecture="eqtransformer", start_from=start, settings=FEW)
    with pytest.raises(SettingError, match="100 Hz.. Got 50 Hz"):
        train_picker(waveforms, start_from=start, settings=FEW, rate=50.0)
    with pytest.raises(SettingError, match="'ZNE'.. Got 'ENZ'"):
        train_picker(waveforms, start_from=start, settings=FEW, components="ENZ")
    with pytest.raises(SettingError, match="must not go with weights"):
        train_picker(waveforms, start_from=start, settings=dataclasses.replace(FEW, net={"depth": 3}))
    with pytest.raises(DataError, match="zeros for those that are missing. Got 2"):
        train_picker([dataclasses.replace(one, values=one.values[:2]) for one in waveforms], start_from=start, settings=FEW)  # fmt: skip
    with pytest.raises(SettingError, match="architecture"):
        fresh_picker("unet")

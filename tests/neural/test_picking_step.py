"""Training a picker as a step: what it sees is hashed, and its settings arrive."""

import numpy as np
import pandas as pd
import pytest

from clew.errors import SettingError
from clew.neural.picking_rows import Waveform
from clew.neural.picking_step import PickedWaveforms, train_picks
from clew.samples import Samples

FEW = {"epochs": 1, "rows_per_epoch": 4, "batch_size": 2, "simulated": 2, "held_out": 0.3}


@pytest.fixture(scope="module")
def seen():
    random = np.random.default_rng(0)
    waves = []
    for i in range(6):
        values = random.normal(0, 1, (3, 4500)).astype(np.float32)
        values[:, 2500:] *= 10
        waves.append(Waveform(values, {"P": [2500.0], "S": [2900.0]}, f"XX.S{i}", f"w{i}"))
    return PickedWaveforms(np.array(["a", "b"]), waves, 100.0, "ZNE", ["One was cut."])


def samples():
    origin = pd.DataFrame({"source": ["a", "b"]})
    return Samples(np.eye(2), ("x", "y"), ("", ""), np.array(["a", "b"]), origin, np.array(["a", "b"]))


def test_the_hash_tells_values_picks_and_stations(seen):
    import dataclasses

    assert dataclasses.replace(seen, notes=[]).digest() == seen.digest()
    first = seen.waveforms[0]
    for change in ({"values": first.values * 2}, {"picks": {"P": [2501.0]}}, {"group": "XX.S9"}):
        other = [dataclasses.replace(first, **change), *seen.waveforms[1:]]
        assert dataclasses.replace(seen, waveforms=other).digest() != seen.digest()


def test_settings_arrive_and_the_same_ones_give_the_same_bits(seen):
    made = train_picks(samples(), seen, model="phasenet", **FEW)
    assert made.settings["rows_per_epoch"] == 4 and made.settings["from_"] == ""
    assert made.notes[0] == "One was cut." and "6 stations" in made.trained_on[0]
    assert train_picks(samples(), seen, model="phasenet", **FEW).sha256 == made.sha256
    assert train_picks(samples(), seen, model="phasenet", **FEW, random_state=1).sha256 != made.sha256


def test_weights_of_another_architecture_are_refused(seen, tmp_path):
    made = train_picks(samples(), seen, **FEW)
    made.save_model(tmp_path / "p")
    with pytest.raises(SettingError, match="must be of the architecture 'eqtransformer'"):
        train_picks(samples(), seen, model="eqtransformer", from_=str(tmp_path / "p"), **FEW)

import dataclasses

import pytest
import torch

from clew.errors import DataError, SettingError
from clew.neural.architectures import ARCHITECTURES, architecture_of, build, check_shape

SHAPES = {"rows": [(5,)], "grids": [(2, 16), (2, 8, 9), (1, 4, 5, 6)], "sequences": [(7, 3)]}
SHAPES["either"] = SHAPES["rows"] + SHAPES["grids"]


PICKERS = (
    "phasenet",
    "eqtransformer",
)  # they answer for each moment of three components: see their own tests


@pytest.mark.parametrize("name", [name for name in ARCHITECTURES if name not in PICKERS])
def test_every_net_is_built_for_its_rows_and_answers(name):
    kind = ARCHITECTURES[name]
    for shape in SHAPES[kind.takes]:
        n_out = 2 if name == "perceptron" else 3
        net = build(name, shape, n_out, {}).eval()
        answer = net(torch.zeros(4, *shape))
        answer = answer[0] if isinstance(answer, tuple) else answer
        headed = net.decoder if kind.takes == "either" else net
        assert answer.shape[0] == 4 and hasattr(headed, "head") and dataclasses.is_dataclass(net.config)
        check_shape(name, (4, *shape))
        assert bool(getattr(net, "takes_lengths", False)) == (kind.takes == "sequences")


def test_a_name_or_setting_that_is_not_there_is_told():
    with pytest.raises(SettingError, match="Did you mean 'lstm'"):
        architecture_of("lstn")
    with pytest.raises(
        SettingError,
        match="A net 'mlp' has no setting 'hiden'; it must be one of: .*hidden.* Did you mean 'hidden'",
    ):
        build("mlp", (3,), 2, {"hiden": 3})
    for sizes in ("n_in", "n_out"):
        with pytest.raises(SettingError, match=f"no setting '{sizes}'"):
            build("mlp", (3,), 2, {sizes: 3})


@pytest.mark.parametrize(
    ("name", "shape", "settings"),
    [("cnn", (1, 8), {"kernel": 2}), ("lstm", (5, 2), {"hidden": 0}), ("mlp", (3,), {"hidden": (0.5,)})],
)
def test_settings_that_do_not_fit_are_one_sentence(name, shape, settings):
    with pytest.raises(SettingError, match=f"settings of a net '{name}' must fit rows of shape"):
        build(name, shape, 2, settings)


@pytest.mark.parametrize(
    ("name", "shape"),
    [("mlp", (4,)), ("cnn", (4, 3)), ("cnn", (4, 1, 2, 3, 4, 5)), ("gru", (4,)), ("gru", (4, 3, 2, 1))],
)
def test_rows_that_a_net_cannot_take_are_refused(name, shape):
    with pytest.raises(DataError, match=f"The rows for a net '{name}' must be"):
        check_shape(name, shape)


def test_lists_of_a_config_file_are_taken_as_tuples():
    assert build("mlp", (3,), 2, {"hidden": [4, 5]}).config.hidden == (4, 5)

"""Windows of tokens: what is asked is the next token, and what is hidden is asked alone."""

import numpy as np
import torch

from clew.neural.objectives import PADDING
from clew.neural.rows import Rows
from clew.neural.token_rows import HIDDEN, Hide, TokenWindows, whole_rows


def test_every_place_is_a_window_and_the_next_token_is_asked():
    made = TokenWindows(torch.arange(20), 6)
    assert len(made) == 14
    rows = made.take(torch.tensor([0, 13]))
    assert rows.x.tolist() == [list(range(6)), list(range(13, 19))]
    assert rows.y.tolist() == [list(range(1, 7)), list(range(14, 20))]


def test_windows_with_a_stride_end_with_the_text():
    made = TokenWindows(torch.arange(20), 6, stride=4)
    assert made.take(torch.tensor([len(made) - 1])).y.max() <= 19
    assert len(made) == 4


def test_side_by_side_each_token_but_the_first_is_asked_once():
    for n in (2, 7, 13, 14):
        rows = whole_rows(np.arange(n), 6)
        assert rows.y[rows.y != PADDING].tolist() == list(range(1, n))
        assert rows.x[rows.y != PADDING].tolist() == list(range(n - 1))


def test_hidden_tokens_are_asked_and_no_others():
    x = torch.randint(5, 30, (400, 50), generator=torch.Generator().manual_seed(1))
    x[:, 0] = 0  # a special token is never hidden
    made = Hide(mask=3, first=5, n_tokens=30)(Rows(x), torch.Generator().manual_seed(0))
    asked = made.y != PADDING
    assert torch.equal(made.y[asked], x[asked])
    assert torch.equal(made.x[~asked], x[~asked])
    assert not asked[:, 0].any()
    assert abs(float(asked[:, 1:].double().mean()) - HIDDEN) < 0.03
    assert abs(float((made.x[asked] == 3).double().mean()) - 0.8) < 0.03
    assert abs(float((made.x[asked] == x[asked]).double().mean()) - 0.1) < 0.03

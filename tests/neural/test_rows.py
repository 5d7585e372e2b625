import numpy as np
import pytest
import torch

from clew.neural.rows import BLOCK, BLOCK_VALUES, Rows, batches, epoch_order


def random(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("n_rows", "n"), [(10, 10), (10, 3), (10, 25), (1, 4), (7, 14)])
def test_each_row_comes_once_before_any_comes_twice(n_rows, n):
    counts = np.bincount(epoch_order(n_rows, n, random()), minlength=n_rows)
    assert counts.sum() == n and counts.max() - counts.min() <= 1
    assert epoch_order(n_rows, n, random()).tolist() == epoch_order(n_rows, n, random()).tolist()


def test_every_row_is_as_likely_and_orders_differ():
    generator = random()
    orders = [epoch_order(8, 3, generator).tolist() for _ in range(4000)]
    counts = np.bincount(np.ravel(orders), minlength=8)
    assert np.abs(counts - 1500).max() < 4.5 * np.sqrt(1500 * 5 / 8)
    assert len({tuple(order) for order in orders}) == 8 * 7 * 6


def test_batches_cover_the_order_and_a_single_row_may_join():
    order = torch.arange(9)
    assert [part.tolist() for part in batches(order, 4)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8]]
    assert [part.tolist() for part in batches(order, 4, alone=False)] == [[0, 1, 2, 3], [4, 5, 6, 7, 8]]
    assert [len(part) for part in batches(torch.arange(1), 4, alone=False)] == [1]


def test_taking_moving_and_blocks_keep_rows_together():
    n = 600
    rows = Rows(torch.arange(n).float()[:, None], torch.arange(n), torch.arange(n) + 1, torch.arange(n) / 2)
    taken = rows.take(torch.tensor([5, 2]))
    assert [part[..., 0].tolist() if part.ndim > 1 else part.tolist() for part in taken.parts] == [
        [5, 2],
        [5, 2],
        [6, 3],
        [2.5, 1],
    ]
    moved = rows.to(torch.device("cpu"), torch.float64)
    assert (moved.x.dtype, moved.y.dtype, moved.lengths.dtype, moved.weight.dtype) == (
        torch.float64,
        torch.int64,
        torch.int64,
        torch.float64,
    )
    found = list(rows.blocks())
    assert [len(one) for one in found] == [BLOCK, BLOCK, n - 2 * BLOCK]
    assert torch.equal(torch.cat([one.y for one in found]), rows.y) and all(
        torch.equal(one.y + 1, one.lengths) for one in found
    )
    large = Rows(torch.empty(3, BLOCK_VALUES // 2, dtype=torch.uint8))
    assert [len(one) for one in large.blocks()] == [2, 1]

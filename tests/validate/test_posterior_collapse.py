import numpy as np
import pytest

from clew.errors import DataError
from clew.validate.posterior_collapse import posterior_collapse

RANDOM = np.random.default_rng(0)


def test_a_unit_whose_mean_moves_is_active_and_one_that_stays_at_the_prior_is_not():
    mean = np.stack([RANDOM.normal(size=500), 0.01 * RANDOM.normal(size=500)], axis=1)
    log_variance = np.stack([np.full(500, -4.0), np.zeros(500)], axis=1)
    found = posterior_collapse(mean, log_variance)
    assert found.active.tolist() == [True, False]
    expected = 0.5 * ((mean[:, 0] ** 2).mean() + np.exp(-4.0) - 1 + 4.0)
    assert found.divergence == pytest.approx([expected, 0.5 * (mean[:, 1] ** 2).mean()])
    assert (
        found.headline().startswith("1 of 2 latent numbers tell rows apart") and "1 idle" in found.headline()
    )
    assert found.summary()["active"] == 1


def test_a_collapsed_posterior_is_called_so_and_told_what_helps():
    found = posterior_collapse(np.zeros((50, 3)), np.zeros((50, 3)))
    assert found.headline().startswith("The posterior has collapsed: none of 3")
    assert "lower beta" in found.headline() and "free_nats" in found.headline()
    fine = posterior_collapse(RANDOM.normal(size=(50, 3)), np.full((50, 3), -3.0))
    assert "none has collapsed" in fine.headline() and "beta" not in fine.headline()


@pytest.mark.parametrize("shape", [(1, 3), (50,), (50, 2)])
def test_posteriors_that_do_not_fit_are_refused(shape):
    with pytest.raises(DataError, match="of at least 2 rows"):
        posterior_collapse(np.zeros(shape), np.zeros((50, 3)))

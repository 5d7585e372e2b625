import pytest
import torch
from torch.distributions import Bernoulli, Normal, kl_divergence

from clew.neural.nets.vae import LEAST_LOG_SPREAD, Vae, VaeConfig, divergence, log_likelihood


def test_it_has_as_many_weights_as_the_example_of_pytorch():
    config = VaeConfig.of((1, 28, 28), channels=(), hidden=(400,), latent=20, likelihood="bernoulli")
    assert sum(one.numel() for one in Vae(config).parameters()) == 652_824


def test_the_divergence_is_what_a_million_draws_say():
    torch.manual_seed(0)
    mean, log_variance = torch.tensor([[0.7, -1.5, 0.0]]).double(), torch.tensor([[-1.0, 0.4, 0.0]]).double()
    posterior, prior = Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)
    drawn = posterior.sample((1_000_000,))
    told = posterior.log_prob(drawn) - prior.log_prob(drawn)
    found, error = told.mean(dim=0), told.std(dim=0) / 1000
    assert ((divergence(mean, log_variance) - found).abs() <= 4 * error + 1e-12).all()
    assert ((divergence(mean, -log_variance) - found).abs() > 4 * error)[0, :2].all()  # the mutant
    torch.testing.assert_close(
        divergence(mean, log_variance), kl_divergence(posterior, Normal(0 * mean, 1.0))
    )


def test_likelihoods_are_those_of_torchs_distributions():
    torch.manual_seed(0)
    x, decoded, log_spread = (
        torch.rand(4, 2, 3).double(),
        torch.randn(4, 2, 3).double(),
        torch.tensor(-0.7).double(),
    )
    gaussian = Normal(decoded, log_spread.exp()).log_prob(x).sum((1, 2))
    torch.testing.assert_close(log_likelihood(x, decoded, log_spread, "gaussian"), gaussian)
    bits = (x > 0.5).double()
    bernoulli = Bernoulli(logits=decoded).log_prob(bits).sum((1, 2))
    torch.testing.assert_close(log_likelihood(bits, decoded, log_spread, "bernoulli"), bernoulli)


def test_its_answer_is_a_draw_from_the_posterior():
    torch.manual_seed(0)
    net = Vae(VaeConfig.of((4,), hidden=(), latent=2)).eval()
    x = torch.randn(1, 4)
    mean, log_variance = net.encode(x)
    said = torch.stack([net(x).decoded[0] for _ in range(2000)])
    expected = net.decode(mean)[0]
    spread = (net.decoder.head.weight @ ((log_variance / 2).exp().diag_embed()[0])).norm(dim=1)
    assert ((said.mean(0) - expected).abs() < 5 * spread / 2000**0.5).all()
    torch.testing.assert_close(said.std(0), spread, rtol=0.1, atol=0)


def test_the_spread_of_a_gaussian_decoder_is_learnt_and_bounded():
    net = Vae(VaeConfig.of((4,), hidden=(), latent=2))
    with torch.no_grad():
        net.spread.fill_(-1000.0)
    assert net.log_spread(net.spread) == LEAST_LOG_SPREAD
    net(torch.zeros(1, 4)).log_spread.backward()
    assert net.spread.grad is not None


def test_the_label_decides_what_is_decoded():
    torch.manual_seed(0)
    net = Vae(VaeConfig.of((4,), 3, hidden=(), latent=2, conditional=True))
    assert net.takes_labels
    latent = torch.zeros(3, 2)
    decoded = net.decode(latent, torch.tensor([0, 1, 2]))
    assert (decoded[0] - decoded[1]).abs().min() > 1e-4 and (decoded[1] - decoded[2]).abs().min() > 1e-4


@pytest.mark.parametrize("wrong", [{"likelihood": "poisson"}, {"beta": -1.0}, {"free_nats": float("nan")}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        VaeConfig.of((4,), **wrong)

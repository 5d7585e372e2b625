import torch

from clew.neural.nets.autoencoder import Autoencoder, AutoencoderConfig


def test_a_row_passes_the_latent_numbers_and_nothing_else():
    torch.manual_seed(0)
    net = Autoencoder(AutoencoderConfig.of((2, 9, 7), latent=3))
    x = torch.randn(4, 2, 9, 7)
    latent = net.encode(x)
    assert latent.shape == (4, 3)
    assert torch.equal(net(x), net.decode(latent)) and net(x).shape == x.shape
    assert not torch.equal(net(x), net.decode(latent + 1))  # a decoder that looks elsewhere would not mind


def matrix(net, at):
    """Return what each input adds to the outputs, from a place on."""
    with torch.no_grad():
        return net(at + torch.eye(6).double()) - net(at)


def test_without_hidden_layers_it_is_one_matrix_of_the_rank_of_the_latent_numbers():
    torch.manual_seed(0)
    here, there = torch.randn(2, 1, 6).double()
    linear = Autoencoder(AutoencoderConfig.of((6,), hidden=(), latent=2)).double()
    torch.testing.assert_close(matrix(linear, here), matrix(linear, there))
    assert torch.linalg.matrix_rank(matrix(linear, here), rtol=1e-10) == 2
    bent = Autoencoder(AutoencoderConfig.of((6,), hidden=(5,), latent=2)).double()
    assert not torch.allclose(matrix(bent, here), matrix(bent, there))  # the mutant is no matrix

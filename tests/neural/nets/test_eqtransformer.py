"""EQTransformer against SeisBench's with the same weights, in all its variants."""

import pytest
import torch

from clew.neural.nets import eqtransformer
from clew.neural.nets.eqtransformer import EQTransformer, EQTransformerConfig
from tests.neural.nets.test_phasenet import shaken, windows

VARIANTS = [(3, "no"), (2, "no"), (3, "non-conservative"), (3, "conservative")]


def theirs_of(blocks, original):
    models = pytest.importorskip("seisbench.models")
    torch.manual_seed(0)
    wanted = False if original == "no" else original
    return shaken(models.EQTransformer(lstm_blocks=blocks, original_compatible=wanted))


def ours_of(theirs, **settings):
    ours = EQTransformer(EQTransformerConfig(**settings)).eval()
    ours.load_state_dict(theirs.state_dict())
    return ours


def apart(ours, theirs):
    x = windows(6000)[:1]
    with torch.no_grad():
        return float((ours(x).sigmoid() - torch.stack(theirs(x), dim=1)).abs().max())


@pytest.mark.parametrize(("blocks", "n"), [(3, 376_935), (2, 372_023)])
def test_it_has_the_parameters_of_the_paper(blocks, n):
    net = EQTransformer(EQTransformerConfig(lstm_blocks=blocks))
    assert sum(one.numel() for one in net.parameters()) == n


@pytest.mark.parametrize(("blocks", "original"), VARIANTS)
def test_it_answers_as_seisbenchs_with_the_same_weights(blocks, original):
    theirs = theirs_of(blocks, original)
    assert apart(ours_of(theirs, lstm_blocks=blocks, original=original), theirs) < 1e-5


def test_another_eps_or_no_local_attention_would_be_noticed(monkeypatch):
    theirs = theirs_of(3, "no")
    for name, value in (("LOCAL", 47), ("LOCAL", 5), ("LEAST", 1e3)):
        with monkeypatch.context() as patch:
            patch.setattr(eqtransformer, name, value)
            assert apart(ours_of(theirs), theirs) > 1e-5, name


def test_the_variants_differ():
    hard, soft = theirs_of(3, "conservative"), theirs_of(3, "no")
    late = {**soft.state_dict()}
    with pytest.raises(RuntimeError):
        EQTransformer(EQTransformerConfig(original="conservative")).load_state_dict(late)
    mutant = ours_of(hard, original="conservative")
    for module in mutant.modules():
        if isinstance(module, eqtransformer.CellLstm):
            module.hard = False
    assert apart(mutant, hard) > 1e-5


@torch.no_grad()
def test_windows_of_other_lengths_are_answered():
    for n in (1500, 3001):
        net = EQTransformer(EQTransformerConfig.of((3, n), 3, lstm_blocks=1)).eval()
        assert net(windows(n)).shape == (2, 3, n)


@pytest.mark.parametrize("settings", [{"lstm_blocks": 0}, {"drop_rate": 1.0}, {"original": "yes"}])
def test_measures_that_make_no_net_are_refused(settings):
    with pytest.raises(ValueError, match="must be"):
        EQTransformerConfig.of((3, 6000), 3, **settings)

import pytest
import torch
from torch import nn

from clew.errors import DataError, SettingError
from clew.neural.estimators import NetClassifier
from clew.neural.place import check_module, computing, device_of, evaluating, memory_told, seeded, threads

CPU = torch.device("cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("name", ["cuda", "cuda:3", "gpu", "tpu:x", "meta", None])
def test_a_device_that_is_not_there_is_one_sentence(name):
    with pytest.raises(
        SettingError, match=rf"must be auto or one that this machine has \(cpu\). Got '{name}'"
    ):
        device_of(name)
    assert device_of("auto") == device_of("cpu") == CPU


def test_precisions_of_a_cpu():
    assert computing("auto", CPU) == (torch.float32, None) and computing("float64", CPU) == (
        torch.float64,
        None,
    )
    assert computing("bfloat16", CPU) == (torch.float32, torch.bfloat16)
    with pytest.raises(SettingError, match="float16 of a net must go with a GPU"):
        computing("float16", CPU)


def test_a_seed_draws_the_same_and_gives_the_callers_state_back():
    before = torch.get_rng_state()
    with seeded(3):
        first = torch.rand(4)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(9)
    with seeded(3):
        assert torch.equal(torch.rand(4), first)
    with seeded(4):
        assert not torch.equal(torch.rand(4), first)


def test_threads_are_as_before_even_after_an_error():
    with pytest.raises(KeyError), threads(2):
        assert torch.get_num_threads() == 2
        raise KeyError
    assert torch.get_num_threads() == 1


def test_evaluating_leaves_each_module_as_it_was():
    net = nn.Sequential(nn.Dropout(), nn.Linear(2, 2)).train()
    net[0].eval()
    with evaluating(net):
        assert not net.training and not net[1].training and not torch.is_grad_enabled()
    assert net.training and net[1].training and not net[0].training and torch.is_grad_enabled()


def test_what_is_no_module_is_refused():
    check_module(torch.nn.ReLU())
    with pytest.raises(
        SettingError, match=r"torch module, as `.net_` of a fitted estimator is. Got NetClassifier"
    ):
        check_module(NetClassifier())


def test_memory_is_told_and_other_errors_pass():
    with (
        pytest.raises(DataError, match="The GPU must have memory for 5 rows. Got none left: buy some."),
        memory_told("5 rows", "buy some"),
    ):
        raise torch.OutOfMemoryError("x")
    with pytest.raises(DataError, match="machine"), memory_told("a", "b"):
        torch.empty(2**50, dtype=torch.float64)  # more than any address
    with pytest.raises(DataError, match="The machine must have memory for a"), memory_told("a", "b"):
        raise MemoryError  # of NumPy
    with pytest.raises(RuntimeError, match="size"), memory_told("a", "b"):
        torch.zeros(2) + torch.zeros(3)

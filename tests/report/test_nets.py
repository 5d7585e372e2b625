"""A net as the latest model has its sections, from the record alone, and every other section stays whole."""

from __future__ import annotations

import dataclasses

import pytest

from clew import steps
from clew.report import judged, nets, words
from clew.report.gathered import gather
from clew.report.page import page
from tests.explain.test_net_looks import looks, sanity
from tests.report.studies import EVIL, Page, labelled_table, read, table_study

pytest.importorskip("torch")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    frame = labelled_table().drop(columns="secret")
    made = table_study(
        tmp_path_factory.mktemp("nets"), frame, group="plate", identifier="row", label="answer", sealed=0.3
    )
    steps.train(made, model="mlp", hidden="6", epochs=12, members=2, lr=0.03)
    steps.validate(made, folds=2)
    steps.explain(made, folds=2, permutations=2)
    return made


@pytest.fixture(scope="module")
def record(study):
    return gather(study)


def seeing(record, result):
    return dataclasses.replace(record, judged={"explain": (record.judged["explain"][0], result)})


def test_how_the_net_is_made_and_trained_stands_with_its_losses_and_their_answers(record):
    said = Page(nets.trained(record)).text
    assert "2 nets, each a multilayer perceptron" in said and "mlp-1" in said and "hidden 6" in said
    assert record.models[-1]["sha256"][:16] in said
    assert "2 members, hidden 6, drop-out 0.2, epochs 12" in said and "learning rate 0.03" in said
    assert (
        f"{record.forest.n_rows - record.forest.n_held_out} of {record.forest.n_rows} rows taught it." in said
    )
    assert not any(name in said for name in ("max_epochs", "batch_size", "weight_decay", "random_state"))
    for question in ("Is it converging?", "Does it overfit?", "Would early stopping have helped?"):
        assert question in said
    for one in record.forest.histories:
        assert f"{one.best_epoch} of {one.n_epochs}" in said and f"{one.train_loss_at_best:.3g}" in said
    assert "Tree 1 of" not in page(record)


def test_the_page_is_whole_and_the_same_again_and_the_forest_stands_beside_the_net(study, record):
    text = read(study)
    parsed = Page(text)
    assert text == page(record)
    assert "Beside it, on the same folds: the forest on 3 measurements" in parsed.text
    assert "across: the net" in parsed.text and "A forest on the same folds" in parsed.text
    assert not any("onerror" in attributes for _, attributes in parsed.tags) and EVIL in parsed.text
    ids = [attributes["id"] for _, attributes in parsed.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_what_it_goes_by_is_in_the_finding_and_behind(record):
    assert "It goes by <i>" in words.finding(record) and "(or 1 like it)" in words.finding(record)
    said = Page(judged.explained(record)).text
    assert "Correlation is not causation" in said and "the net" in said and "a forest" in said
    assert all(words.in_short(record, step) for step in record.steps)


def test_where_a_net_looks_is_shown_with_places_channels_and_rows(record):
    text = judged.explained(seeing(record, looks(sanity())))
    said = Page(text).text
    assert "What the net looks at" in said and "an even map" in said and "actin" in said
    assert "long, taken for round" in said and "no causal claim" in said
    assert text.count("<figure>") == 3 + 2  # sanity, places, channels; two rows


def test_maps_that_do_not_tell_say_so_first_and_show_no_places(record):
    odd = seeing(record, looks(sanity(likeness=0.9, sizes=0.9)))
    said = judged.explained(odd)
    assert "<p><b>The map does not depend on what was learnt" in said
    assert said.index("does not depend") < said.index("towards")  # the maps come after it
    assert "density of the maps" not in said
    assert "The map does not depend" in words.finding(odd)


def test_a_net_that_was_not_explained_is_said_to_wait_for_that(record):
    assert "clew explain a.study" in judged.not_asked(dataclasses.replace(record, judged={}))

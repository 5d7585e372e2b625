"""Nothing that was acknowledged is lost, nothing that was said on a page is lost, and nothing is recorded twice."""

from __future__ import annotations

import json
import signal
import sqlite3
from collections import Counter
from dataclasses import replace

from clew.study.journal import Journal
from clew.study.study import Study
from tests.app.conftest import enter, shot, until

GIVE = """async ([samples, label]) => {
  const { give } = await import("/static/core/outbox.js");
  return Promise.all(samples.map((one) => give([one], label))).then((all) => all.length);
}"""
KEEP_SAYING = """async ([samples, label]) => {
  const { give, stroke } = await import("/static/core/outbox.js");
  window.acknowledged = [];
  const image = samples[0].split("#")[0];
  window.said = 0;
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  const say = async () => {
    for (const [at, sample] of samples.entries()) {
      await wait(15);
      while (at === samples.length - 10 && window.clew.state.connected) await wait(15); // the last ten: into the gap, however slow the test
      const client = `stroke-of-${label}-${at}`.padEnd(12, "x");
      give([sample], label).then((answer) => window.acknowledged.push(answer.client));
      stroke({ client, image, class: 1, name: "soil", radius: 3, points: [[at, at], [at + 5, at]] }).then((answer) => window.acknowledged.push(answer.client));
      window.said = at + 1;
    }
  };
  void say();
}"""
LABELS = """async (samples) => {
  const { labelOf } = await import("/static/core/labels.js");
  return samples.map((one, row) => labelOf(row)?.name ?? null);
}"""
UNSENT = "() => window.clew.state.unsent"


def events(study):
    """How often each sample was given which label, as it lies in SQLite."""
    with sqlite3.connect(study / "study.sqlite") as db:
        return Counter(db.execute("SELECT sample, label FROM labels WHERE how = 'person' AND undoes IS NULL"))


def acts(study):
    with sqlite3.connect(study / "study.sqlite") as db:
        return [client for (client,) in db.execute("SELECT client FROM deliveries ORDER BY rowid")]


def names(study, n):
    return Study(study).samples().sample[:n].tolist()


def test_a_server_killed_between_two_acts_has_lost_nothing_when_it_is_started_anew(opened, serve, context):
    """Nothing acknowledged is missing; what was said while nobody listened arrives, once, in order."""
    samples = names(opened.study, 40)
    opened.evaluate(KEEP_SAYING, [samples, "said"])
    until(lambda: opened.evaluate("() => window.acknowledged.length") >= 8, what="the first acknowledgements")
    opened.served.stop(signal.SIGKILL)
    before = set(opened.evaluate("() => window.acknowledged"))
    assert before <= set(acts(opened.study))
    until(lambda: opened.evaluate("() => window.said") == 40, what="all to be said")
    assert opened.evaluate(UNSENT) > 0 and not opened.evaluate("() => window.clew.state.connected")
    anew = serve(opened.study, port=opened.served.port)
    assert anew.port == opened.served.port
    until(lambda: "anew" in opened.inner_text("header"), what="the page to say that the server is another")
    kept = opened.evaluate(UNSENT)
    assert kept > 0
    assert f"{kept} kept in this browser" in opened.inner_text("header")
    shot(opened, "server_started_anew")
    enter(context, anew)  # the address that it printed opens the door to the old page as well
    until(lambda: opened.evaluate(UNSENT) == 0, what="all to be sent")
    until(lambda: opened.evaluate("() => window.acknowledged.length") == 80)
    assert before <= set(acts(opened.study))
    assert events(opened.study) == {(sample, "said"): 1 for sample in samples}
    strokes = Journal(Study(opened.study)).strokes(samples[0].split("#")[0])
    assert [one.client for one in strokes] == [f"stroke-of-said-{at}" for at in range(40)]
    assert strokes[7].points.tolist() == [[7, 7], [12, 7]]


def test_two_pages_see_each_other_and_a_cut_line_delays_but_loses_nothing(opened, browser, serve):
    study, samples = opened.study, names(opened.study, 6)
    address = opened.evaluate("async () => (await window.clew.ask('invite', { name: 'second' })).address")
    other_context = browser.new_context()
    other = enter(other_context, replace(opened.served, address=address))
    other.evaluate("() => window.clew.ask('who.set', { name: 'ben' })")
    until(lambda: other.evaluate(LABELS, samples)[0] is not None, what="the labels")
    assert opened.evaluate(GIVE, [samples[:2], "seen"]) == 2
    until(lambda: other.evaluate(LABELS, samples)[:2] == ["seen", "seen"], what="the other's labels")
    assert other.evaluate(GIVE, [samples[:1], "other"]) == 1
    until(lambda: opened.evaluate(LABELS, samples)[:2] == ["other", "seen"])
    assert [event.who for event in Study(study).label_events()][-3:] == ["tester", "tester", "ben"]
    other.evaluate("async () => (await import('/static/core/outbox.js')).undo()")
    until(lambda: opened.evaluate(LABELS, samples)[:2] == ["seen", "seen"], what="what stood before")

    # a line that is cut: what is said goes into the browser's store, survives the end of the page, and arrives once
    opened.served.process.send_signal(signal.SIGSTOP)
    opened.evaluate(
        "([s, l]) => { import('/static/core/outbox.js').then((o) => s.forEach((one) => o.give([one], l))); }",
        [samples[2:5], "cut"],
    )
    until(lambda: opened.evaluate(UNSENT) == 3)
    until(
        lambda: (
            opened.evaluate(
                "async () => new Promise((done) => { indexedDB.open('clew').onsuccess = (e) => { e.target.result.transaction('outbox').objectStore('outbox').count().onsuccess = (c) => done(c.target.result); }; })"
            )
            == 3
        )
    )
    assert "3 not saved" in opened.inner_text("header")
    opened.close()  # as if the browser had crashed
    opened.served.process.send_signal(signal.SIGCONT)
    third = opened.context.new_page()
    third.goto(f"http://127.0.0.1:{opened.served.port}/")
    until(lambda: events(study)[samples[4], "cut"] == 1, what="what the closed page had said")
    until(lambda: third.evaluate("() => window.clew?.state.unsent") == 0)
    assert {key: n for key, n in events(study).items() if key[1] == "cut"} == {
        (s, "cut"): 1 for s in samples[2:5]
    }
    until(lambda: third.evaluate(LABELS, samples)[:5] == ["seen", "seen", "cut", "cut", "cut"])
    other_context.close()


def test_a_label_that_can_never_fit_leaves_the_queue_and_is_said(opened):
    samples = names(opened.study, 2)
    said = opened.evaluate(
        """async ([sample]) => {
      const { give, stroke, refusals } = await import("/static/core/outbox.js");
      const image = sample.split("#")[0];
      const wrong = [give(["gone#1"], "x"), stroke({ image, class: 1, name: "soil", radius: 3, points: [[-90, -90]] }), give([sample], " ")];
      const told = (await Promise.allSettled(wrong)).map((one) => one.reason?.message ?? "");
      await give([sample], "fits");
      return { told, refusals: refusals.length, unsent: window.clew.state.unsent };
    }""",
        samples,
    )
    assert [key in text for key, text in zip(("not there", "outside", "name of a class"), said["told"])] == [
        True
    ] * 3
    assert (said["refusals"], said["unsent"]) == (3, 0)
    assert events(opened.study) == {(samples[0], "fits"): 1}
    assert "fits" not in json.dumps(opened.evaluate("() => window.clew.state.status"))
    assert opened.evaluate("() => window.clew.state.status").startswith("Not recorded:")

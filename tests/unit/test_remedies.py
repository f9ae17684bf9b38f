"""A finding at a page: its names lead to their pages, and what it advises is a button where a page can do it."""

import re
from html import unescape

import pytest
from flask import Flask

from jobs.health.diagnosis import Finding, diagnose
from jobs.health.diagnosis.subjects import Subject, subjects
from tests.unit.test_diagnosis import CASES, LIMITS
from web import api
from web.remedies import MAKERS, advice
from web.subjects import evidence, href, linked, short

APP = Flask(__name__)
for blueprint in api.BLUEPRINTS:
    APP.register_blueprint(blueprint)
ADDRESSES = APP.url_map.bind("localhost")
RANDOM = "0123456789abcdef" * 2
FINDINGS = [finding for _, seen in CASES for finding in diagnose(seen, LIMITS)]
WITH_BUTTONS = {
    "queue_paused", "lane_halted", "lane_blocked", "stuck_job", "waits_in_vain", "unknown_task", "serializer_mismatch",
    "loop_silent", "redis_full",
}  # fmt: skip


@pytest.mark.parametrize("finding", FINDINGS, ids=[f"{at}-{one.code}" for at, one in enumerate(FINDINGS)])
class TestEveryFinding:
    def test_what_a_button_does_is_an_address_of_the_api(self, finding: Finding) -> None:
        for button in advice(finding).buttons:
            ADDRESSES.match(button.action, method="POST")
            assert button.done
            if button.undo:
                ADDRESSES.match(button.undo, method="POST")
            elif button.tone != "main":
                assert button.confirm.partition("?")[1], "what cannot be taken back is asked for"

    def test_who_has_a_button_is_not_sent_to_a_command_line(self, finding: Finding) -> None:
        found = advice(finding)
        assert found.words.strip()
        if found.buttons:
            assert "python -m jobs" not in found.words

    def test_names_in_its_words_lead_to_their_pages(self, finding: Finding) -> None:
        said = str(linked(finding.summary, finding.evidence))
        plain = re.sub(r"<a[^>]*>.*?</a>", "", said)
        for one in subjects(finding.evidence):
            if one.kind == "queue" or len(one.name) > 1:
                quoted = f"'{one.name}'" if one.kind == "queue" else one.name
                assert quoted not in unescape(plain).split(), said


def test_every_finding_that_a_page_can_help_with_has_its_buttons() -> None:
    assert {finding.code for finding in FINDINGS if advice(finding).buttons} == WITH_BUTTONS == set(MAKERS)


def test_a_name_that_is_part_of_another_word_stays_as_it_is() -> None:
    said = linked("job a waits for ab of 'a'", {"job": "a", "queue": "a"})
    assert said == 'job <a href="/jobs/a">a</a> waits for ab of <a href="/queues/a">a</a>'


def test_what_others_have_named_is_text() -> None:
    said = linked("lane <b> waits", {"lanes": {"<b>": "j"}})
    assert said == 'lane <a href="/lanes?prefix=%3Cb%3E">&lt;b&gt;</a> waits'


def test_a_random_id_is_shortened_and_a_chosen_one_is_not() -> None:
    assert (short(RANDOM), short("order-1042")) == ("01234567…", "order-1042")
    assert linked(f"job {RANDOM}", {"job": RANDOM}) == f'job <a href="/jobs/{RANDOM}" title="{RANDOM}">01234567…</a>'


def test_commands_are_marked_and_what_follows_is_not() -> None:
    said = linked("Start one with: python -m jobs worker mail. If it runs, wait.", {})
    assert said == "Start one with: <code>python -m jobs worker mail</code>. If it runs, wait."


def test_evidence_is_told_in_words_with_links() -> None:
    [(name, lanes), (other, number)] = evidence({"lanes": {"k:1": "head"}, "how_many": 3})
    assert (name, other, str(number)) == ("lanes", "how many", "3")
    assert lanes == '<a href="/lanes?prefix=k%3A1">k:1</a>: <a href="/jobs/head">head</a>'


@pytest.mark.parametrize(
    ("subject", "page"),
    [
        (Subject("queue", "mail"), "/queues/mail"),
        (Subject("process", "worker-a"), "/workers#at-worker-a"),
        (Subject("schedule", "shop.report"), "/schedules#at-shop.report"),
        (Subject("lane", "a b"), "/lanes?prefix=a+b"),
    ],
)
def test_each_kind_has_its_page(subject: Subject, page: str) -> None:
    assert href(subject) == page

"""The inbox example without Redis: its messages, and the account that it reads from a log."""

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from jobs.examples.inbox import log, messages, tasks
from jobs.examples.inbox.log import Event, account
from jobs.examples.inbox.messages import SAMPLE, BadMessage, Message, generate, read, written

ORDER = {"ana": ["a1", "a2"], "bo": ["b1"]}
HELLO = Message("lisbon", "client-17", "3EB0", "+44 7700 900001", "Ana", "hello")


def test_the_sample_is_what_the_generator_writes_and_is_small() -> None:
    assert SAMPLE.read_text(encoding="utf-8") == written(generate(messages.SAMPLES))
    assert SAMPLE.stat().st_size < 50_000
    assert read(SAMPLE) == list(generate(messages.SAMPLES))


def test_the_sample_is_many_contacts_who_talk_all_at_once() -> None:
    found = read(SAMPLE)
    assert len({one.contact_phone for one in found}) == 30
    assert len({one.message_id for one in found}) == len(found)
    assert any(one.contact_phone != following.contact_phone for one, following in pairwise(found))


def changed(**fields: object) -> str:
    row = {name: value for name, value in vars(HELLO).items() if value}
    return json.dumps({name: value for name, value in {**row, **fields}.items() if value is not None})


BAD = {
    "no JSON": ("{", "no JSON"),
    "no object": ("[1]", "expected a JSON object"),
    "without its text": (changed(text=None), "text missing"),
    "a phone number that is a number": (changed(contact_phone=44), "contact_phone is 44"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_line_that_is_no_message_is_named(tmp_path: Path, case: str) -> None:
    line, said = BAD[case]
    file = tmp_path / "own.jsonl"
    file.write_text(changed() + "\n\n" + line + "\n")
    with pytest.raises(BadMessage, match=f"own.jsonl, line 3: .*{said}"):
        read(file)


def test_fields_that_nobody_knows_are_left_out(tmp_path: Path) -> None:
    file = tmp_path / "own.jsonl"
    file.write_text(changed(media=[1, 2]) + "\n")
    assert read(file) == [HELLO]


@pytest.mark.parametrize("name", [{}, {"contact_name": None}])
def test_a_contact_may_have_no_name(tmp_path: Path, name: dict[str, None]) -> None:
    row = {key: value for key, value in vars(HELLO).items() if key != "contact_name"}
    (tmp_path / "own.jsonl").write_text(json.dumps({**row, **name}) + "\n")
    assert [one.contact_name for one in read(tmp_path / "own.jsonl")] == [""]


def test_a_message_is_the_same_by_its_instance_client_and_id() -> None:
    def job_id(**fields: str) -> str:
        return tasks.job_id(Message(**{**vars(HELLO), **fields}))

    same = {job_id(), job_id(text="other"), job_id(contact_name="Ana S.")}
    assert (
        len({*same, job_id(instance="porto"), job_id(client_id="18"), job_id(message_id="/?%")}) == len(same) + 3 == 4
    )


def test_a_contact_is_one_however_its_number_is_written() -> None:
    written_so = {"+44 7700 900001", "447700900001", "+44-7700-900-001"}
    assert {tasks.contact("17", phone) for phone in written_so} == {"contact:17:447700900001"}
    assert tasks.contact("18", "447700900001") not in {tasks.contact("17", phone) for phone in written_so}


def events(*lines: str) -> list[Event]:
    """``start a1``, or ``start a1 2`` by another worker; ``killed 1``."""
    found = []
    for line in lines:
        what, name, worker = [*line.split(), "1"][:3]
        contact = {"a": "ana", "b": "bo"}.get(name[0], "")
        found.append(Event(what, name, contact, int(name if what == "killed" else worker)))
    return found


GOOD = events("start a1", "start b1", "end a1", "fail b1", "start a2", "start b1", "end b1", "end a2")
KILLED = events(
    *("start a1", "start b1 2", "killed 1", "end a1", "end b1 2"),
    *("start a1 2", "end a1 2", "start a2 2", "end a2 2"),
)
CASES: dict[str, tuple[list[Event], Callable[[log.Account], bool]]] = {
    "all well": (GOOD, lambda found: found == ([], [], 2, 0)),
    "killed and begun anew": (KILLED, lambda found: found == ([], [], 2, 1)),
    "others do not count": ([*GOOD, *events("start b9", "end b9")], lambda found: found.out_of_order == []),
    "out of order": (
        events("start a2", "end a2", "start a1", "end a1", "start b1"),
        lambda found: found.out_of_order == ["ana"],
    ),
    "again after a later one": (
        events("start a1", "end a1", "start a2", "end a2", "start a1", "end a1", "start b1"),
        lambda found: found.out_of_order == ["ana"],
    ),
    "never": (events("start a1", "end a1", "start a2", "end a2"), lambda found: found.out_of_order == ["bo"]),
    "two of one contact at once": (
        events("start a1", "start a2", "end a1", "end a2", "start b1"),
        lambda found: found.together == ["ana"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_account_says_what_the_log_shows(case: str) -> None:
    seen, expected = CASES[case]
    assert expected(account(seen, ORDER))

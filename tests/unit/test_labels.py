"""``@task(label=…)``: what people call a job, made when it is accepted."""

from collections.abc import Callable
from typing import Any

import pytest

from jobs import registry, task
from jobs.errors import InvalidArguments, InvalidOption, InvalidSchedule
from jobs.queues import MAX_LABEL, prepare
from jobs.registry import Task


def send(to: str, text: str = "hello", *, copy: bool = False) -> None: ...


@pytest.fixture
def labelled(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], Task]:
    monkeypatch.setattr(registry, "_tasks", {})
    return lambda label: registry.register(Task(send, label=label))


@pytest.mark.parametrize(
    ("label", "made"),
    [
        ("A letter", "A letter"),
        (lambda to, **_: f"Letter to {to}", "Letter to ada"),
        (lambda to: f"Letter to {to}", "Letter to ada"),
        (lambda copy, to: f"{to} {copy}", "ada False"),
        (lambda text: text, "hello"),
        (lambda *args, **kwargs: f"{len(args)} {sorted(kwargs)}", "2 []"),
        (lambda whom, *_: f"To {whom}", "To ada"),
        (lambda to: f"  {to},\n\tat home ", "ada, at home"),
        (lambda to: to * 100, ("ada" * 100)[:MAX_LABEL]),
    ],
)
def test_it_is_made_of_the_arguments(labelled: Callable[[Any], Task], label: Any, made: str) -> None:
    assert prepare(labelled(label), "ada").fields["label"] == made


def test_arguments_go_by_their_names_however_they_are_given(labelled: Callable[[Any], Task]) -> None:
    letter = labelled(lambda to, text: f"{to}: {text}")
    for job in (prepare(letter, "ada", "hi"), prepare(letter, to="ada", text="hi"), prepare(letter, "ada", text="hi")):
        assert job.fields["label"] == "ada: hi"


@pytest.mark.parametrize("label", [None, lambda to: "", lambda to: " \n"])
def test_without_words_there_is_none(labelled: Callable[[Any], Task], label: Any) -> None:
    assert "label" not in prepare(labelled(label), "ada").fields


@pytest.mark.parametrize("label", [lambda to: to.missing, lambda to: 7, lambda to: None, lambda to: "\ud800"])
def test_one_that_cannot_be_made_is_refused_by_name(labelled: Callable[[Any], Task], label: Any) -> None:
    with pytest.raises(InvalidArguments, match=r"the label of tests\.unit\.test_labels\.send"):
        prepare(labelled(label), "ada")


@pytest.mark.parametrize("label", ["", "  ", 7, ["x"]])
def test_what_is_neither_a_text_nor_a_function_is_refused_at_once(label: Any) -> None:
    with pytest.raises(InvalidOption, match="label is"):
        task(label=label)(send)


def report(day: str = "today") -> None: ...


def test_jobs_by_the_clock_have_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_tasks", {})
    task(every="1h", label=lambda day: f"Report of {day}")(report)
    assert registry.schedules()["tests.unit.test_labels.report"]["label"] == "Report of today"
    with pytest.raises(InvalidSchedule, match="the label of"):
        task(every="1h", label=lambda day: day.missing)(report)

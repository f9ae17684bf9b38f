"""Messages as a provider delivers them: read from a JSONL file, or made up.

``python -m jobs.examples.inbox.messages > messages.jsonl`` makes the file that lies here.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import MISSING, asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from jobs.errors import SignalboxError

SAMPLE = Path(__file__).with_name("messages.jsonl")
SAMPLES, SEED = 120, 7
BEGAN = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
INSTANCES = ("lisbon", "porto")
FIRST = ("Ana", "Bruno", "Carla", "Duarte", "Eva", "Filipe", "Grace", "Hugo", "Inês", "Kenji")
LAST = ("Sousa", "Okafor", "Lund")
NAMES = [f"{first} {last}" for last in LAST for first in FIRST]
TALKS = (
    ("Good morning!", "Is my order {n} on its way?", "It said Tuesday, and it is Thursday now 🙂", "Great, thank you"),
    ("Hi, do you have the blue one in size {m}?", "And in green?", "Then I take the green one", "Card, please"),
    ("I cannot log in", "No, the code does not arrive", "Now it did!", "All good, thanks for the help"),
    ("Can I move my appointment to {h}:30?", "Or the day after, same time", "Perfect, see you then", "👍"),
    ("Invoice {n} has the wrong address", "Rua das Flores {m}, 2.º esq.", "Yes, that one", "Thanks"),
)


class BadMessage(SignalboxError):
    """A line of the file is no message; says which line, and why."""


@dataclass(frozen=True)
class Message:
    """One message of one contact to one of a client's numbers (its instance)."""

    instance: str
    client_id: str
    message_id: str
    contact_phone: str
    contact_name: str = ""
    """Where the provider knows it."""
    text: str = ""
    sent_at: str = ""
    fails: int = 0
    """Made up, to show attempts: how often its handling fails before it works."""


def read(path: Path) -> list[Message]:
    """The messages of a file, one JSON object a line; fields of other names are left out. Raises ``BadMessage``."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return [_message(line, f"{path}, line {number}") for number, line in enumerate(lines, 1) if line.strip()]


def _message(line: str, where: str) -> Message:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise BadMessage(f"{where}: no JSON ({error})") from None
    if not isinstance(row, dict):
        raise BadMessage(f"{where}: expected a JSON object")
    known = {one.name: one for one in fields(Message)}
    if row.get("contact_name") is None:
        row.pop("contact_name", None)
    needed = [*(name for name, one in known.items() if one.default is MISSING), "text"]
    if missing := [name for name in needed if name not in row]:
        raise BadMessage(f"{where}: {', '.join(missing)} missing")
    for name in [name for name in known if name in row]:
        if not isinstance(row[name], int if name == "fails" else str):
            raise BadMessage(f"{where}: {name} is {row[name]!r}")
    return Message(**{name: row[name] for name in known if name in row})


def written(messages: Iterable[Message]) -> str:
    """Messages as the lines that ``read`` reads; fields at their defaults are left out."""
    rows = ({name: value for name, value in asdict(one).items() if value} for one in messages)
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def generate(count: int, seed: int = SEED) -> Iterator[Message]:
    """Made-up messages of 30 contacts who talk all at once, each in its own order. The same seed gives the same."""
    random = Random(seed)
    at = BEGAN
    talks: dict[str, list[str]] = {name: [] for name in NAMES}
    for number in range(count):
        name = random.choice(NAMES)
        if not talks[name]:
            order = {
                "n": str(random.randint(1000, 9999)),
                "m": str(random.randint(36, 46)),
                "h": str(random.randint(9, 17)),
            }
            talks[name] = [line.format(**order) for line in random.choice(TALKS)]
        at += timedelta(seconds=random.randint(1, 90))
        yield Message(
            instance=INSTANCES[NAMES.index(name) % len(INSTANCES)],
            client_id="client-17",
            message_id=f"3EB0{random.getrandbits(64):016X}",
            contact_phone=f"+44 7700 9{NAMES.index(name) * 33:05}",  # numbers that Ofcom keeps for fiction
            contact_name=name,
            text=talks[name].pop(0),
            sent_at=at.isoformat().replace("+00:00", "Z"),
            fails=3 if number == count // 2 else int(random.random() < 0.08),
        )


if __name__ == "__main__":
    print(written(generate(SAMPLES)), end="")

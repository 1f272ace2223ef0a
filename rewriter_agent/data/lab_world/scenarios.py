"""Scenarios of the word problems; add an entry to add one."""

from dataclasses import dataclass

from .story import Op

NAMES = ("Tom", "Ana", "Ben", "Eva", "Sam", "Mia", "Leo", "Zoe", "Max", "Ida", "Jon", "Kim")


@dataclass(frozen=True)
class Event:
    """A change of the quantity: as a sentence of the question and as a clause of a solution.

    Fields: `{n}` the operand, `{who}` the person before the change, `{next}` the one after it (the same
    unless the scenario passes from person to person), `{unit}` the unit that is counted.
    """

    op: Op
    text: str
    clause: str


@dataclass(frozen=True)
class Scenario:
    """A kind of story; `start` and `ask` have the fields `{v}`, `{who}` and `{unit}`."""

    name: str
    units: tuple[str, ...]
    start: str
    events: tuple[Event, ...]
    ask: str
    holder: str
    passes_on: bool = False
    """True if every change leads to another person, whom the final question asks about."""


SCENARIOS = (
    Scenario(
        "collection",
        ("apples", "coins", "stamps", "books", "shells"),
        "{who} has {v} {unit}.",
        (
            Event("+", "{who} buys {n} more.", "after buying {n}"),
            Event("+", "{who} gets {n} as a gift.", "with the gift of {n}"),
            Event("-", "{who} gives {n} away.", "after giving {n} away"),
            Event("-", "{who} loses {n}.", "without the {n} lost"),
            Event("*", "Then {who} makes it {n} times as many.", "with {n} times as many"),
            Event("/", "{who} keeps one of {n} equal parts.", "keeping one part of {n}"),
        ),
        "How many {unit} does {who} have now?",
        "{who} has",
    ),
    Scenario(
        "bus",
        ("people", "children", "guests"),
        "A bus leaves with {v} {unit}.",
        (
            Event("+", "At a stop {n} get on.", "when {n} get on"),
            Event("+", "A group of {n} joins.", "with the group of {n}"),
            Event("-", "At a stop {n} get off.", "when {n} get off"),
            Event("-", "In town {n} leave.", "when {n} leave"),
        ),
        "How many {unit} are on the bus?",
        "the bus has",
    ),
    Scenario(
        "tank",
        ("liters", "buckets"),
        "A tank holds {v} {unit} of water.",
        (
            Event("+", "Rain adds {n}.", "after the rain of {n}"),
            Event("-", "The garden needs {n}.", "after the garden took {n}"),
            Event("*", "A flood brings it to {n} times as much.", "at {n} times as much"),
            Event("/", "Only one part of {n} is left in the heat.", "with one part of {n} left"),
        ),
        "How many {unit} are in the tank?",
        "the tank holds",
    ),
    Scenario(
        "purse",
        ("dollars", "cents"),
        "{who} takes {v} {unit} to the market.",
        (
            Event("+", "{who} sells a cake for {n}.", "after earning {n}"),
            Event("+", "{who} finds {n}.", "after finding {n}"),
            Event("-", "{who} pays {n} for tea.", "after paying {n}"),
            Event("*", "A bet turns the money into {n} times as much.", "with {n} times the money"),
        ),
        "How many {unit} does {who} have left?",
        "{who} has",
    ),
    Scenario(
        "compare",
        ("cards", "toys", "pens", "points"),
        "{who} has {v} {unit}.",
        (
            Event("+", "{next} has {n} more than {who}.", "since {next} has {n} more"),
            Event("-", "{next} has {n} fewer than {who}.", "since {next} has {n} fewer"),
            Event("*", "{next} has {n} times as many as {who}.", "since {next} has {n} times as many"),
            Event("/", "{who} has {n} times as many as {next}.", "since {who} has {n} times as many"),
        ),
        "How many {unit} does {who} have?",
        "{who} has",
        passes_on=True,
    ),
    Scenario(
        "store",
        ("boxes", "chairs", "lamps"),
        "A store has {v} {unit}.",
        (
            Event("+", "A truck brings {n}.", "after a truck brought {n}"),
            Event("-", "{who} sells {n}.", "after selling {n}"),
            Event("-", "They find {n} broken.", "without the {n} broken"),
            Event("*", "An order makes it {n} times as many.", "with {n} times as many"),
            Event("/", "They send all but one of {n} equal parts away.", "keeping one part of {n}"),
        ),
        "How many {unit} does the store have?",
        "the store has",
    ),
)

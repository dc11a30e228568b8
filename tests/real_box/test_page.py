"""The page contains no value that Box returned, and says what was found, what could not be checked, and how to hand it in."""

from __future__ import annotations

import copy
import dataclasses
import json
import random
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import sandbox_shapes
from changed_box import ChangedBox
from csv_company import FOLDERS, USERS
from signing import sign_in

import boxnb
from boxnb.cli import main
from boxnb.errors import ExportError, NetworkError, NotSignedInError
from boxnb.real_box import shapes
from boxnb.real_box.answers import Answer
from boxnb.real_box.compare import compare
from boxnb.real_box.contract import days_ago
from boxnb.real_box.page import Run, page
from boxnb.real_box.words import Names, shape, time_shape

SECRETS = [
    "Zebulon Quarrington",
    "zebulon.quarrington@secret.example",
    "+44 7700 900123",
    "17 Privet Drive, Little Whinging",
    "8812345678901",
    "GB29NWBK60161331926819",
    "salary_of_zebulon",
    "quarrington",
    "حسن الوزان",
    "山本太郎",
    "https://secret.example/s/a1b2c3d4e5f6a7b8",
    "Merger with Globex",
    "| `x` | injected |",
    "<script>quarrington()</script>",
    "2001-02-03T04:05:06+01:00",
]
SINCE = days_ago(1_790_000_000)


def personal_values(answers: Mapping[str, Answer]) -> set[str]:
    """Return every name, login, id, phone number and address of the company, and every id and text of the answers."""
    columns = [USERS[name] for name in ("name", "login", "id", "phone", "address")]
    values = {str(value) for column in [*columns, FOLDERS["name"]] for value in column}
    pending: list[Any] = [answer.doc for answer in answers.values()]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            pending += [
                value for name, value in node.items() if name != "code"
            ]  # Box's own word for an error
        elif isinstance(node, list):
            pending += node
        elif isinstance(node, str | int):
            values.add(str(node))
    return {value for value in {*values, *SECRETS} if len(value) >= 4}


def page_of(answers: Mapping[str, Answer]) -> str:
    """Return the page of a run with these answers."""
    differences = compare(answers, [], None, SINCE)
    return page(Run("0", "2026-01-02", "the admin", 56, list(answers.values()), differences, []))


def fuzzed(answers: Mapping[str, Answer], pick: random.Random) -> dict[str, Answer]:
    """Return the answers with personal values at random places: as values, as names of fields, in headers and in errors."""
    return {
        name: Answer.of(answer.probe, *fuzzed_response(answer, pick)) if pick.random() < 0.5 else answer
        for name, answer in answers.items()
    }


def fuzzed_response(answer: Answer, pick: random.Random) -> tuple[int, dict[str, str], bytes]:
    """Return the status, headers and body of one answer with some of its values replaced."""
    headers = dict(answer.headers)
    for name in list(headers):
        if pick.random() < 0.2:
            headers[name] = pick.choice(SECRETS).encode("latin-1", "replace").decode("latin-1")
    doc = copy.deepcopy(answer.doc)
    for _ in range(pick.randrange(1, 6)):
        doc = with_secret(doc, pick)
    status = pick.choice([answer.status] * 9 + [418])
    return (
        status,
        headers,
        json.dumps(doc).encode() if pick.random() < 0.95 else pick.choice(SECRETS).encode(),
    )


def with_secret(doc: Any, pick: random.Random) -> Any:
    """Return a document in which one value, or the name of one field, is personal."""
    places = list(containers(doc))
    if not places:
        return pick.choice(SECRETS)
    place = pick.choice(places)
    secret: Any = pick.choice([*SECRETS, 8_812_345_678_901, 7700.5, None, [pick.choice(SECRETS)], True])
    if isinstance(place, list):
        place[pick.randrange(len(place))] = secret
    elif pick.random() < 0.3:
        # The same value is somewhere in the document too, as a person's name in a list of people would be.
        place[pick.choice(SECRETS)] = pick.choice(SECRETS)
    else:
        place[pick.choice(sorted(place))] = secret
    return doc


def containers(node: Any) -> Iterator[Any]:
    """Yield every object and list in a document that is not empty."""
    if isinstance(node, dict | list) and node:
        yield node
        for part in node.values() if isinstance(node, dict) else node:
            yield from containers(part)


def test_no_personal_value_is_on_a_hundred_fuzzed_pages(answers: Mapping[str, Answer]) -> None:
    """Whatever Box returns, and wherever, the page does not contain it."""
    plain = page_of(answers)
    values = {value for value in personal_values(answers) if value not in plain}
    assert len(values) > 1000 and set(SECRETS) <= values
    for number in range(100):
        text = page_of(fuzzed(answers, random.Random(f"page {number}")))
        assert "difference" in text and text != plain
        words = set(re.findall(r"[^\s|`;,]+", text)) | {text}
        shown = {value for value in values if value in words or (len(value) > 7 and value in text)}
        assert shown - vocabulary() == set(), number


def vocabulary() -> set[str]:
    """Return the names of fields and the values of enums in Box's description."""
    from boxnb.real_box import description

    return set(description.vocabulary())


def test_names_of_fields_are_shown_only_if_they_are_not_values() -> None:
    """A new field is named, unless its name is unusual, or contains a word that Box returned as a value."""
    names = Names(["login"])
    names.learn({"name": "Ada Lindqvist", "entries": [{"login": "ada@example.com", "number": 900123}]})
    assert [names.shown(name) for name in ("login", "favourite_colour", "hasMore", "$id2")] == [
        "login",
        "favourite_colour",
        "hasMore",
        "$id2",
    ]
    for name in ("ada_folder", "salaryOfLindqvist", "adalindqvist", "user_900123", "a b", "x" * 60, "ö", ""):
        assert names.shown(name).startswith("(a name of")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("", "empty text"),
        ("123", "text of digits"),
        ("x@y", "text with an @"),
        ("https://x", "an address"),
        ("a" * 40, "40 hex digits"),
        ("2026-01-02T03:04:05-08:00", "a time, YYYY-MM-DDThh:mm:ss+hh:mm"),
        ("2026-01-02", "a time, YYYY-MM-DD"),
        ("5f1c9f0e-6a52-4b58-a7b4-6f6f1b7c4c01", "a UUID"),
        ("Ada", "text"),
        (7, "a whole number"),
        (7.0, "a number with a fraction"),
        (True, "true or false"),
        (None, "null"),
        ([], "an empty list"),
        ([1], "a list"),
        ({}, "an object"),
    ],
)
def test_a_value_is_described_by_its_shape(value: Any, words: str) -> None:
    """Each kind of value has its words, which contain none of it."""
    assert shape(value) == words


def test_forms_of_times_differ() -> None:
    """Each way to write a time has its own form."""
    forms = {
        time_shape(text)
        for text in (
            "2026-01-02T03:04:05Z",
            "2026-01-02T03:04:05+01:00",
            "2026-01-02T03:04:05+0100",
            "2026-01-02T03:04:05",
            "2026-01-02 03:04:05",
            "2026-01-02T03:04:05.1Z",
            "2026-01-02T03:04Z",
            "yesterday",
        )
    }
    assert len(forms) == 8


def test_the_page_says_what_was_done_and_how_to_hand_it_in(box: ChangedBox) -> None:
    """The page names the version, the calls, the differences, what could not be checked, and where it goes; only its owner can read it."""

    def change(exchange: Any) -> None:
        if exchange.is_read_of("/groups"):
            exchange.doc["has_more"] = True

    box.change = change
    result = boxnb.contract("acme", "here.md")
    text = Path("here.md").read_text(encoding="utf-8")
    assert text == result.text and result.path == Path("here.md").absolute()
    assert f"boxnb {boxnb.__version__} made {result.calls} calls" in text
    assert "## 1 difference\n" in text and "| `GET /groups` | `has_more` |" in text
    assert "## What could not be checked" in text and "retention policies" in text
    assert "the form *Problem*" in text
    assert Path("here.md").stat().st_mode & 0o777 == 0o600
    assert "Ada" not in text and "example.com" not in text
    assert "Differences  1" in repr(result) and "here.md" in result._repr_html_()
    assert list(result.differences.columns) == ["call", "where", "expected", "found", "claim"]


def test_the_command_writes_the_same_page(
    box: ChangedBox, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """`boxnb contract acme` prints each difference and the path of the page; its exit code says whether Box differs."""
    assert main(["contract", "acme"]) == 0
    output = capsys.readouterr().out
    assert "No differences in 57 calls; 2 things could not be checked." in output
    assert str(tmp_path / "boxnb-contract.md") in output

    def change(exchange: Any) -> None:
        if exchange.is_read_of("/groups"):
            exchange.doc["has_more"] = True

    box.change = change
    assert main(["contract", "acme", "--page", "other.md"]) == 1
    output = capsys.readouterr().out
    assert "GET /groups  has_more: expected no such field; found true or false" in output
    assert (tmp_path / "other.md").exists()


def test_problems_are_explained(box: ChangedBox, running: Any, tmp_path: Path) -> None:
    """Nobody signed in, a page that cannot be written, and a Box that cannot be reached are each one sentence."""
    with pytest.raises(NotSignedInError):
        boxnb.contract("nobody")
    with pytest.raises(ExportError, match="Cannot write the page"):
        boxnb.contract("acme", tmp_path)
    running[0].faults.add("/2.0/*", "reset_before", times=2)
    with pytest.raises(NetworkError):
        boxnb.contract("acme")


def test_a_user_who_is_not_an_admin_gets_a_page(box: ChangedBox, running: Any) -> None:
    """What needs an admin is listed as not checked, and is not a difference."""
    box.sign_in(running[0], "hanako", login="hanako.yamada@example.com")
    result = boxnb.contract("hanako")
    assert "as a user who is not an admin" in result.text
    unmet = list(result.unmet["what"])
    assert "users, all" in unmet and "admin events, first page" in unmet
    assert result.differences.empty, result.differences.to_string()


def test_at_most_sixty_calls_are_made_when_each_is_refused_once(box: ChangedBox) -> None:
    """If Box refuses every other call with 429, the run ends after 60 calls and says what it could not make."""
    count = [0]

    def change(exchange: Any) -> None:
        count[0] += 1
        if exchange.method == "GET" and count[0] % 2:
            exchange.status, exchange.headers = 429, {"retry-after": "1", "content-type": "application/json"}
            exchange.doc = {"type": "error", "status": 429, "code": "rate_limit_exceeded", "message": "x"}

    box.change = change
    waits: list[float] = []
    result = boxnb.contract("acme", sleep=waits.append)
    assert result.calls == len(box.calls) == 60
    assert set(waits) == {1.0}
    assert "60 calls had been made." in list(result.unmet["why"])


def test_the_saved_shapes_are_those_of_the_sandbox() -> None:
    """The wheel's shapes are those of a running sandbox; otherwise, run `python tests/support/sandbox_shapes.py`."""
    answers = sandbox_shapes.sandbox_answers(every_event=True)
    live = {name: shapes.Reference.of(answer).as_json() for name, answer in answers.items()}
    saved = {name: reference.as_json() for name, reference in shapes.references().items()}
    assert json.loads(json.dumps(live)) == json.loads(json.dumps(saved))
    assert sandbox_shapes.FILE.stat().st_size < 20_000


def test_no_day_and_no_hour_makes_a_difference(sandbox: Any, tmp_path: Path) -> None:
    """The sandbox does not differ from its own shapes, whatever its clock says and however few events a month has."""
    sign_in(sandbox)
    for hours in (0, 31, 24 * 3, 24 * 9 + 5, 24 * 40):
        sandbox.clock.advance(hours * 3600)
        result = boxnb.contract("acme", tmp_path / "page.md")
        assert result.differences.empty, result.differences.to_string()


def test_the_saved_description_is_part_of_the_one_that_tests_use() -> None:
    """The wheel's description is exactly what `make_openapi` makes from the saved subset, and small."""
    import gzip

    from sandbox.make_openapi import CONTRACT_FILE, SUBSET_FILE, contract_description

    saved = json.loads(gzip.decompress(SUBSET_FILE.read_bytes()))
    assert json.loads(gzip.decompress(CONTRACT_FILE.read_bytes())) == contract_description(saved)
    assert CONTRACT_FILE.stat().st_size < 20_000


def test_a_fuzzed_answer_is_still_an_answer(answers: Mapping[str, Answer]) -> None:
    """The helper of the fuzzed pages changes answers, and leaves the originals alone."""
    before = {name: dataclasses.replace(answer) for name, answer in answers.items()}
    changed_answers = fuzzed(answers, random.Random(1))
    assert changed_answers != answers and answers == before

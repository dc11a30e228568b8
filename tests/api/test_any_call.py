"""Calls of any endpoint: metadata queries as DataFrames, versions of the API, writes that are never repeated, odd bodies."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pretending import Answer, Pretender, pretending
from signing import sign_in

import boxnb
from boxnb.api import versions
from boxnb.errors import ApiError, BoxUnavailableError, NetworkError, NotFoundError
from boxnb.sandbox import Sandbox

QUERY = {"from": "enterprise_1.contract", "ancestor_folder_id": "0", "fields": ["name"]}
QUERIES = "/metadata_queries/execute_read"


@pytest.fixture
def served() -> Iterator[tuple[Pretender, boxnb.Box]]:
    with pretending() as (pretender, box):
        box.session._sleep = lambda seconds: None
        yield pretender, box


@pytest.fixture
def box(sandbox: Sandbox) -> boxnb.Box:
    """Return the admin's Box in the sandbox."""
    sign_in(sandbox)
    return boxnb.connect("acme")


def error(status: int, code: str, message: str) -> Answer:
    return status, {}, {"type": "error", "status": status, "code": code, "message": message}


def metadata_query(rows: int, sent: list[dict[str, Any]]) -> Callable[..., Answer | None]:
    """Return a function that answers a metadata query of ``rows`` rows, 100 on a page, and records the bodies."""

    def answer(method: str, path: str, query: object, headers: dict[str, str], body: bytes) -> Answer | None:
        if (method, path) != ("POST", f"/2.0{QUERIES}"):
            return None
        sent.append(json.loads(body))
        first = int(sent[-1].get("marker", 0))
        last = min(first + 100, rows)
        entries = [{"type": "file", "id": str(number), "size": number} for number in range(first, last)]
        return 200, {}, {"entries": entries, "limit": 100, "next_marker": str(last) if last < rows else None}

    return answer


def test_a_metadata_query_returns_all_its_rows(served: tuple[Pretender, boxnb.Box]) -> None:
    """A query of 2,500 rows takes 25 calls, each with the whole body and the marker of the page before."""
    pretender, box = served
    sent: list[dict[str, Any]] = []
    pretender.first = metadata_query(2500, sent)
    rows = box.frame(QUERIES, method="POST", json=QUERY)
    assert rows["id"].tolist() == [str(number) for number in range(2500)]
    assert str(rows["size"].dtype) == "Int64"
    assert (rows.attrs["pages"], rows.attrs["complete"]) == (25, True)
    assert sent == [QUERY, *({**QUERY, "marker": str(100 * page)} for page in range(1, 25))]


def test_a_metadata_query_can_be_resumed(served: tuple[Pretender, boxnb.Box]) -> None:
    """After an error, the rows so far and those of the resumed query are all rows."""
    pretender, box = served
    answer, calls = metadata_query(450, []), iter(range(1, 1000))
    pretender.first = lambda *request: error(403, "forbidden", "No") if next(calls) == 3 else answer(*request)
    with pytest.raises(ApiError) as caught:
        box.frame(QUERIES, method="POST", json=QUERY)
    partial = caught.value.partial
    assert partial is not None
    rest = box.frame(QUERIES, method="POST", json=QUERY, **partial.attrs["resume"])
    assert [*partial["id"], *rest["id"]] == [str(number) for number in range(450)]


def test_a_metadata_query_is_sent_again_after_a_lost_answer(served: tuple[Pretender, boxnb.Box]) -> None:
    """A query changes nothing, although it is a POST."""
    pretender, box = served
    answer, calls = metadata_query(150, []), iter(range(1, 1000))
    pretender.first = lambda *request: (503, {}, {}) if next(calls) == 2 else answer(*request)
    assert len(box.frame(QUERIES, method="POST", json=QUERY)) == 150


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_a_write_is_sent_once(served: tuple[Pretender, boxnb.Box], method: str, status: int) -> None:
    """After a 5xx, the change may have been made, so the error says to check it."""
    pretender, box = served
    pretender.first = lambda *request: (status, {}, {"type": "error", "status": status})
    with pytest.raises(BoxUnavailableError, match="Check whether the change was made before you repeat"):
        getattr(box, method)("/comments/1", {"message": "a"})
    assert len(pretender.calls) == 1


@pytest.mark.parametrize("kind", ["post", "frame"])
def test_a_write_whose_answer_is_lost_is_made_once(box: boxnb.Box, sandbox: Sandbox, kind: str) -> None:
    """The sandbox carries out the call and drops the connection; boxnb does not send it again."""
    body = {"name": "Only once", "parent": {"id": "0"}}
    sandbox.faults.add("/2.0/folders", "reset_after", method="POST")
    with pytest.raises(NetworkError, match="heck whether the change was made before you repeat the call"):
        if kind == "post":
            box.post("/folders", body)
        else:
            box.frame("/folders", method="POST", json=body)
    assert box.items("0")["name"].tolist().count("Only once") == 1


def test_writes_of_every_kind_reach_the_sandbox(box: boxnb.Box) -> None:
    """A folder is created, renamed and deleted; the JSON of each answer is returned, and ``None`` for an empty one."""
    created = box.post("/folders", {"name": "Ask anything", "parent": {"id": "0"}}, fields="name")
    renamed = box.put(f"/folders/{created['id']}", {"name": "Asked"})
    assert (created["name"], renamed["name"]) == ("Ask anything", "Asked")
    assert box.delete(f"/folders/{created['id']}", recursive=True) is None
    assert len(box.frame(f"/folders/{created['id']}/trash")) == 1
    assert box.frame("/folders", method="POST", json={"name": "Row", "parent": {"id": "0"}})[
        "name"
    ].tolist() == ["Row"]


def test_a_write_without_an_answer_is_an_empty_frame(served: tuple[Pretender, boxnb.Box]) -> None:
    """A 204 has no rows."""
    pretender, box = served
    pretender.first = lambda *request: (204, {}, b"")
    assert box.frame("/comments/1", method="DELETE").empty


def test_the_version_is_sent_with_every_page(served: tuple[Pretender, boxnb.Box]) -> None:
    """Listings and single calls send the header box-version; without a version, nothing is sent."""
    pretender, box = served
    pages = iter(["a", None])
    pretender.first = lambda *request: (200, {}, {"entries": [{"id": "1"}], "next_marker": next(pages)})
    assert len(box.frame("/hubs", version="2025.0", as_user="7")) == 2
    sent = [{name.lower(): value for name, value in headers.items()} for headers in pretender.headers]
    assert [headers["box-version"] for headers in sent] == ["2025.0", "2025.0"]
    assert [headers["as-user"] for headers in sent] == ["7", "7"]
    pretender.first = lambda *request: (200, {}, {"id": "1"})
    box.post("/hubs", {"title": "a"}, version="2025.0")
    box.get("/folders/0")
    assert [headers.get("box-version") for headers in pretender.headers[2:]] == ["2025.0", None]


REFUSALS = {
    "the message says it": (
        "/hubs",
        error(
            400,
            "invalid_api_version",
            "Missing required box-version header. Supported API versions: [2025.0].",
        ),
        "Pass version='2025.0'.",
    ),
    "several versions": (
        "/anything",
        error(400, "bad_request", "Invalid box-version header. Supported API versions: [2025.0, 2026.0]."),
        "Pass version='2026.0'.",
    ),
    "an endpoint that is known": ("/automate_workflows", error(404, "not_found", "Not Found"), "'2026.0'."),
    "no version at all": (
        "/folders/0",
        error(400, "invalid_api_version", "Invalid API version. Supported API versions: [2024.0]."),
        "Leave version out.",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_the_error_names_the_version_that_an_endpoint_needs(
    served: tuple[Pretender, boxnb.Box], name: str
) -> None:
    """The version comes from Box's message, or from the endpoint."""
    pretender, box = served
    path, response, advice = REFUSALS[name]
    pretender.first = lambda *request: response
    for call in (box.get, box.frame):
        with pytest.raises(ApiError, match="This endpoint needs another version of the API") as caught:
            call(path)
        assert str(caught.value).endswith(advice)


def test_a_missing_object_is_not_a_matter_of_versions(served: tuple[Pretender, boxnb.Box]) -> None:
    """With the right version, or at an endpoint of the default version, a 404 says that the object does not exist."""
    pretender, box = served
    pretender.first = lambda *request: error(404, "not_found", "Not Found")
    for path, version in (("/hubs/1", "2025.0"), ("/folders/1", None)):
        with pytest.raises(NotFoundError, match="It does not exist"):
            box.get(path, version=version)


def test_no_endpoint_of_the_default_version_needs_another() -> None:
    """The table of versions has no path of Box's description of 2024.0."""
    from described import OPERATIONS

    assert not [entry.name for entry in OPERATIONS if versions.needed(f"/2.0{entry.path}")]


def test_changes_to_metadata_are_labelled_as_a_patch(served: tuple[Pretender, boxnb.Box]) -> None:
    """A list for metadata is a JSON patch, and any other body is JSON."""
    pretender, box = served
    pretender.first = lambda *request: (200, {}, {})
    box.put("/files/1/metadata/enterprise/contract", [{"op": "test", "path": "/a", "value": 1}])
    box.post("/files/1/metadata/enterprise/contract", {"a": 1})
    box.put("/files/1", {"name": "a"}, headers={"If-Match": "3"})
    assert [headers["Content-Type"] for headers in pretender.headers] == [
        "application/json-patch+json",
        *["application/json"] * 2,
    ]
    assert pretender.headers[-1]["If-Match"] == "3"


def test_the_bytes_of_a_file_are_returned_unchanged(box: boxnb.Box) -> None:
    """The content of a file is bytes, although an uploaded file may look like JSON."""
    content = b'{"not": "decoded"}'
    parts = {"attributes": (None, '{"name": "a.json", "parent": {"id": "0"}}'), "file": ("a.json", content)}
    file_id = box.post("/files/content", files=parts)["entries"][0]["id"]
    assert box.get(f"/files/{file_id}/content") == content
    with pytest.raises(ApiError):
        box.get("/files/1/content")

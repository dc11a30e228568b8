"""The sandbox against Box's own OpenAPI description: every implemented operation, with valid and invalid calls."""

from __future__ import annotations

import gzip
import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
import requests

from . import deviations, recorded, spec
from .conftest import Person, Starter
from .make_openapi import FULL_DESCRIPTION, SUBSET_FILE, implemented_operations, shape, subset
from .test_content import by_name, rows

ROUNDS = 24
NAMES = ["x", "", " ", ".", "a/b", "x" * 300, "<b>", "=1+1", "تقرير", "\x00", "👩🏽\u200d🚀", "0", "null"]
WORDS = [
    "true",
    "false",
    "0",
    "-1",
    "1e9",
    "99999999999999999999",
    "now",
    "name",
    "size,name",
    "DESC",
    "pending",
]


def test_the_saved_subset_matches_the_description() -> None:
    """The saved subset has exactly the sandbox's operations and no prose."""
    with gzip.open(SUBSET_FILE) as file:
        saved = json.load(file)
    paths = {(name.split(" ")[0], shape(name.split(" ")[1])) for name in saved["operations"]}
    added = {(name.split(" ")[0], shape(name.split(" ")[1])) for name in deviations.OPERATIONS}
    assert paths == implemented_operations() - added
    assert added < implemented_operations()
    assert '"description":"' not in json.dumps(saved, separators=(",", ":"))
    if FULL_DESCRIPTION.is_file():  # the full description is saved next to the project, not in it
        assert saved == subset(json.loads(FULL_DESCRIPTION.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("path", "doc", "problem"),
    [
        ("/users/me", {"id": "1", "type": "user", "name": 7}, "name must be"),
        ("/users/me", {"id": "1", "type": "users"}, "type must be one of"),
        ("/users/me", {"type": "user"}, "must contain"),
        ("/users/me", {"id": "1", "type": "user", "nickname": "x"}, "unknown key .nickname"),
        (
            "/folders/7",
            {"id": "7", "type": "folder", "owned_by": {"id": "1", "type": "user", "x": 1}},
            ".owned_by.x",
        ),
        ("/folders/7/items", {"entries": [{"id": "7", "type": "folder", "x": 1}]}, ".entries[0].x"),
        ("/events", {"entries": [], "next_stream_position": 1.5}, "validated by any definition"),
        ("/users/me", {"id": "1", "type": "user", "created_at": "yesterday"}, "created_at cannot"),
        ("/users/me", {"id": "1", "type": "user", "status": None}, "null for a managed user"),
    ],
)
def test_each_kind_of_violation_is_reported(path: str, doc: dict[str, Any], problem: str) -> None:
    """Each kind of invalid response is reported with its problem."""
    response = requests.Response()
    response.status_code, response._content = 200, json.dumps(doc).encode()
    response.headers["Content-Type"] = "application/json"
    response.request = requests.Request("GET", f"http://127.0.0.1/2.0{path}").prepare()
    response.url = response.request.url or ""
    assert problem in " ".join(spec.problems(response))


def record_responses(folder: Path, *responses: dict[str, Any], end: str = "\n") -> Path:
    """Write responses as a sandbox records them."""
    folder.mkdir(exist_ok=True)
    defaults = {"method": "GET", "status": 200, "type": "application/json", "fault": None, "body": ""}
    (folder / "1-a.jsonl").write_text(
        "\n".join(json.dumps({**defaults, **response}) for response in responses) + end
    )
    return folder


def test_each_recorded_violation_is_reported(tmp_path: Path) -> None:
    """A recorded invalid response is reported; responses invalid on purpose and a cut-off last line are not."""
    good = {"path": "/2.0/users/me", "body": '{"id": "1", "type": "user"}'}
    for response, problem in [
        ({**good, "body": '{"id": "1"}'}, "must contain"),
        ({**good, "type": "text/html"}, "labelled"),
        ({**good, "status": 500}, "broke"),
        ({**good, "status": 404, "body": ""}, "without a body"),
        ({**good, "path": "/2.0/unicorns"}, "does not have get /unicorns"),
        ({**good, "path": "/2.0/users/1", "file": "long.body"}, "name must be"),
    ]:
        folder = record_responses(tmp_path, good, response)
        (folder / "long.body").write_text('{"id": "1", "type": "user", "name": 7}')
        result = recorded.check(folder)
        assert result.responses == 2
        assert problem in " ".join(result.lines())
    faulty = {**good, "fault": "html", "type": "text/html", "body": "<html>"}
    invalid_on_purpose = record_responses(
        tmp_path, good, faulty, {**good, "status": 500, "fault": "500", "body": "{}"}, end=""
    )
    assert list(recorded.check(invalid_on_purpose).problems) == []
    assert recorded.check(invalid_on_purpose).responses == 1  # a kill cut off the last line


def test_a_sandbox_records_its_responses(
    start_sandbox: Starter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sandbox records its responses without tokens, and long bodies once."""
    monkeypatch.setenv("BOXNB_SANDBOX_EXCHANGES", str(tmp_path / "responses"))
    sandbox = start_sandbox()
    ada = Person(sandbox, sandbox.practice_client())
    ada.http.hooks["response"].clear()  # one response is invalid on purpose
    token = ada.sign_in()["access_token"]
    ada.get("/users?limit=1000", token)
    ada.get("/nothing", token)
    sandbox.faults.add("/2.0/users/me", "html")
    ada.get("/users/me", token)
    result = recorded.check(tmp_path / "responses")
    assert (result.responses, result.invalid_on_purpose, list(result.problems)) == (3, 1, [])
    assert result.operations == {"POST /oauth2/token", "GET /users"}
    recorded_bytes = b"".join(path.read_bytes() for path in (tmp_path / "responses").iterdir())
    assert token.encode() not in recorded_bytes
    assert len(list((tmp_path / "responses").glob("*.body"))) == 1  # the long page


def test_every_deviation_has_a_reason() -> None:
    """The docstring of every deviation contains its source."""
    for change in deviations.SCHEMAS:
        assert re.search(r"box-facts|guess|changelog|null", change.__doc__ or ""), change.__name__
    assert len({change.__name__ for change in deviations.SCHEMAS}) == len(deviations.SCHEMAS)


READ_ONLY_IDS = {
    "collaboration_whitelist_entry_id": ["213720"],
    "collaboration_whitelist_exempt_target_id": ["984312"],
    "comment_id": ["192030"],
    "legal_hold_policy_assignment_id": ["753465", "753503"],
    "legal_hold_policy_id": ["324411"],
    "metadata_cascade_policy_id": ["6fd4ff89-8fc1-42cf-8b29-1890dedd26d5"],
    "retention_policy_assignment_id": ["12001341"],
    "retention_policy_id": ["9821231"],
    "scope": ["enterprise", "enterprise_900719925474099301"],
    "shield_list_id": ["90fb0e17-c332-40ed-b4f9-fa8908fbbb24"],
    "sign_request_id": ["5f1c9f0e-6a52-4b58-a7b4-6f6f1b7c4c01"],
    "storage_policy_assignment_id": ["user_11459287"],
    "storage_policy_id": ["11"],
    "task_assignment_id": ["27781209"],
    "task_id": ["10452790"],
    "template_id": ["7d4a1f02-5c1b-4d8e-9c57-3b1f6f0a2e11"],
    "template_key": ["documentRegister", "customer"],
    "terms_of_service_id": ["11520"],
    "webhook_id": ["3321123"],
}
"""Ids of what the sandbox only reads. They stay out of the bodies of made-up writes."""


class CallMaker:
    """Makes up calls to an operation, mostly valid and partly nonsense, and the same ones every time."""

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)
        wide = by_name("Customer database export")["id"]
        self.ids = {
            "folder_id": [wide, "0", by_name("Payroll")["id"]],
            "file_id": [row["id"] for row in rows("files") if row["folder_id"] == wide],
            "user_id": [rows("users")[3]["id"], rows("externals")[0]["id"]],
            "group_id": [rows("groups")[0]["id"]],
            "enterprise_id": ["900719925474099301"],
            "group_membership_id": [rows("memberships")[0]["id"]],
            "collaboration_id": [row["id"] for row in rows("collaborations") if row["item_id"] == wide],
            "web_link_id": [rows("weblinks")[0]["id"]],
            "device_pinner_id": [rows("device_pins")[0]["id"]],
        }

    def maybe(self, chance: float) -> bool:
        """Return True with this probability."""
        return self.random.random() < chance

    def path(self, path: str) -> str:
        """Fill the parameters of a path."""

        def fill(parameter: re.Match[str]) -> str:
            """Return a known id or nonsense."""
            known = self.ids.get(parameter[1]) or READ_ONLY_IDS.get(parameter[1], [])
            if known and self.maybe(0.85):
                return self.random.choice(known)
            return self.random.choice(["1", "abc", "12x", "%00", "99999999999999999999", "%D9%A3"])

        return re.sub(r"\{([^}]+)\}", fill, path)

    def value(self, schema: dict[str, Any], depth: int = 0) -> Any:
        """Make up a value for a schema."""
        pick = self.random
        if self.maybe(0.07):
            return pick.choice([None, 7, "x", [], {}, True, 1.5, "\ud83d"[:0]])
        if "$ref" in schema:
            return self.value(spec.description()["schemas"][schema["$ref"].rpartition("/")[2]], depth)
        if "allOf" in schema:
            parts = [self.value(part, depth) for part in schema["allOf"] if part and set(part) - {"nullable"}]
            if all(isinstance(part, dict) for part in parts):
                return {key: value for part in parts for key, value in part.items()}
            return parts[0] if parts else None
        if "enum" in schema:
            return pick.choice(schema["enum"])
        json_type = schema.get("type")
        if json_type == "object" or "properties" in schema:
            required = schema.get("required", [])
            properties = {
                key: part
                for key, part in schema.get("properties", {}).items()
                if key in required or self.maybe(0.4)
            }
            return (
                {key: self.property_value(key, part, depth + 1) for key, part in properties.items()}
                if depth < 6
                else {}
            )
        if json_type == "array":
            return [self.value(schema.get("items", {}), depth + 1) for _ in range(pick.randrange(3))]
        if json_type == "integer":
            return pick.choice([0, 1, 100, -1, 2**63, 30_000_000])
        if json_type == "boolean":
            return self.maybe(0.5)
        if schema.get("format") == "date-time":
            return pick.choice(["2030-01-01T00:00:00Z", "2001-01-01", "soon", "1960-01-01T00:00:00Z"])
        return pick.choice(NAMES)

    def property_value(self, key: str, schema: dict[str, Any], depth: int) -> Any:
        """Make up the value of a named property."""
        if key in ("id", "folder_id") and self.maybe(0.8):
            return self.random.choice([known_id for ids in self.ids.values() for known_id in ids])
        return self.value(schema, depth)

    def query(self, parameters: list[dict[str, Any]]) -> dict[str, Any]:
        """Make up a query."""
        query = {}
        for parameter in parameters:
            if parameter["in"] == "query" and (parameter.get("required") or self.maybe(0.35)):
                nonsense = self.maybe(0.3)
                query[parameter["name"]] = (
                    self.random.choice(WORDS + NAMES) if nonsense else self.value(parameter["schema"])
                )
        return {
            key: ",".join(map(str, parameter)) if isinstance(parameter, list) else parameter
            for key, parameter in query.items()
        }

    def headers(self, parameters: list[dict[str, Any]]) -> dict[str, str]:
        """Make up headers."""
        header_names = [parameter["name"] for parameter in parameters if parameter["in"] == "header"]
        words = ["0", "1", '"0"', "sha=xx", "bytes 0-1/2", "shared_link=https://lumenfjord.box.example/s/1"]
        return {name: self.random.choice(words) for name in header_names if self.maybe(0.5)}


def make_call(
    person: Person, call_maker: CallMaker, method: str, path: str, operation: dict[str, Any]
) -> requests.Response:
    """Make one made-up call to an operation, on the host that serves it."""
    on_upload_host = "upload_sessions" in path or (path.endswith("/content") and method == "post")
    url = f"{person.sandbox.url}{'/api' if on_upload_host else ''}/2.0{call_maker.path(path)}"
    body: Any = None
    if operation["body"]:
        body = call_maker.value(next(iter(operation["body"].values())))
    headers = {"Authorization": f"Bearer {person.access}", **call_maker.headers(operation["parameters"])}
    query = call_maker.query(operation["parameters"])
    if call_maker.maybe(0.05):
        return person.http.request(method, url, params=query, data=b"{not json", headers=headers, timeout=20)
    return person.http.request(
        method, url, params=query, json=body, headers=headers, timeout=20, allow_redirects=False
    )


def test_made_up_calls_get_valid_responses(writer: Person) -> None:
    """Made-up calls to every operation get responses that match the description, and never 500."""
    writer.doc("/users/me")
    call_maker = CallMaker("questions 1")
    link = {"url": "https://example.com/", "name": "Link", "parent": {"id": "0"}}
    call_maker.ids["web_link_id"] = [writer.call("POST", "/web_links", link).json()["id"]]
    sessions = f"{writer.sandbox.url}/api/2.0/files/upload_sessions"
    session = writer.call("POST", sessions, {"folder_id": "0", "file_size": 30_000_000, "file_name": "big"})
    call_maker.ids["upload_session_id"] = [session.json()["id"]]
    failures: list[str] = []
    codes: dict[int, int] = {}
    operations = [
        operation for operation in spec.description()["operations"].items() if "/oauth2/" not in operation[0]
    ]
    non_deletes = [operation for operation in operations if not operation[0].startswith("delete")]
    deletes = [operation for operation in operations if operation[0].startswith("delete")]
    for name, operation in [*non_deletes * ROUNDS, *deletes * 3, *non_deletes * 2]:
        method, path = name.split(" ")
        response = make_call(writer, call_maker, method, path.partition("#")[0], operation)
        codes[response.status_code] = codes.get(response.status_code, 0) + 1
        if response.status_code in (500, 401):
            failures.append(f"{response.status_code} {name} {response.request.url} {response.request.body!r}")
    assert failures == []
    assert min(codes.get(code, 0) for code in (200, 201, 204, 400, 404, 409, 412)) >= 3, codes
    assert codes[200] > 300, codes


def test_made_up_forms_get_valid_responses(ada: Person) -> None:
    """The token and revoke endpoints return valid responses to valid, invalid, repeated, missing and undecodable fields."""
    pick = random.Random("forms 1")
    pair = ada.sign_in()
    keys = {key: ada.client[key] for key in ("client_id", "client_secret")}
    grants = ["authorization_code", "refresh_token", "client_credentials", "password", "magic", ""]
    good = [*keys.values(), *grants, *pair.values(), ada.code()]
    nonsense = [*NAMES, "%", "\ud800".encode("utf-8", "surrogatepass"), b"\xff\xfe", "a&b=c", "x" * 70_000]
    names = ["grant_type", "code", "refresh_token", "token", "code_verifier", "redirect_uri", *keys]
    codes: dict[int, int] = {}
    for number in range(400):
        form: list[tuple[str, Any]] = [] if pick.random() < 0.2 else list(keys.items())
        if pick.random() < 0.7:
            form.append(("grant_type", pick.choice(grants[:2])))
        form += [
            (pick.choice(names), pick.choice(good if pick.random() < 0.5 else nonsense))
            for _ in range(pick.randrange(4))
        ]
        pick.shuffle(form)
        headers = (
            {"Authorization": pick.choice(["Basic %%%", "Basic YTpi", "Bearer x"])} if number % 9 == 0 else {}
        )
        url = f"{ada.sandbox.url}/oauth2/{'token' if number % 3 else 'revoke'}"
        # The session's hook validates each response against the description.
        response = ada.http.post(url, data=form, headers=headers, timeout=20)
        codes[response.status_code] = codes.get(response.status_code, 0) + 1
        if response.content:
            assert (response.status_code == 200) == ("access_token" in response.json())
            assert pair["refresh_token"] not in response.text or response.status_code == 200
    assert set(codes) == {200, 400}
    json_response = ada.http.post(
        f"{ada.sandbox.url}/oauth2/token", json={"grant_type": "refresh_token"}, timeout=20
    )
    assert json_response.json()["error"] == "invalid_request"

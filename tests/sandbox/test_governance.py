"""Webhooks, policies, metadata, tasks, comments, sign requests: who may read what (box-facts 1.10, 4.9)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import csv_company
import pytest

import boxnb.sandbox

from .conftest import Person, Starter
from .test_api import error_of

SECTIONS = json.loads(
    (Path(__file__).parents[2] / "data/sandbox/governance.json").read_text(encoding="utf-8")
)
SCOPE = "enterprise_900719925474099301"
CLASSIFICATION = "securityClassification-6VMVochwUWo"
REGISTER = f"{SCOPE}.documentRegister"
README, EXPORT = "930224185079", "930100025791"
MANAGE = "manage_enterprise_properties"
RETENTION = "manage_data_retention"
HOLDS = "manage_legal_holds"
SIGN = "sign_requests.readwrite"
READ = "root_readonly"
V2025 = {"box-version": "2025.0"}
# Each path with the number of its entries (None for one object), the scopes it needs, and whether it is only for admins.
PATHS: dict[str, tuple[int | None, tuple[str, ...], bool]] = {
    "/webhooks": (3, ("manage_webhook",), False),
    "/webhooks/3321123": (None, ("manage_webhook",), False),
    "/retention_policies": (4, (RETENTION, "enterprise_content"), True),
    "/retention_policies/9821231": (None, (RETENTION, "enterprise_content"), True),
    "/retention_policies/9821231/assignments": (2, (RETENTION, "enterprise_content"), True),
    "/retention_policy_assignments/12001341": (None, (RETENTION, "enterprise_content"), True),
    "/legal_hold_policies": (3, (HOLDS,), True),
    "/legal_hold_policies/324411": (None, (HOLDS,), True),
    "/legal_hold_policy_assignments?policy_id=324411": (2, (HOLDS,), True),
    "/legal_hold_policy_assignments/753465": (None, (HOLDS,), True),
    "/legal_hold_policy_assignments/753503/files_on_hold": (1, (HOLDS,), True),
    "/legal_hold_policy_assignments/753503/file_versions_on_hold": (1, (HOLDS,), True),
    "/collaboration_whitelist_entries": (3, (MANAGE,), True),
    "/collaboration_whitelist_entries/213720": (None, (MANAGE,), True),
    "/collaboration_whitelist_exempt_targets": (2, (MANAGE,), True),
    "/collaboration_whitelist_exempt_targets/984312": (None, (MANAGE,), True),
    "/storage_policies": (2, ("manage_managed_users",), True),
    "/storage_policies/11": (None, ("manage_managed_users",), True),
    "/storage_policy_assignments?resolved_for_type=user&resolved_for_id=11459287": (
        1,
        ("manage_managed_users",),
        True,
    ),
    "/storage_policy_assignments/user_11459287": (None, ("manage_managed_users",), True),
    "/terms_of_services": (2, (MANAGE,), True),
    "/terms_of_services/11520": (None, (MANAGE,), True),
    "/terms_of_service_user_statuses?tos_id=11520": (3, (MANAGE,), True),
    "/shield_lists": (3, (MANAGE,), True),
    "/shield_lists/90fb0e17-c332-40ed-b4f9-fa8908fbbb24": (None, (MANAGE,), True),
    "/metadata_templates/enterprise": (3, (READ,), False),
    "/metadata_templates/global": (0, (READ,), False),
    f"/metadata_templates/enterprise/{CLASSIFICATION}/schema": (None, (READ,), False),
    f"/metadata_templates/{SCOPE}/customer/schema": (None, (READ,), False),
    "/metadata_templates/7d4a1f02-5c1b-4d8e-9c57-3b1f6f0a2e11": (None, (READ,), False),
    "/metadata_cascade_policies?folder_id=160106874231": (1, (READ,), False),
    "/metadata_cascade_policies/6fd4ff89-8fc1-42cf-8b29-1890dedd26d5": (None, (READ,), False),
    f"/files/{README}/metadata": (1, (READ,), False),
    f"/files/{README}/metadata/enterprise/{CLASSIFICATION}": (None, (READ,), False),
    "/folders/160106874231/metadata": (2, (READ,), False),
    f"/folders/160106874231/metadata/{SCOPE}/customer": (None, (READ,), False),
    f"/files/{README}/tasks": (1, (READ,), False),
    "/tasks/10452731": (None, (READ,), False),
    "/tasks/10452731/assignments": (2, (READ,), False),
    "/task_assignments/27781123": (None, (READ,), False),
    f"/files/{README}/comments": (2, (READ,), False),
    "/comments/192030": (None, (READ,), False),
    "/sign_requests": (2, (SIGN,), False),
    "/sign_requests/5f1c9f0e-6a52-4b58-a7b4-6f6f1b7c4c01": (None, (SIGN,), False),
}


def headers_for(path: str) -> dict[str, str]:
    """Return the headers that a path needs."""
    return V2025 if path.startswith("/shield_lists") else {}


@pytest.fixture(scope="module")
def officer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """The admin with the governance app, which has every scope that these endpoints need."""
    with boxnb.sandbox.start(private=True, state=tmp_path_factory.mktemp("officer"), limits="off") as sandbox:
        person = Person(sandbox, sandbox.practice_client("governance"))
        yield person
        person.http.close()


def with_scopes(person: Person, scopes: tuple[str, ...], login: str | None = None) -> str:
    """Return the access token of a new app with these scopes."""
    app = person.sandbox.register_app("Scopes", ["http://127.0.0.1:8321/callback"], scopes=list(scopes))
    other = Person(person.sandbox, app)
    try:
        access: str = other.sign_in(login)["access_token"]
    finally:
        other.http.close()
    return access


@pytest.mark.parametrize("path", PATHS)
def test_every_path_returns_what_the_file_has(officer: Person, path: str) -> None:
    """A list has as many entries as the file, and an object has the id of its path."""
    count, _, _ = PATHS[path]
    doc = officer.doc(path, **headers_for(path))
    if count is None:
        last = path.rpartition("/")[2]
        assert last in (doc.get("id"), doc.get("$template"), "schema")
    else:
        assert len(doc["entries"]) == count
        assert doc.get("total_count", count) == count


@pytest.mark.parametrize("path", PATHS)
def test_every_path_needs_its_scopes_and_its_admin(officer: Person, path: str) -> None:
    """Without one of its scopes a path returns 403 with an empty body; a user who is not an admin gets 403 too."""
    _, scopes, for_admins = PATHS[path]
    for missing in scopes:
        others = tuple(scope for scope in scopes if scope != missing) or ("manage_groups",)
        response = officer.get(path, with_scopes(officer, others), **headers_for(path))
        assert response.status_code == 403, (path, missing)
        assert 'error="insufficient_scope"' in response.headers["WWW-Authenticate"]
        assert response.content == b""
    if for_admins:
        token = with_scopes(officer, scopes, "hanako.yamada@example.com")
        error_of(officer.get(path, token, **headers_for(path)), 403, "access_denied_insufficient_permissions")


def test_an_unknown_id_is_not_found(officer: Person) -> None:
    """Each path of one object returns 404 for an id that does not exist."""
    for path, (count, _, _) in PATHS.items():
        head, _, last = path.partition("?")[0].rpartition("/")
        if count is None and last != "schema":
            response = officer.call("GET", f"{head}/unicorn", **headers_for(path))
            assert response.status_code == 404, path
    for path in (
        "/retention_policies/1/assignments",
        "/legal_hold_policy_assignments?policy_id=1",
        "/terms_of_service_user_statuses?tos_id=1",
        "/storage_policy_assignments?resolved_for_type=user&resolved_for_id=1",
        f"/metadata_templates/{SCOPE}/unicorn/schema",
        "/metadata_templates/global/customer/schema",
        "/tasks/1/assignments",
    ):
        error_of(officer.call("GET", path), 404, "not_found")
    error_of(officer.call("GET", f"/files/{EXPORT}/metadata/global/customer"), 404, "instance_not_found")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/legal_hold_policy_assignments", "policy_id"),
        ("/storage_policy_assignments?resolved_for_type=user", "resolved_for_id"),
        ("/storage_policy_assignments?resolved_for_id=1", "resolved_for_type"),
        ("/terms_of_service_user_statuses", "tos_id"),
        ("/metadata_cascade_policies", "folder_id"),
        ("/metadata_templates", "metadata_instance_id"),
    ],
)
def test_required_parameters(officer: Person, path: str, name: str) -> None:
    """A required parameter that is missing is named."""
    body = error_of(officer.call("GET", path), 400, "missing_parameter")
    assert body["context_info"]["errors"][0]["name"] == name


@pytest.mark.parametrize(
    ("path", "ids"),
    [
        ("/retention_policies?policy_name=Board", ["9821298"]),
        ("/retention_policies?policy_name=board", []),  # the case matters
        ("/retention_policies?policy_type=indefinite", ["9821298"]),
        ("/retention_policies?created_by_user_id=11458388", ["9821344"]),
        ("/retention_policies/9821402/assignments?type=folder", []),
        ("/legal_hold_policies?policy_name=nORR", ["324411"]),
        ("/legal_hold_policy_assignments?policy_id=324411&assign_to_type=user", ["753488"]),
        ("/legal_hold_policy_assignments?policy_id=324411&assign_to_id=160123084467", ["753465"]),
        ("/terms_of_services?tos_type=external", ["11533"]),
        ("/terms_of_service_user_statuses?tos_id=11520&user_id=11459287", ["78244"]),
        (
            "/storage_policy_assignments?resolved_for_type=user&resolved_for_id=11458388",
            ["enterprise_900719925474099301"],  # without an own assignment, the enterprise's applies
        ),
    ],
)
def test_parameters_narrow_a_list(officer: Person, path: str, ids: list[str]) -> None:
    """Each parameter leaves only the entries that it describes."""
    assert [entry["id"] for entry in officer.doc(path)["entries"]] == ids


def test_lists_are_paged_by_marker(officer: Person) -> None:
    """Pages by marker return every entry once, and the last page has no next marker."""
    for path in ("/retention_policies", "/webhooks", "/collaboration_whitelist_entries", "/sign_requests"):
        whole = [entry["id"] for entry in officer.doc(path)["entries"]]
        ids: list[str] = []
        marker = ""
        while marker is not None:
            page = officer.doc(f"{path}?limit=1&marker={marker}")
            ids += [entry["id"] for entry in page["entries"]]
            marker = page["next_marker"]
        assert ids == whole
    comments = officer.doc(f"/files/{README}/comments?limit=1&offset=1")
    assert (comments["total_count"], [entry["id"] for entry in comments["entries"]]) == (2, ["191984"])


def test_fields_choose_what_is_returned(officer: Person) -> None:
    """With `fields`, an object has only those fields, its id and its type."""
    entry = officer.doc("/retention_policies?fields=policy_name,status")["entries"][0]
    assert set(entry) == {"id", "type", "policy_name", "status"}


def test_webhooks_belong_to_an_app_and_a_user(officer: Person) -> None:
    """A user sees the webhooks that they made with this app, as minis; another app and another user see none of them."""
    entries = officer.doc("/webhooks")["entries"]
    assert [set(entry) for entry in entries] == [{"id", "type", "target"}] * 3
    assert officer.doc("/webhooks/3321123")["triggers"][0] == "FILE.UPLOADED"
    token = with_scopes(officer, ("manage_webhook",))
    assert officer.get("/webhooks", token).json()["entries"] == []
    assert officer.get("/webhooks/3321123", token).status_code == 404
    bo = officer.sign_in("bo.nakamura@example.com")["access_token"]
    assert [entry["id"] for entry in officer.get("/webhooks", bo).json()["entries"]] == ["3321305"]


def test_retention_needs_the_governance_app(start_sandbox: Starter) -> None:
    """The practice app cannot read retention, which needs `enterprise_content` too; it can read legal holds."""
    sandbox = start_sandbox("practice", limits="off")
    person = Person(sandbox, sandbox.practice_client())
    try:
        assert person.call("GET", "/retention_policies").status_code == 403
        assert len(person.doc("/legal_hold_policies")["entries"]) == 3
    finally:
        person.http.close()


def test_an_assignment_lists_the_files_that_it_covers(officer: Person) -> None:
    """The files under retention, and on hold, are those below the folder of the assignment, or owned by its user."""
    finance = {
        file_id
        for file_id, row in csv_company.FILES.iterrows()
        if "160100093156" in csv_company.chain(row["folder_id"])
    }
    path = "/retention_policy_assignments/12001341/files_under_retention?limit=1000"
    assert {entry["id"] for entry in officer.doc(path)["entries"]} == finance
    versions = path.replace("files_under", "file_versions_under")
    assert {entry["id"] for entry in officer.doc(versions)["entries"]} == finance
    jonas = {
        file_id
        for file_id in csv_company.FILES.index
        if csv_company.owner_of("file", file_id) == "jonas.okafor@example.com"
    }
    entries: list[Any] = []
    marker = ""
    while marker is not None:
        page = officer.doc(f"/legal_hold_policy_assignments/753488/files_on_hold?limit=200&marker={marker}")
        entries += page["entries"]
        marker = page["next_marker"]
    assert {entry["id"] for entry in entries} == jonas
    contracts = officer.doc("/retention_policy_assignments/12001501/files_under_retention?limit=1")
    path = f"/files/{contracts['entries'][0]['id']}/metadata/enterprise/documentRegister"
    assert officer.doc(path)["documentType"] == "Contract"


def test_shield_lists_need_their_version(officer: Person) -> None:
    """Version 2025.0 is required for Shield lists and refused elsewhere; the message names the version that works."""
    for headers, word in (
        ({}, "missing"),
        ({"box-version": "2024.0"}, "'2024.0'"),
        ({"box-version": ""}, "''"),
        ({"box-version": "banana"}, "'banana'"),
    ):
        body = error_of(officer.call("GET", "/shield_lists", **headers), 400, "invalid_api_version")
        assert word in body["message"] and "'2025.0'" in body["message"]
    body = error_of(officer.call("GET", "/webhooks", **V2025), 400, "invalid_api_version")
    assert "'2024.0'" in body["message"]
    first = officer.doc("/shield_lists", **V2025)["entries"][0]
    assert first["content"] == {"type": "domain"}
    assert officer.doc(f"/shield_lists/{first['id']}", **V2025)["content"]["domains"][0] == (
        "norrland-audit.example"
    )


def test_only_reading_is_implemented(officer: Person) -> None:
    """Changes to these objects get 501, so that nobody believes that they were made."""
    for method, path in (
        ("POST", "/webhooks"),
        ("PUT", "/retention_policies/9821231"),
        ("DELETE", "/legal_hold_policies/324411"),
        ("POST", f"/files/{README}/metadata/enterprise/customer"),
        ("POST", "/tasks"),
        ("POST", "/sign_requests"),
    ):
        assert officer.call(method, path, {}).status_code == 501


def test_what_a_user_cannot_see_stays_hidden(officer: Person) -> None:
    """Tasks, comments and metadata of a file need the right to see it, and a sign request belongs to its sender."""
    token = with_scopes(officer, (READ, SIGN), "hanako.yamada@example.com")
    for path in (
        f"/files/{README}/comments",
        f"/files/{README}/tasks",
        f"/files/{README}/metadata",
        "/tasks/10452731",
        "/tasks/10452731/assignments",
        "/task_assignments/27781123",
        "/comments/191969",
        "/sign_requests/5f1c9f0e-6a52-4b58-a7b4-6f6f1b7c4c01",
        "/metadata_cascade_policies/6fd4ff89-8fc1-42cf-8b29-1890dedd26d5",
    ):
        assert officer.get(path, token).status_code == 404, path
    assert officer.get("/sign_requests", token).json()["entries"] == []
    assert [
        entry["name"]
        for entry in officer.get(
            "/sign_requests", with_scopes(officer, (SIGN,), "ruth.larsen@example.com")
        ).json()["entries"]
    ] == ["Framework contract.docx"]


def test_classifications_are_metadata_and_fields_of_items(officer: Person) -> None:
    """A classification is in the metadata of an item, in its field `classification`, and in the template with its color."""
    doc = officer.doc(f"/files/{EXPORT}?fields=classification,metadata.{SCOPE}.{CLASSIFICATION}")
    assert doc["classification"]["name"] == "Confidential"
    assert doc["metadata"][SCOPE][CLASSIFICATION]["Box__Security__Classification__Key"] == "Confidential"
    template = officer.doc(f"/metadata_templates/enterprise/{CLASSIFICATION}/schema")
    options = {option["key"]: option["staticConfig"] for option in template["fields"][0]["options"]}
    assert options["Confidential"]["classification"]["colorID"] == 5
    assert officer.doc("/files/930120954752?fields=classification")["classification"] is None


def test_the_template_of_an_instance_can_be_found(officer: Person) -> None:
    """An instance's id leads to its template."""
    instance = officer.doc("/folders/160106874231/metadata/enterprise/customer")
    page = officer.doc(f"/metadata_templates?metadata_instance_id={instance['$id']}")
    assert [entry["templateKey"] for entry in page["entries"]] == ["customer"]


def ask(person: Person, query: str = "", status: int = 200, **body: Any) -> Any:
    """Make a metadata query and return the response's JSON."""
    whole = {"from": REGISTER, "ancestor_folder_id": "0", **body}
    if query:
        whole["query"] = query
    response = person.call("POST", "/metadata_queries/execute_read", whole)
    assert response.status_code == status, response.text
    return response.json()


def every_match(person: Person, query: str = "", **body: Any) -> list[dict[str, Any]]:
    """Return all pages of a metadata query."""
    page = ask(person, query, **body)
    entries = list(page["entries"])
    while page.get("next_marker"):
        page = ask(person, query, marker=page["next_marker"], **body)
        entries += page["entries"]
    return entries


FIELDS = [f"metadata.{REGISTER}.{name}" for name in ("documentType", "pages", "reviewBy", "topics")]


@pytest.fixture(scope="module")
def register(officer: Person) -> list[dict[str, Any]]:
    """The metadata of every file with the document register, by way of a query without a condition."""
    entries = every_match(officer, fields=["name", *FIELDS])
    return [{"id": entry["id"], **entry["metadata"][SCOPE]["documentRegister"]} for entry in entries]


def test_a_query_returns_thousands_of_rows_by_marker(officer: Person, register: list[dict[str, Any]]) -> None:
    """All files below the folders of the cascade policies are returned once, in pages of at most 100."""
    folders = {policy["folder"] for policy in SECTIONS["metadata_cascade_policies"]}
    expected = {
        file_id
        for file_id, row in csv_company.FILES.iterrows()
        if folders & set(csv_company.chain(row["folder_id"]))
        and not row["trashed_at"]
        and not any(
            csv_company.FOLDERS.loc[folder, "trashed_at"] for folder in csv_company.chain(row["folder_id"])
        )
    }
    ids = [row["id"] for row in register]
    assert len(ids) == len(set(ids)) >= 2500
    assert set(ids) == expected
    page = ask(officer, limit=7)
    assert (len(page["entries"]), page["limit"]) == (7, 7)
    assert set(page["entries"][0]) == {"type", "id", "etag"}


@pytest.mark.parametrize(
    ("query", "arguments", "matches"),
    [
        ("documentType = :kind", {"kind": "Contract"}, lambda row: row["documentType"] == "Contract"),
        (
            "pages >= :least AND pages < :most",
            {"least": 10, "most": "20"},
            lambda row: 10 <= row["pages"] < 20,
        ),
        (
            "documentType IN (:kinds) and NOT (pages > :most)",
            {"kinds": ["Invoice", "Other"], "most": 50.5},
            lambda row: row["documentType"] in ("Invoice", "Other") and row["pages"] <= 50.5,
        ),
        (
            "documentType = :kind OR topics HASALL (:one, :other) AND pages <> :pages",
            {"kind": "Report", "one": "Legal", "other": "Money", "pages": 3},
            lambda row: (
                row["documentType"] == "Report"
                or ({"Legal", "Money"} <= set(row["topics"]) and row["pages"] != 3)
            ),
        ),
        ("topics hasany (:some)", {"some": ["People"]}, lambda row: "People" in row["topics"]),
        ("documentType NOT LIKE :text", {"text": "%o%"}, lambda row: "o" not in row["documentType"]),
        ("documentType ILIKE :text", {"text": "RE_ORT"}, lambda row: row["documentType"] == "Report"),
        ("pages IS NULL", {}, lambda row: False),
        ('"pages" IS NOT NULL', {}, lambda row: True),
        (
            "reviewBy < :day",
            {"day": "2000-01-01T00:00:00.000Z"},
            lambda row: row["reviewBy"] < "2000-01-01T00:00:00.000Z",
        ),
    ],
)
def test_a_query_finds_what_its_condition_says(
    officer: Person, register: list[dict[str, Any]], query: str, arguments: dict[str, Any], matches: Any
) -> None:
    """Each operator selects the same files as the same condition in Python."""
    expected = {row["id"] for row in register if matches(row)}
    assert {entry["id"] for entry in every_match(officer, query, query_params=arguments)} == expected


def test_a_query_is_sorted_and_limited_to_a_folder_and_to_what_the_caller_sees(
    officer: Person, register: list[dict[str, Any]]
) -> None:
    """`order_by` sorts, `ancestor_folder_id` narrows, and a caller without global content finds only what they see."""
    legal = "160101481524"
    order = [{"field_key": "pages", "direction": "DESC"}, {"field_key": "documentType", "direction": "DESC"}]
    entries = every_match(officer, ancestor_folder_id=legal, order_by=order, fields=FIELDS)
    rows = [entry["metadata"][SCOPE]["documentRegister"] for entry in entries]
    keys = [(row["pages"], row["documentType"]) for row in rows]
    assert keys == sorted(keys, reverse=True) and len(keys) > 300
    assert {entry["id"] for entry in entries} < {row["id"] for row in register}
    token = with_scopes(officer, (READ,), "hanako.yamada@example.com")
    headers = {"Authorization": f"Bearer {token}"}
    url = f"{officer.sandbox.url}/2.0/metadata_queries/execute_read"
    body = {"from": REGISTER, "ancestor_folder_id": "0"}
    seen = officer.http.post(url, json=body, headers=headers, timeout=20).json()["entries"]
    assert 0 <= len(seen) < 100
    assert (
        officer.http.post(
            url, json={**body, "ancestor_folder_id": legal}, headers=headers, timeout=20
        ).status_code
        == 404
    )


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"from": "enterprise_1.documentRegister"}, "invalid_query"),
        ({"from": f"{SCOPE}.unicorn"}, "invalid_query"),
        ({"from": f"{SCOPE}.{CLASSIFICATION}"}, "invalid_query"),
        ({"query": "pages >"}, "invalid_query"),
        ({"query": "pages > 7"}, "invalid_query"),
        ({"query": "colour = :x", "query_params": {"x": "red"}}, "invalid_query"),
        ({"query": "(pages > :x", "query_params": {"x": 1}}, "invalid_query"),
        ({"query": "pages > :x pages", "query_params": {"x": 1}}, "invalid_query"),
        ({"query": "pages = :x"}, "unexpected_json_type"),
        ({"query": "pages = :x", "query_params": {"x": "many"}}, "invalid_query"),
        ({"query": "documentType = :x", "query_params": {"x": 7}}, "invalid_query"),
        ({"query": "(" * 5000 + "pages IS NULL"}, "invalid_query"),
        ({"query": 7}, "invalid_query"),
        ({"query_params": [1]}, "invalid_query"),
        ({"ancestor_folder_id": None}, "invalid_query"),
        ({"limit": 101}, "invalid_query"),
        ({"limit": True}, "invalid_query"),
        ({"marker": "banana"}, "invalid_parameter"),
        ({"fields": "name"}, "invalid_query"),
        ({"order_by": [{"field_key": "colour"}]}, "invalid_query"),
        ({"order_by": ["pages"]}, "invalid_query"),
        (
            {
                "order_by": [
                    {"field_key": "pages", "direction": "ASC"},
                    {"field_key": "topics", "direction": "DESC"},
                ]
            },
            "invalid_query",
        ),
    ],
)
def test_an_invalid_query_is_refused(officer: Person, body: dict[str, Any], code: str) -> None:
    """What Box would refuse is refused with its code."""
    assert ask(officer, status=400, **body)["code"] == code

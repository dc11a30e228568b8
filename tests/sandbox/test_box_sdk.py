"""Box's own Python SDK at the sandbox: nothing patched but its base addresses."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator

import pytest
from box_sdk_gen import (
    BaseUrls,
    BoxAPIError,
    BoxClient,
    BoxOAuth,
    BoxRetryStrategy,
    CreateCollaborationAccessibleBy,
    CreateCollaborationAccessibleByTypeField,
    CreateCollaborationItem,
    CreateCollaborationItemTypeField,
    CreateCollaborationRole,
    CreateFolderParent,
    CreateGroupMembershipGroup,
    CreateGroupMembershipUser,
    GetEventsStreamType,
    NetworkSession,
    OAuthConfig,
    PreflightFileUploadCheckParent,
    UploadFileAttributes,
    UploadFileAttributesParentField,
    create_null,
)

from .conftest import Person
from .test_content import by_name, rows

BIG = bytes(range(256)) * 80_000  # 20,480,000 bytes


@pytest.fixture
def auth(writer: Person) -> BoxOAuth:
    """The SDK's OAuth, its token calls sent to the sandbox."""
    keys = {key: writer.client[key] for key in ("client_id", "client_secret")}
    return BoxOAuth(OAuthConfig(**keys))


@pytest.fixture
def box(writer: Person, auth: BoxOAuth) -> Iterator[BoxClient]:
    """The SDK, signed in with a code."""
    url = writer.sandbox.url
    urls = BaseUrls(base_url=url, upload_url=f"{url}/api", oauth_2_url=f"{url}/api/oauth2")
    quick = NetworkSession(retry_strategy=BoxRetryStrategy(retry_base_interval=0.001), base_urls=urls)
    auth.get_tokens_authorization_code_grant(writer.code(), network_session=quick)
    yield BoxClient(auth=auth, network_session=quick)
    quick.network_client.requests_session.close()


def test_signing_in_and_refreshing(box: BoxClient, auth: BoxOAuth, writer: Person) -> None:
    first = auth.token_storage.get()
    me = box.users.get_user_me(fields=["role", "enterprise"])
    assert (me.login, me.role.value) == ("ada.admin@example.com", "admin")
    writer.sandbox.clock.advance(7200)
    assert box.users.get_user_me().login == me.login
    second = auth.token_storage.get()
    assert first.access_token != second.access_token


def test_people_and_groups(box: BoxClient) -> None:
    page = box.users.get_users(usemarker=True, limit=1000)
    assert {user.login for user in page.entries} == {row["login"] for row in rows("users")}
    groups = box.groups.get_groups(limit=1000)
    assert groups.total_count == 25
    members = box.memberships.get_group_memberships(groups.entries[0].id)
    assert members.entries[0].group.id == groups.entries[0].id
    user = box.users.create_user("By SDK", login="sdk@example.com")
    assert box.users.get_user_by_id(user.id).name == "By SDK"
    box.users.delete_user_by_id(user.id)


def test_items_and_search(box: BoxClient) -> None:
    wide = by_name("Customer database export")
    items = box.folders.get_folder_items(wide["id"], fields=["size", "owned_by"], usemarker=True, limit=1000)
    assert len(items.entries) >= 6
    file = next(one for one in items.entries if one.name == "customers_01.csv")
    assert file.owned_by.login == wide["owner"]
    whole = box.files.get_file_by_id(file.id)
    assert whole.path_collection.entries[-1].id == wide["id"]
    found = box.search.search_for_content(query="customers_01", ancestor_folder_ids=[wide["id"]])
    assert {one.name for one in found.entries} == {"customers_01.csv"}
    collabs = box.list_collaborations.get_folder_collaborations(wide["id"])
    assert len(collabs.entries) == 15


def test_events(box: BoxClient) -> None:
    position, seen = "0", 0
    for _ in range(3):
        page = box.events.get_events(
            stream_type=GetEventsStreamType.ADMIN_LOGS, stream_position=position, limit=500
        )
        position, seen = str(page.next_stream_position), seen + len(page.entries)
    assert seen > 1000
    servers = box.events.get_events_with_long_polling()
    assert servers.entries[0].type == "realtime_server"


def test_small_upload_and_download(box: BoxClient) -> None:
    data = b"hello\r\n" * 1000
    home = box.folders.create_folder("By SDK", CreateFolderParent(id="0"))
    box.uploads.preflight_file_upload_check(
        name="a.txt", size=len(data), parent=PreflightFileUploadCheckParent(id=home.id)
    )
    attributes = UploadFileAttributes(name="a.txt", parent=UploadFileAttributesParentField(id=home.id))
    file = box.uploads.upload_file(attributes, io.BytesIO(data)).entries[0]
    assert file.sha_1 == hashlib.sha1(data).hexdigest()
    with box.downloads.download_file(file.id) as stream:
        assert stream.read() == data
    with pytest.raises(BoxAPIError) as caught:
        box.uploads.upload_file(attributes, io.BytesIO(data))
    assert caught.value.response_info.status_code == 409
    assert caught.value.response_info.code == "item_name_in_use"


def test_upload_in_parts(box: BoxClient) -> None:
    file = box.chunked_uploads.upload_big_file(io.BytesIO(BIG), "big.bin", len(BIG), "0")
    assert (file.size, file.sha_1) == (len(BIG), hashlib.sha1(BIG).hexdigest())
    with box.downloads.download_file(file.id) as stream:
        assert stream.read() == BIG


def test_a_new_version_in_parts(box: BoxClient) -> None:
    """The SDK asks for a plan before each part, and what the file has already is not sent again."""
    file = box.chunked_uploads.upload_big_file(io.BytesIO(BIG), "big.bin", len(BIG), "0")
    changed = BIG[:-1] + b"!"
    newer = box.chunked_uploads.upload_big_file_version(file.id, io.BytesIO(changed), len(changed))
    assert newer is not None
    assert (newer.id, newer.sha_1) == (file.id, hashlib.sha1(changed).hexdigest())
    with box.downloads.download_file(file.id) as stream:
        assert stream.read() == changed


def test_members_whose_permissions_are_empty(box: BoxClient) -> None:
    """The SDK sends `configurable_permissions` as it was given, empty and null too."""
    group = box.groups.create_group("Night shift")
    user = next(one for one in box.users.get_users(limit=5).entries if one.login != "ada.admin@example.com")
    made = box.memberships.create_group_membership(
        CreateGroupMembershipUser(id=user.id),
        CreateGroupMembershipGroup(id=group.id),
        configurable_permissions={},
    )
    again = box.memberships.update_group_membership_by_id(made.id, configurable_permissions=create_null())
    assert (again.id, again.role.value) == (made.id, "member")


def test_inviting(box: BoxClient) -> None:
    home = box.folders.create_folder("Shared by SDK", CreateFolderParent(id="0"))
    made = box.user_collaborations.create_collaboration(
        CreateCollaborationItem(type=CreateCollaborationItemTypeField.FOLDER, id=home.id),
        CreateCollaborationAccessibleBy(
            type=CreateCollaborationAccessibleByTypeField.USER, login="hanako.yamada@example.com"
        ),
        CreateCollaborationRole.EDITOR,
    )
    assert (made.status.value, made.role.value, made.item.id) == ("accepted", "editor", home.id)
    hanako = next(row["id"] for row in rows("users") if row["login"] == "hanako.yamada@example.com")
    assert box.with_as_user_header(hanako).folders.get_folder_by_id(home.id).name == "Shared by SDK"


def test_its_typed_errors(box: BoxClient) -> None:
    with pytest.raises(BoxAPIError) as caught:
        box.folders.get_folder_by_id("1")
    info = caught.value.response_info
    assert (info.status_code, info.code) == (404, "not_found")
    assert info.request_id
    with pytest.raises(BoxAPIError) as unbuilt:
        box.webhooks.get_webhooks()
    assert unbuilt.value.response_info.status_code == 501

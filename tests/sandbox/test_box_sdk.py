"""Box's own Python SDK with the sandbox; only its base URLs are changed."""

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
    """The SDK's OAuth, with its token calls sent to the sandbox."""
    keys = {key: writer.client[key] for key in ("client_id", "client_secret")}
    return BoxOAuth(OAuthConfig(**keys))


@pytest.fixture
def box(writer: Person, auth: BoxOAuth) -> Iterator[BoxClient]:
    """The SDK, signed in with an authorization code."""
    url = writer.sandbox.url
    urls = BaseUrls(base_url=url, upload_url=f"{url}/api", oauth_2_url=f"{url}/api/oauth2")
    session = NetworkSession(retry_strategy=BoxRetryStrategy(retry_base_interval=0.001), base_urls=urls)
    auth.get_tokens_authorization_code_grant(writer.code(), network_session=session)
    yield BoxClient(auth=auth, network_session=session)
    session.network_client.requests_session.close()


def test_the_sdk_signs_in_and_refreshes(box: BoxClient, auth: BoxOAuth, writer: Person) -> None:
    """The SDK signs in with a code, and refreshes an expired token."""
    first = auth.token_storage.get()
    me = box.users.get_user_me(fields=["role", "enterprise"])
    assert (me.login, me.role.value) == ("ada.admin@example.com", "admin")
    writer.sandbox.clock.advance(7200)
    assert box.users.get_user_me().login == me.login
    second = auth.token_storage.get()
    assert first.access_token != second.access_token


def test_the_sdk_reads_users_and_groups(box: BoxClient) -> None:
    """The SDK reads users, groups and memberships and creates a user."""
    page = box.users.get_users(usemarker=True, limit=1000)
    assert {user.login for user in page.entries} == {row["login"] for row in rows("users")}
    groups = box.groups.get_groups(limit=1000)
    assert groups.total_count == 25
    members = box.memberships.get_group_memberships(groups.entries[0].id)
    assert members.entries[0].group.id == groups.entries[0].id
    user = box.users.create_user("By SDK", login="sdk@example.com")
    assert box.users.get_user_by_id(user.id).name == "By SDK"
    box.users.delete_user_by_id(user.id)


def test_the_sdk_reads_items_and_searches(box: BoxClient) -> None:
    """The SDK reads items and collaborations and searches."""
    wide = by_name("Customer database export")
    items = box.folders.get_folder_items(wide["id"], fields=["size", "owned_by"], usemarker=True, limit=1000)
    assert len(items.entries) >= 6
    file = next(item for item in items.entries if item.name == "customers_01.csv")
    assert file.owned_by.login == wide["owner"]
    details = box.files.get_file_by_id(file.id)
    assert details.path_collection.entries[-1].id == wide["id"]
    results = box.search.search_for_content(query="customers_01", ancestor_folder_ids=[wide["id"]])
    assert {item.name for item in results.entries} == {"customers_01.csv"}
    collabs = box.list_collaborations.get_folder_collaborations(wide["id"])
    assert len(collabs.entries) == 15


def test_the_sdk_reads_events(box: BoxClient) -> None:
    """The SDK pages through events and finds the long poll."""
    position, count = "0", 0
    for _ in range(3):
        page = box.events.get_events(
            stream_type=GetEventsStreamType.ADMIN_LOGS, stream_position=position, limit=500
        )
        position, count = str(page.next_stream_position), count + len(page.entries)
    assert count > 1000
    servers = box.events.get_events_with_long_polling()
    assert servers.entries[0].type == "realtime_server"


def test_the_sdk_uploads_and_downloads_a_small_file(box: BoxClient) -> None:
    """The SDK uploads and downloads a small file and reports a conflict."""
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
    with pytest.raises(BoxAPIError) as conflict:
        box.uploads.upload_file(attributes, io.BytesIO(data))
    assert conflict.value.response_info.status_code == 409
    assert conflict.value.response_info.code == "item_name_in_use"


def test_the_sdk_uploads_a_file_in_parts(box: BoxClient) -> None:
    """The SDK uploads a large file in parts and downloads it."""
    file = box.chunked_uploads.upload_big_file(io.BytesIO(BIG), "big.bin", len(BIG), "0")
    assert (file.size, file.sha_1) == (len(BIG), hashlib.sha1(BIG).hexdigest())
    with box.downloads.download_file(file.id) as stream:
        assert stream.read() == BIG


def test_the_sdk_uploads_only_changed_parts_of_a_version(box: BoxClient) -> None:
    """The SDK requests a plan before each part and does not send again what the file already has."""
    file = box.chunked_uploads.upload_big_file(io.BytesIO(BIG), "big.bin", len(BIG), "0")
    changed = BIG[:-1] + b"!"
    newer = box.chunked_uploads.upload_big_file_version(file.id, io.BytesIO(changed), len(changed))
    assert newer is not None
    assert (newer.id, newer.sha_1) == (file.id, hashlib.sha1(changed).hexdigest())
    with box.downloads.download_file(file.id) as stream:
        assert stream.read() == changed


def test_the_sdk_adds_a_member_with_empty_permissions(box: BoxClient) -> None:
    """The SDK sends `configurable_permissions` as given, even empty or null."""
    group = box.groups.create_group("Night shift")
    user = next(
        user for user in box.users.get_users(limit=5).entries if user.login != "ada.admin@example.com"
    )
    membership = box.memberships.create_group_membership(
        CreateGroupMembershipUser(id=user.id),
        CreateGroupMembershipGroup(id=group.id),
        configurable_permissions={},
    )
    updated = box.memberships.update_group_membership_by_id(
        membership.id, configurable_permissions=create_null()
    )
    assert (updated.id, updated.role.value) == (membership.id, "member")


def test_the_sdk_invites_a_user(box: BoxClient) -> None:
    """The SDK invites a user, who can then read the folder."""
    home = box.folders.create_folder("Shared by SDK", CreateFolderParent(id="0"))
    collab = box.user_collaborations.create_collaboration(
        CreateCollaborationItem(type=CreateCollaborationItemTypeField.FOLDER, id=home.id),
        CreateCollaborationAccessibleBy(
            type=CreateCollaborationAccessibleByTypeField.USER, login="hanako.yamada@example.com"
        ),
        CreateCollaborationRole.EDITOR,
    )
    assert (collab.status.value, collab.role.value, collab.item.id) == ("accepted", "editor", home.id)
    hanako = next(row["id"] for row in rows("users") if row["login"] == "hanako.yamada@example.com")
    assert box.with_as_user_header(hanako).folders.get_folder_by_id(home.id).name == "Shared by SDK"


def test_the_sdk_raises_its_typed_errors(box: BoxClient) -> None:
    """The SDK raises its typed errors for the sandbox's error responses."""
    with pytest.raises(BoxAPIError) as raised:
        box.folders.get_folder_by_id("1")
    info = raised.value.response_info
    assert (info.status_code, info.code) == (404, "not_found")
    assert info.request_id
    with pytest.raises(BoxAPIError) as not_implemented:
        box.recent_items.get_recent_items()
    assert not_implemented.value.response_info.status_code == 501

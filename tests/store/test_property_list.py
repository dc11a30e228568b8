"""Property lists of older scripts, in the formats that such scripts use: read, used and written back in the same format."""

from __future__ import annotations

import datetime
import os
import plistlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import boxnb
from boxnb import oauth, store
from boxnb.errors import BoxNotebookError, TokenStoreError
from boxnb.oauth.token import Token
from boxnb.secret import Secret
from boxnb.store import property_list

NOBODY = oauth.Server("nobody", *["http://127.0.0.1:9"] * 5)
CLIENT = oauth.Client("abc", Secret("the-client-secret-of-tests"), "http://127.0.0.1/callback", NOBODY)
NEW = Token(Secret("newacc"), Secret("newref"), obtained_at=1_800_000_000.25, expires_in=3600.0)
XML, BINARY = plistlib.FMT_XML, plistlib.FMT_BINARY


@pytest.fixture
def plist(tmp_path: Path) -> Path:
    """Return the path of the older script's property list. Profile `acme` has the app, but nobody is signed in with it."""
    store.save(store.Profile("acme", CLIENT))
    return tmp_path / "box.plist"


@pytest.fixture(params=["UTC", "Pacific/Auckland"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def adopt_and_refresh(plist: Path) -> tuple[store.Profile, dict[str, Any]]:
    """Adopt the property list and save a new pair. Return the adopted profile and the new content of the list."""
    profile = store.migrate("acme", f"plist:{plist}")
    store.save(profile.renewed(NEW, 0.0))
    return profile, plistlib.loads(plist.read_bytes())


TIMES: list[tuple[Any, Any]] = [
    (1_790_000_000, 1_800_000_000),
    (1_790_000_000.5, 1_800_000_000.25),
    (1_790_000_000_000, 1_800_000_000_250),
    (1_790_000_000_000_000, 1_800_000_000_250_000),
    ("1790000000", "1800000000"),
    ("1790000000000", "1800000000250"),
    ("1790000000.5", "1800000000.25"),
    ("2026-09-21T14:13:20Z", "2027-01-15T08:00:00Z"),
    ("2026-09-21T14:13:20.000Z", "2027-01-15T08:00:00.250Z"),
    ("2026-09-21T14:13:20.123456Z", "2027-01-15T08:00:00.250000Z"),
    ("2026-09-21T16:13:20+02:00", "2027-01-15T10:00:00+02:00"),
    ("2026-09-21T16:13:20+0200", "2027-01-15T10:00:00+0200"),
    ("2026-09-21 14:13:20 +0000", "2027-01-15 08:00:00 +0000"),
    ("2026-09-21 14:13:20 UTC", "2027-01-15 08:00:00 UTC"),
    ("20260921T141320Z", "20270115T080000Z"),
    ("Mon, 21 Sep 2026 14:13:20 GMT", "Fri, 15 Jan 2027 08:00:00 GMT"),
    ("Mon, 21 Sep 2026 16:13:20 +0200", "Fri, 15 Jan 2027 10:00:00 +0200"),
    (datetime.datetime(2026, 9, 21, 14, 13, 20), datetime.datetime(2027, 1, 15, 8, 0)),
]


@pytest.mark.parametrize(("before", "after"), TIMES, ids=lambda value: str(value))
@pytest.mark.parametrize("plist_format", [XML, BINARY], ids=["xml", "binary"])
def test_a_time_keeps_its_own_format(plist: Path, before: Any, after: Any, plist_format: Any) -> None:
    """A time is written back in the unit, separators, zone and fraction that the older script used."""
    plist.write_bytes(plistlib.dumps({"refreshToken": "R", "time": before}, fmt=plist_format))
    profile, new_content = adopt_and_refresh(plist)
    assert profile.token is not None
    assert int(profile.token.obtained_at) == 1_790_000_000
    assert new_content == {"refreshToken": "newref", "time": after}
    assert type(new_content["time"]) is type(before)
    assert plist.read_bytes().startswith(b"bplist") is (plist_format is BINARY)


LOCAL = [
    "2026-09-21 14:13:20",
    "2026-09-21T14:13:20",
    "2026-09-21 14:13",
    "21.09.2026 14:13:20",
    "Mon Sep 21 14:13:20 2026",
]


@pytest.mark.parametrize("before", LOCAL)
def test_a_local_time_stays_local(plist: Path, zone: None, before: str) -> None:
    """A time without a zone is the local time of this computer."""
    plist.write_bytes(plistlib.dumps({"refreshToken": "R", "time": before}))
    _, new_content = adopt_and_refresh(plist)
    local_time = datetime.datetime.fromtimestamp(1_800_000_000)
    assert len(new_content["time"]) == len(before)
    for part in (f"{local_time:%H:%M}", f"{local_time:%d}", f"{local_time:%Y}"):
        assert part in new_content["time"]


@pytest.mark.parametrize(
    "odd",
    ["inf", "nan", "1e999", "yesterday", "2026-02-31T00:00:00Z", "0000-00-00", "", -5, True, "12", 5.5, b"\x00", [], {}, "99:99"],
    ids=repr,
)  # fmt: skip
def test_a_token_without_a_readable_time_is_used(plist: Path, odd: Any) -> None:
    """The token is used although its age is unknown."""
    plist.write_bytes(plistlib.dumps({"refreshToken": "R", "time": odd}))
    profile, new_content = adopt_and_refresh(plist)
    assert profile.token is not None
    assert (profile.token.obtained_at, new_content["refreshToken"]) == (0.0, "newref")
    assert boxnb.status()._repr_html_()


def test_a_number_that_cannot_be_written_is_reported(plist: Path) -> None:
    """The property list does not change, a warning reports that, and the profile's own file has the pair."""
    raw = plistlib.dumps({"refreshToken": "R", "time": 7}).replace(
        b"<integer>7<", f"<integer>{10**30}<".encode()
    )
    plist.write_bytes(raw)
    with pytest.warns(UserWarning, match="older script will have to sign in again.*was not changed"):
        adopt_and_refresh(plist)
    assert plist.read_bytes() == raw
    saved = store.load("acme")
    assert saved is not None
    assert saved.token == NEW


def test_adopting_a_list_does_not_change_it(plist: Path) -> None:
    """Adopting the token of a property list does not change the list."""
    plist.write_bytes(raw := plistlib.dumps({"refreshToken": "R", "expires": 1_790_000_000, "note": "mine"}))
    store.migrate("acme", f"plist:{plist}")
    assert plist.read_bytes() == raw


EXPIRIES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    # Without an access token, the expiry is the refresh token's.
    ({"expirationDate": 1_790_003_600}, {"expirationDate": 1_805_184_000}),
    ({"accessToken": "A", "expiresAt": 1_790_003_600}, {"accessToken": "newacc", "expiresAt": 1_800_003_600}),
    ({"time": 1_790_000_000, "expires": 1_790_004_000}, {"time": 1_800_000_000, "expires": 1_800_004_000}),
    (
        {"accessToken": "A", "refreshTokenExpiry": "2026-11-20T14:13:20Z"},
        {"accessToken": "newacc", "refreshTokenExpiry": "2027-03-16T08:00:00Z"},
    ),
    ({"time": 1_790_000_000, "expires_in": 3600}, {"time": 1_800_000_000, "expires_in": 3600}),
]


@pytest.mark.parametrize(("before", "after"), EXPIRIES, ids=range(len(EXPIRIES)))
def test_an_expiry_is_not_read_as_the_time_of_the_token(
    plist: Path, before: dict[str, Any], after: dict[str, Any]
) -> None:
    """An expiry is not read as the time of the token. It is moved, so that the new pair does not look expired."""
    plist.write_bytes(plistlib.dumps({"refreshToken": "R", **before}))
    profile, new_content = adopt_and_refresh(plist)
    assert profile.token is not None
    assert profile.token.obtained_at in (0.0, 1_790_000_000.0)
    assert after.items() <= new_content.items()


@pytest.mark.parametrize(
    "content",
    [
        {"box": {"refresh_token": "R"}},
        {"accounts": [{"name": "a"}, {"oauth": {"Refresh Token": "R"}}], "version": 2},
        {"my_box_refresh_token": "R"},
        {"oauthRefreshToken": "R", "refresh_token_url": "https://example.com"},
        {"refreshToken": b"R"},
        {"refresh": 30, "refresh_token": "R"},
    ],
    ids=repr,
)
def test_a_token_is_found_and_replaced_at_any_depth(plist: Path, content: dict[str, Any]) -> None:
    """A token in a nested dictionary, in a list, under a longer name or as bytes is replaced, and the rest stays."""
    plist.write_bytes(plistlib.dumps(content))
    profile, new_content = adopt_and_refresh(plist)
    assert profile.token is not None
    assert profile.token.refresh_token == Secret("R")
    without_time = {key: value for key, value in new_content.items() if key != "time"}
    assert repr(without_time) == repr(content).replace("'R'", "'newref'")


def test_a_missing_refresh_token_is_reported(plist: Path) -> None:
    """The error lists the names, and nothing is moved. If a user is signed in, boxnb adds the token with a warning."""
    plist.write_bytes(raw := plistlib.dumps({"rt": "R", "stamp": 5}))
    with pytest.raises(ValueError, match=r"rt, stamp.*to 'refresh_token'"):
        store.migrate("acme", f"plist:{plist}")
    saved = store.load("acme")
    assert saved is not None
    assert (saved.keep, plist.read_bytes()) == ("file", raw)
    store.save(store.Profile("acme", CLIENT, NEW))
    with pytest.warns(UserWarning, match=r"rt, stamp.*adds an entry named"):
        store.migrate("acme", f"plist:{plist}")
    assert plistlib.loads(plist.read_bytes())["refresh_token"] == "newref"


def test_a_list_with_two_tokens_is_refused(plist: Path) -> None:
    """A property list with two refresh tokens is refused and not changed."""
    plist.write_bytes(raw := plistlib.dumps({"a": {"refresh_token": "R"}, "b": {"refresh_token": "S"}}))
    with pytest.raises(TokenStoreError, match="several refresh tokens"):
        store.migrate("acme", f"plist:{plist}")
    assert plist.read_bytes() == raw


def test_values_that_only_a_binary_list_can_hold_stay(plist: Path) -> None:
    """A UID and a control character stay, because the list is written back in its own format."""
    content = {"refresh_token": "R", "uid": plistlib.UID(1), "note": "a\x1fb", "data": b"\x00"}
    plist.write_bytes(plistlib.dumps(content, fmt=BINARY))
    _, new_content = adopt_and_refresh(plist)
    assert {key: new_content[key] for key in content} == {**content, "refresh_token": "newref"}


DAMAGED = [
    b'<?xml version="1.0"?><plist version="1.0"><dict><key>refresh_token</key><string>R</string><key>d</key><date>x</date></dict></plist>',
    b'<?xml version="1.0"?><plist version="1.0"><dict><key>refresh_token</key><integer>x</integer></dict></plist>',
    b'<?xml version="1.0"?><plist version="1.0">' + b"<dict><key>a</key>" * 5000,
    b"bplist00" + bytes(range(256)),
    plistlib.dumps({"refresh_token": "R"}, fmt=BINARY)[:-8],
    b"\x00" * 64,
    b"",
]


@pytest.mark.parametrize("raw", DAMAGED, ids=range(len(DAMAGED)))
def test_a_damaged_list_is_reported_and_not_changed(plist: Path, raw: bytes) -> None:
    """A damaged list is refused and does not change. If it is damaged later, the profile still uses its own pair."""
    plist.write_bytes(raw)
    with pytest.raises(TokenStoreError, match="property list"):
        store.migrate("acme", f"plist:{plist}")
    saved = store.load("acme")
    assert saved is not None
    assert saved.keep == "file"
    plist.unlink()
    store.save(store.Profile("acme", CLIENT, NEW))
    moved = store.migrate("acme", f"plist:{plist}")
    plist.write_bytes(raw)
    with pytest.warns(UserWarning, match="boxnb ignores the older script's property list"):
        assert store.load("acme") == moved
    with pytest.warns(UserWarning, match="older script will have to sign in again"):
        store.save(moved.renewed(Token(Secret("a3"), Secret("r3"), 1.8e9, 3600.0), 0.0))
    assert plist.read_bytes() == raw


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.sampled_from(
            ["time", "date", "expires", "issuedAt", "accessToken", "refresh", "x", "box", "obtained"]
        ),
        st.recursive(
            st.text(max_size=12)
            | st.integers(-(2**63), 2**64 - 1)
            | st.floats()
            | st.booleans()
            | st.binary(max_size=5)
            | st.datetimes(min_value=datetime.datetime(1, 1, 1), max_value=datetime.datetime(9999, 12, 31)),
            lambda inner: (
                st.lists(inner, max_size=2)
                | st.dictionaries(st.sampled_from(["refresh_token", "time", "y"]), inner, max_size=2)
            ),
            max_leaves=5,
        ),
        max_size=6,
    ),
    st.sampled_from([XML, BINARY]),
)
def test_any_list_is_used_or_refused(plist: Path, content: dict[str, Any], plist_format: Any) -> None:
    """Any property list is used or refused with an error of boxnb, and other entries stay."""
    try:
        raw = plistlib.dumps({"refresh_token": "R", **content}, fmt=plist_format)
        plistlib.loads(raw)
    except (ValueError, OverflowError):
        return
    store.save(store.Profile("acme", CLIENT))
    plist.write_bytes(raw)
    try:
        _, new_content = adopt_and_refresh(plist)
    except (BoxNotebookError, ValueError):
        return
    assert new_content["refresh_token"] == "newref"
    assert repr(new_content.get("x")) == repr(plistlib.loads(raw).get("x"))
    assert boxnb.status()._repr_html_()


def test_a_key_that_is_not_text_is_accepted() -> None:
    """Binary property lists may have keys that are not text."""
    assert property_list.token_part({5: "x", "refresh_token": "R"}) is not None  # type: ignore[dict-item]


def test_a_path_with_an_unknown_user_is_reported(plist: Path) -> None:
    """The error says that the user in the path does not exist."""
    with pytest.raises(ValueError, match="no user '~nobody-at-all'"):
        store.migrate("acme", f"plist:~nobody-at-all{os.sep}box.plist")

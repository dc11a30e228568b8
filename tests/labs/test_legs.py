"""The trace names the rule and the receiver of each kind of sign-in to a server."""

from __future__ import annotations

import pytest

from boxnb.labs.trace.rfc_sections import leg_of

CASES = [
    ("POST", "/api/oauth/token", {"grant_type": "client_credentials"}, "", "authorization server", "RFC 6749 4.4.2"),
    ("POST", "/api/v1/auth/token", {}, "Basic", "authorization server", "RFC 7617 2"),
    ("POST", "/api/v1/auth/keep-alive", {}, "Bearer", "authorization server", "own documentation"),
    ("GET", "/api/v1/auth", {}, "Bearer", "API", "RFC 6750 2.1"),
    ("GET", "/API/system/info", {}, "Basic", "API", "RFC 7617 2"),
    ("GET", "/api/v1/users", {}, "SSWS", "API", "own documentation"),
    ("GET", "/oauth/auth", {}, "", "authorization server", "RFC 6749 4.1.1"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "form", "scheme", "receiver", "section"), CASES)
def test_each_kind_of_sign_in_has_its_own_leg(
    method: str, path: str, form: dict[str, str], scheme: str, receiver: str, section: str
) -> None:
    """Tokens come from the authorization server, and a key in a header has no RFC."""
    leg = leg_of(method, path, form, scheme)
    assert leg.receiver == receiver and section in leg.section

"""The profile ``sandbox-governance``, which signs in by itself with the sandbox's second app."""

from __future__ import annotations

import pytest

import boxnb
from boxnb.errors import ForbiddenError


def test_the_governance_profile_can_read_what_the_practice_profile_cannot(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Both profiles sign in as the admin; only the second one has the scope that retention needs."""
    governance = boxnb.connect("sandbox-governance")
    policies = governance.frame("/retention_policies")
    assert list(policies["policy_name"])[:2] == ["Finance, seven years", "Board papers"]
    assert str(policies["created_at"].dtype) == "datetime64[us, UTC]"
    practice = boxnb.connect("sandbox")
    for box in (practice, governance):
        assert box.get("/users/me")["login"] == "ada.admin@example.com"
    assert len(practice.frame("/legal_hold_policies")) == 3
    with pytest.raises(ForbiddenError):
        practice.frame("/retention_policies")
    assert capsys.readouterr().out.count("Signed in to the sandbox") == 2


def test_every_list_is_a_frame_in_one_line() -> None:
    """Each list of the sandbox becomes a DataFrame with the rows of `governance.json`."""
    box = boxnb.connect("sandbox-governance")
    lengths = {
        "/webhooks": 3,
        "/retention_policies/9821231/assignments": 2,
        "/legal_hold_policies": 3,
        "/collaboration_whitelist_entries": 3,
        "/collaboration_whitelist_exempt_targets": 2,
        "/storage_policies": 2,
        "/terms_of_services": 2,
        "/metadata_templates/enterprise": 3,
        "/folders/160106874231/metadata": 2,
        "/files/930224185079/tasks": 1,
        "/files/930224185079/comments": 2,
        "/sign_requests": 2,
    }
    for path, rows in lengths.items():
        frame = box.frame(path)
        assert (len(frame), frame.attrs["complete"]) == (rows, True), path
    assert len(box.frame("/legal_hold_policy_assignments", policy_id="324411")) == 2
    files = box.frame("/retention_policy_assignments/12001341/files_under_retention", limit=50)
    assert len(files) == files["id"].nunique() == 270

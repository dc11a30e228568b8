"""The made-up devices of the practice servers. Most belong to users of the practice company, some to a person who has left."""

from __future__ import annotations

from typing import Any

OWNERS = (
    "layla.mourad@example.com",
    "dylan.fischer@example.com",
    "hugo.reyes@example.com",
    "gone.person@example.com",
)
MODELS = ("Phone 12", "Tablet 8", "Laptop 14")
COUNT = 240


def computers() -> list[dict[str, Any]]:
    """Return the devices in the form of the Jamf Pro API."""
    return [
        {
            "id": str(number),
            "udid": f"00000000-0000-4000-8000-{number:012d}",
            "general": {"name": f"mac-{number:03d}", "platform": "Mac", "assetTag": None},
            "hardware": {"model": MODELS[number % 3], "totalRamMegabytes": 8192 * (1 + number % 3)},
            "userAndLocation": {"email": OWNERS[number % len(OWNERS)]},
            "diskEncryption": {"fileVault2Enabled": number % 7 != 0},
        }
        for number in range(1, COUNT + 1)
    ]


def phones() -> list[dict[str, Any]]:
    """Return the devices in the form of Workspace ONE UEM."""
    return [
        {
            "Id": {"Value": number},
            "SerialNumber": f"UEM{number:06d}",
            "Model": MODELS[number % 3],
            "UserEmailAddress": OWNERS[number % len(OWNERS)],
            "ComplianceStatus": "Compliant" if number % 7 else "NonCompliant",
            "IsSupervised": number % 2 == 0,
        }
        for number in range(1, COUNT + 1)
    ]


def records(kind: str) -> list[dict[str, Any]]:
    """Return made-up rows of the server with a key."""
    return [
        {"id": f"{kind}-{number:04d}", "number": number, "owner": OWNERS[number % len(OWNERS)]}
        for number in range(1, COUNT + 1)
    ]

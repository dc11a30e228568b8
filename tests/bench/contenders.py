"""Run one workload with one contender and print the figures as JSON. :mod:`compare` starts one process per run.

``python tests/bench/contenders.py CONTENDER WORK URL TOKEN PROFILE``
"""

from __future__ import annotations

import asyncio
import itertools
import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import pandas as pd

USER_FIELDS = (
    "id,name,login,role,status,job_title,language,timezone,space_used,space_amount,max_upload_size,created_at,"
    "modified_at,phone,address,avatar_url,notification_email,enterprise,tracking_codes"
)
ITEM_FIELDS = (
    "name,size,extension,parent,owned_by,created_by,modified_by,created_at,modified_at,content_created_at,"
    "content_modified_at,item_status,description,sha1,etag,shared_link,has_collaborations,tags"
)


def boxnb_(work: str, url: str, token: str, profile: str) -> pd.DataFrame:
    """Pull with boxnb."""
    import boxnb
    from boxnb.api import rate_limit

    # No contender waits, because the sandbox's limits are off.
    rate_limit.LIMITS["general"] = rate_limit.Limit(10**9)
    box = boxnb.connect(profile)
    if work.startswith("users"):
        return box.users()
    if work.startswith("events"):
        return box.events(since="366D")
    return box.tree()


def _sdk(url: str, token: str) -> Any:
    """Return a client of Box's SDK for the sandbox."""
    from box_sdk_gen import BaseUrls, BoxClient, BoxDeveloperTokenAuth

    client = BoxClient(auth=BoxDeveloperTokenAuth(token=token))
    return client.with_custom_base_urls(BaseUrls(base_url=url, upload_url=url + "/api", oauth_2_url=url))


def _sdk_frame(entries: list[Any]) -> pd.DataFrame:
    """Flatten the raw fields of the SDK's objects with pandas, as an ordinary user does."""
    return pd.json_normalize([entry.to_dict() for entry in entries], sep="_")


def sdk(work: str, url: str, token: str, profile: str, *, largest: bool = False) -> pd.DataFrame:
    """Pull with Box's SDK, one call after another, with its default page size or the largest one."""
    client = _sdk(url, token)
    entries: list[Any] = []
    if work.startswith("users"):
        fields = USER_FIELDS.split(",")
        marker = None
        while True:
            page = client.users.get_users(
                usemarker=True, marker=marker, fields=fields, limit=1000 if largest else None
            )
            entries += page.entries
            marker = page.next_marker
            if not marker:
                return _sdk_frame(entries)
    if work.startswith("events"):
        from box_sdk_gen.managers.events import GetEventsStreamType

        position = "0"
        while True:
            page = client.events.get_events(
                stream_type=GetEventsStreamType.ADMIN_LOGS,
                stream_position=position,
                limit=500 if largest else None,
            )
            if not page.entries:
                return _sdk_frame(entries)
            entries += page.entries
            position = str(page.next_stream_position)
    fields = ITEM_FIELDS.split(",")
    folders = ["0"]
    while folders:
        folder, marker = folders.pop(0), None
        while True:
            items = client.folders.get_folder_items(
                folder, usemarker=True, marker=marker, fields=fields, limit=1000 if largest else None
            )
            entries += items.entries
            folders += [entry.id for entry in items.entries if entry.type.value == "folder"]
            marker = items.next_marker
            if not marker:
                break
    return _sdk_frame(entries)


def sdk_largest(work: str, url: str, token: str, profile: str) -> pd.DataFrame:
    """Pull with Box's SDK and its largest pages."""
    return sdk(work, url, token, profile, largest=True)


def requests_normalize(work: str, url: str, token: str, profile: str) -> pd.DataFrame:
    """Pull with requests, one call after another, and flatten with pandas."""
    import requests

    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token}"
    entries: list[Any] = []
    for content in _pages(
        work, lambda path, **params: session.get(url + "/2.0" + path, params=params, timeout=60).json()
    ):
        entries += content["entries"]
    return pd.json_normalize(entries, sep="_")


def floor(work: str, url: str, token: str, profile: str) -> pd.DataFrame:
    """Fetch the same bytes with requests and decode them with orjson, without a DataFrame."""
    import orjson
    import requests

    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token}"
    rows = 0
    for page in _pages(
        work,
        lambda path, **params: orjson.loads(
            session.get(url + "/2.0" + path, params=params, timeout=60).content
        ),
    ):
        rows += len(page["entries"])
    return pd.DataFrame(index=range(rows))


def _pages(work: str, get: Callable[..., Any]) -> Any:
    """Yield every page of a workload, one after another, at Box's largest page size."""
    if work.startswith("users"):
        marker: Any = None
        while True:
            more = {"marker": marker} if marker else {}
            page = get("/users", usemarker="true", limit=1000, fields=USER_FIELDS, **more)
            yield page
            marker = page.get("next_marker")
            if not marker:
                return
    if work.startswith("events"):
        position = "0"
        while True:
            page = get("/events", stream_type="admin_logs", stream_position=position, limit=500)
            if not page["entries"]:
                return
            yield page
            position = page["next_stream_position"]
    folders = ["0"]
    while folders:
        folder, marker = folders.pop(0), None
        while True:
            more = {"marker": marker} if marker else {}
            page = get(f"/folders/{folder}/items", usemarker="true", limit=1000, fields=ITEM_FIELDS, **more)
            yield page
            folders += [entry["id"] for entry in page["entries"] if entry["type"] == "folder"]
            marker = page.get("next_marker")
            if not marker:
                break


def aiohttp_(work: str, url: str, token: str, profile: str) -> pd.DataFrame:
    """Pull with up to sixteen calls at a time where the listing allows it: user offsets, folders, time ranges."""
    import aiohttp
    import orjson

    async def run() -> list[Any]:
        limit = asyncio.Semaphore(16)
        headers = {"Authorization": f"Bearer {token}"}
        async with aiohttp.ClientSession(headers=headers) as session:

            async def get(path: str, **params: Any) -> Any:
                async with limit, session.get(url + "/2.0" + path, params=params) as response:
                    return orjson.loads(await response.read())

            if work.startswith("users"):
                first = await get("/users", offset=0, limit=1000, fields=USER_FIELDS)
                if first["total_count"] > 10_000:  # Box limits offsets, so follow the markers
                    entries, marker = [], None
                    while True:
                        more = {"marker": marker} if marker else {}
                        page = await get("/users", usemarker="true", limit=1000, fields=USER_FIELDS, **more)
                        entries += page["entries"]
                        marker = page.get("next_marker")
                        if not marker:
                            return entries
                offsets = range(1000, first["total_count"], 1000)
                rest = await asyncio.gather(
                    *(get("/users", offset=at, limit=1000, fields=USER_FIELDS) for at in offsets)
                )
                return first["entries"] + [entry for page in rest for entry in page["entries"]]
            if work.startswith("events"):
                now = time.time()
                edges = [now - 366 * 86400 * (16 - i) / 16 for i in range(17)]

                async def fetch_range(start: float, end: float) -> list[Any]:
                    entries: list[Any] = []
                    position = "0"
                    time_format = "%Y-%m-%dT%H:%M:%S+00:00"
                    while True:
                        page = await get(
                            "/events",
                            stream_type="admin_logs",
                            stream_position=position,
                            limit=500,
                            created_after=time.strftime(time_format, time.gmtime(start)),
                            created_before=time.strftime(time_format, time.gmtime(end)),
                        )
                        if not page["entries"]:
                            return entries
                        entries += page["entries"]
                        position = page["next_stream_position"]

                ranges = await asyncio.gather(*(fetch_range(a, b) for a, b in itertools.pairwise(edges)))
                by_id = {entry["event_id"]: entry for events in ranges for entry in events}
                return list(by_id.values())

            async def folder(folder_id: str) -> list[Any]:
                entries: list[Any] = []
                marker = None
                while True:
                    more = {"marker": marker} if marker else {}
                    page = await get(
                        f"/folders/{folder_id}/items",
                        usemarker="true",
                        limit=1000,
                        fields=ITEM_FIELDS,
                        **more,
                    )
                    entries += page["entries"]
                    marker = page.get("next_marker")
                    if not marker:
                        break
                subfolders = [entry["id"] for entry in entries if entry["type"] == "folder"]
                for children in await asyncio.gather(*map(folder, subfolders)):
                    entries += children
                return entries

            return await folder("0")

    return pd.json_normalize(asyncio.run(run()), sep="_")


CONTENDERS: dict[str, Callable[[str, str, str, str], pd.DataFrame]] = {
    "boxnb": boxnb_,
    "sdk": sdk,
    "sdk, largest pages": sdk_largest,
    "requests + json_normalize": requests_normalize,
    "aiohttp, 16 in flight": aiohttp_,
    "floor": floor,
}


def main() -> None:
    """Run the contender from the command line, and print its figures."""
    name, work, url, token, profile = sys.argv[1:]
    contender = CONTENDERS[name]
    if name == "boxnb":
        import boxnb

        boxnb.connect(profile).session  # noqa: B018  imports are not measured for any contender
    elif name.startswith("sdk"):
        import box_sdk_gen  # noqa: F401
    else:
        import aiohttp  # noqa: F401
        import orjson  # noqa: F401
        import requests  # noqa: F401
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cpu, wall = time.process_time(), time.perf_counter()
    frame = contender(work, url, token, profile)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    result = {
        "wall": wall,
        "cpu": cpu,
        "rows": len(frame),
        "peak": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) / 1024,
        "frame": float(frame.memory_usage(deep=True).sum()) / 2**20,
    }
    key = next((column for column in ("id", "event_id") if column in frame), None)
    result["ids"] = (
        None
        if key is None
        else int(pd.util.hash_array(frame[key].astype(str).to_numpy(dtype=object)).sum() % 2**53)
    )
    print(json.dumps(result))


if __name__ == "__main__":
    main()

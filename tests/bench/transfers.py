"""Files up and down, measured: ``make bench-transfers`` (``ARGS="large --megabytes 1000"``).

``large``   one file up in parts and down again, the process killed in the middle three times each way, then resumed.
``many``    small files up in a folder, with 429s, resets and a kill in between: is each there exactly once?
``beside``  the kit beside Box's own SDK with a latency at each call, interleaved; quote the ratios, not the seconds.

Each transfer is a process of its own, and its peak of memory is read from ``/proc`` (Linux). The sandbox's limits are
off, and the kit's own pacing with them, unless ``--limits`` is given.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from signing import sign_in  # noqa: E402

import boxnb  # noqa: E402
from boxnb.api import rate_limit  # noqa: E402
from boxnb.sandbox import Sandbox  # noqa: E402

PROFILE = "bench"
MB = 1_000_000
PARTS, CONTENT = "/api/2.0/files/upload_sessions/*", "/api/2.0/files/content"


# What a process of its own does.


def unpaced() -> None:
    """Nobody here is held back: the sandbox's limits are off, too."""
    for kind in rate_limit.LIMITS:
        rate_limit.LIMITS[kind] = rate_limit.Limit(10**9)


def client(url: str, token: str) -> Any:
    """Box's SDK, pointed at the sandbox."""
    from box_sdk_gen import BaseUrls, BoxClient, BoxDeveloperTokenAuth

    made = BoxClient(auth=BoxDeveloperTokenAuth(token=token))
    return made.with_custom_base_urls(BaseUrls(base_url=url, upload_url=url + "/api", oauth_2_url=url))


def sdk_one(sdk: Any, file: Path, folder: str) -> str:
    """One small file, as the SDK's documentation shows it; its SHA-1."""
    from box_sdk_gen import UploadFileAttributes, UploadFileAttributesParentField

    parent = UploadFileAttributesParentField(id=folder)
    with file.open("rb") as stream:
        sent = sdk.uploads.upload_file(UploadFileAttributes(name=file.name, parent=parent), stream)
    return str(sent.entries[0].sha_1)


def sdk_large(sdk: Any, file: Path, folder: str, name: str) -> str:
    """One large file in parts, as the SDK's documentation shows it; its SHA-1."""
    with file.open("rb") as stream:
        made = sdk.chunked_uploads.upload_big_file(stream, name, file.stat().st_size, folder)
    return str(made.sha_1)


def sdk_threads(sdk: Any, files: list[Path], folder: str) -> list[str]:
    """Small files by eight threads, as many as the kit has: what a careful user of the SDK writes."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda file: sdk_one(sdk, file, folder), files))


def transfer(what: str, path: str, target: str, name: str, limits: str) -> None:
    """What a child does: one transfer; prints seconds, CPU seconds, peak of memory, and the SHA-1s."""
    if limits == "off":
        unpaced()
    file, sums = Path(path), []
    saved = boxnb.store.load(PROFILE)
    assert saved is not None and saved.token is not None
    box = boxnb.connect(PROFILE)
    token = saved.token.access_token.reveal()
    sdk = client(saved.client.server.api_url.removesuffix("/2.0"), token) if what.startswith("sdk") else None
    box.me()  # the first call opens the connection, for everybody
    if sdk is not None:
        sdk.users.get_user_me()
    started, cpu = time.perf_counter(), time.process_time()
    if what == "upload":
        sums = [*box.upload(file, target, name=name)["sha1"]]
    elif what == "folder":
        sums = [*box.upload_folder(file, target, name=name)["sha1"].sort_values()]
    elif what == "download":
        sums = [*box.download(name, target)["sha1"]]
    elif what == "sdk large":
        sums = [sdk_large(sdk, file, target, name)]
    else:
        folder = box.session.call("POST", "/folders", json={"name": name, "parent": {"id": target}}).json()[
            "id"
        ]
        files = sorted(file.iterdir())
        each = (
            sdk_threads if what == "sdk threads" else lambda *given: [sdk_one(sdk, f, folder) for f in files]
        )
        sums = sorted(each(sdk, files, folder))
    print(
        json.dumps(
            {
                "wall": time.perf_counter() - started,
                "cpu": time.process_time() - cpu,
                "peak": peak(os.getpid()),
                "sums": hashlib.sha256("".join(sums).encode()).hexdigest(),
                "first": sums[0],
            }
        )
    )


# What measures.


def peak(process: int) -> float:
    """The most memory a process had so far, in MB."""
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / MB


def words(*given: object) -> list[str]:
    return [sys.executable, str(Path(__file__).resolve()), "child", *map(str, given)]


def done(*given: object) -> dict[str, Any]:
    """Do one transfer to its end."""
    ended = subprocess.run(words(*given), capture_output=True, text=True, check=False)
    if ended.returncode:
        raise SystemExit(f"{given[0]} failed: {ended.stderr.strip().splitlines()[-1]}")
    return dict(json.loads(ended.stdout.splitlines()[-1]))


def killed(*given: object, reached: Callable[[], bool]) -> float:
    """Begin a transfer and kill it once it got that far; the most memory it had."""
    with subprocess.Popen(words(*given), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        while not reached():
            if child.poll() is not None:
                raise SystemExit(f"{given[0]} was done before it could be killed: choose a larger size")
            time.sleep(0.005)
        most = peak(child.pid)
        child.kill()
    return most


@contextlib.contextmanager
def practice(limits: str) -> Iterator[tuple[Sandbox, Path]]:
    """A sandbox somebody is signed in to, and a folder to work in."""
    with tempfile.TemporaryDirectory(prefix="boxnb-bench-") as place:
        os.environ["BOXNB_HOME"] = str(Path(place) / "home")
        with boxnb.sandbox.start(private=True, state=Path(place) / "state", limits=limits) as sandbox:
            sign_in(sandbox, PROFILE)
            yield sandbox, Path(place)


def noise(file: Path, size: int) -> str:
    """Write random bytes; their SHA-1."""
    digest = hashlib.sha1(usedforsecurity=False)
    with file.open("wb") as out:
        for start in range(0, size, MB):
            piece = os.urandom(min(MB, size - start))
            digest.update(piece)
            out.write(piece)
    return digest.hexdigest()


def puts(sandbox: Sandbox) -> int:
    return sum(call["method"] == "PUT" and call["status"] == 200 for call in sandbox.record())


def large(megabytes: int, kills: int, limits: str) -> dict[str, Any]:
    """Up and down again with kills in the middle; see the module."""
    with practice(limits) as (sandbox, place):
        file, down = place / "large.bin", place / "down"
        size = megabytes * MB
        sha1 = noise(file, size)
        parts = -(-size // (8 << 20))
        up = ("upload", file, "0", file.name, limits)
        memory: list[float] = []
        with sandbox.faults.during(PARTS, "latency", seconds=0.2, method="PUT"):
            for number in range(1, kills + 1):
                due = number * parts // (kills + 1)
                memory.append(killed(*up, reached=lambda due=due: puts(sandbox) >= due))
        sent = done(*up)
        found = boxnb.connect(PROFILE).items("0").set_index("name").loc[file.name]

        def arrived() -> int:
            return sum(part.stat().st_size for part in down.glob(".*.part"))

        get = ("download", "", down, found["id"], limits)
        slow = 1.0 if megabytes <= 200 else 0.0  # a small file would be there before anybody could kill
        with sandbox.faults.during("/dl/*", "drip", seconds=slow) if slow else contextlib.nullcontext():
            for number in range(1, kills + 1):
                due = number * size // (kills + 2)
                memory.append(killed(*get, reached=lambda due=due: arrived() >= due))
        got = done(*get)
        digest = hashlib.sha1(usedforsecurity=False)
        with (down / file.name).open("rb") as whole:
            while piece := whole.read(MB):
                digest.update(piece)
        return {
            "bytes": size,
            "kills": 2 * kills,
            "same sha1": len({sha1, found["sha1"], sent["first"], got["first"], digest.hexdigest()}) == 1,
            "files there": len(list(down.iterdir())),
            "parts": parts,
            "parts sent": puts(sandbox),
            "peak MB": round(max(*memory, sent["peak"], got["peak"])),
            "last leg up s": round(sent["wall"], 1),
            "last leg down s": round(got["wall"], 1),
        }


def many(files: int, kills: int, limits: str) -> dict[str, Any]:
    """Small files, each exactly once whatever happens; see the module."""
    with practice(limits) as (sandbox, place):
        source = place / "many"
        for number in range(files):
            file = source / f"{number % 20:02}" / f"{number:05}.txt"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"This is file {number}.")
        kinds = ("reset_after", "429", "reset_before", "503")
        troubles = max(4, files // 50)
        for number in range(troubles):
            kind, skip = kinds[number % 4], number * files // troubles
            sandbox.faults.add(CONTENT, kind, skip=skip, retry_after=1, method="POST")
        started = time.perf_counter()
        up = ("folder", source, "0", source.name, limits)

        def arrived() -> int:
            return sum(call["path"] == CONTENT and call["status"] == 201 for call in sandbox.record())

        memory = []
        for number in range(1, kills + 1):
            due = number * files // (kills + 1)
            memory.append(killed(*up, reached=lambda due=due: arrived() >= due))
        sent = done(*up)
        took = time.perf_counter() - started
        statuses = Counter(
            call["status"] for call in sandbox.record() if call["path"] == CONTENT and call["status"]
        )
        box = boxnb.connect(PROFILE)
        root = box.items("0").set_index("name").loc[source.name, "id"]
        tree = box.tree(str(root))
        there = tree[tree["type"] == "file"].sort_values("name")
        right = [hashlib.sha1(f"This is file {number}.".encode()).hexdigest() for number in range(files)]
        return {
            "files": files,
            "kills": kills,
            "troubles": troubles - len(sandbox.faults.list()),
            "each exactly once": there["name"].tolist() == [f"{number:05}.txt" for number in range(files)],
            "right bytes": there["sha1"].tolist() == right,
            "second versions": int((there["etag"].astype(str) != "0").sum()) if "etag" in there else None,
            "answers": dict(sorted(statuses.items())),
            "peak MB": round(max([*memory, sent["peak"]])),
            "seconds": round(took, 1),
        }


def beside(megabytes: int, files: int, latency: int, runs: int) -> None:
    """The kit and the SDK in turns; see the module."""
    with practice("off") as (sandbox, place):
        file, small = place / "large.bin", place / "small"
        noise(file, megabytes * MB)
        small.mkdir()
        for number in range(files):
            noise(small / f"{number:04}.bin", 10_000)
        if latency:
            sandbox.faults.add("*/2.0/*", "latency", times=10**9, seconds=latency / 1000)
        works = {
            f"{megabytes} MB in parts": (file, {"boxnb": "upload", "sdk": "sdk large"}),
            f"{files} files of 10 kB": (
                small,
                {"boxnb": "folder", "sdk": "sdk each", "sdk, 8 threads": "sdk threads"},
            ),
        }
        print(f"{latency} ms at each call, {runs} runs, load {os.getloadavg()[0]:.1f}")
        for work, (path, names) in works.items():
            results: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
            for number in range(runs):
                for name, what in names.items():
                    results[name].append(done(what, path, "0", f"{what} {number}", "off"))
            sums = {each["sums"] for all_of in results.values() for each in all_of}
            print(f"\n{work}: {'the same bytes at Box' if len(sums) == 1 else 'THE BYTES DIFFER'}")
            print(
                f"{'':<18}{'wall s':>8}{'(range)':>16}{'cpu s':>8}{'peak MB':>9}{'x boxnb':>9}{'(range)':>16}"
            )
            for name, all_of in results.items():
                middle = {
                    key: statistics.median(each[key] for each in all_of) for key in ("wall", "cpu", "peak")
                }
                walls = [each["wall"] for each in all_of]
                # Each run beside the one of the kit that it took turns with.
                ratios = [mine / base["wall"] for mine, base in zip(walls, results["boxnb"], strict=True)]
                print(
                    f"{name:<18}{middle['wall']:>8.2f}{f'{min(walls):.2f}-{max(walls):.2f}':>16}{middle['cpu']:>8.2f}"
                    f"{middle['peak']:>9.0f}{statistics.median(ratios):>9.1f}{f'{min(ratios):.1f}-{max(ratios):.1f}':>16}"
                )
        print(f"\nload {os.getloadavg()[0]:.1f} at the end")


def main() -> None:
    if sys.argv[1:2] == ["child"]:
        transfer(*sys.argv[2:])
        return
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("work", choices=("large", "many", "beside"))
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--latency", type=int, default=80, help="milliseconds")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument(
        "--limits", choices=("off", "rolling"), default="off", help="Box's limits, and our pacing"
    )
    asked = parser.parse_args()
    if asked.work == "beside":
        beside(asked.megabytes, asked.files, asked.latency, asked.runs)
    elif asked.work == "large":
        print(json.dumps(large(asked.megabytes, asked.kills, asked.limits)))
    else:
        print(json.dumps(many(asked.files, asked.kills, asked.limits)))


if __name__ == "__main__":
    main()

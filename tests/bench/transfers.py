"""Measure uploads and downloads: ``make bench-transfers`` (``ARGS="large --megabytes 1000"``).

``large``   uploads one file in parts and downloads it. The process is killed three times each way and resumes.
``many``    uploads a folder of small files with 429s, resets and kills, and checks that each file arrives exactly once.
``compare`` compares boxnb with Box's own SDK, interleaved, with a latency on each call. Quote ratios, not seconds.

Each transfer is a separate process, whose peak memory is read from ``/proc`` (Linux). Unless ``--limits`` is set, the rate
limits of the sandbox and of boxnb are off.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import itertools
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
sys.path.insert(0, str(HERE.parent / "support"))

from signing import sign_in  # noqa: E402

import boxnb  # noqa: E402
from boxnb.api import rate_limit  # noqa: E402
from boxnb.sandbox import Sandbox  # noqa: E402

PROFILE = "bench"
MB = 1_000_000
PARTS, CONTENT = "/api/2.0/files/upload_sessions/*", "/api/2.0/files/content"


# In the child processes.


def disable_rate_limits() -> None:
    """Disable boxnb's rate limits, because the sandbox's limits are off."""
    for kind in rate_limit.LIMITS:
        rate_limit.LIMITS[kind] = rate_limit.Limit(10**9)


def client(url: str, token: str) -> Any:
    """Return a client of Box's SDK for the sandbox."""
    from box_sdk_gen import BaseUrls, BoxClient, BoxDeveloperTokenAuth

    sdk = BoxClient(auth=BoxDeveloperTokenAuth(token=token))
    return sdk.with_custom_base_urls(BaseUrls(base_url=url, upload_url=url + "/api", oauth_2_url=url))


def sdk_one(sdk: Any, file: Path, folder: str) -> str:
    """Upload a small file as the SDK's documentation shows, and return its SHA-1."""
    from box_sdk_gen import UploadFileAttributes, UploadFileAttributesParentField

    parent = UploadFileAttributesParentField(id=folder)
    with file.open("rb") as stream:
        uploaded = sdk.uploads.upload_file(UploadFileAttributes(name=file.name, parent=parent), stream)
    return str(uploaded.entries[0].sha_1)


def sdk_large(sdk: Any, file: Path, folder: str, name: str) -> str:
    """Upload a large file in parts as the SDK's documentation shows, and return its SHA-1."""
    with file.open("rb") as stream:
        uploaded = sdk.chunked_uploads.upload_big_file(stream, name, file.stat().st_size, folder)
    return str(uploaded.sha_1)


def sdk_threads(sdk: Any, files: list[Path], folder: str) -> list[str]:
    """Upload small files from eight threads, as boxnb does and a careful user of the SDK would."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda file: sdk_one(sdk, file, folder), files))


def transfer(work: str, path: str, target: str, name: str, limits: str) -> None:
    """Do one transfer in the child process, and print seconds, CPU seconds, peak memory and SHA-1s."""
    if limits == "off":
        disable_rate_limits()
    file, sums = Path(path), []
    saved = boxnb.store.load(PROFILE)
    assert saved is not None and saved.token is not None
    box = boxnb.connect(PROFILE)
    token = saved.token.access_token.reveal()
    sdk = client(saved.client.server.api_url.removesuffix("/2.0"), token) if work.startswith("sdk") else None
    box.me()  # open the connection before the measurement, for every contender
    if sdk is not None:
        sdk.users.get_user_me()
    started, cpu = time.perf_counter(), time.process_time()
    if work == "upload":
        sums = [*box.upload(file, target, name=name)["sha1"]]
    elif work == "folder":
        sums = [*box.upload_folder(file, target, name=name)["sha1"].sort_values()]
    elif work == "download":
        sums = [*box.download(name, target)["sha1"]]
    elif work == "sdk large":
        sums = [sdk_large(sdk, file, target, name)]
    else:
        folder = box.session.call("POST", "/folders", json={"name": name, "parent": {"id": target}}).json()[
            "id"
        ]
        files = sorted(file.iterdir())
        if work == "sdk threads":
            sums = sorted(sdk_threads(sdk, files, folder))
        else:
            sums = sorted(sdk_one(sdk, small_file, folder) for small_file in files)
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


# In the measuring process.


def peak(process: int) -> float:
    """Return the peak memory of a process so far, in MB."""
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / MB


def command(*arguments: object) -> list[str]:
    """Return the command of a child process."""
    return [sys.executable, str(Path(__file__).resolve()), "child", *map(str, arguments)]


def run_to_end(*arguments: object) -> dict[str, Any]:
    """Do one complete transfer, and return its figures."""
    process = subprocess.run(command(*arguments), capture_output=True, text=True, check=False)
    if process.returncode:
        raise SystemExit(f"{arguments[0]} failed: {process.stderr.strip().splitlines()[-1]}")
    return dict(json.loads(process.stdout.splitlines()[-1]))


def run_and_kill(*arguments: object, reached: Callable[[], bool]) -> float:
    """Start a transfer, kill it once `reached` returns true, and return its peak memory."""
    with subprocess.Popen(command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        while not reached():
            if child.poll() is not None:
                raise SystemExit(f"{arguments[0]} ended before it could be killed. Choose a larger size.")
            time.sleep(0.02)  # asking more often would slow the transfer down
        memory = peak(child.pid)
        child.kill()
    return memory


@contextlib.contextmanager
def signed_in_sandbox(limits: str) -> Iterator[tuple[Sandbox, Path]]:
    """Yield a sandbox with a saved sign-in, and a folder for files."""
    with tempfile.TemporaryDirectory(prefix="boxnb-bench-") as folder:
        os.environ["BOXNB_HOME"] = str(Path(folder) / "home")
        with boxnb.sandbox.start(private=True, state=Path(folder) / "state", limits=limits) as sandbox:
            sign_in(sandbox, PROFILE)
            yield sandbox, Path(folder)


def write_random_file(file: Path, size: int) -> str:
    """Write a file of random bytes and return their SHA-1."""
    digest = hashlib.sha1(usedforsecurity=False)
    with file.open("wb") as stream:
        for start in range(0, size, MB):
            chunk = os.urandom(min(MB, size - start))
            digest.update(chunk)
            stream.write(chunk)
    return digest.hexdigest()


def parts_received(sandbox: Sandbox) -> int:
    """Return how many parts the sandbox has received."""
    return len(_parts(sandbox))


def _parts(sandbox: Sandbox) -> list[str]:
    """Return the path of each request with a part. The path contains the upload session."""
    return [call["path"] for call in sandbox.record() if call["method"] == "PUT" and call["status"] == 200]


def large(megabytes: int, kills: int, limits: str) -> dict[str, Any]:
    """Upload and download one file, interrupted by kills, and return the figures."""
    with signed_in_sandbox(limits) as (sandbox, folder):
        file, down = folder / "large.bin", folder / "down"
        size = megabytes * MB
        sha1 = write_random_file(file, size)
        parts = -(-size // (8 << 20))
        up = ("upload", file, "0", file.name, limits)
        memory: list[float] = []
        with sandbox.faults.during(PARTS, "latency", seconds=0.2, method="PUT"):
            for number in range(1, kills + 1):
                threshold = number * parts // (kills + 1)
                memory.append(
                    run_and_kill(
                        *up, reached=lambda threshold=threshold: parts_received(sandbox) >= threshold
                    )
                )
        uploaded = run_to_end(*up)
        states_left = len(list((boxnb.store.home() / "transfers").glob("*.json")))
        entry = boxnb.connect(PROFILE).items("0").set_index("name").loc[file.name]

        progress: list[int] = []

        def received() -> int:
            progress.append(sum(part.stat().st_size for part in down.glob(".*.part")))
            return progress[-1]

        get = ("download", "", down, entry["id"], limits)
        slow = 0.4 if megabytes <= 200 else 0.0  # otherwise a small file would arrive before the kill
        named_early = False
        with sandbox.faults.during("/dl/*", "drip", seconds=slow) if slow else contextlib.nullcontext():
            for number in range(1, kills + 1):
                threshold = number * size // (kills + 2)
                memory.append(run_and_kill(*get, reached=lambda threshold=threshold: received() >= threshold))
                named_early |= (down / file.name).exists()
        downloaded = run_to_end(*get)
        digest = hashlib.sha1(usedforsecurity=False)
        with (down / file.name).open("rb") as stream:
            while chunk := stream.read(MB):
                digest.update(chunk)
        return {
            "bytes": size,
            "kills": 2 * kills,
            "same sha1": len(
                {sha1, entry["sha1"], uploaded["first"], downloaded["first"], digest.hexdigest()}
            )
            == 1,
            "files there": len(list(down.iterdir())),
            "named early": named_early,
            "bytes kept": all(now >= before for before, now in itertools.pairwise(progress)),
            "parts": parts,
            "parts sent": parts_received(sandbox),
            "upload sessions": len({*_parts(sandbox)}),
            "states left": states_left,
            "peak MB": round(max(*memory, uploaded["peak"], downloaded["peak"])),
            "last leg up s": round(uploaded["wall"], 1),
            "last leg down s": round(downloaded["wall"], 1),
        }


def many(files: int, kills: int, limits: str) -> dict[str, Any]:
    """Upload small files with faults and kills, and return whether each arrived exactly once."""
    with signed_in_sandbox(limits) as (sandbox, folder):
        source = folder / "many"
        for number in range(files):
            file = source / f"{number % 20:02}" / f"{number:05}.txt"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"This is file {number}.")
        kinds = ("reset_after", "429", "reset_before", "503")
        fault_count = max(4, files // 50)
        for number in range(fault_count):
            kind, skip = kinds[number % 4], number * files // fault_count
            sandbox.faults.add(CONTENT, kind, skip=skip, retry_after=1, method="POST")
        started = time.perf_counter()
        up = ("folder", source, "0", source.name, limits)

        def uploads() -> int:
            return sum(call["path"] == CONTENT and call["status"] == 201 for call in sandbox.record())

        memory = []
        for number in range(1, kills + 1):
            threshold = number * files // (kills + 1)
            memory.append(run_and_kill(*up, reached=lambda threshold=threshold: uploads() >= threshold))
        uploaded = run_to_end(*up)
        seconds = time.perf_counter() - started
        statuses = Counter(
            call["status"] for call in sandbox.record() if call["path"] == CONTENT and call["status"]
        )
        box = boxnb.connect(PROFILE)
        root = box.items("0").set_index("name").loc[source.name, "id"]
        tree = box.tree(str(root))
        arrived = tree[tree["type"] == "file"].sort_values("name")
        expected = [hashlib.sha1(f"This is file {number}.".encode()).hexdigest() for number in range(files)]
        return {
            "files": files,
            "kills": kills,
            "faults": fault_count - len(sandbox.faults.list()),
            "each exactly once": arrived["name"].tolist() == [f"{number:05}.txt" for number in range(files)],
            "correct content": arrived["sha1"].tolist() == expected,
            "second versions": int((arrived["etag"].astype(str) != "0").sum()) if "etag" in arrived else None,
            "statuses": dict(sorted(statuses.items())),
            "peak MB": round(max([*memory, uploaded["peak"]])),
            "seconds": round(seconds, 1),
        }


def compare(megabytes: int, files: int, latency: int, runs: int) -> None:
    """Run boxnb and the SDK in turns, and print the figures."""
    with signed_in_sandbox("off") as (sandbox, folder):
        file, small = folder / "large.bin", folder / "small"
        write_random_file(file, megabytes * MB)
        small.mkdir()
        for number in range(files):
            write_random_file(small / f"{number:04}.bin", 10_000)
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
                for name, transfer_work in names.items():
                    results[name].append(
                        run_to_end(transfer_work, path, "0", f"{transfer_work} {number}", "off")
                    )
            sums = {run["sums"] for measured in results.values() for run in measured}
            print(f"\n{work}: {'the same bytes in Box' if len(sums) == 1 else 'THE BYTES DIFFER'}")
            print(
                f"{'':<18}{'wall s':>8}{'(range)':>16}{'cpu s':>8}{'peak MB':>9}{'x boxnb':>9}{'(range)':>16}"
            )
            for name, measured in results.items():
                median = {
                    key: statistics.median(run[key] for run in measured) for key in ("wall", "cpu", "peak")
                }
                walls = [run["wall"] for run in measured]
                # Each run is compared with the run of boxnb in the same turn.
                ratios = [wall / base["wall"] for wall, base in zip(walls, results["boxnb"], strict=True)]
                print(
                    f"{name:<18}{median['wall']:>8.2f}{f'{min(walls):.2f}-{max(walls):.2f}':>16}{median['cpu']:>8.2f}"
                    f"{median['peak']:>9.0f}{statistics.median(ratios):>9.1f}{f'{min(ratios):.1f}-{max(ratios):.1f}':>16}"
                )
        print(f"\nload {os.getloadavg()[0]:.1f} at the end")


def main() -> None:
    """Do what the command line says."""
    if sys.argv[1:2] == ["child"]:
        transfer(*sys.argv[2:])
        return
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("work", choices=("large", "many", "compare"))
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--latency", type=int, default=80, help="milliseconds")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument(
        "--limits", choices=("off", "rolling"), default="off", help="the rate limits of sandbox and boxnb"
    )
    options = parser.parse_args()
    if options.work == "compare":
        compare(options.megabytes, options.files, options.latency, options.runs)
    elif options.work == "large":
        print(json.dumps(large(options.megabytes, options.kills, options.limits)))
    else:
        print(json.dumps(many(options.files, options.kills, options.limits)))


if __name__ == "__main__":
    main()

"""Every code block of the guides, README and the start page of the docs runs in the sandbox and prints what is shown."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from guides import ROOT, RUN, Block, blocks

FOLDER = ROOT / "notebooks/guides"
GUIDES = sorted(FOLDER.glob("*.md"))
DOCUMENTS = [*GUIDES, ROOT / "README.md", ROOT / ".docs/index.md"]

# The first line of each block that no test runs, and why.
NOT_RUN = {
    "from-an-older-script.md": {
        "boxnb adopt report.py acme": "needs the script; tests/servers/test_moving.py has one",
    },
    "other-servers.md": {
        "boxnb server jamf https://acme.jamfcloud.com --preset jamf-pro": "asks for a secret; tests/servers run it",
        "boxnb move-servers": "needs servers that boxnb 0.9 saved; tests/servers/test_moving.py has some",
    },
    "jupyterhub.md": {
        "https://hub.example.com/user/ada/proxy/8930/callback": "an address that the panel shows on a hub",
        "python -m pip install jupyter-server-proxy": "installs a package",
    },
    "proxy-and-certificates.md": {
        "export HTTPS_PROXY=http://proxy.example.com:8080": "needs a proxy; tests/sandbox/test_proxy.py has one",
        "openssl x509 -inform der -in company.cer -out company.pem": "needs a company's certificate",
    },
    "scheduling.md": {
        'boxnb.runs.save_mail("acme", host="smtp.example.com", sender="box@example.com", username="box@example.com")': (
            "asks for a password; 4-automate/02 runs it with the practice mail server"
        ),
    },
    "security.md": {
        "uv pip compile --extra lab --generate-hashes pyproject.toml --output-file requirements.txt": (
            "asks a package index, and installs packages"
        ),
    },
    "upgrading.md": {
        "git pull": "changes the clone",
        "python -m pip install --upgrade boxnb-VERSION-py3-none-any.whl": "installs a package",
        "... was written by a newer boxnb (format 2). Update boxnb.": "a message, which tests/store checks",
        "BOXNB_HOME=/tmp/boxnb-trial python -m pip install boxnb-VERSION-py3-none-any.whl": "installs a package",
    },
}


def name_of(path: Path) -> str:
    """Return the name of a document, as a test id."""
    return path.stem


def blocks_of(path: Path) -> list[Block]:
    """Return the fenced blocks of a document."""
    return blocks(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_block_runs_and_prints_what_is_shown(path: Path) -> None:
    """The blocks of one document run in one process, in order. A text block after a block is exactly its output."""
    process = subprocess.run(
        [sys.executable, str(ROOT / "tests/support/guides.py"), str(path)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=ROOT,
    )
    assert process.returncode == 0, process.stderr
    executed = [block for block in blocks_of(path) if block.language in RUN]
    outputs = json.loads(process.stdout)
    assert len(outputs) == len(executed) > 0
    for block, output in zip(executed, outputs, strict=True):
        if block.expected is not None:
            # `connect` says once that it has signed in to the sandbox; a document does not repeat that line.
            shown = re.sub(r"^Signed in to the sandbox.*\n", "", output)
            assert shown.strip() == block.expected.strip(), f"line {block.line}"


@pytest.mark.parametrize("path", GUIDES, ids=name_of)
def test_every_block_that_is_not_run_is_listed(path: Path) -> None:
    """A block that no test runs is in `NOT_RUN` with a reason, and every entry there is still in its guide."""
    first_lines = [block.code.splitlines()[0] for block in blocks_of(path) if block.language not in RUN]
    assert first_lines == list(NOT_RUN.get(path.name, {}))
    assert {block.language for block in blocks_of(path)} <= {"python", "bash", "console", "text"}


@pytest.mark.parametrize("path", GUIDES, ids=name_of)
def test_code_names_the_profile_once(path: Path) -> None:
    """The first Python block sets PROFILE to the sandbox, so that nobody runs a guide against their enterprise by accident."""
    python = [block.code for block in blocks_of(path) if block.language == "python"]
    assert 'PROFILE = "sandbox"' in python[0]
    assert not any(re.search(r'connect\("', code) for code in python if "older-script" not in code)


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_commands_in_shell_blocks_exist(path: Path) -> None:
    """Every ``make`` target and every verb of ``python -m boxnb`` in a shell block exists."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for block in blocks_of(path):
        if block.language not in ("console", "bash"):
            continue
        for line in block.code.splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["make"]:
                assert words[1] in targets, line
            if words[:3] == ["python", "-m", "boxnb"]:
                shown = subprocess.run([sys.executable, *words[1:4], "--help"], capture_output=True, cwd=ROOT)
                assert shown.returncode == 0, line


@pytest.mark.parametrize("path", GUIDES, ids=name_of)
def test_prose_has_short_sentences_one_a_line(path: Path) -> None:
    """A sentence has at most 30 words and, outside lists and tables, its own line."""
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for line in re.sub(r"\]\([^)]*\)", "]", text).splitlines():
        if line.startswith("|"):
            continue
        sentences = re.split(r"(?<=[.!?])\**\s+(?=[A-Z`*])", re.sub(r"^\d\. ", "", line))
        for sentence in sentences:
            assert len(sentence.split()) <= 30, sentence
        if not re.match(r"- |\d\. |\*\*", line):
            assert len(sentences) == 1, line


@pytest.mark.parametrize("path", GUIDES, ids=name_of)
def test_links_lead_to_files(path: Path) -> None:
    """Every relative link of a guide leads to a file of this repository."""
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (path.parent / target).exists(), target

"""Servers that an older boxnb saved still work, and one command each moves them and the variables of an older script."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from answering import http as response
from answering import raw

import boxnb
from boxnb import basic, cli, secret, servers, store
from boxnb.cli import adopt, notebook_secrets
from boxnb.errors import NotSignedInError, SettingError
from boxnb.local import private_files
from boxnb.runs import execution
from boxnb.sandbox import Sandbox, devices, older

PASSWORD = "an-older-password-of-tests"


def older_entry(name: str, url: str, username: str = "reader", password: str = PASSWORD) -> Path:
    """Write the file that boxnb 0.9 wrote for ``boxnb.basic.save``."""
    file = store.home() / "servers" / f"{name}.json"
    private_files.private_folder(file.parent)
    content = {"url": url, "username": username, "password": password, "verify": True}
    private_files.write_private(file, json.dumps(content).encode())
    return file


def test_an_older_entry_works_before_and_after_the_move(capsys: pytest.CaptureFixture[str]) -> None:
    """``boxnb.basic``, ``boxnb.servers`` and the search for secrets find an older server; one command moves it."""
    with devices.Devices() as practice:
        file = older_entry("devices", practice.url, practice.username, practice.password)
        assert servers.names() == ["devices"] and basic.path("devices") == file
        assert (
            len(basic.connect("devices").frame("/devices", servers.Pages("page", size=25, size_name="size")))
            == 60
        )
        assert practice.password in execution.saved_secrets()
        kinds = notebook_secrets.saved_secrets().kinds
        assert kinds[secret.fingerprint(practice.password)] == "the password of server 'devices'"
        assert cli.main(["move-servers"]) == 0
        assert capsys.readouterr().out == f"devices: moved to {store.path('devices')}\n"
        assert not file.exists() and basic.path("devices") == store.path("devices")
        assert len(servers.connect("devices").get_json("/devices")["results"]) == 25
        assert cli.main(["move-servers"]) == 0 and "nothing to move" in capsys.readouterr().out


def test_a_move_that_was_killed_is_completed() -> None:
    """If both files exist with the same content, the older one is deleted."""
    file = older_entry("devices", "http://127.0.0.1:9")
    content = file.read_bytes()
    assert servers.move() == ["devices"]
    private_files.write_private(file, content)
    assert servers.move() == ["devices"] and not file.exists()


def test_saving_again_replaces_an_older_entry() -> None:
    """The older file is deleted, so that no old password stays on this computer."""
    file = older_entry("devices", "http://127.0.0.1:9")
    basic.save("devices", "http://127.0.0.1:9", "reader", "a-new-password-of-tests")
    assert not file.exists()
    assert basic.connect("devices").profile.method.secrets["password"].reveal() == "a-new-password-of-tests"


def test_what_cannot_be_moved_stays() -> None:
    """An unknown name, a damaged file and a name that is taken: the older file is unchanged."""
    with pytest.raises(NotSignedInError, match="No older server is saved as 'x'"):
        servers.move("x")
    file = older_entry("acme", "http://127.0.0.1:9")
    store.save(
        store.Profile("acme", boxnb.Client("id", boxnb.Secret("a-client-secret"), "http://127.0.0.1/"))
    )
    with pytest.raises(SettingError, match=r"already a profile 'acme'.*boxnb\.store\.rename"):
        servers.move()
    file.write_bytes(b"{")
    with pytest.raises(NotSignedInError, match="is damaged"):
        servers.move("acme")
    assert file.read_bytes() == b"{"


def test_an_older_entry_with_a_wrong_password_is_sent_at_most_once_by_a_session() -> None:
    """An older entry does not have a profile that could save a refusal, so the session remembers the refusal."""
    requests: list[bytes] = []

    def reply(connection: object) -> None:
        requests.append(b"")
        connection.sendall(response(401, {}))  # type: ignore[attr-defined]

    with raw(reply) as port:
        older_entry("devices", f"http://127.0.0.1:{port}")
        http = basic.connect("devices")
        for _ in range(3):
            with pytest.raises(boxnb.BoxNotebookError):
                http.get_json("/x")
    assert len(requests) == 1


SCRIPT_OF_2016 = """#!/usr/bin/python
# Python 2: this file cannot be parsed by a Python of today.
import requests, plistlib, smtplib
AUTH_CODE = "pasted-code-of-tests"
CLIENT_ID = '{client_id}'   # from the console
client_secret = "{client_secret}"
PLIST = 'box.plist'
LOG_PATH = "/var/log/box.log"
smtpServer = "127.0.0.1"
SMTP_PORT = 465
sender = "box@example.com"
recipient = "it@example.com, boss@example.com"
print "starting"
"""


def test_the_variables_of_a_script_for_box(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """App, sign-in and mail settings are taken over with one command, which prints no secret; nobody signs in again."""
    boxnb.connect("sandbox")
    client = store.load("sandbox").client  # type: ignore[union-attr]
    older.script(tmp_path / "box.plist")
    script = tmp_path / "report.py"
    script.write_text(
        SCRIPT_OF_2016.format(client_id=client.client_id, client_secret=client.client_secret.reveal())
    )
    monkeypatch.setattr(adopt, "Client", lambda *fields: boxnb.Client(*fields, server=client.server))
    assert cli.main(["adopt", str(script), "acme"]) == 0
    shown = "".join(capsys.readouterr())
    assert client.client_secret.reveal() not in shown and "boxnb doctor acme" in shown
    saved = store.load("acme")
    assert saved is not None and saved.keep == f"plist:{tmp_path / 'box.plist'}"
    assert saved.mail is not None and saved.mail.security == "ssl"
    assert saved.mail.to == ("it@example.com", "boss@example.com")
    assert boxnb.connect("acme").me()["login"].iloc[0] == "ada.admin@example.com"


@pytest.mark.parametrize(
    ("text", "preset", "kind"),
    [
        ('jss_url = "{url}"\njss_user = u"reader"\njss_pass = "{password}"\n', "jamf-pro", "login"),
        ("export API_URL='{url}'\nAPI_USER=\"reader\"\nAPI_PASS='{password}';\n", "plain", "basic"),
        ('$server_url = "{url}"\n$username = "reader"\n$password = "{password}"\n$api_key = "{key}"\n', "workspace-one", "basic"),
        ('const url = "{url}";\nconst clientId = "{client_id}";\nlet clientSecret = "{client_secret}";\n', "jamf-pro", "client_credentials"),
    ],
    ids=["python", "shell", "powershell", "javascript"],
)  # fmt: skip
def test_the_variables_of_a_script_for_a_device_manager(
    sandbox: Sandbox, tmp_path: Path, text: str, preset: str, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever the language, the account becomes a saved server of the kind that the preset and the variables allow."""
    account = sandbox.other_servers()["uem" if preset == "workspace-one" else "jamf"]
    script = tmp_path / "devices.txt"
    script.write_text(text.format(**account), encoding="utf-8")
    assert cli.main(["adopt", str(script), "mdm", "--preset", preset]) == 0
    shown = "".join(capsys.readouterr())
    assert account["password"] not in shown and account["client_secret"] not in shown
    profile = servers.load("mdm")
    assert (profile.method.preset, profile.method.kind) == (preset, kind)
    if preset != "plain":
        http = servers.connect("mdm")
        assert http.get_json("/API/system/info" if preset == "workspace-one" else "/api/v1/auth")


def test_a_script_that_cannot_be_taken_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The message says what is missing, and never quotes a value."""
    script = tmp_path / "x.py"
    for text, words in (
        ("print(1)\n", "nothing that boxnb knows"),
        ("client_id = 'abc'\n", "assigns neither a client ID and a client secret"),
    ):
        script.write_text(text)
        assert cli.main(["adopt", str(script), "acme"]) == 2
        assert words in capsys.readouterr().err
    assert cli.main(["adopt", str(tmp_path / "missing.py"), "acme"]) == 2
    assert "cannot be read" in capsys.readouterr().err
    assert store.names() == []


def test_the_command_for_a_server_asks_at_hidden_prompts(sandbox: Sandbox, tmp_path: Path) -> None:
    """Secrets come from the prompt, never from an argument; a wrong one is not saved."""
    keyed = sandbox.other_servers()["keyed"]
    command = [sys.executable, "-m", "boxnb", "server", "keyed", keyed["url"], "--kind", "header_key"]
    command += ["--set", "prefix=SSWS", "--set", "probe=/api/v1/users"]
    for key, code in (("wrong", 1), (keyed["key"], 0)):
        # Without a terminal, getpass reads a line from standard input.
        result = subprocess.run(
            [sys.executable, "-W", "ignore", *command[1:]],
            input=f"{key}\n", capture_output=True, text=True, start_new_session=True, check=False,
        )  # fmt: skip
        assert result.returncode == code, result.stderr
        assert key not in result.stdout + result.stderr.replace("wrong, was revoked", "")
        assert (servers.names() == ["keyed"]) is (code == 0)
    assert len(servers.connect("keyed").frame("/api/v1/users")) == 240
    assert cli.main(["server", "x", "https://x.example", "--set", "password=secret"]) == 2
    assert cli.main(["status"]) == 0
    assert cli.main(["doctor", "keyed"]) == 0

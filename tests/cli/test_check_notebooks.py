"""``boxnb check-notebooks`` finds secrets in everything that a notebook saves, never prints them, and ignores the rest."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml
from signing import sign_in

import boxnb
from boxnb import cli, runs, secret, store
from boxnb.cli import check_notebooks, notebook_secrets
from boxnb.sandbox import Sandbox

ROOT = Path(__file__).parents[2]
MADE_UP = "q7RkZ2mVx9Lw4TbN8sYp"
"""A string that looks like a token and is not one."""


def code(source: str, *outputs: dict[str, Any]) -> dict[str, Any]:
    """Return a code cell."""
    return {
        "cell_type": "code",
        "metadata": {},
        "source": source,
        "outputs": list(outputs),
        "execution_count": 1,
    }


def shown(kind: str, content: Any) -> dict[str, Any]:
    """Return an output with data of one media type."""
    return {"output_type": "display_data", "data": {kind: content}, "metadata": {}}


def printed(text: str) -> dict[str, Any]:
    """Return an output with printed text."""
    return {"output_type": "stream", "name": "stdout", "text": text.splitlines(keepends=True)}


def notebook(*cells: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    """Return a notebook of these cells."""
    return {"cells": list(cells), "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def write(path: Path, content: dict[str, Any]) -> Path:
    """Write a notebook file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
    return path


def found(content: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what is found in a notebook on a computer without profiles."""
    return [tuple(finding) for finding in notebook_secrets.search(content, {})]


IN_SOURCE = {
    f'client_secret = "{MADE_UP}"': "a string in client_secret",
    "PASSWORD = 'hunter2'": "a string in PASSWORD",
    f'client = Client("id", client_secret="{MADE_UP}")': "a string in client_secret",
    f'settings = {{"refresh_token": "{MADE_UP}"}}': "a string in refresh_token",
    f'os.environ["API_KEY"] = "{MADE_UP}"': "a string in API_KEY",
    f'self.access_token: str = b"{MADE_UP}"': "a string in access_token",
    f'user, password = "ada", "{MADE_UP}"': "a string in password",
    f'boxnb.Secret("{MADE_UP}")\nSecret("{MADE_UP}")': "a string in Secret",
    f'headers = {{"Authorization": "Bearer {MADE_UP}"}}': "a bearer token",
    f'requests.get("https://ada:{MADE_UP}@example.com/")': "a password in a URL",
    f'redirect = "http://127.0.0.1:8917/callback?state=a&code={MADE_UP}"': "a value of code",
    f"!curl -H 'Authorization: Bearer {MADE_UP}' https://api.example.com": "an Authorization header",
    f'%env CLIENT_SECRET={MADE_UP}\nx = (\nclient_secret = "{MADE_UP}"': "a string in client_secret",
    f"x = 1  # access_token={MADE_UP}": "a value of access_token",
}


@pytest.mark.parametrize("source", IN_SOURCE)
def test_secret_in_source_is_found(source: str) -> None:
    """Assignments, arguments, keys, headers, URLs, magics and comments are searched."""
    findings = found(notebook(code("1"), code(source)))
    kind = IN_SOURCE[source]
    assert any(
        place == "cell 2, source"
        and (found_kind == kind or (kind.startswith("an Auth") and "Auth" in found_kind))
        for place, found_kind in findings
    ), findings
    assert MADE_UP not in str(findings) and "hunter2" not in str(findings)


IN_OUTPUT = {
    "printed JSON": printed(f'{{"access_token": "{MADE_UP}", "expires_in": 3600}}\n'),
    "a printed header": printed(f"Authorization: Bearer {MADE_UP}\n"),
    "a form": printed(f"grant_type=refresh_token&refresh_token={MADE_UP}&x=1\n"),
    "a page": shown("text/html", f"<pre>client_secret: '{MADE_UP}'</pre>"),
    "data as JSON": shown("application/json", {"outer": {"client_secret": MADE_UP}}),
    "a traceback": {
        "output_type": "error",
        "ename": "ValueError",
        "evalue": "x",
        "traceback": ["\x1b[31mValueError\x1b[39m", f"password\x1b[39m=\x1b[33m'{MADE_UP}'\x1b[39m"],
    },
    "a download link": printed(f"https://public.boxcloud.com/d/1/{MADE_UP}/download\n"),
}


@pytest.mark.parametrize("kind", IN_OUTPUT)
def test_secret_in_output_is_found(kind: str) -> None:
    """Printed text, pages, JSON and tracebacks are searched."""
    findings = found(notebook(code("x", IN_OUTPUT[kind])))
    assert {place for place, _ in findings} == {"cell 1, output"}, findings
    assert MADE_UP not in str(findings)


def test_secret_in_widget_state_is_found() -> None:
    """The value of a password field is saved if JupyterLab saves the state of widgets."""
    model = {
        "model_name": "TextModel",
        "state": {"description": "Client secret", "password": MADE_UP, "value": "x"},
    }
    state = {"application/vnd.jupyter.widget-state+json": {"state": {"0a1b": model}}}
    assert found(notebook(code("x"), widgets=state)) == [("widget state", "a value of password")]


def test_password_field_in_widget_state_is_found() -> None:
    """In a PasswordModel, the field is only called ``value``."""
    model = {"model_name": "PasswordModel", "state": {"description": "", "value": "hunter2"}}
    state = {"application/vnd.jupyter.widget-state+json": {"state": {"0a1b": model}}}
    assert found(notebook(code("x"), widgets=state)) == [("widget state", "the text of a password field")]


@pytest.mark.parametrize("place", ["markdown", "attachment", "metadata", "format 3"])
def test_every_other_part_is_searched(place: str) -> None:
    """Text, attachments, metadata and notebooks of the earlier format are searched as well."""
    text = f"access_token={MADE_UP}"
    content = {
        "markdown": notebook({"cell_type": "markdown", "source": [text], "metadata": {}}),
        "attachment": notebook(
            {
                "cell_type": "markdown",
                "source": "",
                "attachments": {"a": {"text/plain": text}},
                "metadata": {},
            }
        ),
        "metadata": notebook(papermill={"parameters": {"x": text}}),
        "format 3": {"worksheets": [{"cells": [{"cell_type": "code", "input": [text], "outputs": []}]}]},
    }[place]
    assert [kind for _, kind in found(content)] == ["a value of access_token"]


HARMLESS = [
    "password = getpass.getpass()",
    "client_secret = store.load('acme').client.client_secret",
    "token = box.session.auth.token()",
    'token_type = "bearer-of-all-tokens-1"',
    'client_secret = "..."',
    'client_secret = "<your client secret>"',
    'password = ""',
    'password = os.environ["PASSWORD"]',
    'token_url = "https://api.box.com/oauth2/token"',
    "assert message == 'The refresh token has expired'",
    'refresh_token = f"{token}"',
    "oauth.refresh(client, token=token)",
    "print('access token: ' + token.fingerprint)",
]


@pytest.mark.parametrize("source", HARMLESS)
def test_code_that_handles_secrets_is_not_a_finding(source: str) -> None:
    """Names, calls, placeholders and messages are not secrets."""
    assert found(notebook(code(source))) == []


@pytest.mark.parametrize(
    "text",
    [
        "access_token: <secret 3fa9>, refresh token 3fa9 replaced b2c4\n",
        "secret: True\npassword: None\ntoken: valid for 59 minutes\n",
        '{"token_type": "bearer", "access_token": "<redacted>", "client_secret": "***"}\n',
        "Cookie: theme\ncookie = yes\n",
        "['access_token', 'expires_in', 'refresh_token', 'restricted_to']\n",
        "{'grant_type': 'refresh_token', 'refresh_token': refresh_token}\n",
        '{&quot;refresh_token&quot;: &quot;<span title=\\"a secret\\">3fa9</span>&quot;}\n',
        'curl --data-urlencode "refresh_token=$REFRESH_TOKEN" --data-urlencode "client_secret=$CLIENT_SECRET"\n',
        "The authorization code expires after 30 seconds. authorization: the user grants access\n",
    ],
)
def test_output_without_secrets_is_not_a_finding(text: str) -> None:
    """Fingerprints, figures, placeholders and prose are not secrets."""
    assert found(notebook(code("x", printed(text)))) == []


def test_scripts_in_pages_are_not_a_finding() -> None:
    """A chart contains a library whose code has fields with such names."""
    page = '<script>var t={token:e.nextToken1(), password:"password1x"}; n.secret="abcdefg1234"</script><p>chart</p>'
    assert found(notebook(code("x", shown("text/html", page)))) == []


def test_notebooks_of_this_repository_have_no_finding(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They teach OAuth2, so they use the same words as secrets do."""
    monkeypatch.setattr(secret, "_known", {})  # as in a process of its own
    assert cli.main(["check-notebooks", str(ROOT / "notebooks")]) == 0
    assert capsys.readouterr().out.startswith("No secret found in ")


SPELLINGS = {
    "plain": lambda text: text,
    "base64": lambda text: base64.b64encode(f"user:{text}".encode()).decode(),
    "percent": lambda text: quote(text, safe=""),
    "JSON in JSON": lambda text: json.dumps(json.dumps({"x": text})),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_secret_of_a_profile_is_found_anywhere(
    sandbox: Sandbox, tmp_path: Path, spelling: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """No name and no format is needed, and the finding names the profile."""
    saved = sign_in(sandbox)
    assert saved.token is not None
    text = SPELLINGS[spelling](saved.token.access_token.reveal())
    write(tmp_path / "mine" / "a.ipynb", notebook(code("x", shown("text/plain", f"a word and {text} too"))))
    assert cli.main(["check-notebooks", str(tmp_path / "mine")]) == cli.FAILED
    out = capsys.readouterr().out
    place = f"{tmp_path}/mine/a.ipynb: cell 1, output: "
    known = "the access token of profile 'acme'"
    assert place in out and (known in out or (spelling == "base64" and "of a saved profile, encoded" in out))
    assert saved.token.access_token.reveal() not in out and text not in out


def test_every_kind_of_saved_secret_is_named(sandbox: Sandbox, tmp_path: Path) -> None:
    """Client secret, tokens, mail password and the password of another server."""
    sign_in(sandbox)
    runs.save_mail(
        "acme",
        host="127.0.0.1",
        sender="a@example.com",
        username="a",
        password="mail-pass-1",
        security="none",
    )
    boxnb.basic.save("devices", "http://127.0.0.1:9", "reader", "password-of-devices")
    kinds = notebook_secrets.saved_secrets().kinds
    words = ["client secret", "access token", "refresh token", "mail password"]
    expected = {f"the {word} of profile 'acme'" for word in words} | {"the password of server 'devices'"}
    assert expected <= set(kinds.values())
    saved = store.load("acme")
    assert saved is not None
    for value in (saved.client.client_secret.reveal(), "mail-pass-1", "password-of-devices"):
        (finding,) = notebook_secrets.search(notebook(code(f"x = {value!r}")), kinds)
        assert finding.kind in expected and finding.place == "cell 1, source"


def test_profile_that_cannot_be_read_is_reported(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The notebooks are searched for everything else."""
    sign_in(sandbox)
    store.path("acme").write_text("{", encoding="utf-8")
    path = write(tmp_path / "a.ipynb", notebook(code(f'password = "{MADE_UP}"')))
    assert cli.main(["check-notebooks", str(path)]) == cli.FAILED
    out, err = capsys.readouterr()
    assert "Cannot read the secrets of 'acme'" in err and "1 possible secret in 1 of 1 notebook." in out


def test_folders_are_searched_with_subfolders_but_not_environments(tmp_path: Path) -> None:
    """Checkpoints are searched, because they may be committed; git's folder and virtual environments are not."""
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "pyvenv.cfg").write_text("", encoding="utf-8")
    names = ["a.ipynb", "b/.ipynb_checkpoints/a.ipynb", "env/c.ipynb", ".git/d.ipynb", "b/e.txt"]
    for name in names:
        write(tmp_path / name, notebook())
    found_paths = check_notebooks.notebooks([tmp_path])
    assert {path.relative_to(tmp_path).as_posix() for path in found_paths} == set(names[:2])


def test_default_is_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a path, everything below is searched."""
    write(tmp_path / "mine" / "b" / "a.ipynb", notebook(code(f'password = "{MADE_UP}"')))
    monkeypatch.chdir(tmp_path / "mine")
    assert cli.main(["check-notebooks"]) == cli.FAILED


@pytest.mark.parametrize("text", [None, "", "[]", "{", "[" * 100_000, b"\xff\xfe\x00"])
def test_file_that_cannot_be_searched_has_exit_code_2(
    text: str | bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A hook must not let it pass; the other files are searched."""
    path = tmp_path / "odd.ipynb"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    good = write(tmp_path / "good.ipynb", notebook(code("1")))
    assert cli.main(["check-notebooks", str(path), str(good)]) == cli.USAGE
    out, err = capsys.readouterr()
    assert "odd.ipynb cannot be searched: " in err and out == "No secret found in 1 notebook.\n"


def test_pipe_is_not_read(tmp_path: Path) -> None:
    """Reading it could block forever."""
    os.mkfifo(tmp_path / "a.ipynb")
    assert cli.main(["check-notebooks", str(tmp_path)]) == cli.USAGE


def test_advice_follows_the_findings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Removing a secret from a file is not enough if someone else has had the file."""
    path = write(tmp_path / "a.ipynb", notebook(code(f'password = "{MADE_UP}"\npassword = "{MADE_UP}"')))
    assert cli.main(["check-notebooks", str(path)]) == cli.FAILED
    out = capsys.readouterr().out
    assert out.splitlines()[0] == f"{path}: cell 1, source: a string in password"
    assert out.count("a string in password") == 1 and "boxnb sign-out PROFILE" in out


def test_hook_of_pre_commit_runs_this_verb() -> None:
    """The hook names a command that exists, and runs it only on notebooks."""
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    program, verb = hook["entry"].split()
    assert (program, hook["language"], hook["types"]) == (
        "boxnb",
        "python",
        ["jupyter"],
    ) and verb in cli.VERBS

"""Every kind of sign-in to a server: two lines from a saved entry to a frame, and no secret anywhere else."""

from __future__ import annotations

import json
import logging
import pickle
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import parse_qsl, urlsplit

import pandas as pd
import pytest
from answering import http as response
from answering import raw
from practice_servers import KINDS, LISTINGS, save

import boxnb
from boxnb import servers, store
from boxnb.errors import (
    ArgumentError,
    BoxUnavailableError,
    ForbiddenError,
    HostNotAllowedError,
    NetworkError,
    NotFoundError,
    NotSignedInError,
    SettingError,
)
from boxnb.sandbox import Sandbox
from boxnb.secret import Secret


@pytest.mark.parametrize("name", KINDS)
def test_two_lines_lead_to_a_frame(sandbox: Sandbox, name: str) -> None:
    """From a saved server to all 240 rows of a listing, for each kind of sign-in."""
    save(sandbox, name)
    http = servers.connect(name)
    frame = http.frame(LISTINGS[name])
    assert len(frame) == 240 and frame.attrs["complete"] is True
    assert frame.iloc[:, 0].is_unique


@pytest.mark.parametrize("name", KINDS)
def test_no_secret_is_shown(sandbox: Sandbox, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """No secret is in the log of a run, in what is printed, in a representation or in a message."""
    save(sandbox, name)
    with boxnb.run("careless") as run:
        http = servers.connect(name)
        sent = http.get(LISTINGS[name])
        logging.getLogger("careless").info("%s %s", sent.request.headers, vars(http))
        print(sent.request.headers, http, http.profile, vars(http.auth))
        with pytest.raises(NotFoundError) as failure:
            http.get_json("/nothing")
    assert run.log_file is not None
    profile = store.load(name)
    assert profile is not None
    shown = run.log_file.read_text(encoding="utf-8") + "".join(capsys.readouterr()) + str(failure.value)
    shown += repr(profile) + repr(sent.request.headers)
    secrets = profile.secrets()
    assert len(secrets) >= 1
    for secret in secrets.values():
        assert secret.reveal() not in shown
    for one in (http, http.auth):
        if name in ("uem-basic", "key") or one is http:
            with pytest.raises(TypeError, match="pickled"):
                pickle.dumps(one)


@pytest.mark.parametrize("name", KINDS)
def test_a_server_is_a_private_profile(sandbox: Sandbox, name: str) -> None:
    """The entry has the same file, mode and status as a profile of Box, and its secrets move to another backend."""
    save(sandbox, name)
    assert store.path(name).stat().st_mode & 0o777 == 0o600
    servers.connect(name).get(LISTINGS[name])
    row = boxnb.status(name).iloc[0]
    assert row["profile"] == name and row["signed_in"] and pd.isna(row["problem"])
    assert servers.names() == [name]
    with pytest.raises(SettingError, match=r"boxnb\.servers\.connect"):
        boxnb.connect(name)


def test_paging_in_every_style(sandbox: Sandbox) -> None:
    """A listing is complete with a Link header, offset, marker, URL in the body or page number, with and without a total."""
    save(sandbox, "key")
    http = servers.connect("key")
    expected = {kind: [f"{kind}-{number:04d}" for number in range(1, 241)] for kind in ("users", "devices")}
    assert http.frame("/api/v1/users", limit=70)["id"].tolist() == expected["users"]
    assert http.frame("/api/v1/users", "link")["id"].tolist() == expected["users"]
    assert http.frame("/api/v1/devices", "offset")["id"].tolist() == expected["devices"]
    with pytest.warns(UserWarning, match="the same page twice"):  # the marker's parameter is not known yet
        events = http.frame("/api/v1/events")
    assert len(events) == 100 and events.attrs["complete"] is False
    marker = servers.Pages("marker", name="cursor", next="next_marker")
    assert len(http.frame("/api/v1/events", marker)) == 240
    assert len(http.frame("/api/v1/licences")) == 240
    assert len(http.frame("/api/v1/groups", servers.Pages("page", first=1))) == 240


def test_a_server_that_returns_fewer_rows_than_asked_for(sandbox: Sandbox) -> None:
    """The server returns at most 200 rows, although boxnb asks for 1000: no row is lost."""
    save(sandbox, "key")
    http = servers.connect("key")
    assert len(http.frame("/api/v1/devices", servers.Pages("offset", size=1000))) == 240
    assert len(http.frame("/api/v1/groups", servers.Pages("page", size=1000, first=1))) == 240


def test_what_a_frame_could_not_see_is_said() -> None:
    """A listing with more rows than arrived is not complete, and the warning says what to pass."""
    body = {"items": [{"id": 1, "ok": True}], "total": 3}
    with raw(response(200, body)) as port:
        servers.save("odd", f"http://127.0.0.1:{port}", secrets={"password": "p4ssword-x"}, username="reader")
        with pytest.warns(
            UserWarning, match=r"has 3 rows, and sent 1 without saying how to fetch more\. Pass pages="
        ):
            frame = servers.connect("odd").frame("/things")
    assert frame.attrs["complete"] is False and frame["ok"].dtype == "boolean"


@contextmanager
def listing(answer: Callable[[dict[str, str]], dict[str, object]]) -> Iterator[servers.ServerSession]:
    """Yield a session for a server whose listing has ``answer`` as its body, by the query."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = json.dumps(answer(dict(parse_qsl(urlsplit(self.path).query)))).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        servers.save("odd", url, secrets={"password": "p4ssword-x"}, username="reader")
        yield servers.connect("odd")
        server.shutdown()


@pytest.mark.parametrize("style", ["page", "offset"])
@pytest.mark.parametrize("total", ["of this page", "too small", "right", "none"])
@pytest.mark.parametrize("rows", [100, 200, 240])
def test_a_wrong_total_loses_no_row(style: Literal["page", "offset"], total: str, rows: int) -> None:
    """Some servers give the number of rows of a page as the total, or an old number: every row arrives all the same."""

    def answer(query: dict[str, str]) -> dict[str, object]:
        begin = int(query[style]) * (100 if style == "page" else 1)
        found = [{"id": number} for number in range(rows)][begin : begin + 100]
        totals = {"of this page": len(found), "too small": 50, "right": rows, "none": None}
        return {"items": found, "total": totals[total]}

    with listing(answer) as http:
        frame = http.frame("/things", servers.Pages(style))
    assert frame["id"].tolist() == [str(number) for number in range(rows)] and frame.attrs["complete"] is True


@pytest.mark.parametrize(("items", "why"), [([], "100 empty pages"), ([{"id": 1}], "the same page twice")])
def test_markers_without_end_end(items: list[object], why: str) -> None:
    """A server that names ever new markers, for empty pages or for the same rows, ends the pull, which is not complete."""
    pages = servers.Pages("marker", name="cursor", next="next")
    with (
        listing(lambda query: {"items": items, "next": int(query.get("cursor", 0)) + 1}) as http,
        pytest.warns(UserWarning, match=why),
    ):
        frame = http.frame("/things", pages)
    assert frame.attrs["complete"] is False


def test_a_wrong_start_is_named() -> None:
    """A start that is not a number is refused before anything is sent."""
    with listing(lambda query: {"items": []}) as http, pytest.raises(ArgumentError, match=r"start= .*'abc'"):
        http.frame("/things", servers.Pages("page"), start="abc")


def test_a_response_with_several_lists_needs_a_name() -> None:
    """The error says how to name the list, and a named list is used."""
    body = {"a": [{"id": 1}], "b": [], "meta": {"list": [{"id": "x"}, {"id": "y"}]}}
    with raw(response(200, body)) as port:
        servers.save("odd", f"http://127.0.0.1:{port}", secrets={"password": "p4ssword-x"}, username="reader")
        http = servers.connect("odd")
        with pytest.raises(ArgumentError, match=r"several lists: a, b.*Pages\(\.\.\., rows='a'\)"):
            http.frame("/things")
        assert http.frame("/things", servers.Pages("whole", rows="meta.list"))["id"].tolist() == ["x", "y"]
        with pytest.raises(BoxUnavailableError, match="has no 'c', so it is not a page"):
            http.frame("/things", servers.Pages("whole", rows="c"))


def test_a_pull_that_ends_early_keeps_its_rows_and_resumes(sandbox: Sandbox) -> None:
    """The rows before the error are in ``partial``, and ``start`` continues with the next page."""
    save(sandbox, "jamf-client")
    http = servers.connect("jamf-client")
    sandbox.faults.add("/jamf/api/v1/computers-inventory", "html", times=1, skip=1)
    with pytest.raises(BoxUnavailableError, match="is not JSON") as failure:
        http.frame("/api/v1/computers-inventory")
    partial = failure.value.partial
    assert partial is not None and len(partial) == 100 and partial.attrs["resume"] == {"start": 1}
    rest = http.frame("/api/v1/computers-inventory", **partial.attrs["resume"])
    assert sorted(map(int, [*partial["id"], *rest["id"]])) == list(range(1, 241))


def test_secrets_are_sent_only_to_their_own_server(sandbox: Sandbox) -> None:
    """Neither a full URL, nor a redirect, nor a link to the next page sends a secret to another server."""
    page = response(200, [{"id": 1}])

    def record(connection: object) -> None:
        connection.sendall(page)  # type: ignore[attr-defined]

    with raw(record) as other:
        away = f"http://localhost:{other}/x"
        for reply in (
            response(302, b"", {"Location": away}),
            response(200, [{"id": 1}], {"Link": f'<{away}>; rel="next"'}),
        ):
            with raw(reply) as port:
                servers.save(
                    "keyed", f"http://127.0.0.1:{port}", kind="header_key", header="x-api-key",
                    secrets={"key": "a-key-of-tests", "header:x-more": "more-of-tests"}, secret_headers=["x-more"],
                )  # fmt: skip
                http = servers.connect("keyed")
                http.headers["x-own"] = "of-this-session"
                if reply.startswith(b"HTTP/1.1 302"):  # a port may contain 302
                    followed = http.get("/moved")
                    assert followed.json() == [{"id": 1}] and followed.history[0].status_code == 302
                    sent = followed.request.headers
                    assert not {"x-api-key", "x-more", "x-own", "Authorization"} & set(sent)
                else:
                    with pytest.raises(HostNotAllowedError, match="are not sent to localhost"):
                        http.frame("/things")
                with pytest.raises(HostNotAllowedError):
                    http.get(away)


def test_further_secret_headers_are_sent_with_every_kind(sandbox: Sandbox) -> None:
    """Basic needs the API key in a header as well; without it, the message names the header."""
    save(sandbox, "uem-basic")
    assert servers.connect("uem-basic").get_json("/API/system/info")["ProductName"] == "Practice UEM"
    save(sandbox, "uem-basic", key="wrong-tenant-code")
    with pytest.raises(Exception, match=r"or the value of aw-tenant-code \(401\).*Invalid API key"):
        servers.connect("uem-basic").get_json("/API/system/info")


def test_the_server_is_not_running_or_unknown(sandbox: Sandbox) -> None:
    """A server that is down, an unknown name and a name of a Box profile each have a message of their own."""
    servers.save("down", "http://127.0.0.1:9", secrets={"password": "p4ssword-x"}, username="reader")
    http = servers.ServerSession(servers.load("down"), sleep=lambda seconds: None)
    with pytest.raises(
        NetworkError, match=r"127\.0\.0\.1 refused the connection: no server is running there"
    ):
        http.get_json("/x")
    with pytest.raises(
        NotSignedInError, match=r"No server is saved as 'unknown'\. Save it with boxnb\.servers\.save"
    ):
        servers.connect("unknown")


def test_a_missing_privilege_is_not_a_wrong_secret() -> None:
    """A 403, and a 401 that names the scope, say that a privilege is missing."""
    challenge = {"WWW-Authenticate": 'Bearer error="insufficient_scope"'}
    for reply in (response(403, {"error": "no"}), response(401, {}, challenge)):
        with raw(reply) as port:
            servers.save(
                "api", f"http://127.0.0.1:{port}", kind="client_credentials", client_id="c",
                secrets={"client_secret": "s3cret-of-tests"}, token_url="/token",
            )  # fmt: skip
            profile = servers.load("api")
            store.save(profile.renewed(_token(), 0.0))
            with pytest.raises(
                ForbiddenError, match=r"does not allow this.*the privilege that this call needs"
            ):
                servers.connect("api").get_json("/x")


def _token() -> boxnb.Token:
    import time

    return boxnb.Token(Secret("an-access-token"), None, time.time(), 3600.0)


def test_settings_are_checked_before_a_secret_is_asked_for() -> None:
    """If a setting is wrong, boxnb neither asks for anything nor saves anything."""

    def never(prompt: str) -> str:
        raise AssertionError(prompt)

    url = "https://mdm.example.com"
    for options, words in (
        ({"preset": "jamf"}, r"There is no preset 'jamf'\. The presets are jamf-pro"),
        ({"preset": "jamf-pro", "kind": "basic"}, "Jamf Pro does not take 'basic'"),
        ({"preset": "jamf-pro"}, r"The client id of 'mdm' is missing"),
        ({"kind": "magic"}, "There is no kind of sign-in 'magic'"),
        ({"kind": "basic", "user": "x"}, "There is no setting 'user'"),
        ({"kind": "header_key", "header": "a b"}, "cannot be the name of a header"),
        ({"kind": "login", "username": "x", "login_url": "http://mdm.example.com/login"}, "unencrypted"),
    ):
        with pytest.raises(SettingError, match=words):
            servers.save("mdm", url, ask=never, **options)  # type: ignore[arg-type]
    with pytest.raises(SettingError, match="unencrypted"):
        servers.save("mdm", "http://mdm.example.com", username="x", ask=never)
    assert servers.names() == []


def test_secrets_are_asked_for_without_showing_them(sandbox: Sandbox) -> None:
    """The prompt names what is asked for, whose it is, and where it goes."""
    uem = sandbox.other_servers()["uem"]
    prompts: list[str] = []
    answers = iter([uem["password"], uem["key"]])

    def ask(prompt: str) -> str:
        prompts.append(prompt)
        return str(next(answers))

    servers.save("uem", uem["url"], preset="workspace-one", kind="basic", username="reader", ask=ask)
    assert prompts == [
        f"Password of reader at {uem['url']}: ",
        f"Value of aw-tenant-code of reader at {uem['url']}: ",
    ]
    assert len(servers.connect("uem").frame("/API/mdm/devices/search")) == 240

"""Labs about what surrounds the flow: scopes, the company's admin and proxy, and Box's rate limits."""

from __future__ import annotations

import time

from boxnb import oauth
from boxnb.labs.exercise import Choice, Exercise, Record
from boxnb.labs.exercises import evidence
from boxnb.labs.practice import Practice
from boxnb.oauth import Client
from boxnb.secret import Secret

SEARCHES = 7
"""One search more than Box allows a user per second."""


def _call_without_scope(practice: Practice) -> None:
    uri = practice.client.redirect_uri
    app = practice.sandbox.register_app("Reader", [uri], ["root_readonly"])
    narrow = Client(app["client_id"], Secret(app["client_secret"]), uri, practice.client.server)
    token = practice.sign_in(client=narrow)
    practice.attempt("Who am I?", lambda: practice.me(token))
    practice.attempt("The list of users", lambda: practice.me(token, path="/users"))
    practice.sandbox.change_app(app["client_id"], scopes=["root_readonly", "manage_managed_users"])
    practice.attempt("The old token, after the scope was added", lambda: practice.me(token, path="/users"))
    new_token = practice.sign_in(client=narrow)
    practice.attempt("Repair: a token issued afterwards", lambda: practice.me(new_token, path="/users"))


def _missing_scope_evidence(record: Record) -> str:
    accepted = [call for call in evidence.api_calls(record) if evidence.succeeded(call)]
    for call in evidence.api_calls(record):
        same_token = [other for other in accepted if other["token"] == call["token"]]
        same_user = [
            other for other in accepted if other["path"] == call["path"] and other["user"] == call["user"]
        ]
        if call["status"] == 403 and same_token and same_user and same_user[0]["token"] != call["token"]:
            return (
                f"one token was accepted at {same_token[0]['path']} (200) and refused at {call['path']} (403); "
                "a later token for the same user was accepted there."
            )
    return ""


def _use_disabled_app(practice: Practice) -> None:
    practice.sandbox.change_app(practice.client.client_id, enabled=False)
    practice.attempt("Before an admin enabled the app", practice.sign_in)
    practice.sandbox.change_app(practice.client.client_id, enabled=True)
    practice.attempt("Repair: after an admin enabled it", practice.sign_in)


def _disabled_app_evidence(record: Record) -> str:
    for call in evidence.opened_links(record):
        for other in evidence.decisions(record):
            same_link = (evidence.client_id(call), evidence.redirect_uri(call)) == (
                evidence.client_id(other),
                evidence.redirect_uri(other),
            )
            if call["status"] == 400 and same_link and other in evidence.after(record, call):
                return "the same link led to an error page (400), and to a consent page once the app was enabled."
    return ""


def _exceed_rate_limit(practice: Practice) -> None:
    token = practice.sign_in()
    responses = [practice.me(token, path="/search?query=report") for _ in range(SEARCHES)]
    practice.said.append(
        "Searches in a row: " + ", ".join(str(response.status_code) for response in responses)
    )
    wait = int(responses[-1].headers.get("Retry-After", "0"))
    practice.said.append(f"Retry-After says {wait} s")
    time.sleep(wait)
    practice.attempt("Repair: after that wait", lambda: practice.me(token, path="/search?query=report"))


def _rate_limit_evidence(record: Record) -> str:
    for call in evidence.api_calls(record):
        repeated = [
            other
            for other in evidence.after(record, call)
            if other["path"] == call["path"] and other["token"] == call["token"] and evidence.succeeded(other)
        ]
        if call["status"] == 429 and not call["fault"] and repeated:
            return f"a burst of calls to {call['path']} ended in 429; later, the same call succeeded."
    return ""


def _refresh_through_proxy(practice: Practice) -> None:
    token = practice.sign_in()
    practice.sandbox.faults.add("/oauth2/token", "html")
    practice.attempt("Refresh, through the company's proxy", lambda: oauth.refresh(practice.client, token))
    practice.attempt("Repair: signed in to the proxy", lambda: oauth.refresh(practice.client, token))


def _proxy_page_evidence(record: Record) -> str:
    for call in record:
        repeated = [
            other
            for other in evidence.after(record, call)
            if evidence.is_token_request(other) and evidence.succeeded(other)
        ]
        got_page = call["fault"] == "html" and call["status"] == 200
        if evidence.is_token_request(call) and got_page and repeated:
            return "a token request got 200 with a web page; the next one got a token."
    return ""


API_LABS = (
    Exercise(
        name="scope-missing",
        title="A scope that is missing",
        story="The app was registered to read files. You are an admin, and you use it to list the users.",
        question="How does the API respond?",
        predictions=(
            Choice(
                "The list: I am an admin",
                "A token can do only what both the person AND the app are allowed to do.",
            ),
            Choice("403, insufficient_scope", "The person is allowed to list the users; the app is not."),
            Choice("401", "The token is fine: /users/me works."),
        ),
        right_prediction=1,
        act=_call_without_scope,
        evidence=_missing_scope_evidence,
        why="The scope was ticked in the console, and the old token is still refused. Why?",
        explanations=(
            Choice("Changes take a day", "Waiting does not help here."),
            Choice(
                "A token keeps the scopes it was issued with",
                "Sign in again: the new token has the new scope. A refresh keeps the old ones.",
            ),
            Choice("The admin must restart Box", "Nobody can restart Box."),
        ),
        right_explanation=1,
        rule="RFC 6749 3.3; RFC 6750 3.1",
    ),
    Exercise(
        name="app-not-enabled",
        title="An app that nobody enabled",
        story="The company allows apps only after an admin has enabled them. Yours is new.",
        question="Where does the sign-in stop?",
        predictions=(
            Choice(
                "At the link: an error page, before anyone signs in",
                "The server recognises the app by its client ID, which is in the link.",
            ),
            Choice("At the code exchange", "There is no code yet."),
            Choice("At the first call to the API", "It does not get that far."),
        ),
        right_prediction=0,
        act=_use_disabled_app,
        evidence=_disabled_app_evidence,
        why="Who can repair this, and how?",
        explanations=(
            Choice("I can, with a new client secret", "The server never asked for the secret."),
            Choice(
                "I can, with a different redirect URI",
                "The redirect URI is right: once the app is enabled, the same link works.",
            ),
            Choice(
                "A company admin can, in the Admin Console, with the client ID",
                "It is under Integrations, Platform Apps Manager. Send the admin the client ID, never the secret.",
            ),
        ),
        right_explanation=2,
        rule="Box guide: App authorization and enablement",
    ),
    Exercise(
        name="rate-limit",
        title="Too many calls",
        story="A loop searches for seven words within one second. Box allows each user six searches a second.",
        question="What is the seventh response?",
        predictions=(
            Choice("The usual result, but later", "Box does not queue calls: it refuses them."),
            Choice("429, with Retry-After", "The header says how long to wait."),
            Choice("503", "503 means that the server is in trouble; here you are too fast."),
        ),
        right_prediction=1,
        act=_exceed_rate_limit,
        evidence=_rate_limit_evidence,
        why="What should a program do after a 429?",
        explanations=(
            Choice("Repeat the call immediately", "That adds to the overload."),
            Choice("Refresh the token", "The token is fine; the limit is counted per user."),
            Choice(
                "Wait as long as Retry-After says, then continue",
                "boxnb does this, and paces its calls so that a 429 is rare.",
            ),
        ),
        right_explanation=2,
        rule="Box guide: Rate limits; RFC 6585 4",
    ),
    Exercise(
        name="proxy-html",
        title="200 OK, but it is not Box",
        story="Between you and Box is the company's web gateway. Your sign-in to the gateway has expired, so it responds in Box's place.",
        question="What does the program see?",
        predictions=(
            Choice("A connection error", "The connection is fine: it ends at the gateway."),
            Choice("401", "Box was never asked."),
            Choice(
                "200 with an HTML page where a token should be",
                "The status alone proves nothing: look at the body.",
            ),
        ),
        right_prediction=2,
        act=_refresh_through_proxy,
        evidence=_proxy_page_evidence,
        why="Is the sign-in lost?",
        explanations=(
            Choice("Yes: the refresh token was used", "The refresh token never reached Box."),
            Choice(
                "No: the request never reached Box; sign in to the gateway and repeat",
                "boxnb reports that it received a page instead of a token, and leaves the saved pair alone.",
            ),
            Choice("Yes: a page in place of a token revokes the sign-in", "Only Box can revoke it."),
        ),
        right_explanation=1,
        rule="RFC 6749 5.1: a response is JSON",
    ),
)

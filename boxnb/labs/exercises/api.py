"""Labs about what surrounds the flow: scopes, the company's admin and proxy, and Box's rate limits."""

from __future__ import annotations

import time

from boxnb import oauth
from boxnb.labs.exercise import Choice, Exercise, Record
from boxnb.labs.exercises import evidence
from boxnb.labs.practice import Practice
from boxnb.labs.trace.lanes import GATEWAY
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
    with practice.trace.played_by({"authorization server": GATEWAY}):  # the request gets no further
        practice.attempt(
            "Refresh, through the company's proxy", lambda: oauth.refresh(practice.client, token)
        )
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
        title="An admin lists the users",
        story="The app was registered to read files. You are an admin, and you use it to list the users.",
        question="How does the API respond?",
        predictions=(
            Choice(
                "200 and the list: I am an admin",
                "A token can do only what both the person AND the app are allowed to do.",
            ),
            Choice(
                "403 insufficient_scope: I may, but the app may not",
                "The person is allowed to list the users; the app is not.",
            ),
            Choice("401: the token is not valid here", "The token is valid: /users/me accepts it."),
        ),
        right_prediction=1,
        act=_call_without_scope,
        evidence=_missing_scope_evidence,
        happened="The call to /users/me got 200, and the call to /users got 403 although you are an admin. After the scope was added to the app, the old token still got 403. A token from a new sign-in got 200.",
        why="The scope was ticked in the console, and the old token is still refused. Why?",
        explanations=(
            Choice(
                "The change takes effect overnight, as in most consoles",
                "Waiting does not help: this token will never have the scope.",
            ),
            Choice(
                "A token keeps the scopes it was issued with",
                "The person consented to those. Sign in again: the new token has the new scope. A refresh keeps the old ones.",
            ),
            Choice(
                "The token receives the new scope at its next refresh",
                "A refresh keeps the scopes that the person consented to. Only a new sign-in asks the person again.",
            ),
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
            Choice(
                "At the code exchange: the token endpoint refuses the app",
                "There is no code yet: the server knows the app from the link, and stops there.",
            ),
            Choice(
                "At the first call to the API, with 403",
                "It does not get that far: without a sign-in there is no token to call with.",
            ),
        ),
        right_prediction=0,
        act=_use_disabled_app,
        evidence=_disabled_app_evidence,
        happened="The link led to an error page, and nobody was asked to sign in. Then an admin enabled the app in the Admin Console. The same link led to the sign-in page, and the sign-in worked.",
        why="Why does a company let only approved apps in?",
        explanations=(
            Choice(
                "An app that nobody has approved could read the password as it is typed",
                "No app sees the password: it is typed on a page of Box or of your company.",
            ),
            Choice(
                "A new app counts against the company's limit of API calls",
                "Limits do not depend on the approval. Think of what one click on Grant gives away.",
            ),
            Choice(
                "A genuine sign-in page can also ask for a stranger's app",
                "One click on Grant gives that app everything the person allows. To have yours enabled, send an admin the client ID, never the secret; it is under Integrations, Platform Apps Manager.",
            ),
        ),
        right_explanation=2,
        rule="Box guide: App authorization and enablement",
    ),
    Exercise(
        name="rate-limit",
        title="Seven searches in one second",
        story="A loop searches for seven words within one second. Box allows each user six searches a second.",
        question="What is the seventh response?",
        predictions=(
            Choice("200 as usual, but a second later", "Box does not queue calls: it refuses them."),
            Choice("429, with a header that says how long to wait", "The header says how long to wait."),
            Choice(
                "503: the server is overloaded",
                "503 means that the server is in trouble; here you are too fast.",
            ),
        ),
        right_prediction=1,
        act=_exceed_rate_limit,
        evidence=_rate_limit_evidence,
        happened="Six searches got 200, and the seventh got 429 with the header Retry-After. The run waited as long as the header said, and the same search got 200. Box also allows each user 1000 calls a minute.",
        why="In the same second, another program of yours searches with its own token for the same user. What does it get?",
        explanations=(
            Choice(
                "200: each token has its own limit, however many there are",
                "Then signing in twice would double the limit.",
            ),
            Choice(
                "200: each app has its own limit, whoever signs in",
                "Then registering two apps would double the limit.",
            ),
            Choice(
                "429 as well: the limit is counted per user",
                "Programs that share a user share the limit. boxnb waits as long as Retry-After says, and paces its calls so that a 429 is rare.",
            ),
        ),
        right_explanation=2,
        rule="Box guide: Rate limits; RFC 6585 4",
    ),
    Exercise(
        name="proxy-html",
        title="A refresh through the company's gateway",
        story="Between you and Box is the company's web gateway. Your sign-in to the gateway has expired, so it responds in Box's place.",
        question="What does the program see?",
        predictions=(
            Choice(
                "A connection error, because the gateway blocks the request",
                "The connection is fine: it ends at the gateway.",
            ),
            Choice(
                "407: the gateway asks for a sign-in of its own",
                "Some gateways do. This one shows its sign-in page to everyone, also to programs.",
            ),
            Choice(
                "200 with an HTML page where a token should be",
                "The gateway shows its page to everyone, and as far as HTTP is concerned, a page is a success.",
            ),
        ),
        right_prediction=2,
        act=_refresh_through_proxy,
        evidence=_proxy_page_evidence,
        happened="The gateway responded to the refresh with 200 and a web page. boxnb raised TokenEndpointError, and the saved pair stayed as it was. After the sign-in to the gateway, the same refresh reached Box and got a new pair.",
        why="How can a program tell such a page from a token?",
        explanations=(
            Choice(
                "It checks that the status is 200 before it saves the new pair",
                "Here the status is 200. Think of what only a token has.",
            ),
            Choice(
                "It checks that the response is JSON with an access token in it",
                "boxnb does: it reports that it received a page instead of a token, and leaves the saved pair alone. The request never reached Box, so the sign-in is not lost.",
            ),
            Choice(
                "It calls the API shortly before, to see that Box responds",
                "The gateway would respond to that call too, with 200 and the same page.",
            ),
        ),
        right_explanation=1,
        rule="RFC 6749 5.1: a response is JSON",
    ),
)

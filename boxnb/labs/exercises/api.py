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

SEARCHES = 61
"""One search more than Box allows a user per minute, so that even a slow computer reaches a limit; box-facts 2.6."""
SEARCH = "/search?query=report"


def _call_without_scope(practice: Practice) -> None:
    uri = practice.client.redirect_uri
    app = practice.sandbox.register_app("Reader", [uri], ["root_readonly"])
    narrow = Client(app["client_id"], Secret(app["client_secret"]), uri, practice.client.server)
    token = practice.sign_in(client=narrow)
    practice.attempt("Who am I?", lambda: practice.me(token))
    practice.attempt("The list of users", lambda: practice.me(token, path="/users"))
    practice.sandbox.change_app(app["client_id"], scopes=["root_readonly", "manage_managed_users"])
    practice.attempt("The old token, after the scope was added", lambda: practice.me(token, path="/users"))
    refreshed = oauth.refresh(narrow, token)
    practice.attempt("The pair of a refresh", lambda: practice.me(refreshed, path="/users"))
    new_token = practice.sign_in(client=narrow)
    practice.attempt("Repair: the token of a new sign-in", lambda: practice.me(new_token, path="/users"))


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
            same_app = (evidence.client_id(call), evidence.redirect_uri(call)) == (
                evidence.client_id(other),
                evidence.redirect_uri(other),
            )
            if call["status"] == 400 and same_app and other in evidence.after(record, call):
                return "the app's link led to an error page (400), and to a consent page once the app was enabled."
    return ""


def _exceed_rate_limit(practice: Practice) -> None:
    token, statuses = practice.sign_in(), []
    for _ in range(SEARCHES):
        response = practice.me(token, path=SEARCH)
        statuses.append(str(response.status_code))
        if response.status_code == 429:
            break
    practice.said.append("Searches in a row: " + ", ".join(statuses))
    while response.status_code == 429:
        wait = int(response.headers["Retry-After"])
        practice.said.append(f"Retry-After says {wait} s")
        time.sleep(wait)
        response = practice.me(token, path=SEARCH)
    practice.said.append(f"Repair: after that wait: {response.status_code} {response.reason}")


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
    saved = practice.save(token)
    practice.sandbox.faults.add("/oauth2/token", "html")
    with practice.trace.played_by({"authorization server": GATEWAY}):  # the request gets no further
        practice.attempt("Refresh, through the gateway", lambda: oauth.refresh(practice.client, token))
    practice.said.append(f"The saved pair is unchanged: {practice.saved().token == saved.token}")
    practice.attempt("Repair: signed in to the gateway", lambda: oauth.refresh(practice.client, token))


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
        name="admin-lists-users",
        title="An admin lists the users",
        story="The app was registered to read files. You are an admin, and you use it to list the users.",
        question="How does the API respond?",
        predictions=(
            Choice(
                "403, with insufficient_scope in its header",
                "You are allowed to list the users; the app is not. A token can do only what both are allowed to do.",
            ),
            Choice(
                "401, with invalid_token in its header",
                "The token is valid: /users/me accepts it.",
            ),
            Choice(
                "200, with all users, as for any admin",
                "A token can do only what both the person AND the app are allowed to do.",
            ),
        ),
        right_prediction=0,
        act=_call_without_scope,
        evidence=_missing_scope_evidence,
        happened="The call to /users/me got 200, and the call to /users got 403 although you are an admin. The scope was then added to the app: the old token got 403, and so did the pair of a refresh. A token from a new sign-in got 200.",
        why="The refresh came after the change. Why did its new token not get the new scope?",
        explanations=(
            Choice(
                "A change in the console reaches new tokens after an hour only",
                "The token of the new sign-in had it at once. Think of who was asked, and when.",
            ),
            Choice(
                "The refresh token was issued for the old client secret",
                "The client secret did not change. Think of who was asked, and when.",
            ),
            Choice(
                "The person agreed to the old scopes, and a refresh asks nobody",
                "A token keeps the scopes that the person consented to, and so do all pairs that follow from it. Only a new sign-in asks again.",
            ),
        ),
        right_explanation=2,
        rule="RFC 6749 3.3 and 6; RFC 6750 3.1",
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
        happened="The link led to an error page, and nobody was asked to sign in. Then an admin enabled the app in the Admin Console. A new link of the same app led to the sign-in page, and the sign-in worked.",
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
        name="loop-of-searches",
        title="A loop of searches",
        story="A loop searches for one word after the other, as fast as it can.",
        question="What does the loop get?",
        predictions=(
            Choice("200 each time, more and more slowly", "Box does not queue calls: it refuses them."),
            Choice(
                "503 after a while, and a header that says how long to wait",
                "503 means that the server is in trouble; here the loop is too fast.",
            ),
            Choice(
                "429 after a while, and a header that says how long to wait",
                "429 means *too many requests*, and Retry-After is the number of seconds to wait.",
            ),
        ),
        right_prediction=2,
        act=_exceed_rate_limit,
        evidence=_rate_limit_evidence,
        happened="The first searches got 200, until one got 429 with the header Retry-After. The run waited as long as the header said, and the same search got 200. Box allows six searches a second and 60 a minute, and 1000 calls of any kind a minute.",
        why="At the moment of the 429, another program of yours searches with a token of its own. What does it get, and why?",
        explanations=(
            Choice(
                "429: the limit counts a user's calls, whatever their token",
                "Programs that share a user share the limit. boxnb waits as long as Retry-After says, and paces its calls so that a 429 is rare.",
            ),
            Choice(
                "200: the limit counts the calls of one token",
                "Then signing in twice would double the limit.",
            ),
            Choice(
                "429: the limit counts the calls of one app, whoever signs in to it",
                "Then one loop would stop every colleague who uses the same app, and a second app would double the limit.",
            ),
        ),
        right_explanation=0,
        rule="Box guide: Rate limits; RFC 6585 4",
    ),
    Exercise(
        name="refresh-through-gateway",
        title="A refresh through the company's gateway",
        story="All traffic of your company passes through a web gateway. Your sign-in to the gateway has expired.",
        question="What does the program get for its refresh?",
        predictions=(
            Choice(
                "407: the gateway asks for a sign-in of its own",
                "Some gateways do. This one shows its sign-in page to everyone, also to programs.",
            ),
            Choice(
                "200: the gateway's sign-in page, as HTML",
                "The gateway shows its page to everyone, and as far as HTTP is concerned, a page is a success.",
            ),
            Choice(
                "302: a redirect to the gateway's sign-in page",
                "Some gateways do. boxnb does not follow it, because the request contains the client secret.",
            ),
        ),
        right_prediction=1,
        act=_refresh_through_proxy,
        evidence=_proxy_page_evidence,
        happened="The gateway responded with 200 and a web page. boxnb looked for a token in the content, found none, and raised TokenEndpointError; the saved pair stayed as it was. After the sign-in to the gateway, the same refresh reached the server and got a new pair.",
        why="What did the gateway get to read?",
        explanations=(
            Choice(
                "The address of the token endpoint only: the form is meant for Box",
                "The request ended at the gateway, so the gateway was the one that read it. Think of what a refresh sends.",
            ),
            Choice(
                "The refresh token, but not the client secret, which is never sent",
                "Every request to the token endpoint carries the client secret. It proves which app is asking.",
            ),
            Choice(
                "The refresh token and the client secret: both are in the form",
                "With https, only a gateway whose certificate your computer trusts can do that, as a rule your company's own. If it was a stranger's, act as after a theft.",
            ),
        ),
        right_explanation=2,
        rule="RFC 6749 5.1 and 6: a response is JSON, and a refresh proves which app asks",
    ),
)

"""Labs about secrets in the wrong hands."""

from __future__ import annotations

import requests

from boxnb import oauth
from boxnb.labs.exercise import Choice, Exercise, Record
from boxnb.labs.exercises import evidence
from boxnb.labs.practice import Practice
from boxnb.labs.trace.lanes import THIEF
from boxnb.oauth import Client
from boxnb.secret import Secret

BY_THIEF = {"notebook": THIEF}


def session_of(name: str) -> requests.Session:
    """Return an HTTP session with this name as its user agent, so that the record can tell two programs apart."""
    http = requests.Session()
    http.headers["User-Agent"] = name
    return http


def _steal_sign_in_file(practice: Practice) -> None:
    token = practice.sign_in()
    practice.me(token)
    with session_of(THIEF) as http, practice.trace.played_by(BY_THIEF):
        stolen = oauth.refresh(practice.client, token, http=http)
        practice.attempt("The thief refreshes, and reads", lambda: practice.me(stolen, agent=THIEF))
    practice.attempt("Your refresh", lambda: oauth.refresh(practice.client, token))
    practice.attempt("You sign in again", practice.sign_in)
    with session_of(THIEF) as http, practice.trace.played_by(BY_THIEF):
        stolen = oauth.refresh(practice.client, stolen, http=http)
        practice.attempt("The thief refreshes, and reads", lambda: practice.me(stolen, agent=THIEF))
    practice.trace.note("an admin disables the app, and you register a new one")
    practice.sandbox.change_app(practice.client.client_id, enabled=False)
    with practice.trace.played_by(BY_THIEF):
        practice.attempt("The thief reads", lambda: practice.me(stolen, agent=THIEF))
    uri = practice.client.redirect_uri
    app = practice.sandbox.register_app("Report", [uri])
    client = Client(app["client_id"], Secret(app["client_secret"]), uri, practice.client.server)
    practice.attempt("Repair: a sign-in with the new app", lambda: practice.sign_in(client=client))


def _stolen_file_evidence(record: Record) -> str:
    for calls in evidence.repeated_token_requests(record, "refresh_token", "refresh_token"):
        thefts = [call for call in calls if call["user_agent"] == THIEF and evidence.succeeded(call)]
        refusals = [call for call in calls if call["user_agent"] != THIEF and call["status"] == 400]
        if not thefts or not refusals or refusals[0] not in evidence.after(record, thefts[0]):
            continue
        later_calls = evidence.after(record, refusals[0])
        grants = evidence.decisions(later_calls)
        calls_after_sign_in = evidence.api_calls(evidence.after(record, grants[0])) if grants else []
        statuses = [call["status"] for call in calls_after_sign_in if call["user_agent"] == THIEF]
        if 200 in statuses and statuses[-1] == 401:
            return (
                "the thief refreshed (200), and your own refresh was refused (400); after your new sign-in the thief "
                "still read (200), and after the app was disabled no more (401)."
            )
    return ""


def _leak_token_in_log(practice: Practice) -> None:
    token = practice.sign_in()
    practice.me(token)
    line = f"DEBUG Authorization: Bearer {token.access_token.reveal()}"  # what a careless program writes
    leaked = Secret(line.rpartition(" ")[2])
    by_trainee = {"notebook": "reader of the log"}
    with practice.trace.played_by(by_trainee):
        practice.attempt("The trainee", lambda: practice.me(leaked, path="/users", agent=THIEF))
    practice.said.append(f"boxnb would have written: Authorization: Bearer {token.access_token}")
    practice.attempt("You sign in again", practice.sign_in)
    with practice.trace.played_by(by_trainee):
        practice.attempt("The trainee again", lambda: practice.me(leaked, path="/users", agent=THIEF))
    practice.attempt("Repair: revoke the pair", lambda: oauth.revoke(practice.client, token))
    with practice.trace.played_by(by_trainee):
        practice.attempt("The trainee once more", lambda: practice.me(leaked, path="/users", agent=THIEF))


def _logged_token_evidence(record: Record) -> str:
    for call in evidence.api_calls(record):
        if call["user_agent"] != THIEF or not evidence.succeeded(call):
            continue
        same_token = [other for other in evidence.api_calls(record) if other["token"] == call["token"]]
        owner_calls = [
            other for other in same_token if other["user_agent"] != THIEF and evidence.succeeded(other)
        ]
        revocations = [
            other for other in record if other["path"] == "/oauth2/revoke" and evidence.succeeded(other)
        ]
        last_call = same_token[-1]
        was_revoked = revocations and last_call in evidence.after(record, revocations[-1])
        if owner_calls and was_revoked and last_call["status"] == 401:
            return "two programs used one access token (200); after the revocation it was refused (401)."
    return ""


THEFT_LABS = (
    Exercise(
        name="stolen-sign-in-file",
        title="A stolen sign-in file",
        story="Someone copied the profile's file from your computer. It contains both tokens and the client secret. The thief refreshes, your own refresh is refused, and you sign in again at once.",
        question="What can the thief do after your new sign-in?",
        predictions=(
            Choice(
                "Nothing: the new sign-in ended the thief's pair",
                "A sign-in starts a chain of pairs of its own, and ends no other.",
            ),
            Choice(
                "Read until the access token expires, but not refresh",
                "The thief also has the client secret, and a refresh token that nobody has replaced.",
            ),
            Choice(
                "Read and refresh, as before: nothing has changed for the thief",
                "A sign-in starts a second chain of pairs, and the thief's chain lives on next to it.",
            ),
        ),
        right_prediction=2,
        act=_steal_sign_in_file,
        evidence=_stolen_file_evidence,
        happened="The thief refreshed, and your own refresh got 400 invalid_grant. boxnb advised a new sign-in, because it cannot know about a thief; after it, the thief still read (200) and refreshed. Then the app was disabled, which ended the thief's access (401), and you signed in with a new app. The sandbox has no account settings, so disabling the app took their place: in Box, remove the app's access, reset its secret, and sign in again.",
        why="A refresh is refused and you do not know why. What do you do, in which order?",
        explanations=(
            Choice(
                "Revoke the pair in my file, reset the client secret, sign in again",
                "The thief has replaced the pair in your file. The server does not know it any more, so there is nothing to revoke.",
            ),
            Choice(
                "Remove the app's access, reset its client secret, sign in again",
                "Treat it as theft, in this order. Removing the app in the Box account settings, or by an admin, ends the thief's pair; the thief has the client secret too, so reset it.",
            ),
            Choice(
                "Change the Box password, sign in again, reset the client secret",
                "Tokens do not depend on the password. A server may revoke them when it changes (RFC 9700 4.14.2), but Box does not say that it does.",
            ),
        ),
        right_explanation=1,
        rule="RFC 6749 10.4; RFC 9700 4.14.2",
        notebook="04-attack-it",
    ),
    Exercise(
        name="token-in-a-log",
        title="A token in a log",
        story="A program of yours, an admin, wrote its request headers to a log. A trainee reads the log: an ordinary user, without your client secret, on another computer.",
        question="The trainee sends the access token along and asks for all users. What is the response?",
        predictions=(
            Choice(
                "200 and the list: the token is an admin's",
                "A bearer token is like cash: whoever holds it can use it. The rights are those of the token, not of the person who sends it.",
            ),
            Choice(
                "403: an ordinary user may not list the users",
                "The API does not see who sends the token. It sees the token alone, and that is an admin's.",
            ),
            Choice(
                "401: the token was issued to another computer",
                "The token is tied to no computer: it works wherever it is sent from.",
            ),
        ),
        right_prediction=0,
        act=_leak_token_in_log,
        evidence=_logged_token_evidence,
        happened="The trainee used the access token from the line, and the API responded with 200 and all users. You signed in again: the token in the log still got 200. After its pair was revoked, it got 401. boxnb would have written a fingerprint in place of the token.",
        why="You could also have reset the app's client secret. Would that have ended the token in the log?",
        explanations=(
            Choice(
                "Yes: a token is signed with the secret, so the signature no longer fits",
                "A token of Box is random text, without a signature that a program could check. Think of which requests carry the client secret.",
            ),
            Choice(
                "Not for certain: the API never asks for the client secret",
                "Only the token endpoint does. Box does not say what a reset does to living tokens. So first revoke the pair, then sign in again, then clean the log; and never print a token.",
            ),
            Choice(
                "Not before the next day: a reset takes time to reach all servers",
                "Nobody describes such a delay. Think of which requests carry the client secret.",
            ),
        ),
        right_explanation=1,
        rule="RFC 6750 5.2; RFC 7009 2",
        notebook="04-attack-it",
    ),
)

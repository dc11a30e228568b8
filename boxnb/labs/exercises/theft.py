"""Labs about secrets in the wrong hands."""

from __future__ import annotations

import requests

from boxnb import oauth
from boxnb.labs.exercise import Choice, Exercise, Record
from boxnb.labs.exercises import evidence
from boxnb.labs.practice import Practice
from boxnb.labs.trace.lanes import THIEF
from boxnb.secret import Secret

BY_THIEF = {"notebook": THIEF}


def session_of(name: str) -> requests.Session:
    """Return an HTTP session with this name as its user agent, so that the record can tell two programs apart."""
    http = requests.Session()
    http.headers["User-Agent"] = name
    return http


def _steal_refresh_token(practice: Practice) -> None:
    token = practice.sign_in()
    practice.me(token)
    with session_of(THIEF) as http, practice.trace.played_by(BY_THIEF):
        stolen_pair = practice.attempt(
            "The thief refreshes first", lambda: oauth.refresh(practice.client, token, http=http)
        )
    if stolen_pair is not None:
        with practice.trace.played_by(BY_THIEF):
            practice.attempt("The thief reads", lambda: practice.me(stolen_pair, agent=THIEF))
    practice.attempt("The notebook refreshes", lambda: oauth.refresh(practice.client, token))
    if stolen_pair is not None:
        practice.attempt(
            "Repair: the stolen pair is revoked", lambda: oauth.revoke(practice.client, stolen_pair)
        )
        with practice.trace.played_by(BY_THIEF):
            practice.attempt("The thief reads again", lambda: practice.me(stolen_pair, agent=THIEF))


def _stolen_refresh_token_evidence(record: Record) -> str:
    for calls in evidence.repeated_token_requests(record, "refresh_token", "refresh_token"):
        thefts = [call for call in calls if call["user_agent"] == THIEF and evidence.succeeded(call)]
        refusals = [call for call in calls if call["user_agent"] != THIEF and call["status"] == 400]
        if thefts and refusals and refusals[0] in evidence.after(record, thefts[0]):
            return (
                "the thief refreshed (200), and the notebook's own refresh with the same token was refused (400): "
                "that revealed the theft."
            )
    return ""


def _leak_token_in_log(practice: Practice) -> None:
    token = practice.sign_in()
    practice.me(token)
    line = f"DEBUG Authorization: Bearer {token.access_token.reveal()}"  # what a careless program writes
    leaked = Secret(line.rpartition(" ")[2])
    with practice.trace.played_by({"notebook": "reader of the log"}):
        practice.attempt("A reader of the log", lambda: practice.me(leaked, agent=THIEF))
    practice.said.append(f"boxnb would have written: Authorization: Bearer {token.access_token}")
    practice.attempt("Repair: revoke the pair", lambda: oauth.revoke(practice.client, token))
    with practice.trace.played_by({"notebook": "reader of the log"}):
        practice.attempt("The reader tries again", lambda: practice.me(leaked, agent=THIEF))


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
        name="stolen-refresh-token",
        title="A stolen sign-in file",
        story="Someone copied the profile's file from the computer. It contains both tokens and the client secret. The thief refreshes before you do.",
        question="What do you notice?",
        predictions=(
            Choice("Nothing: both of us keep refreshing", "Without rotation, that would happen."),
            Choice(
                "My next refresh is refused with invalid_grant",
                "There is only one chain of refresh tokens, and the thief took its next link.",
            ),
            Choice(
                "Box's email about a sign-in from a new place",
                "A refresh is not a sign-in, so do not count on a message.",
            ),
        ),
        right_prediction=1,
        act=_steal_refresh_token,
        evidence=_stolen_refresh_token_evidence,
        happened="The thief refreshed first, and read your data with the new access token. Your own refresh then got 400 invalid_grant. Rotation did not prevent the theft. You noticed only because the thief came first: had you refreshed first, the thief would have been refused, and you would have seen nothing.",
        why="What should you do when a refresh is refused and you do not know why?",
        explanations=(
            Choice(
                "Sign in again at once, because that replaces the thief's pair",
                "A new sign-in starts a second chain, and the thief's pair stays alive next to it.",
            ),
            Choice(
                "Remove the app's access, reset its client secret, sign in again",
                "Treat it as theft, in this order. Removing the app in the Box account settings, or by an admin, ends the thief's pair; the thief has the client secret too, so reset it.",
            ),
            Choice(
                "Change the Box password, because that makes all existing tokens invalid",
                "Tokens do not depend on the password. A server may revoke them when it changes (RFC 9700 4.14.2), but Box does not say that it does.",
            ),
        ),
        right_explanation=1,
        rule="RFC 6749 10.4; RFC 7009",
        notebook="04-attack-it",
    ),
    Exercise(
        name="token-in-a-log",
        title="A token in a log",
        story="A program wrote its request headers to a log for debugging. Other people can read the log.",
        question="What can they do with the line?",
        predictions=(
            Choice("Nothing without the client secret", "An access token works without any other secret."),
            Choice(
                "Everything the token can do, until it expires",
                "A bearer token is like cash: whoever holds it can use it.",
            ),
            Choice(
                "Repeat the logged call, but send no other call",
                "The token is not tied to one call: it works for everything that it allows.",
            ),
        ),
        right_prediction=1,
        act=_leak_token_in_log,
        evidence=_logged_token_evidence,
        happened="A reader of the log used the access token from the line, and the API responded with 200. After the pair was revoked, the same token got 401. boxnb would have written a fingerprint in place of the token.",
        why="In which order do you act once it has happened?",
        explanations=(
            Choice(
                "Clean the log first, then revoke the pair, then sign in again",
                "There are copies of logs everywhere, and until it is revoked, the token in them works.",
            ),
            Choice(
                "Revoke the pair first, then sign in again, then clean the log",
                "Revoking ends the access token and the refresh token immediately. To prevent such a leak, never print a token; a Secret prints its fingerprint instead.",
            ),
            Choice(
                "Sign in again first, which ends the old pair, then clean the log",
                "A new sign-in starts a second chain and does not end the first: the token in the log still works.",
            ),
        ),
        right_explanation=1,
        rule="RFC 6750 5.2; RFC 7009 2",
        notebook="04-attack-it",
    ),
)

"""Labs about secrets in wrong hands."""

from __future__ import annotations

import requests

from boxnb import oauth
from boxnb.labs.exercise import Choice, Exercise, Record
from boxnb.labs.exercises import evidence as seen
from boxnb.labs.exercises.tokens import THIEF
from boxnb.labs.practice import Practice
from boxnb.secret import Secret


def agent(name: str) -> requests.Session:
    """A session that says whose it is, so that the record can tell two programs apart."""
    http = requests.Session()
    http.headers["User-Agent"] = name
    return http


def _thief(practice: Practice) -> None:
    token = practice.sign_in()
    practice.me(token)
    with agent(THIEF) as http:
        stolen = practice.attempt(
            "The thief refreshes first", lambda: oauth.refresh(practice.client, token, http=http)
        )
    if stolen is not None:
        practice.attempt("The thief reads", lambda: practice.me(stolen, agent=THIEF))
    practice.attempt("The notebook refreshes", lambda: oauth.refresh(practice.client, token))
    if stolen is not None:
        practice.attempt(
            "Repair: whoever has the pair revokes it", lambda: oauth.revoke(practice.client, stolen)
        )
        practice.attempt("The thief reads again", lambda: practice.me(stolen, agent=THIEF))


def _thief_seen(record: Record) -> str:
    for calls in seen.repeats(record, "refresh_token", "refresh_token"):
        stole = [call for call in calls if call["user_agent"] == THIEF and seen.ok(call)]
        lost = [call for call in calls if call["user_agent"] != THIEF and call["status"] == 400]
        if stole and lost and lost[0] in seen.later(record, stole[0]):
            return "the thief refreshed (200), and the notebook's own refresh with the same token was refused (400): the theft showed."
    return ""


def _logged(practice: Practice) -> None:
    token = practice.sign_in()
    practice.me(token)
    line = f"DEBUG Authorization: Bearer {token.access_token.reveal()}"  # what a careless program writes
    read = Secret(line.rpartition(" ")[2])
    practice.attempt("Whoever reads the log", lambda: practice.me(read, agent=THIEF))
    practice.said.append(f"The kit would have written: Authorization: Bearer {token.access_token}")
    practice.attempt("Repair: revoke the pair", lambda: oauth.revoke(practice.client, token))
    practice.attempt("The reader tries again", lambda: practice.me(read, agent=THIEF))


def _logged_seen(record: Record) -> str:
    for call in seen.api(record):
        if call["user_agent"] != THIEF or not seen.ok(call):
            continue
        same = [each for each in seen.api(record) if each["token"] == call["token"]]
        others = [each for each in same if each["user_agent"] != THIEF and seen.ok(each)]
        ended = [each for each in record if each["path"] == "/oauth2/revoke" and seen.ok(each)]
        if others and ended and same[-1]["status"] == 401 and same[-1] in seen.later(record, ended[-1]):
            return "two programs used one access token (200); after the revocation it was refused (401)."
    return ""


THEFT_LABS = (
    Exercise(
        name="stolen-refresh-token",
        title="A stolen refresh token",
        story="A copy of the profile's file left the computer with the client secret in it. The thief refreshes before you do.",
        question="What do you notice?",
        predictions=(
            Choice("Nothing: both go on refreshing", "Without rotation it would be so."),
            Choice("My next refresh is refused", "There is one chain; the thief took the next link of it."),
            Choice("Box sends a mail at once", "Do not count on it."),
        ),
        right_prediction=1,
        act=_thief,
        evidence=_thief_seen,
        why="What follows when a refresh is refused for no reason you know?",
        explanations=(
            Choice("Try again later", "A dead refresh token stays dead, and somebody may be reading."),
            Choice(
                "Take it for theft: have the app's access removed, reset the client secret, sign in again",
                "A new sign-in alone does not end the thief's pair: remove the app in the Box account settings, or let the admin do it.",
            ),
            Choice("Refresh more often", "Being faster than a thief is not a plan."),
        ),
        right_explanation=1,
        rule="RFC 6749 10.4; RFC 7009",
        notebook="04-attack-it",
    ),
    Exercise(
        name="token-in-a-log",
        title="A token in a log",
        story="A program wrote its request headers to a log for debugging. Somebody else may read logs.",
        question="What can they do with the line?",
        predictions=(
            Choice("Nothing without the client secret", "An access token needs no secret beside it."),
            Choice(
                "Everything the token may do, until it ends",
                "A bearer token is like cash: who holds it, has it.",
            ),
            Choice("Only sign in", "They need not sign in: they already are."),
        ),
        right_prediction=1,
        act=_logged,
        evidence=_logged_seen,
        why="What helps once it has happened?",
        explanations=(
            Choice("Delete the line", "Copies of logs are everywhere."),
            Choice(
                "Revoke the pair, then sign in again",
                "Revoking ends access and refresh token at once. Before that: never print a token; Secret prints a fingerprint instead.",
            ),
            Choice("Change the state", "The state is long gone; it played its part at the sign-in."),
        ),
        right_explanation=1,
        rule="RFC 6750 5.2; RFC 7009 2",
        notebook="04-attack-it",
    ),
)

"""Labs about the second half of the flow: expired tokens, rotation, races and lost responses."""

from __future__ import annotations

import time

import requests

from boxnb import oauth
from boxnb.auth import RotatingAuth
from boxnb.labs.exercise import Choice, Exercise, Record
from boxnb.labs.exercises import evidence, race
from boxnb.labs.practice import DAY, Practice
from boxnb.labs.trace.lanes import THIEF


def _use_expired_token(practice: Practice) -> None:
    token = practice.sign_in()
    practice.attempt("A new access token", lambda: practice.me(token))
    practice.turn(minutes=61)
    practice.attempt("The same one, 61 minutes later", lambda: practice.me(token))
    new_pair = oauth.refresh(practice.client, token)
    practice.attempt("Repair: refreshed", lambda: practice.me(new_pair))


def _expired_token_evidence(record: Record) -> str:
    for call in evidence.api_calls(record):
        earlier_successes = [
            other
            for other in evidence.api_calls(record)
            if other["token"] == call["token"]
            and evidence.succeeded(other)
            and other["time"] < call["time"] - 3000
        ]
        if call["status"] == 401 and earlier_successes:
            minutes = (call["time"] - earlier_successes[0]["time"]) / 60
            return f"one access token was accepted (200), and refused {minutes:.0f} minutes later (401)."
    return ""


def _refresh_twice(practice: Practice) -> None:
    token = practice.sign_in()
    practice.me(token)
    first_pair = practice.attempt("First refresh", lambda: oauth.refresh(practice.client, token))
    second_pair = practice.attempt(
        "Again, with the old refresh token", lambda: oauth.refresh(practice.client, token)
    )
    same_pair = (
        first_pair is not None
        and second_pair is not None
        and first_pair.access_token == second_pair.access_token
    )
    practice.said.append(f"The same pair both times: {same_pair}")
    if first_pair is not None:
        practice.attempt("First use of the new access token", lambda: practice.me(first_pair))
    practice.attempt("Once more, with the old refresh token", lambda: oauth.refresh(practice.client, token))


def _repeated_refresh_evidence(record: Record) -> str:
    for calls in evidence.repeated_token_requests(record, "refresh_token", "refresh_token"):
        if len(calls) < 3 or len({call["user_agent"] for call in calls}) > 1:
            continue
        first, second, third = calls[:3]
        unused = not evidence.api_calls(evidence.between(record, first, second))
        used = any(
            evidence.succeeded(call) for call in evidence.api_calls(evidence.between(record, second, third))
        )
        if (
            evidence.succeeded(first)
            and evidence.succeeded(second)
            and unused
            and used
            and third["status"] == 400
        ):
            return "the same refresh token got 200 twice before the new access token's first use, and 400 after it."
    return ""


def _race_two_notebooks(practice: Practice) -> None:
    token = practice.sign_in()
    practice.save(token)
    practice.turn(minutes=61)
    practice.said += race.race(practice, race.WITHOUT_LOCK)  # both read the pair, then A refreshes, then B
    practice.draw_programs(
        "two programs that had read the same pair, A ahead of B, without a lock", race.NAMES
    )
    practice.save(practice.sign_in())
    practice.turn(minutes=61)
    practice.said += race.race(practice, "with boxnb's lock")
    practice.draw_programs(
        "two programs that had read the same pair, A ahead of B, with boxnb's lock", race.NAMES
    )


def _race_evidence(record: Record) -> str:
    for calls in evidence.repeated_token_requests(record, "refresh_token", "refresh_token"):
        agents = {str(call["user_agent"]) for call in calls}
        winners = [call for call in calls if evidence.succeeded(call)]
        losers = [call for call in calls if call["status"] == 400]
        if len(agents) > 1 and winners and losers and THIEF not in agents:
            return (
                f"{winners[0]['user_agent']} refreshed (200); "
                f"{losers[0]['user_agent']} sent the same refresh token and was refused (400)."
            )
    return ""


def _lose_refresh_response(practice: Practice) -> None:
    token = practice.sign_in()
    practice.sandbox.faults.add("", "lost_token")
    practice.attempt("Refresh, and the power fails", lambda: oauth.refresh(practice.client, token))
    practice.turn(minutes=10)
    pair = practice.attempt("Repair: the same refresh again", lambda: oauth.refresh(practice.client, token))
    if pair is not None:
        practice.said.append(f"The access token has {pair.expires_in / 60:.0f} minutes left, not 60")
        practice.attempt("It works", lambda: practice.me(pair))


def _lost_response_evidence(record: Record) -> str:
    for calls in evidence.repeated_token_requests(record, "refresh_token", "refresh_token"):
        lost = [call for call in calls if call["fault"] in ("lost_token", "reset_after")]
        if (
            lost
            and evidence.succeeded(calls[-1])
            and not evidence.api_calls(evidence.between(record, lost[0], calls[-1]))
        ):
            return "a refresh succeeded, but its response was lost; the same refresh token was accepted again (200)."
    return ""


def _return_after_61_days(practice: Practice) -> None:
    practice.save(practice.sign_in())
    practice.turn(days=61)
    with practice.inside():
        auth = RotatingAuth(practice.profile)
        url = f"{practice.client.server.api_url}/users/me"
        skew = practice.sandbox.clock.now() - time.time()
        auth = RotatingAuth(practice.profile, clock=lambda: time.time() + skew - auth.profile.skew)
        practice.attempt("Back after 61 days", lambda: requests.get(url, auth=auth, timeout=20))
    practice.attempt("Repair: sign in again", practice.sign_in)


def _long_absence_evidence(record: Record) -> str:
    for call in evidence.refreshes(record):
        issued = [
            other
            for other in record
            if evidence.is_token_request(other) and evidence.succeeded(other) and other["time"] < call["time"]
        ]
        days = (call["time"] - issued[-1]["time"]) / DAY if issued else 0
        if call["status"] == 400 and not call["fault"] and days > 60:
            return f"a refresh token that had not been used for {days:.0f} days was refused (400)."
    return ""


TOKEN_LABS = (
    Exercise(
        name="access-token-after-61-minutes",
        title="An access token, 61 minutes later",
        story="A notebook stayed open over lunch. Its access token was issued 61 minutes ago.",
        question="How does the API respond?",
        predictions=(
            Choice(
                "200: the person is still signed in to Box",
                "It does not matter who is signed in where: the API looks at the token alone.",
            ),
            Choice(
                "403 Forbidden: the token's permissions have ended",
                "403 is about what you are not allowed to do; this is about who you are.",
            ),
            Choice("401, and WWW-Authenticate says invalid_token", "An access token lives for 60 minutes."),
        ),
        right_prediction=2,
        act=_use_expired_token,
        evidence=_expired_token_evidence,
        happened="The API accepted the new access token with 200, and refused the same one with 401 after 61 minutes. A refresh got a new pair without a person, and the new access token got 200.",
        why="Why not issue access tokens that live for a year?",
        explanations=(
            Choice(
                "Each refresh checks the password again, so it should happen often",
                "A refresh involves neither a password nor a person. Think of how often each token is sent.",
            ),
            Choice(
                "They travel with every request, so a lost one must become useless soon",
                "The refresh token travels rarely, and to one place only. RotatingAuth refreshes at the first call after the 59th minute; no timer does.",
            ),
            Choice(
                "The server would have to store a year of tokens, and check each call against them",
                "It stores refresh tokens for 60 days, so space is not the reason. Think of how often each token is sent.",
            ),
        ),
        right_explanation=1,
        rule="RFC 6750 3.1; RFC 6749 1.5",
    ),
    Exercise(
        name="refresh-token-twice",
        title="One refresh token, sent three times",
        story="A refresh is sent twice with the same refresh token. Then the new access token is used once, and the old refresh token is sent a third time.",
        question="What are the three responses?",
        predictions=(
            Choice(
                "200, 400, 400: it works once",
                "Nearly: until the new access token is used, Box still accepts the old refresh token.",
            ),
            Choice(
                "200, 200 with the same pair, 400",
                "Until the new access token is first used, a repeat returns the same pair; after that, the old refresh token is dead.",
            ),
            Choice("200, 200, 200: three different pairs", "Then a stolen refresh token would work forever."),
        ),
        right_prediction=1,
        act=_refresh_twice,
        evidence=_repeated_refresh_evidence,
        happened="The first two refreshes sent the same refresh token and got the same new pair. Then the new access token was used for one call. The third refresh, with the old refresh token, got 400 invalid_grant. Some servers are stricter, and refuse the old token from the second refresh on.",
        why="Why does the refresh token change with each use?",
        explanations=(
            Choice(
                "So that two holders cannot both continue: one is refused",
                "The grace period until the first use means that a lost response costs nothing, so save the new pair before you use it. Attack it says what the refusal reveals about a thief, and what it does not.",
            ),
            Choice(
                "So that both tokens of a pair expire at the same moment",
                "They do not: the access token lives for 60 minutes, the refresh token for 60 days. Think of two programs that hold the same one.",
            ),
            Choice(
                "So that nobody can compute the next token from the last one",
                "Both are random, so nobody could. Think of two programs that hold the same one.",
            ),
        ),
        right_explanation=0,
        rule="RFC 6749 6 and 10.4; Box's staff on the grace period",
    ),
    Exercise(
        name="two-notebooks-racing",
        title="Two notebooks, one sign-in",
        story="Two notebooks on one computer read the same saved pair. Both find that the access token has expired, and both refresh. Notebook A has a head start: it refreshes and makes a call before B begins. The run starts two real programs for that, and afterwards two that use boxnb.",
        question="The first two programs know nothing of each other. What happens?",
        predictions=(
            Choice(
                "The first gets a pair and uses it; the second is refused",
                "The first use of the new access token invalidates the pair that the second notebook holds.",
            ),
            Choice(
                "Each gets a pair of its own, and both work from then on",
                "There is one chain of refresh tokens, not two. Only if both ask before the first use of the new access token do they get a pair each, and then it is the same one.",
            ),
            Choice(
                "The first is refused, because the newest refresh wins",
                "It is the other way round: the first use of a new pair ends the old one, and the second notebook still sends the old one.",
            ),
        ),
        right_prediction=0,
        act=_race_two_notebooks,
        evidence=_race_evidence,
        happened="The first two programs sent the same refresh token: the first got 200 and used its new pair, so the second was refused with InvalidGrantError. If both ask before that use, both get the same pair: without a lock, it is a matter of luck. With boxnb there was one refresh for two programs, and both got 200. boxnb takes a lock: a file next to the saved sign-in, which one program at a time can hold.",
        why="What must a program do while it holds the lock?",
        explanations=(
            Choice(
                "Refresh with the pair that it read at its start, save the new one, use it",
                "By then the other program may have replaced that pair. Look at what the file contains now.",
            ),
            Choice(
                "Read the saved pair, and release the lock before the refresh, which is slow",
                "Then both programs read the same old pair, and both refresh with it.",
            ),
            Choice(
                "Read the saved pair again, refresh only if nobody has, save, then use it",
                "RotatingAuth does this: in the second half of the run, one refresh served both. The lock reaches as far as the file: two computers need two sign-ins.",
            ),
        ),
        right_explanation=2,
        rule="RFC 6749 6",
        seconds=10,
    ),
    Exercise(
        name="power-cut",
        title="The power goes in the middle of a refresh",
        story="The server has issued a new pair. Its response never arrives: the power failed. It comes back ten minutes later.",
        question="The old refresh token is all you have. What do you get for it?",
        predictions=(
            Choice(
                "400 invalid_grant: it was used ten minutes ago",
                "On a server without a grace period, yes. Box accepts it until the new access token is used, and nobody has used that.",
            ),
            Choice(
                "200 and a third pair, different from the lost one",
                "The lost pair is still unused, so the server returns it again. Its access token already had ten minutes less to live.",
            ),
            Choice(
                "200 and the pair whose response was lost",
                "Nobody has used the new access token, so the old refresh token gets the same pair again.",
            ),
        ),
        right_prediction=2,
        act=_lose_refresh_response,
        evidence=_lost_response_evidence,
        happened="The connection broke before the response arrived. Ten minutes later, the same refresh got a pair whose access token had 50 minutes left, so it was made before the power failed. This is the grace period that Box's staff describe. On a stricter server only a new sign-in helps, and boxnb's message then says that the response was lost or not saved, because it notes each refresh before sending it.",
        why="What must a program do so that this works?",
        explanations=(
            Choice(
                "Save the new pair before its first use, and repeat a lost refresh",
                "If the power fails before the save, refresh again. If it fails afterwards, read the file. boxnb also makes a note of each refresh before sending it.",
            ),
            Choice(
                "Save the new pair after its first use, which shows that it works",
                "Then a power cut between the two steps loses both: the old pair is dead, and the new one was never saved.",
            ),
            Choice(
                "Keep the old pair in the file until its access token has expired",
                "The first use of the new pair ends the old one. After a power cut, the file would contain a dead pair only.",
            ),
        ),
        right_explanation=0,
        rule="Box's staff on the grace period; RFC 6749 6",
    ),
    Exercise(
        name="away-61-days",
        title="Back after 61 days",
        story="A sign-in was saved in spring. Nobody opened the notebook for 61 days.",
        question="What does the first refresh get?",
        predictions=(
            Choice(
                "200 and a new pair: only access tokens expire",
                "In Box, an unused refresh token lives for 60 days.",
            ),
            Choice(
                "400 invalid_grant: the refresh token has expired",
                "After sixty days without a use, the refresh token is dead.",
            ),
            Choice("200 and an access token, but no refresh token", "A refresh returns both tokens or none."),
        ),
        right_prediction=1,
        act=_return_after_61_days,
        evidence=_long_absence_evidence,
        happened="The first refresh after 61 days got 400 invalid_grant, and boxnb's error said how long the sign-in had been unused. No program can repair that. A person signed in again, and a new period of 60 days began.",
        why="What keeps a sign-in alive for years?",
        explanations=(
            Choice(
                "A call with the access token each hour, so that it never goes unused",
                "Calls do not extend the refresh token's life; refreshes do.",
            ),
            Choice(
                "A refresh at least every 60 days: each starts 60 new days",
                "A schedule can run boxnb.keep_alive to do this. After 61 days, only a person can sign in again.",
            ),
            Choice(
                "A larger number in expires_in, which the app requests",
                "The server sets that number, and it applies to the access token.",
            ),
        ),
        right_explanation=1,
        rule="Box guide: Token expiration; RFC 6749 5.2",
    ),
)

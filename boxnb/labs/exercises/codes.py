"""Labs about the first half of the flow: the link, the consent, the code and its state."""

from __future__ import annotations

import dataclasses

from boxnb import oauth
from boxnb.labs.exercise import Choice, Exercise, Record
from boxnb.labs.exercises import evidence
from boxnb.labs.practice import Practice


def _exchange_late(practice: Practice) -> None:
    state = oauth.new_state()
    code = oauth.parse_redirect(practice.grant(state), state=state)
    practice.turn(seconds=31)
    practice.attempt("Exchange after 31 seconds", lambda: oauth.exchange_code(practice.client, code))
    practice.attempt("Repair: a new code, exchanged immediately", practice.sign_in)


def _late_code_evidence(record: Record) -> str:
    for call in evidence.code_exchanges(record):
        grants = [grant for grant in evidence.decisions(record) if call in evidence.after(record, grant)]
        age = call["time"] - grants[-1]["time"] if grants else 0
        code = evidence.form_field(call, "code")
        uses = [
            other for other in evidence.code_exchanges(record) if evidence.form_field(other, "code") == code
        ]
        if call["status"] == 400 and not call["fault"] and age > 30 and len(uses) == 1:
            return f"a code {age:.0f} seconds old was refused (400)."
    return ""


def _exchange_twice(practice: Practice) -> None:
    state = oauth.new_state()
    code = oauth.parse_redirect(practice.grant(state), state=state)
    practice.attempt("First exchange", lambda: oauth.exchange_code(practice.client, code))
    practice.attempt("Second exchange of the same code", lambda: oauth.exchange_code(practice.client, code))


def _reused_code_evidence(record: Record) -> str:
    for calls in evidence.repeated_token_requests(record, "authorization_code", "code"):
        first, second = calls[0], calls[1]
        if evidence.succeeded(first) and second["status"] == 400 and second["time"] - first["time"] <= 30:
            return "the first exchange of a code got 200, and the second exchange of it got 400."
    return ""


def _use_wrong_redirect_uri(practice: Practice) -> None:
    client = dataclasses.replace(practice.client, redirect_uri="http://127.0.0.1/other")
    practice.attempt("A redirect URI that is not registered", lambda: practice.grant("s", client=client))
    practice.attempt("Repair: exactly the registered one", practice.sign_in)


def _wrong_redirect_uri_evidence(record: Record) -> str:
    for call in evidence.opened_links(record):
        for other in evidence.decisions(record):
            requested, registered = evidence.redirect_uri(call), evidence.redirect_uri(other)
            same_host = evidence.host(requested) == evidence.host(registered)
            if call["status"] == 400 and requested and requested != registered and same_host:
                return f"the link with {requested} led to an error page (400), not to a redirect; {registered} was accepted."
    return ""


def _deny_consent(practice: Practice) -> None:
    state = oauth.new_state()
    redirect = practice.grant(state, deny=True)
    practice.attempt("Read the redirect", lambda: oauth.parse_redirect(redirect, state=state))


def _denied_consent_evidence(record: Record) -> str:
    for call in evidence.decisions(record, "deny"):
        later_calls = evidence.after(record, call)
        grants = evidence.decisions(later_calls)
        until_grant = evidence.between(record, call, grants[0]) if grants else later_calls
        if not evidence.code_exchanges(until_grant):
            return "Deny was pressed, the browser was sent back, and no code was exchanged."
    return ""


CODE_LABS = (
    Exercise(
        name="code-too-late",
        title="A code, 31 seconds later",
        story="You pressed Grant, the phone rang, and you pasted the address with the code half a minute later.",
        question="How does the token endpoint respond?",
        predictions=(
            Choice(
                "A token: the person agreed, and that still counts",
                "The person agreed, but after 30 seconds the code no longer proves it.",
            ),
            Choice("400 invalid_grant: the code has expired", "In Box, a code is valid for 30 seconds."),
            Choice(
                "401 invalid_client: the app must identify itself again",
                "The client secret was sent with the code, as always. The app is known; the code is too old.",
            ),
        ),
        right_prediction=1,
        act=_exchange_late,
        evidence=_late_code_evidence,
        happened="The code was exchanged 31 seconds after Grant, and the token endpoint refused it with 400 invalid_grant. The person pressed Grant again. The new code was exchanged at once, and a token pair came back. Being too late costs one press of Grant, nothing more.",
        why="Why is a code valid for such a short time?",
        explanations=(
            Choice(
                "The code and the access token share one hour, so the code has to leave most of it",
                "The two lifetimes are unrelated: the hour starts when the token is issued. Think of where a code travels.",
            ),
            Choice(
                "It travels through the browser's address bar, where others can see it",
                "An address is saved in history and logs, and anyone behind you can read it. A program exchanges the code at once, so 30 seconds are plenty. If it is too late, request a new one: that takes one click on Grant.",
            ),
            Choice(
                "The server keeps the sign-in page open until the code comes back",
                "The page is long gone: the server only remembers the code. Think of where that code travels.",
            ),
        ),
        right_explanation=1,
        rule="RFC 6749 4.1.2; Box guide: Token expiration",
    ),
    Exercise(
        name="code-used-twice",
        title="The same code, twice",
        story="You ran the cell that exchanges the code, and ran it again within the 30 seconds.",
        question="What is the second response?",
        predictions=(
            Choice("200 with the same token again", "A code works only once, even before it expires."),
            Choice(
                "200 with a second, different token", "Then anyone who saw the address could get one as well."
            ),
            Choice(
                "400 invalid_grant: the code has been used",
                "A code works once, and the first exchange was that one time.",
            ),
        ),
        right_prediction=2,
        act=_exchange_twice,
        evidence=_reused_code_evidence,
        happened="The first exchange got a token pair. The second sent the same code a moment later and got 400 invalid_grant. The tokens from the first exchange were not affected here. If the first answer is lost, get a new code.",
        why="Why can a code be used only once?",
        explanations=(
            Choice(
                "A second use means that someone else may have seen the code",
                "A server may even revoke the tokens from the first use (RFC 6749 4.1.2). Do not run the exchange twice: get a new code.",
            ),
            Choice(
                "A person may have only one access token for each app",
                "Sign in twice, and both tokens work. Think of who else could send the code.",
            ),
            Choice(
                "The client secret changes after the first exchange",
                "The client secret stays the same until you reset it in the console. Think of who else could send the code.",
            ),
        ),
        right_explanation=0,
        rule="RFC 6749 4.1.2 and 10.5",
    ),
    Exercise(
        name="wrong-redirect-uri",
        title="A redirect URI with one wrong word",
        story="The app is registered with http://127.0.0.1/callback; the link asks for http://127.0.0.1/other.",
        question="What does the browser show?",
        predictions=(
            Choice(
                "The sign-in page; the mistake shows up after Grant",
                "The server checks the redirect URI before it asks anyone to sign in.",
            ),
            Choice(
                "An error page from the authorization server, and no redirect",
                "There is no address to which the server could safely send the error.",
            ),
            Choice(
                "The page at /other: the browser is sent there with error=invalid_request",
                "Then anyone could make the server send browsers anywhere.",
            ),
        ),
        right_prediction=1,
        act=_use_wrong_redirect_uri,
        evidence=_wrong_redirect_uri_evidence,
        happened="The link with /other led to an error page at the authorization server. Nobody was asked to sign in, and the browser was not sent to /other. The link with the registered URI worked. The repair is in the Developer Console: register exactly the URI that the link sends.",
        why="Why is the error not sent to the redirect URI, as other errors are?",
        explanations=(
            Choice(
                "That address is the very thing that cannot be trusted",
                "So the server shows a page to the person. Repair: register the URI in the console, letter by letter; on loopback, only the port can differ.",
            ),
            Choice(
                "The app must not learn which redirect URIs are registered",
                "The app's owner registered them, so they are not secret. Think of who would receive the error.",
            ),
            Choice(
                "A page on 127.0.0.1 can receive codes, but not errors",
                "It can receive both: a denial is sent there. Think of what the server knows about this address.",
            ),
        ),
        right_explanation=0,
        rule="RFC 6749 4.1.2.1 and 3.1.2.4; RFC 8252 7.3",
    ),
    Exercise(
        name="consent-denied",
        title="Deny",
        story="The person signs in, reads what the app asks for, and presses Deny.",
        question="What does the notebook get?",
        predictions=(
            Choice(
                "Nothing: the browser stays on the server's page",
                "The browser comes back, and the notebook finds out.",
            ),
            Choice(
                "A code, which the token endpoint then refuses with 400",
                "There is no code at all: the refusal is in the redirect.",
            ),
            Choice(
                "A redirect with error=access_denied and the state",
                "A refusal is an answer too, and the server sends it back like any other answer.",
            ),
        ),
        right_prediction=2,
        act=_deny_consent,
        evidence=_denied_consent_evidence,
        happened="After Deny, the browser came back to the notebook with error=access_denied and the state. There was no code, so nothing was exchanged. The state showed that this was the answer to the notebook's own link.",
        why="What should the notebook do now?",
        explanations=(
            Choice(
                "Open the link again until the person agrees",
                "The person has answered. A program that keeps asking gets removed.",
            ),
            Choice(
                "Report it, and offer a new link in case it was a mistake",
                "The state is checked here as well: a forged denial is not a denial. Nothing was exchanged, so nothing needs to be undone.",
            ),
            Choice(
                "Continue with the tokens that were saved earlier",
                "They may still work, because the refusal concerns only the new request. But the person has just said no, and must not find out later that it changed nothing.",
            ),
        ),
        right_explanation=1,
        rule="RFC 6749 4.1.2.1, access_denied",
    ),
)

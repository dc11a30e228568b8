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
            same_host = evidence.host(requested) == evidence.host(registered) == "127.0.0.1"
            if call["status"] == 400 and requested and requested != registered and same_host:
                return f"the link with {requested} led to an error page (400), not to a redirect; {registered} was accepted."
    return ""


def _deny_consent(practice: Practice) -> None:
    morning = practice.sign_in()
    state = oauth.new_state()
    redirect = practice.grant(state, deny=True)
    server = practice.client.server
    practice.attempt("Read the redirect", lambda: oauth.parse_redirect(redirect, state=state, server=server))
    practice.attempt("The access token of the morning", lambda: practice.me(morning))


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
        name="code-after-31-seconds",
        title="A code, 31 seconds later",
        story="You pressed Grant, the phone rang, and you pasted the address with the code half a minute later.",
        question="How does the token endpoint respond?",
        predictions=(
            Choice(
                "200 and a token pair: the person did press Grant",
                "The person agreed, but after 30 seconds the code no longer proves it.",
            ),
            Choice(
                "401 invalid_client: the app must identify itself again",
                "The client secret was sent with the code, as always. The app is known; the code is too old.",
            ),
            Choice("400 invalid_grant: the code has expired", "In Box, a code is valid for 30 seconds."),
        ),
        right_prediction=2,
        act=_exchange_late,
        evidence=_late_code_evidence,
        happened="The code was exchanged 31 seconds after Grant, and the token endpoint refused it with 400 invalid_grant. The person pressed Grant again. The new code was exchanged at once, and a token pair came back. Being too late costs one press of Grant, nothing more.",
        why="Why is a code valid for such a short time?",
        explanations=(
            Choice(
                "It comes through the browser, whose history and address bar others can see",
                "An address is saved in history and logs, and anyone behind you can read it. A program exchanges the code at once, so 30 seconds are plenty. If it is too late, request a new one: that takes one click on Grant.",
            ),
            Choice(
                "It is made for one computer, and that computer's address can change at any moment",
                "A code is not tied to a computer. Think of how it comes back.",
            ),
            Choice(
                "The server has to store every code until somebody exchanges it",
                "A code is one line in a table, and the standard allows up to ten minutes (RFC 6749 4.1.2). Think of how it comes back.",
            ),
        ),
        right_explanation=0,
        rule="RFC 6749 4.1.2; Box guide: Token expiration",
    ),
    Exercise(
        name="code-used-twice",
        title="The same code, twice",
        story="You ran the cell that exchanges the code, and ran it again within the 30 seconds.",
        question="What is the second response?",
        predictions=(
            Choice(
                "400 invalid_grant: the code has been used",
                "A code works once, and the first exchange was that one time.",
            ),
            Choice("200 with the same token pair again", "A code works only once, even before it expires."),
            Choice(
                "200 with a second pair, which replaces the first",
                "Then anyone who saw the address could get one as well.",
            ),
        ),
        right_prediction=0,
        act=_exchange_twice,
        evidence=_reused_code_evidence,
        happened="The first exchange got a token pair. The second sent the same code a moment later and got 400 invalid_grant. The tokens from the first exchange were not affected here. If the first answer is lost, get a new code.",
        why="Why can a code be used only once?",
        explanations=(
            Choice(
                "A person may have only one access token for each app",
                "Sign in twice, and both tokens work. Think of who else could send the code.",
            ),
            Choice(
                "The client secret changes after the first exchange",
                "The client secret stays the same until you reset it in the console. Think of who else could send the code.",
            ),
            Choice(
                "A second use means that someone else may have seen the code",
                "A server may even revoke the tokens from the first use (RFC 6749 4.1.2). Do not run the exchange twice: get a new code.",
            ),
        ),
        right_explanation=2,
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
        why="A person's Deny is sent to the redirect URI. Why not this error?",
        explanations=(
            Choice(
                "An error can be sent only after a sign-in, and nobody has signed in yet",
                "Other mistakes in a link are reported to the redirect URI, such as an unknown scope (RFC 6749 4.1.2.1). Think of who wrote this link.",
            ),
            Choice(
                "Whoever wrote the link chose this address, and it may be an attacker's",
                "So the server shows a page to the person. Repair: register the URI in the console, letter by letter; on loopback, only the port can differ.",
            ),
            Choice(
                "The notebook does not listen at this address, so nobody would read it",
                "The server cannot know who listens where, and does not ask. Think of who wrote this link.",
            ),
        ),
        right_explanation=1,
        rule="RFC 6749 4.1.2.1 and 3.1.2.4; RFC 8252 7.3",
    ),
    Exercise(
        name="consent-denied",
        title="Deny",
        story="The notebook has been signed in since this morning. In the afternoon it opens a new link, and this time the person reads what the app asks for and presses Deny.",
        question="What does the notebook get?",
        predictions=(
            Choice(
                "A redirect with error=access_denied and the state",
                "A refusal is an answer too, and the server sends it back like any other answer.",
            ),
            Choice(
                "A redirect with a code, which the token endpoint refuses",
                "There is no code at all: the refusal is in the redirect.",
            ),
            Choice(
                "Nothing: the browser stays on a page of the authorization server",
                "The browser comes back, and the notebook finds out.",
            ),
        ),
        right_prediction=0,
        act=_deny_consent,
        evidence=_denied_consent_evidence,
        happened="After Deny, the browser came back with error=access_denied and the state, and without a code. boxnb's message speaks to the person at the panel, who may have pressed the wrong button. The access token of the morning still got 200.",
        why="What does a Deny end, besides this one request?",
        explanations=(
            Choice(
                "The app's earlier tokens for this person, because the newest answer counts",
                "The access token of the morning still worked. To end it, revoke it or remove the app's access.",
            ),
            Choice(
                "The app's permission to ask this person again, until an admin allows it",
                "The next link asks again. A program should not use that: report the answer, and wait until the person wants to sign in.",
            ),
            Choice(
                "Nothing: no code was issued, and the sign-in of the morning goes on",
                "So there is nothing to clean up. Report the answer, and offer a new link in case it was a mistake. What Box does with earlier tokens is not documented; the sandbox leaves them alone.",
            ),
        ),
        right_explanation=2,
        rule="RFC 6749 4.1.2.1, access_denied",
    ),
)

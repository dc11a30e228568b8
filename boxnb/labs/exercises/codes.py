"""Labs about the first half of the flow: the link, the consent, the code and its state."""

from __future__ import annotations

import dataclasses
from secrets import token_hex

from boxnb import oauth
from boxnb.labs.exercise import Choice, Exercise, Record
from boxnb.labs.exercises import evidence
from boxnb.labs.practice import Practice
from boxnb.secret import Secret

MALLORY = "ken.sato@example.com"


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


def _follow_forged_redirect(practice: Practice) -> None:
    own_state = oauth.new_state()
    forged = practice.grant("of-the-attacker", login=MALLORY)  # a redirect for the attacker's account
    code = forged.partition("code=")[2].partition("&")[0]
    attackers_token = practice.attempt("Without a check", lambda: oauth.exchange_code(practice.client, code))
    if attackers_token is not None:
        practice.attempt("Whose account is this now?", lambda: practice.me(attackers_token))
    forged = practice.grant("of-the-attacker", login=MALLORY)
    practice.attempt("With the check", lambda: oauth.parse_redirect(forged, state=own_state))
    own_token = practice.attempt("Repair: my own request, my own state", practice.sign_in)
    if own_token is not None:
        practice.attempt("And now?", lambda: practice.me(own_token))


def _forged_redirect_evidence(record: Record) -> str:
    users = [call["user"] for call in evidence.api_calls(record) if evidence.succeeded(call) and call["user"]]
    exchanges = evidence.code_exchanges(record)
    dropped = len(evidence.decisions(record)) - sum(evidence.succeeded(call) for call in exchanges)
    acted_as_other = len(users) > 1 and users[0] != users[-1]
    if acted_as_other and dropped >= 1 and not any(call["status"] == 400 for call in exchanges):
        return "without the check, the notebook acted as another user; with it, the forged code was never exchanged."
    return ""


def _redirect_elsewhere(practice: Practice) -> None:
    attackers_client = dataclasses.replace(practice.client, redirect_uri="https://collector.example/callback")
    practice.attempt(
        "A link that sends the code elsewhere", lambda: practice.grant("s", client=attackers_client)
    )
    practice.attempt("The registered address", practice.sign_in)


def _foreign_redirect_uri_evidence(record: Record) -> str:
    for call in evidence.opened_links(record):
        for other in evidence.decisions(record):
            requested, registered = evidence.redirect_uri(call), evidence.redirect_uri(other)
            foreign_host = evidence.host(requested) != evidence.host(registered)
            if call["status"] == 400 and requested and foreign_host:
                return f"no code was sent to {evidence.host(requested)}: the link led to an error page (400)."
    return ""


def _steal_code(practice: Practice) -> None:
    state = oauth.new_state()
    code = oauth.parse_redirect(practice.grant(state), state=state)
    thief = dataclasses.replace(practice.client, client_secret=Secret(f"guessed-{token_hex(8)}"))
    practice.attempt("The thief exchanges the code", lambda: oauth.exchange_code(thief, code))
    practice.attempt("The notebook exchanges it", lambda: oauth.exchange_code(practice.client, code))


def _stolen_code_evidence(record: Record) -> str:
    for calls in evidence.repeated_token_requests(record, "authorization_code", "code"):
        secrets = {evidence.form_field(call, "client_secret") for call in calls}
        if calls[0]["status"] == 400 and evidence.succeeded(calls[-1]) and len(secrets) > 1:
            return "the same code was refused with a wrong client secret (400) and accepted with the right one (200)."
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
            Choice("The sign-in page again", "The token endpoint is for programs; it does not show pages."),
        ),
        right_prediction=1,
        act=_exchange_late,
        evidence=_late_code_evidence,
        why="Why is a code valid for such a short time?",
        explanations=(
            Choice("To save the server memory", "Memory is not the point: think of where a code travels."),
            Choice(
                "It travels through the browser's address bar, where others can see it",
                "An address is saved in history and logs, and anyone behind you can read it. Exchange the code immediately. If it is too late, request a new one: that takes one click on Grant.",
            ),
            Choice("Because access tokens live for an hour", "The two lifetimes are unrelated."),
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
            Choice("The same token again", "A code works only once, even before it expires."),
            Choice("A second, different token", "Then anyone who saw the address could get one as well."),
            Choice("400 invalid_grant", "A code works once."),
        ),
        right_prediction=2,
        act=_exchange_twice,
        evidence=_reused_code_evidence,
        why="Why can a code be used only once?",
        explanations=(
            Choice(
                "A second use means that someone else may have the code",
                "A server may even revoke the tokens from the first use (RFC 6749 4.1.2). Do not run the exchange twice: get a new code.",
            ),
            Choice(
                "Two tokens would count twice against the rate limit", "The limit counts calls, not tokens."
            ),
            Choice(
                "The client secret changes after the first use",
                "The client secret stays the same until you reset it in the console.",
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
                "An error page from the authorization server; the browser is not sent back",
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
        why="Why is the error not sent to the redirect URI, as other errors are?",
        explanations=(
            Choice(
                "That address is the very thing that cannot be trusted",
                "So the server shows a page to the person. Repair: register the URI in the console, letter by letter; on loopback, only the port can differ.",
            ),
            Choice("Error pages are friendlier", "They are, but a program cannot read them."),
            Choice("127.0.0.1 cannot receive errors", "It can: a denial is sent there."),
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
                "Nothing: the browser stays at the server",
                "The browser comes back, and the notebook finds out.",
            ),
            Choice("A code for a token without permissions", "There is no code at all."),
            Choice(
                "A redirect with error=access_denied and the state",
                "A refusal is an answer too, and the server sends it back like any other answer.",
            ),
        ),
        right_prediction=2,
        act=_deny_consent,
        evidence=_denied_consent_evidence,
        why="What should the notebook do now?",
        explanations=(
            Choice("Ask again until the person agrees", "That is how programs get removed."),
            Choice(
                "Report it, and offer a new link",
                "The state is checked here as well: a forged denial is not a denial. Nothing was exchanged, so nothing needs to be undone.",
            ),
            Choice(
                "Use the last token it had",
                "The refusal concerns only the new request, but hiding it from the person is wrong.",
            ),
        ),
        right_explanation=1,
        rule="RFC 6749 4.1.2.1, access_denied",
    ),
    Exercise(
        name="forged-state",
        title="A redirect you did not ask for",
        story="An attacker grants access to an account of their own and makes your browser open the resulting redirect. The notebook reads the code from it.",
        question="If the notebook does not check the state, whose files does it read and write from now on?",
        predictions=(
            Choice(
                "Mine: I am signed in to Box in this browser",
                "A code stands for the person who pressed Grant, not for the person whose browser carries it.",
            ),
            Choice(
                "The attacker's",
                "The code stands for the person who pressed Grant: everything you upload goes to them.",
            ),
            Choice("Nobody's: the exchange fails", "The code is genuine, so the exchange works."),
        ),
        right_prediction=1,
        act=_follow_forged_redirect,
        evidence=_forged_redirect_evidence,
        why="Why does checking the state prevent this?",
        explanations=(
            Choice(
                "The state is encrypted with the client secret", "It is not encrypted: it is a random value."
            ),
            Choice(
                "The server refuses a wrong state",
                "The server only returns the state; the notebook has to check it.",
            ),
            Choice(
                "Only the redirect for my own request brings back the random value that I generated for it",
                "An attacker cannot guess it. Compare the state before the exchange, in constant time, and drop a redirect that does not match: parse_redirect does this.",
            ),
        ),
        right_explanation=2,
        rule="RFC 6749 10.12",
        notebook="04-attack-it",
    ),
    Exercise(
        name="stolen-code",
        title="A stolen code",
        story="Someone reads the address over your shoulder and is faster than you: they send the code to the token endpoint first.",
        question="They do not have the client secret. What do they get?",
        predictions=(
            Choice(
                "A token: the code is valid", "For an app that has a secret, the code alone is not enough."
            ),
            Choice(
                "400 invalid_client, and the code still works for you",
                "The app is checked first; a refused app does not use up the code.",
            ),
            Choice("400, and your code is used up", "Then a stranger could spoil any sign-in."),
        ),
        right_prediction=1,
        act=_steal_code,
        evidence=_stolen_code_evidence,
        why="What protects an app that cannot keep a secret, such as one on a phone?",
        explanations=(
            Choice(
                "PKCE: a secret generated for this one request",
                "RFC 7636; boxnb.oauth has new_verifier and challenge for servers that ask for it.",
            ),
            Choice("A longer code", "A code is already too long to guess; here someone read it."),
            Choice(
                "The state",
                "The state protects you from codes you did not ask for, not from someone who reads yours.",
            ),
        ),
        right_explanation=0,
        rule="RFC 6749 4.1.3 and 3.2.1; RFC 7636",
        notebook="04-attack-it",
    ),
    Exercise(
        name="open-redirect",
        title="A link that sends the code elsewhere",
        story="An email contains a genuine link to Box with your app's client ID, but its redirect URI leads to the attacker's own server.",
        question="You open the link while you are signed in to Box. What happens?",
        predictions=(
            Choice(
                "The code goes to the attacker's server",
                "It would, if the server did not compare the address with the registered ones.",
            ),
            Choice(
                "The page asks whether the address is right", "Nobody could answer that; the server decides."
            ),
            Choice(
                "You see an error page, before Box asks anything",
                "The address is compared, character by character, with the registered ones.",
            ),
        ),
        right_prediction=2,
        act=_redirect_elsewhere,
        evidence=_foreign_redirect_uri_evidence,
        why="What must you do to keep this true?",
        explanations=(
            Choice(
                "Register few redirect URIs, each in full, and none that forwards to other addresses",
                "A registered page that forwards anywhere (an open redirect) would pass the code on.",
            ),
            Choice("Use a long client ID", "The client ID is public: it is in every link."),
            Choice("Sign out of Box after work", "Good manners, but no protection while you work."),
        ),
        right_explanation=0,
        rule="RFC 6749 10.6 and 10.15",
        notebook="04-attack-it",
    ),
)

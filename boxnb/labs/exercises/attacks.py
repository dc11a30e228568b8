"""Labs about attacks on the first half of the flow: forged redirects, stolen codes and links that lead elsewhere."""

from __future__ import annotations

import dataclasses
from functools import partial
from secrets import token_hex

from boxnb import oauth
from boxnb.labs.exercise import Choice, Exercise, Record
from boxnb.labs.exercises import evidence
from boxnb.labs.practice import Practice
from boxnb.labs.trace.lanes import ATTACKER, ATTACKERS_BROWSER, STRANGER, THIEF
from boxnb.oauth import Client
from boxnb.secret import Secret

MALLORY = "ken.sato@example.com"
REGISTERED = "https://reports.example/callback"
NEARLY_RIGHT = (
    f"{REGISTERED}?next=https://collector.example",
    f"{REGISTERED}/next",
    "https://reports.example.collector.example/callback",
)


def _forge(practice: Practice) -> str:
    """Return the redirect of a sign-in to the attacker's account, which one click opens in the person's own browser."""
    with practice.trace.played_by({"browser": ATTACKERS_BROWSER, "notebook": "browser"}):
        redirect = practice.grant("of-the-attacker", login=MALLORY)
    carried = practice.trace.requests[-1].carried
    practice.trace.note("one click opens the attacker's redirect in your browser", carried=carried)
    return redirect


def _follow_forged_redirect(practice: Practice) -> None:
    own_state = oauth.new_state()
    forged = _forge(practice)
    code = forged.partition("code=")[2].partition("&")[0]
    attackers_token = practice.attempt("Without a check", lambda: oauth.exchange_code(practice.client, code))
    if attackers_token is not None:
        practice.attempt("Whose account is this now?", lambda: practice.me(attackers_token))
    forged = _forge(practice)
    practice.trace.note("the state is not the notebook's own: the notebook drops the code")
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
    app = practice.sandbox.register_app("Reports", [REGISTERED])
    client = Client(app["client_id"], Secret(app["client_secret"]), REGISTERED, practice.client.server)
    for uri in NEARLY_RIGHT:
        attackers_client = dataclasses.replace(client, redirect_uri=uri)
        with practice.trace.played_by({"notebook": ATTACKER}):
            practice.attempt(f"A link with {uri}", partial(practice.grant, "s", client=attackers_client))
    practice.attempt("The registered address", lambda: practice.sign_in(client=client))


def _foreign_redirect_uri_evidence(record: Record) -> str:
    for call in evidence.opened_links(record):
        for other in evidence.decisions(record):
            requested, registered = evidence.redirect_uri(call), evidence.redirect_uri(other)
            foreign_host = evidence.host(requested) != evidence.host(registered)
            same_app = evidence.client_id(call) == evidence.client_id(other)
            if call["status"] == 400 and requested and foreign_host and same_app:
                return f"no code was sent to {evidence.host(requested)}: the link led to an error page (400)."
    return ""


def _steal_code(practice: Practice) -> None:
    state = oauth.new_state()
    code = oauth.parse_redirect(practice.grant(state), state=state)
    thief = dataclasses.replace(practice.client, client_secret=Secret(f"guessed-{token_hex(8)}"))
    with practice.trace.played_by({"notebook": THIEF}):
        practice.attempt("The thief exchanges the code", lambda: oauth.exchange_code(thief, code))
    practice.attempt("The notebook exchanges it", lambda: oauth.exchange_code(practice.client, code))


def _stolen_code_evidence(record: Record) -> str:
    for calls in evidence.repeated_token_requests(record, "authorization_code", "code"):
        secrets = {evidence.form_field(call, "client_secret") for call in calls}
        if calls[0]["status"] == 400 and evidence.succeeded(calls[-1]) and len(secrets) > 1:
            return "the same code was refused with a wrong client secret (400) and accepted with the right one (200)."
    return ""


def _grant_to_stranger(practice: Practice) -> None:
    uri = "https://collector.example/callback"
    app = practice.sandbox.register_app("Box Security Check", [uri])
    stranger = Client(app["client_id"], Secret(app["client_secret"]), uri, practice.client.server)
    by_stranger = {"notebook": STRANGER}
    with practice.trace.played_by(by_stranger):
        token = practice.sign_in(client=stranger)  # you press Grant; the stranger exchanges the code
        practice.attempt(
            "The stranger lists the users", lambda: practice.me(token, path="/users", agent=THIEF)
        )
    practice.sandbox.change_app(app["client_id"], enabled=False)
    practice.trace.note("an admin disables this app")
    with practice.trace.played_by(by_stranger):
        practice.attempt("The stranger again", lambda: practice.me(token, path="/users", agent=THIEF))
        practice.attempt("The stranger's link again", lambda: practice.grant("s", client=stranger))
    practice.attempt("Repair: the other app is gone, and your own still works", practice.sign_in)


def _consent_phishing_evidence(record: Record) -> str:
    for grant in evidence.decisions(record):
        later_calls = evidence.after(record, grant)
        strangers_calls = [call for call in evidence.api_calls(later_calls) if call["user_agent"] == THIEF]
        accepted = [call["token"] for call in strangers_calls if evidence.succeeded(call)]
        refused = [call for call in strangers_calls if call["status"] == 401 and call["token"] in accepted]
        closed_links = [
            call
            for call in evidence.opened_links(later_calls)
            if call["status"] == 400 and evidence.client_id(call) == evidence.client_id(grant)
        ]
        if refused and closed_links:
            return (
                "after Grant, another program used the token (200); "
                "once the app was disabled, its token (401) and its link (400) were refused."
            )
    return ""


ATTACK_LABS = (
    Exercise(
        name="forged-state",
        title="A redirect that you did not ask for",
        story="An attacker starts a sign-in with your app's link, presses Grant, and keeps the address of the redirect unopened. Then they send you that address, and one click opens it in your browser. The notebook reads the code from it.",
        question="If the notebook does not check the state, whose files does it read and write from now on?",
        predictions=(
            Choice(
                "Mine: I am signed in to Box in this browser",
                "A code stands for the person who pressed Grant, not for the person whose browser carries it.",
            ),
            Choice(
                "The attacker's: the code is from their Grant",
                "The code stands for the person who pressed Grant: everything you upload goes to them.",
            ),
            Choice(
                "Nobody's: a code works only in its own browser",
                "The server does not know which browser the code belongs to, so the exchange works.",
            ),
        ),
        right_prediction=1,
        act=_follow_forged_redirect,
        evidence=_forged_redirect_evidence,
        happened="Without the check, the notebook exchanged the attacker's code, and was signed in as the attacker. With the check, it raised StateMismatchError and never exchanged the code. After its own sign-in, with its own state, it was signed in as you.",
        why="Why does checking the state prevent this?",
        explanations=(
            Choice(
                "Only the redirect for my own link brings my random value back",
                "An attacker cannot guess it. Compare the state before the exchange, in constant time, and drop a redirect that does not match: parse_redirect does this.",
            ),
            Choice(
                "The state names the account, so the notebook sees whose code it is",
                "It is random text and names nobody. Think of who made it up, and for which link.",
            ),
            Choice(
                "The server remembers who got which state, and refuses the wrong notebook",
                "The server only hands the state back, and checks nothing. Think of who made it up, and for which link.",
            ),
        ),
        right_explanation=0,
        rule="RFC 6749 10.12",
        notebook="04-attack-it",
    ),
    Exercise(
        name="stolen-code",
        title="A stolen code",
        story="Someone reads the address over your shoulder and is faster than you: they send the code to the token endpoint first. They do not have the client secret, so they get 400.",
        question="Your notebook sends the same code two seconds later. What does it get?",
        predictions=(
            Choice(
                "400 invalid_grant: the code has been sent before",
                "Then a stranger could spoil any sign-in. A refused app does not use up the code.",
            ),
            Choice(
                "200 and an access token, without a refresh token",
                "A response has both tokens, whatever a stranger tried before.",
            ),
            Choice(
                "200 and a token pair, as if nothing had happened",
                "The server checks the app first. A refused app does not use up the code.",
            ),
        ),
        right_prediction=2,
        act=_steal_code,
        evidence=_stolen_code_evidence,
        happened="The thief sent the code with a guessed client secret, and got 400 invalid_client. The notebook then sent the same code with the right secret, and got a token pair. A code is of use only to the app that it was issued for.",
        why="Which thief would have had more success?",
        explanations=(
            Choice(
                "Someone who read the state as well: with both, the code is complete",
                "The state is for the notebook that waits. The token endpoint never asks for it.",
            ),
            Choice(
                "A colleague who uses the same app, and so has the same client secret",
                "In a team that shares one app, the code is enough for 30 seconds. So exchange it at once, and show its address to nobody.",
            ),
            Choice(
                "Someone in the same office, whose requests come from the same address",
                "The server does not compare addresses. Think of what the thief lacked.",
            ),
        ),
        right_explanation=1,
        rule="RFC 6749 4.1.3 and 3.2.1",
        notebook="04-attack-it",
    ),
    Exercise(
        name="links-nearly-right",
        title="Links that are nearly right",
        story="Your app is registered with https://reports.example/callback. An attacker writes three links with your client ID. The first adds ?next=https://collector.example to that address, the second adds /next, and the third leads to https://reports.example.collector.example/callback.",
        question="You open all three while you are signed in to Box. Where does a code go?",
        predictions=(
            Choice(
                "Nowhere: each link ends at an error page",
                "The address is compared, character by character, with the registered ones.",
            ),
            Choice(
                "To the first address: its host and path are right",
                "A page that reads next and forwards there would pass the code on. So the query is compared as well.",
            ),
            Choice(
                "To the first two: both belong to reports.example",
                "Any page of that host could then receive codes, also one that forwards them. So everything is compared.",
            ),
        ),
        right_prediction=0,
        act=_redirect_elsewhere,
        evidence=_foreign_redirect_uri_evidence,
        happened="Each of the three links led to an error page at the authorization server. No code was issued, and nothing was sent to the attacker. The link with the registered address worked as usual.",
        why="What must you do to keep this true?",
        explanations=(
            Choice(
                "Register few redirect URIs, in full, and none that forwards",
                "A registered page that forwards anywhere (an open redirect) would pass the code on.",
            ),
            Choice(
                "Keep the client ID to yourself, so that nobody can build such a link",
                "The client ID is public: it is in every link, where an attacker can read it.",
            ),
            Choice(
                "Sign out of Box in the browser when your work is done",
                "Good manners, but no protection while you work; and the attacker's link would only ask you to sign in first.",
            ),
        ),
        right_explanation=0,
        rule="RFC 6749 10.6 and 10.15; RFC 9700 2.1",
        notebook="04-attack-it",
    ),
    Exercise(
        name="consent-phishing",
        title="A genuine page, an unknown app",
        story="An email asks you, an admin, to confirm your account. The link leads to Box's own page: the address is right, and you sign in with your second factor. The page asks for access for an app named Box Security Check.",
        question="You press Grant. What does the sender of the email have now?",
        predictions=(
            Choice(
                "A code, which is worth nothing without my app's client secret",
                "The code belongs to the sender's app, and the sender has that app's secret.",
            ),
            Choice(
                "A token pair for my account, until someone removes their app",
                "The page did what it is made for: it gave the app that asked what you allowed.",
            ),
            Choice(
                "An access token: a refresh would need my second factor",
                "A refresh needs neither you nor your second factor, only the client secret of the sender's own app.",
            ),
        ),
        right_prediction=1,
        act=_grant_to_stranger,
        evidence=_consent_phishing_evidence,
        happened="The page was genuine, but the app was a stranger's, and so was the server to which the code went. With the token, the stranger listed the company's users, because you are an admin. Then an admin disabled that app: the stranger's token got 401, and the link led to an error page. Your own app still worked.",
        why="Why did neither a strong password nor a second factor prevent this?",
        explanations=(
            Choice(
                "The sender's page copied both of them while you typed",
                "The page was Box's own, and the sender saw neither. They did not need them.",
            ),
            Choice(
                "You signed in yourself, and granted the access yourself",
                "Both only prove that it was you. The defence is an admin who lets in approved apps only; An app that nobody enabled is the same rule, seen by an app's owner. If it has happened, remove the app: a new password does not.",
            ),
            Choice(
                "The second factor is not asked for when an app signs in by OAuth2",
                "It is asked for as in any sign-in, and you passed it. Think of what you did after that.",
            ),
        ),
        right_explanation=1,
        rule="RFC 6749 10.2; Box guide: App authorization and enablement",
        notebook="04-attack-it",
    ),
)

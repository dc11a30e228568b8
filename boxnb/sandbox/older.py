"""Write what an older script leaves behind: a property list with a refresh token and the time it was issued."""

from __future__ import annotations

import datetime
import os
import plistlib
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import requests

from .launch import start


def script(path: str | os.PathLike[str]) -> Path:
    """Write a property list with a refresh token for the practice admin, and return its path."""
    sandbox = start()
    app, server = sandbox.practice_client(), sandbox.server()
    query = {"response_type": "code", "client_id": app["client_id"], "redirect_uri": app["redirect_uri"]}
    redirect = sandbox.approve(f"{server['authorize_url']}?{urlencode({**query, 'state': 'older'})}")
    form = {name: app[name] for name in ("client_id", "client_secret")}
    form |= {"grant_type": "authorization_code", "code": parse_qs(urlsplit(redirect).query)["code"][0]}
    with requests.Session() as http:
        http.trust_env = False
        pair = http.post(server["token_url"], data=form, timeout=10).json()
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "Refresh Token": pair["refresh_token"],
        "Time": datetime.datetime.now(datetime.UTC).replace(tzinfo=None),
    }
    file.write_bytes(plistlib.dumps(content))
    file.chmod(0o600)
    return file

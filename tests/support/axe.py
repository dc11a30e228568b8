"""Check a page with axe-core, from an installed package: what hinders people who use a screen reader or a keyboard."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page


def problems(page: Page, *selectors: str) -> list[str]:
    """Return the serious and critical findings in parts of a page, or in the whole page without selectors."""
    context = {"include": [[selector] for selector in selectors if page.locator(selector).count()]}
    assert not selectors or context["include"], selectors
    response = (
        Axe()
        .run(page, context=context if selectors else None, options={"resultTypes": ["violations"]})
        .response
    )
    return [
        f"{violation['id']}: {violation['help']}: {node['html'][:200]} {node['any'][0]['message'][:200] if node['any'] else ''}"
        for violation in response["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]

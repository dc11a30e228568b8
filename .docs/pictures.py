"""Make the pictures of README and of the documentation: one screenshot and one animation, light and dark.

``make pictures`` runs it. It does in JupyterLab and in the sandbox what the browser tests do, with the same helpers, and
writes `.docs/pictures/*.webp`. Nothing in the pictures is drawn by hand, and no picture shows a page of Box.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parents[1]
FOLDER = Path(__file__).parent / "pictures"
sys.path.append(str(ROOT / "tests/support"))

from person import Person  # noqa: E402
from running import Lab, browser, jupyterlab  # noqa: E402

import boxnb.sandbox  # noqa: E402

SIZE = {"width": 1120, "height": 700}
LARGEST = 1_000_000
"""The largest size of a picture, in bytes."""


def main() -> None:
    """Write the pictures in both themes."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, browser() as chromium:
        for theme in ("light", "dark"):
            os.environ["BOXNB_HOME"] = str(Path(folder, f"home-{theme}"))  # nobody is signed in yet
            boxnb.sandbox.start()
            try:
                _take(theme, chromium, Path(folder, theme))
            finally:
                boxnb.sandbox.stop()


def _take(theme: str, chromium: Browser, folder: Path) -> None:
    folder.mkdir()
    with jupyterlab(folder, theme=f"JupyterLab {theme.title()}") as lab:
        window = chromium.new_context(viewport=SIZE, color_scheme=theme)
        window.set_default_timeout(60_000)
        frames = _sign_in(Person(window, lab))
        _save(FOLDER / f"sign-in-{theme}.webp", frames)
        _save(
            FOLDER / f"content-{theme}.webp",
            [(_treemap(Person(window, lab, "2-explore/02-content.ipynb"), lab), 0)],
        )
        window.close()


def _sign_in(person: Person) -> list[tuple[Image.Image, int]]:
    """Sign in as the onboarding notebook describes. Return each step and how many milliseconds it is shown."""
    person.page.evaluate("window.jupyterapp.shell.collapseLeft()")
    person.show_panel()
    person[".bx-panel"].scroll_into_view_if_needed()
    frames = [(_picture(person.page), 3500)]
    tab = person.open_box()
    tab.locator("#password").fill("practice")
    frames.append((_picture(tab), 2000))
    tab.get_by_role("button", name="Sign in", exact=True).click()
    tab.get_by_role("button", name="Grant", exact=True).wait_for()
    tab.evaluate("document.body.style.zoom = 0.8")  # so that the whole page is visible
    frames.append((_picture(tab), 3000))
    tab.get_by_role("button", name="Grant", exact=True).click()
    tab.get_by_text("Permission received").wait_for()
    tab.close()
    person.page.locator('.bx-panel[data-state="done"]').wait_for()
    frames.append((_picture(person.page), 3500))
    person.continue_at("await panel.done()")
    person.run_through("users.shape")
    frames.append((_picture(person.page), 5000))
    person.page.close()
    return frames


def _treemap(person: Person, lab: Lab) -> Image.Image:
    """Run the notebook about content up to its treemap."""
    person.page.evaluate("window.jupyterapp.shell.collapseLeft()")
    person.run_through("charts.treemap(content)")
    chart = person[".js-plotly-plot"].first
    chart.locator(".slice").first.wait_for()
    chart.scroll_into_view_if_needed()
    picture = _picture(person.page)
    person.page.close()
    return picture


def _picture(page: Page) -> Image.Image:
    page.mouse.move(0, 0)  # so that nothing is highlighted
    page.wait_for_timeout(300)  # until the last animation of the page has ended
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


def _save(file: Path, frames: list[tuple[Image.Image, int]]) -> None:
    first, *others = [image for image, _ in frames]
    first.save(
        file,
        save_all=bool(others),
        append_images=others,
        duration=[milliseconds for _, milliseconds in frames],
        loop=0,
        kmin=0,
        kmax=1,  # whole frames, so that none shows through the next
        quality=80,
        method=6,
    )
    if file.stat().st_size > LARGEST:
        raise SystemExit(f"{file.name} has {file.stat().st_size:,} bytes, more than {LARGEST:,}.")
    print(f"{file.relative_to(ROOT)}: {file.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()

"""The views at the size of a large enterprise, in a real JupyterLab and a real browser: ``make bench-views`` (``ARGS="--runs 5"``).

The large world as it is (50,000 users, 5,000 folders, 200,000 files), whose owners have invited the admin, so that one walk sees
all of it; for the tree, one folder of 20,000 files more. Each run has a kernel and a browser window of its own. Times run in the
page, from the click or the start of the cell until the browser has painted what was waited for.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import requests

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "browser"), str(HERE.parent)]

from person import Person  # noqa: E402
from running import Lab, browser, fresh_window, jupyterlab, written_notebook  # noqa: E402
from signing import sign_in  # noqa: E402
from test_explore import printed  # noqa: E402

import boxnb.sandbox  # noqa: E402
from boxnb.sandbox import Sandbox  # noqa: E402
from boxnb.sandbox.server.company.generated import Rows, Size  # noqa: E402

PROFILE, FOLDER, MANY, WAIT = "bench", "00 frames", 20_000, 300_000
OPENING = f"""import boxnb
from boxnb.api import rate_limit
from boxnb.widgets import charts, views
rate_limit.LIMITS["general"] = rate_limit.Limit(10**9)  # the sandbox's limits are off
box = boxnb.connect({PROFILE!r})"""
WALK = "files = box.tree()"
TABLE = "views.table(files)"
MAP = "chart = charts.treemap(files)\nchart"
TREE = "tree = views.folders(box)\ntree"
LARGEST = """data = chart.data[(chart.data["kind"] == "folder") & (chart.data["parent"] == "") & (chart.data["id"] != "")]
print(*data.nlargest(1, "bytes")[["id", "name"]].iloc[0])"""
KERNEL_PART = """import time
begun = time.perf_counter()
charts.treemap(files)._repr_mimebundle_()
print(time.perf_counter() - begun)"""

GOALS = {
    "treemap: drawn, the page's first": 3.0,
    "treemap: drawn again": 3.0,
    "tree: first rows of 20,000": 2.0,
}

# In the page: from now, or from the next such event, until it holds and one more frame is painted.
STOPWATCH = """() => {{ const held = window.bench = {{ from: {event} ? 0 : performance.now(), to: 0 }};
    if ({event}) document.addEventListener({event}, () => {{ held.from ||= performance.now() }}, {{ capture: true, once: true }});
    const all = selector => document.querySelectorAll('.jp-NotebookPanel:not(.lm-mod-hidden) ' + selector);
    const look = () => {{
        if (held.from && ({holds})) requestAnimationFrame(() => setTimeout(() => {{ held.to = performance.now() }}));
        else requestAnimationFrame(look) }};
    look() }}"""
RUN = """number => { const notebook = window.jupyterapp.shell.currentWidget.content;
    notebook.activeCellIndex = number; window.jupyterapp.commands.execute('notebook:run-cell').catch(() => {}) }"""
CLEAR = """number => { const notebook = window.jupyterapp.shell.currentWidget.content;
    notebook.activeCellIndex = number; window.jupyterapp.commands.execute('notebook:clear-cell-output').catch(() => {}) }"""
DONE = """number => { const model = window.jupyterapp.shell.currentWidget.content.widgets[number].model;
    return model.executionCount !== null && (model.executionState ?? 'idle') === 'idle' }"""
SCROLL = """selector => new Promise(done => { const body = document.querySelector(selector), times = [];
    const step = now => { times.push(now); body.scrollTop += 300;
        if (times.length <= 120) requestAnimationFrame(step);
        else done(times.slice(1).map((time, place) => time - times[place]).sort((one, two) => one - two)) };
    requestAnimationFrame(step) })"""
ROWS, WAITING = "all('.bxt-rows .bxt-row:not(.bxt-wait)').length", "all('.bxt-rows .bxt-wait').length"
SETTLED = f"{ROWS} && !{WAITING}"


class Bench:
    """Somebody in front of a notebook, and what each thing took, in seconds, or in MB."""

    def __init__(self, person: Person, results: dict[str, list[float]]) -> None:
        self.person, self.page, self.results = person, person.page, results
        self.session = person.window.new_cdp_session(person.page)
        self.session.send("Performance.enable")

    def time(self, name: str, act: Callable[[], Any], holds: str, event: str = "") -> None:
        """Act, and note how long it takes until `holds` is true in the page; from `event` on where one is named."""
        self.page.evaluate(STOPWATCH.format(event=repr(event), holds=holds))
        act()
        self.page.wait_for_function("window.bench.to", timeout=WAIT)
        self.note(name, float(self.page.evaluate("window.bench.to - window.bench.from")) / 1000)

    def run(self, number: int) -> None:
        self.page.evaluate(RUN, number)

    def finish(self, number: int) -> None:
        self.run(number)
        self.page.wait_for_function(DONE, arg=number, timeout=WAIT)

    def no_errors(self) -> None:
        """Stop where a cell failed."""
        wrong = self.person[
            ".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stderr'], .jp-mod-error"
        ]
        assert not wrong.count(), wrong.first.inner_text()

    def note(self, name: str, value: float) -> None:
        self.results[name].append(value)

    def memory(self, view: str, kernel: int) -> None:
        """What is held now: the kernel's resident memory, and the page's JavaScript objects after a collection."""
        self.session.send("HeapProfiler.collectGarbage")
        metrics = {
            each["name"]: each["value"] for each in self.session.send("Performance.getMetrics")["metrics"]
        }
        self.note(f"{view}: kernel, MB", psutil.Process(kernel).memory_info().rss / 1e6)
        self.note(f"{view}: JavaScript heap, MB", metrics["JSHeapUsedSize"] / 1e6)


def table(bench: Bench, cell: int, count: int) -> None:
    """First rows, two sorts, search, filter, scrolling, the far end."""
    page, shown = bench.page, "all('.bxt-count')[0].textContent"
    bench.time("table: first rows", lambda: bench.run(cell), ROWS)
    view = bench.person[".bxt"].first

    def sorted_by(name: str) -> str:
        return f"all('[aria-sort=ascending]')[0]?.textContent.includes('{name}') && {SETTLED}"

    for name in ("name", "size"):
        button = view.locator(f"button[data-column='{name}']")
        bench.time(f"table: sort by {name}", button.click, sorted_by(name), "click")
    search, sizes = view.get_by_label("Search all text"), view.get_by_label("Filter size", exact=True)
    some, all_of_them = f"{shown}.includes(' of ') && {SETTLED}", f"{shown} === '{count:,} rows' && {SETTLED}"
    bench.time("table: search, first", lambda: search.fill("4242"), some, "input")
    before = view.locator(".bxt-count").inner_text()
    fewer = f"{shown} !== '{before}' && {some}"
    bench.time("table: search, a letter more", lambda: search.fill("4242."), fewer, "input")
    bench.time("table: search cleared", lambda: search.fill(""), all_of_them, "input")
    bench.time("table: filter size > 50 kB", lambda: sizes.fill("> 50 kB"), some, "input")
    bench.time("table: filter cleared", lambda: sizes.fill(""), all_of_them, "input")
    dates = view.get_by_label("Filter content_created_at", exact=True)
    bench.time("table: filter a date by part, first", lambda: dates.fill("-03-"), some, "input")
    before = view.locator(".bxt-count").inner_text()
    bench.time(
        "table: filter a date, a letter more",
        lambda: dates.fill("-03-1"),
        f"{shown} !== '{before}' && {some}",
        "input",
    )
    bench.time("table: that filter cleared", lambda: dates.fill(""), all_of_them, "input")
    frames = page.evaluate(SCROLL, ".bxt-body")
    bench.note("table: scrolling, a frame", statistics.median(frames) / 1000)
    bench.note("table: scrolling, the longest frame", max(frames) / 1000)
    end = f"all('[aria-rowindex=\"{count}\"]:not(.bxt-wait)').length && {SETTLED}"
    bench.time("table: to the last row", lambda: to_the_end(bench, ".bxt-body"), end, "scroll")
    bench.note("table: rows in the page", view.locator(".bxt-rows .bxt-row").count())


def to_the_end(bench: Bench, body: str) -> None:
    bench.person[body].first.evaluate("body => { body.scrollTop = body.scrollHeight }")


def treemap(bench: Bench, cell: int) -> None:
    """Drawn with loading plotly, drawn again, down into a folder."""
    tiles = "all('.treemaplayer .slice').length > 100"
    bench.time("treemap: drawn, the page's first", lambda: bench.run(cell), tiles)
    bench.page.evaluate(CLEAR, cell)
    bench.page.wait_for_function("() => !document.querySelector('.treemaplayer')")
    bench.time("treemap: drawn again", lambda: bench.run(cell), tiles)
    slices = bench.person[".js-plotly-plot .treemaplayer .slice"]
    bench.note("treemap: tiles on screen", slices.count())
    bench.page.evaluate(
        "document.querySelector('.js-plotly-plot').on('plotly_animated', () => { window.benchDown = true })"
    )
    largest, name = printed(bench.page, LARGEST).strip().split(maxsplit=1)
    header = slices.filter(has_text=name).first.locator(".surface")
    down = (
        f"window.benchDown && document.querySelector('.js-plotly-plot')._fullData[0].level === 'i{largest}'"
    )
    bench.time(
        "treemap: one folder down, animated", lambda: header.click(position={"x": 8, "y": 8}), down, "click"
    )


def tree(bench: Bench, cell: int) -> None:
    """The top level, a folder of 20,000 opened, searched, scrolled to its end."""
    rows, said = "all('.bxf-row')", "all('.bxf-bar span')[0].textContent"
    bench.time("tree: top level of 1,001", lambda: bench.run(cell), f"{rows}.length > 5")
    view = bench.person[".bxf"].first
    twist = view.locator(".bxf-row").filter(has_text=FOLDER).locator(".bxf-twist")
    first = f"[...{rows}].filter(row => row.textContent.includes('frame 0')).length > 5"
    twist.wait_for()
    bench.time("tree: first rows of 20,000", twist.click, first, "click")
    begun = bench.page.evaluate("window.bench.from")
    whole = f"{said}.startsWith('21,0') && !all('.bxf-note').length"
    bench.page.evaluate(STOPWATCH.format(event="''", holds=whole))
    bench.page.wait_for_function("window.bench.to", timeout=WAIT)
    bench.note("tree: all 20,000", (bench.page.evaluate("window.bench.to") - begun) / 1000)
    frames = bench.page.evaluate(SCROLL, ".bxf-body")
    bench.note("tree: scrolling, a frame", statistics.median(frames) / 1000)
    bench.note("tree: scrolling, the longest frame", max(frames) / 1000)
    search = view.get_by_label("Search what is open")
    bench.time("tree: search", lambda: search.fill("frame 19999"), f"{said} === '1 found'", "input")
    bench.time("tree: search cleared", lambda: search.fill(""), f"{said}.startsWith('21,0')", "input")
    bench.note("tree: rows in the page", view.locator(".bxf-row").count())


class Company:
    """The large company, seen whole by its admin, who is signed in."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, token = sandbox, sign_in(sandbox, PROFILE).token
        assert token is not None
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.headers["Authorization"] = f"Bearer {token.access_token.reveal()}"
        self.admin = self.asked("GET", "/users/me")["id"]

    def asked(self, method: str, path: str, **more: Any) -> Any:
        answer = self.http.request(method, f"{self.sandbox.url}/2.0{path}", timeout=60, **more)
        answer.raise_for_status()
        return answer.json()

    def invite(self) -> None:
        """Who owns a folder on top invites the admin; those who left came back for it."""
        rows = Rows(Size(events=0))
        people = {each["login"]: each for each in rows("users")}
        for folder in rows("folders"):
            owner = people[folder["owner"]] if folder["parent_id"] == "0" else None
            if owner is None or owner["id"] == self.admin:
                continue
            if owner["status"] == "inactive":
                self.sandbox.change_user(owner["login"], status="active")
            invitation = {
                "item": {"type": "folder", "id": folder["id"]},
                "accessible_by": {"type": "user", "id": self.admin},
                "role": "viewer",
            }
            self.asked("POST", "/collaborations", json=invitation, headers={"As-User": owner["id"]})

    def fill(self) -> None:
        """A folder of the admin's own with 20,000 copies of a file."""
        folder = self.asked("POST", "/folders", json={"name": FOLDER, "parent": {"id": "0"}})["id"]
        for number in range(MANY):
            copy = {"name": f"frame {number:05}.png", "parent": {"id": folder}}
            self.asked("POST", f"/files/{Rows.file_id(0)}/copy", json=copy)


@contextmanager
def sitting(lab: Lab, results: dict[str, list[float]], name: str, cells: list[str]) -> Iterator[Bench]:
    """A kernel and a browser of its own."""
    path = written_notebook(lab, f"{name}.ipynb", cells)
    with browser() as chromium, fresh_window(chromium) as window:
        person = Person(window, lab, path)
        yield Bench(person, results)
        person.page.evaluate("async () => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")


def explore(lab: Lab, results: dict[str, list[float]], number: int) -> None:
    with sitting(lab, results, f"explore-{number}", [OPENING, WALK, TABLE, MAP]) as bench:
        bench.finish(0)
        bench.time("walk: box.tree()", lambda: bench.run(1), f"({DONE})(1)")
        bench.no_errors()
        kernel, rows = map(int, printed(bench.page, "import os\nprint(os.getpid(), len(files))").split())
        bench.note("walk: rows walked", rows)
        bench.memory("walk", kernel)
        table(bench, 2, rows)
        bench.memory("table", kernel)
        bench.page.evaluate(CLEAR, 2)
        treemap(bench, 3)
        bench.memory("treemap", kernel)
        bench.note("treemap: tiles in all", int(printed(bench.page, "print(len(chart.data))")))
        bench.note("treemap: the kernel's part, again", float(printed(bench.page, KERNEL_PART)))


def open_folder(lab: Lab, results: dict[str, list[float]], number: int) -> None:
    with sitting(lab, results, f"open-{number}", [OPENING, TREE]) as bench:
        bench.finish(0)
        kernel = int(printed(bench.page, "import os\nprint(os.getpid())"))
        bench.memory("tree, before", kernel)
        tree(bench, 1)
        bench.memory("tree", kernel)
        bench.note("tree: calls", int(printed(bench.page, "print(box.session.ledger.calls)")))


WHOLE = ("MB", "rows in the page", "calls", "tiles in all", "tiles on screen", "rows walked")


def print_results(results: dict[str, list[float]]) -> None:
    """Seconds, unless the name says what else."""
    print(f"\n{'seconds, unless said':<38}{'median':>9}{'(range)':>18}{'goal':>6}")
    for name, values in results.items():
        places = 0 if name.endswith(WHOLE) else 3 if name.endswith("frame") else 2
        low, middle, high = (
            f"{each:,.{places}f}" for each in (min(values), statistics.median(values), max(values))
        )
        goal = f"{GOALS[name]:.0f}" if name in GOALS else ""
        print(f"{name:<38}{middle:>9}{f'({low}-{high})':>18}{goal:>6}")


def loaded() -> str:
    """How busy this computer is, by what waited for its cores in the last minute."""
    return f"{os.cpu_count()} cores, {psutil.getloadavg()[0]:.1f} of them wanted"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--views", default="explore,tree")
    options = parser.parse_args()
    results: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"BOXNB_HOME": str(Path(folder) / "home"), "NO_PROXY": "127.0.0.1,localhost"}
        with (
            boxnb.sandbox.start(private=True, world="large", limits="off", events=100) as sandbox,
            jupyterlab(Path(folder) / "lab") as lab,
        ):
            company = Company(sandbox)
            company.invite()
            if "explore" in options.views:
                for number in range(options.runs):
                    print(loaded(), flush=True)
                    explore(lab, results, number)
            if "tree" in options.views:
                company.fill()
                for number in range(options.runs):
                    print(loaded(), flush=True)
                    open_folder(lab, results, number)
            print(loaded())
    print_results(results)


if __name__ == "__main__":
    main()

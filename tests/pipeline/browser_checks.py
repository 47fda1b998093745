"""What only a browser can tell of the page: `make check-page` runs this, `make test` does not, as it needs Chromium."""

import json
import pathlib
import re
import shutil
import subprocess

import lxml.html
import pytest
from sample_page import sample

from pipeline.page import render

WIDE, NARROW = "1280,1600", "500,1600"  # no headless window is narrower
LIGHT, DARK = "--blink-settings=preferredColorScheme=1", "--blink-settings=preferredColorScheme=0"

SORT = """
const headers = [...document.querySelectorAll(".data-table th[scope=col]")];
const median = headers.find((header) => header.textContent.trim() === "Median");
const read = () => [median.getAttribute("aria-sort"),
                    [...document.querySelectorAll(".data-table tbody th")].map((cell) => cell.textContent)];
const result = [read()];
for (let click = 0; click < 2; click++) { median.querySelector("button").click(); result.push(read()); }
headers[0].querySelector("button").click();
result.push(read());
"""
SEARCH = """
const filter = document.querySelector(".filter[data-table=slice-table]");
const look = (text) => {
  const input = filter.querySelector("input");
  input.value = text;
  input.dispatchEvent(new Event("input"));
  const rows = [...document.querySelectorAll("#slice-table tbody tr")];
  return [rows.filter((row) => row.offsetParent).map((row) => row.cells[0].textContent),
          filter.querySelector("output").textContent];
};
const result = [getComputedStyle(filter).display !== "none", look("NEW "), look("nothing like it"), look("")];
"""
MEASURE = """
const root = document.documentElement;
const style = (name) => getComputedStyle(document.body)[name];
const result = [innerWidth, root.scrollWidth, style("backgroundColor"), style("color")];
"""


@pytest.fixture(scope="module")
def chromium() -> str:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.fail("there is no Chromium; install it, on Debian with `apt-get install chromium`")
    return found


@pytest.fixture
def browse(chromium, tmp_path):
    """Opens the page, runs a script in it that makes `result`, and returns that and what the console said."""

    def run(script: str, size: str = WIDE, scheme: str = LIGHT):
        script = f"(() => {{ {script} document.documentElement.dataset.result = JSON.stringify(result); }})();"
        page = tmp_path / "page.html"
        page.write_text(render.html(sample()).replace("</body>", f"<script>{script}</script></body>"))
        arguments = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}", scheme]
        arguments += [f"--window-size={size}", "--enable-logging=stderr", "--dump-dom", page.as_uri()]
        done = subprocess.run([chromium, *arguments], capture_output=True, text=True, timeout=60, check=True)
        said = re.findall(r"CONSOLE.*", done.stderr)
        return json.loads(lxml.html.document_fromstring(done.stdout).get("data-result")), said

    return run


def test_a_column_sorts_by_number_both_ways_and_what_has_no_value_stays_last(browse):
    result, said = browse(SORT)
    assert result == [
        [None, ["price", "store", "weight"]],
        ["descending", ["price", "weight", "store"]],  # 10, 9.5, none
        ["ascending", ["weight", "price", "store"]],
        [None, ["price", "store", "weight"]],  # by name
    ]
    assert said == []


def test_searching_leaves_the_rows_that_hold_the_text_whatever_its_case(browse):
    result, said = browse(SEARCH)
    every = ["overall", "shopper=new", "shopper=returning"]
    assert result == [True, [["shopper=new"], "1 of 3"], [[], "0 of 3"], [every, ""]]
    assert said == []


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_the_page_fits_the_window_and_follows_the_colour_scheme(browse, size):
    seen = {}
    for scheme in (LIGHT, DARK):
        (inner, scrolled, *seen[scheme]), said = browse(MEASURE, size, scheme)
        assert scrolled <= inner
        assert said == []
    assert seen == {LIGHT: ["rgb(255, 255, 255)", "rgb(28, 32, 36)"], DARK: ["rgb(20, 23, 26)", "rgb(228, 231, 234)"]}


def test_what_breaks_in_the_page_would_be_seen_here(browse):
    _, said = browse("const result = 0; console.error('broken'); fetch('https://example.com/x').catch(() => 0);")
    assert any("broken" in line for line in said)
    assert any("Content Security Policy" in line for line in said)


def test_the_page_prints(chromium, tmp_path):
    page, printed = tmp_path / "page.html", tmp_path / "page.pdf"
    page.write_text(render.html(sample()))
    arguments = ["--headless", "--no-sandbox", "--disable-gpu", f"--print-to-pdf={printed}", page.as_uri()]
    subprocess.run([chromium, *arguments], capture_output=True, timeout=60, check=True)
    assert pathlib.Path(printed).read_bytes().startswith(b"%PDF")

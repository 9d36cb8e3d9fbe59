"""The pictures of README.md and docs/tour.md: what the demo's user sees."""

from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tests.attack.site import LOOPBACK
from tests.browser.conftest import find_chromium

WIDTH, HEIGHT = 1280, 940
# Of the page whose picture needs more: down to its chart.
HEIGHTS = {"replay": 1160}
# A file whose columns are to be mapped, as a broker writes one.
FILE = {
    "name": "my-broker.csv",
    "mimeType": "text/csv",
    "buffer": b"Instrument;Direction;Volume;Open price;Open time;Close price;Close time"
    b"\nMSFT;Buy;20;43,10;18.03.2026 15:31;44,25;20.03.2026 21:02"
    b"\nAAPL;Sell;8;182,40;19.03.2026 16:12;184,05;19.03.2026 20:47"
    b"\nIBM;Buy;15;196,00;23.03.2026 15:45;199,30;27.03.2026 18:20\n",
}


def open_goal(page: Page) -> None:
    page.goto("/goals/")
    page.locator(".goal h3 a").first.click()
    page.wait_for_load_state("networkidle")


def open_import(page: Page) -> None:
    page.goto("/trades/import/")
    page.locator("[type=file]").set_input_files(FILE)
    page.get_by_role("button", name="Look at the file").click()
    page.get_by_role("heading", name="Columns").wait_for()


def open_replay(page: Page) -> None:
    page.goto("/replays/")
    page.locator(".rows tbody th a").first.click()
    page.wait_for_url("**/replays/*/")
    page.wait_for_load_state("networkidle")


def at(address: str) -> Callable[[Page], None]:
    def show(page: Page) -> None:
        page.goto(address)

    return show


SHOWN = {
    "today": at("/"),
    "goal": open_goal,
    "performance": at("/performance/"),
    "strategies": at("/strategies/"),
    "replay": open_replay,
    "import": open_import,  # last: what it leaves is in none of the others
}


def take_tour(clone: Path, port: str, directory: Path) -> None:
    """Write each as a PNG of 256 colours; what is below the screen is left out."""
    password = (clone / "var" / "demo-password").read_text(encoding="ascii").strip()
    directory.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), args=["--no-sandbox"]
        )
        page = browser.new_page(base_url=f"http://{LOOPBACK}:{port}")
        page.goto("/login/")
        page.get_by_label("Username").fill("demo")
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/")
        for name, show in SHOWN.items():
            height = HEIGHTS.get(name, HEIGHT)
            page.set_viewport_size({"width": WIDTH, "height": height})
            show(page)
            target = directory / f"{name}.png"
            page.screenshot(path=target)
            with Image.open(target) as picture:
                # This way keeps what few points have, such as a mark in green.
                few = picture.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE)
                few.save(target, optimize=True)
        browser.close()

"""The picture of the first page, at the top of README.md."""

from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.attack.site import LOOPBACK
from tests.browser.conftest import find_chromium

SIZE = {"width": 960, "height": 840}


def take_picture(clone: Path, port: str, target: Path) -> None:
    """Write what the demo's user sees after signing in, as a PNG of 256 colours."""
    password = (clone / "var" / "demo-password").read_text(encoding="ascii").strip()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport=SIZE)
        page.goto(f"http://{LOOPBACK}:{port}/login/")
        page.get_by_label("Username").fill("demo")
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"http://{LOOPBACK}:{port}/")
        page.screenshot(path=target)
        browser.close()
    with Image.open(target) as picture:
        picture.quantize(256).save(target, optimize=True)

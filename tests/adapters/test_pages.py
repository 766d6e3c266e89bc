"""The screens' files: what is served, with which headers, and nothing from elsewhere."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from callbridge.adapters.http import HttpSettings, make_app
from callbridge.adapters.http import pages as serving
from callbridge.adapters.http.pages import POLICY, read_bundle
from tests.adapters.http_desk import Client, ToyDesk, probes

PAGE = "<!doctype html><title>callbridge</title>" + "<p>floor</p>" * 50
SCRIPT = "export const floor = 1;\n" * 100


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text(PAGE)
    (folder / "assets" / "main-O7O7G44V.js").write_text(SCRIPT)
    (folder / "assets" / "icon.svg").write_text("<svg/>")
    (folder / "assets" / ".hidden").write_text("hidden")
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "assets" / "link.txt").symlink_to(tmp_path / "secret.txt")
    return folder


def opened(folder: Path) -> Client:
    desk = ToyDesk()
    return TestClient(TestServer(make_app(HttpSettings(token="root"), desk, probes(), desk.feed, folder)))


@pytest.fixture
async def client(bundle: Path) -> AsyncIterator[Client]:
    async with opened(bundle) as made:
        yield made


@pytest.mark.parametrize("path", ["/", "/agent", "/supervisor", "/wall/front", "/wall/中文?key=x"])
async def test_every_page_is_the_same_file_and_asked_for_again(client: Client, path: str) -> None:
    answer = await client.get(path)
    assert (answer.status, answer.content_type, await answer.text()) == (200, "text/html", PAGE)
    assert answer.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("path", ["/", "/assets/main-O7O7G44V.js", "/assets/none.js", "/nothing"])
async def test_headers_keep_other_sites_out(client: Client, path: str) -> None:
    headers = (await client.get(path)).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    policy = headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert policy.startswith(("default-src 'self'", "default-src 'none'"))
    assert "unsafe" not in policy


async def test_a_page_may_load_from_here_only(client: Client) -> None:
    headers = (await client.get("/")).headers
    assert headers["Content-Security-Policy"] == POLICY
    assert headers["X-Frame-Options"] == "DENY"


async def test_a_file_with_a_hash_in_its_name_is_kept_and_others_are_not(client: Client) -> None:
    script, icon = await client.get("/assets/main-O7O7G44V.js"), await client.get("/assets/icon.svg")
    assert "immutable" in script.headers["Cache-Control"]
    assert script.content_type == "text/javascript"
    assert (icon.content_type, icon.headers["Cache-Control"]) == ("image/svg+xml", "no-cache")


async def test_who_accepts_it_gets_it_compressed(client: Client) -> None:
    for accepted, packed in (("gzip, br", True), ("identity", False)):
        async with client.get("/assets/main-O7O7G44V.js", headers={"Accept-Encoding": accepted}, auto_decompress=False) as answer:
            body = await answer.read()
        assert answer.headers.get("Content-Encoding") == ("gzip" if packed else None)
        assert (gzip.decompress(body) if packed else body).decode() == SCRIPT
        assert answer.headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    "path",
    [
        "/assets/none.js",
        "/assets/link.txt",
        "/assets/.hidden",
        "/assets/../index.html",
        "/assets/..%2f..%2fsecret.txt",
        "/assets/%2e%2e/%2e%2e/secret.txt",
        "/assets//etc/passwd",
        "/index.html",
        "/wall/front/more",
    ],
)
async def test_nothing_else_is_served(client: Client, path: str) -> None:
    answer = await client.get(path)
    assert answer.status == 404
    assert "secret" not in await answer.text()


async def test_who_mistypes_the_address_of_a_page_is_led_to_the_first_one_and_a_program_is_not(client: Client) -> None:
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    for path in ("/nothing", "/quality/abc", "/supervisor/"):
        answer = await client.get(path, headers=browser, allow_redirects=False)
        assert (answer.status, answer.headers["Location"], answer.headers["X-Content-Type-Options"]) == (303, "/", "nosniff")
        assert (await client.get(path)).status == 404
    for path in ("/api", "/api/nothing", "/assets/none.js"):
        assert (await client.get(path, headers=browser, allow_redirects=False)).status in (401, 404)
    assert (await client.post("/nothing", headers=browser, allow_redirects=False)).status == 404


async def test_pages_need_no_log_in_and_the_api_does(client: Client) -> None:
    assert (await client.get("/")).status == 200
    assert (await client.get("/api/queues")).status == 401


async def test_without_a_bundle_the_page_says_how_to_build_one(tmp_path: Path) -> None:
    async with opened(tmp_path) as made:
        answer = await made.get("/")
        assert (answer.status, answer.content_type) == (200, "text/plain")
        assert "built without screens" in await answer.text()
        assert (await made.get("/agent")).status == 404
        assert (await made.get("/assets/main.js")).status == 404


def test_a_folder_that_is_no_bundle_is_refused(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "LARGEST_BUNDLE", 100)
    with pytest.raises(ValueError, match="not a bundle"):
        read_bundle(bundle)

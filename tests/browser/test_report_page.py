"""The page of a report in a browser: what readers click, hear and see."""

import pytest


def luminance(page, selector, name):
    """Return how bright a colour of an element is, from 0 to 255."""
    colour = page.locator(selector).first.evaluate(f"e => getComputedStyle(e).{name}")
    red, green, blue = (float(part) for part in colour.split("(")[1].rstrip(")").split(",")[:3])
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_nothing_is_loaded_from_elsewhere_and_nothing_fails(open_page, report, photograph):
    page = open_page("about:blank")
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(report)
    photograph(page, "report")
    assert not said
    assert not [url for url in page.requests if not url.startswith(("file:", "data:", "about:"))]
    images = page.locator("img")
    assert images.count() >= 10
    assert images.evaluate_all("all => all.every(i => i.complete && i.naturalWidth > 100)")


def test_the_contents_lead_to_their_sections(open_page, report, photograph):
    page = open_page(report)
    links = page.locator("#contents a")
    assert links.count() >= 15
    link = links.filter(has_text="Results").first
    assert link.is_visible()
    link.click()
    top = page.locator(link.get_attribute("href")).evaluate("e => e.getBoundingClientRect().top")
    assert -5 <= top < 200
    assert links.first.is_visible(), "beside the text, the contents stay in view"
    photograph(page, "report-results")


def test_every_link_within_the_page_has_its_target(open_page, report):
    page = open_page(report)
    lost = """all => all.map(a => a.getAttribute("href")).filter(
        to => to.startsWith("#") && !document.getElementById(decodeURIComponent(to.slice(1))))"""
    assert page.locator("a[href]").evaluate_all(lost) == []
    others = page.locator('a[href]:not([href^="#"])').evaluate_all("all => all.map(a => a.href)")
    assert others
    assert all(address.startswith("https://") for address in others)


def test_the_address_of_a_figure_leads_to_it(open_page, report):
    page = open_page(report)
    page.locator("figcaption a[title], caption a[title]").nth(3).click()
    address = page.url.partition("#")[2]
    assert address.startswith(("figure-", "table-"))
    again = open_page(page.url)
    assert again.locator(f"#{address}").evaluate("e => e.getBoundingClientRect().top < innerHeight")


def test_code_is_shown_on_demand(open_page, report, photograph):
    page = open_page(report)
    code = page.locator("details.code").first
    assert not code.locator("pre").is_visible()
    code.locator("summary").click()
    assert code.locator("pre").is_visible()
    photograph(page, "report-code")
    code.locator("summary").click()
    assert not code.locator("pre").is_visible()


def test_players_play(open_page, report, photograph):
    page = open_page(report)
    players = page.locator("audio")
    assert players.count() > 0
    assert players.first.bounding_box()["width"] > 250, "as wide as its buttons need"
    players.first.scroll_into_view_if_needed()
    photograph(page, "report-player")
    heard = players.first.evaluate(
        """async player => {
            player.muted = true;
            await player.play();
            await new Promise(done => setTimeout(done, 1000));
            return [player.currentTime, player.duration, player.error];
        }"""
    )
    assert heard[0] > 0.1
    assert heard[1] > 1
    assert heard[2] is None


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_follows_the_colour_scheme(open_page, report, photograph, scheme):
    page = open_page(report, color_scheme=scheme)
    ground = luminance(page, "body", "backgroundColor")
    assert (ground < 60) if scheme == "dark" else (ground > 200)
    for selector in ("main p", "main h1", "main td", "#contents a", "main a", ".made-from dt"):
        assert abs(luminance(page, selector, "color") - ground) > 70, selector
    assert luminance(page, "main img", "backgroundColor") > 200 or scheme == "light"
    page.locator("main figure").nth(2).scroll_into_view_if_needed()
    photograph(page, f"report-{scheme}")


def test_a_phone_shows_all_of_it_and_folds_the_contents(open_page, report, photograph):
    page = open_page(report, width=390, height=844, is_mobile=True, color_scheme="dark")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    link = page.locator("#contents a").first
    assert not link.is_visible()
    page.locator("#contents summary").click()
    assert link.is_visible()
    photograph(page, "report-phone")
    assert page.locator("audio").first.bounding_box()["width"] > 150
    page.locator("main table").first.scroll_into_view_if_needed()
    photograph(page, "report-phone-table")

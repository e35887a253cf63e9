"""The page for everyone: the rules that the tests run on it, and what goes wrong, in words."""

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.web.conftest import Person
from tests.web.test_conversations import row, talk

axe = Axe()

#: Of the rules of WCAG 2.2 A and AA, and of good practice.
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

#: The rules by tags, and one that no tag brings: what is pressed is large enough, or far enough from what else is.
RULES = {"runOnly": {"type": "tag", "values": TAGS}, "rules": {"target-size": {"enabled": True}}}

#: Runs the rules, when the page has the colours and the size that were chosen last.
RUN = """async ([part, options]) => {
  await new Promise((go) => requestAnimationFrame(() => setTimeout(go)));
  const { violations } = await axe.run(part || document, { ...options, resultTypes: ["violations"], preload: false });
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map((each) => each.html + each.failureSummary)}`);
}"""

#: What is wider than the part of the page that it is in, where that does not scroll sideways.
OUTSIDE = """() => [...document.querySelectorAll("button, a, input, select, textarea, summary, h1, h2, p, svg.chart")]
  .filter((each) => {
    const part = each.closest(".side, .documents, .main, dialog, .menu, .toasts") ?? document.documentElement;
    const [own, its] = [each.getBoundingClientRect(), part.getBoundingClientRect()];
    if (!each.checkVisibility({ visibilityProperty: true }) || own.width < 2) return false;
    if (each.closest(".table, pre, .skip")) return false;
    return own.left < Math.max(its.left, 0) - 1 || own.right > Math.min(its.right, innerWidth) + 1;
  })
  .map((each) => `it sticks out: ${each.outerHTML.slice(0, 120)}`)"""


def accessible(page: Page) -> None:
    assert violations(page) == []


def violations(page: Page, options: dict[str, Any] = RULES, part: str = "") -> list[str]:
    """What breaks the rules on the page as it stands, or in a part of it, in words; and what sticks out."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(axe.axe_script)
    return [*page.evaluate(RUN, [part, options]), *page.evaluate(OUTSIDE)]


def test_it_says_when_the_server_is_out_of_reach_and_when_it_is_back(person: Person) -> None:
    talk(person.manager, "Bow", "x")
    page = person.open()
    expect(row(page, "Bow")).to_be_visible()
    page.context.set_offline(True)
    row(page, "Bow").locator("a").click()
    expect(page.locator(".notice")).to_contain_text("cannot be reached")
    page.context.set_offline(False)
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".message")).to_have_count(1)
    expect(page.locator(".notice")).to_have_count(0)
    person.complaints = [words for words in person.complaints if "ERR_INTERNET_DISCONNECTED" not in words]

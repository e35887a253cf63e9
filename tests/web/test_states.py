"""Every state of the page by the rules of accessibility: light and dark, wide and narrow, with fingers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser

from ithaca import SessionManager
from ithaca.service import ServiceSettings, SignedIn
from tests.support.model_server import model_server
from tests.support.serving import served
from tests.web.conftest import Person
from tests.web.states import NARROW, PASSWORD, WIDE, Tour
from tests.web.test_everyone import RULES, violations
from tests.web.test_replies import Model

pytestmark = pytest.mark.usefixtures("quick_passwords")


@pytest.fixture
def tour(tmp_path: Path, browser: Browser) -> Iterator[Tour]:
    """Nothing is hidden until a pointer comes near: the window has fingers, also where it is wide."""
    url = f"sqlite:///{tmp_path}/states.db"
    settings = ServiceSettings(port=0, private_endpoints=True)
    with (
        model_server() as models,
        SessionManager(url) as manager,
        served(url, service=settings, access=lambda manager: SignedIn(manager, settings)) as server,
    ):
        manager.create_user("ann", PASSWORD, is_admin=True)
        person = Person(server.address, manager, browser)
        page = person.open("link/none", phone=True)
        page.set_viewport_size(WIDE)  # type: ignore[arg-type]
        model = Model(models)
        yield Tour(page, server.address, manager, model)
        model.go_on.set()
        page.context.close()
        assert [words for words in person.complaints if "Failed to load resource" not in words] == []


#: What may differ in the dark.
CONTRAST = {"runOnly": ["color-contrast"]}

Look = tuple[dict[str, int], Literal["light", "dark"], dict[str, Any]]


def looks(part: str) -> list[Look]:
    """Sizes, schemes and rules to look at a state with. A small part of the page is the same one in every width."""
    if part in ("", ".main", ".side"):
        return [
            (NARROW, "dark", CONTRAST),
            (NARROW, "light", RULES),
            (WIDE, "light", RULES),
            (WIDE, "dark", CONTRAST),
        ]
    return [(NARROW, "dark", RULES), (WIDE, "light", RULES)]


def test_every_state_can_be_used_by_everyone(tour: Tour) -> None:
    told = []
    for state, part in tour.states():
        for size, scheme, rules in looks(part):
            tour.page.set_viewport_size(size)  # type: ignore[arg-type]
            tour.page.emulate_media(color_scheme=scheme)
            told += [f"{state}, {size['width']}, {scheme}: {words}" for words in violations(tour.page, rules, part)]
    assert told == []

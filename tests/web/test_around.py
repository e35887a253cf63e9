"""What is around conversations: settings, usage, what comes in and goes out, documents."""

import json
import re
from pathlib import Path

from playwright.sync_api import Route, expect

from ithaca import ChatMessage
from tests.interchange import legacy
from tests.support.files import data_url, made
from tests.web.conftest import Person
from tests.web.test_conversations import row, talk, toast
from tests.web.test_everyone import accessible


def test_servers_rules_and_keys_are_set_and_taken_back(person: Person) -> None:
    page = person.open("settings")
    page.get_by_role("button", name="Add a server…").click()
    page.get_by_label("Name").fill("ollama")
    page.get_by_label("Address").fill("http://user@x")
    accessible(page)
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("dialog").get_by_role("alert")).not_to_be_empty()
    page.get_by_label("Address").fill("https://models.example/v1")
    page.get_by_label("Key", exact=True).fill("sk-secret")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator(".entries li", has_text="ollama")).to_contain_text("with a key")
    assert "sk-secret" not in page.content()
    page.get_by_role("button", name="Remove ollama").click()
    page.get_by_role("button", name="Remove", exact=True).click()
    expect(page.locator(".entries li", has_text="ollama")).to_have_count(0)

    page.get_by_role("button", name="Add a rule…").click()
    page.get_by_label("Archive after").fill("90")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("archived after 90 days")).to_be_visible()
    page.get_by_role("button", name="Remove the rule for All conversations").click()
    toast(page, "removed").get_by_text("Undo").click()
    expect(page.get_by_text("archived after 90 days")).to_be_visible()
    assert [policy.archive_after.days for policy in person.manager.list_retention()] == [90]

    page.get_by_role("button", name="Make a key…").click()
    page.get_by_label("What it is for").fill("backup")
    page.keyboard.press("Enter")
    expect(page.locator(".token")).to_contain_text("ithaca_")
    page.get_by_role("button", name="Done").click()
    accessible(page)
    page.get_by_role("button", name="End the key backup").click()
    page.get_by_role("button", name="End it").click()
    expect(page.locator(".entries li", has_text="backup")).to_have_count(0)
    assert person.manager.list_keys() == []
    person.complaints = [words for words in person.complaints if "422" not in words]


def test_what_was_used_is_drawn_and_told(person: Person) -> None:
    id = talk(person.manager, "Talk", "x")
    for model, tokens, cost in (("qwen3", 900, 0.25), ("gemma3", 100, 0)):
        person.manager.record_usage(id, model=model, input_tokens=tokens, output_tokens=80, cost=cost)
    page = person.open("usage")
    expect(page.locator(".sums")).to_contain_text("1,000")
    expect(page.locator(".chart").first.locator("rect")).to_have_count(2)
    expect(page.locator(".figures tbody tr").first).to_have_text(re.compile("qwen3.*900.*80.*0.25"))
    accessible(page)


def test_a_conversation_goes_out_in_every_form_and_comes_in_again(person: Person, tmp_path: Path) -> None:
    picture = {"type": "image_url", "image_url": {"url": data_url(made(size=40_000))}}
    id = talk(person.manager, "Trip/to: Pylos", "When?", "At *dawn*.", folder="Travel")
    person.manager.add_message(id, ChatMessage("user", [{"type": "text", "text": "Look"}, picture]))
    call = {"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    person.manager.add_message(id, ChatMessage("assistant", None, tool_calls=[call]))
    before = person.manager.get_session(id)
    page = person.open(f"sessions/{id}")
    texts = {}
    for words, ending in (("Markdown", "md"), ("Plain text", "txt"), ("A page", "html"), ("JSON", "json")):
        page.get_by_role("button", name="Actions for this conversation").click()
        page.get_by_role("menuitem", name="Export…").click()
        with page.expect_download() as download:
            page.get_by_role("dialog").get_by_text(words).click()
        assert download.value.suggested_filename == f"Trip to Pylos.{ending}"
        texts[ending] = Path(download.value.path()).read_text(encoding="utf-8")
    assert re.search(r"# Trip/to: Pylos.*## You \(.*When\?.*## Assistant \(.*At \*dawn\*\.", texts["md"], re.DOTALL)
    assert "You (" in texts["txt"]
    assert "<em>dawn</em>" in texts["html"]
    assert picture["image_url"]["url"] in texts["html"]

    person.manager.erase_owner(str(person.manager.owner))
    page.goto(f"{person.address}/settings")
    kept = {"name": "kept.json", "mimeType": "application/json", "buffer": texts["json"].encode()}
    page.locator("input[type=file]").last.set_input_files([kept])
    expect(page.locator(".importing")).to_contain_text("1 conversation, 4 messages")
    expect(row(page, "Trip/to: Pylos")).to_be_visible()
    after = person.manager.get_session(id)
    assert [m.content for m in after.history] == [m.content for m in before.history]
    assert (after.folder, after.created_at, after.history[3].tool_calls) == ("Travel", before.created_at, [call])

    session, message = legacy.session(name="From before"), legacy.message("m1")
    old = legacy.make_legacy(tmp_path / "app.db", sessions=[session], messages=[message])
    page.locator("input[type=file]").last.set_input_files([old])
    expect(page.locator(".importing").last).to_contain_text("1 conversation, 1 message")
    expect(row(page, "From before")).to_be_visible()
    no = {"name": "no.txt", "mimeType": "text/plain", "buffer": json.dumps([1]).encode()}
    page.locator("input[type=file]").last.set_input_files([no])
    expect(page.locator(".importing").last).to_contain_text("no file that can be taken in")


def test_a_document_is_read_edited_compared_and_brought_back(person: Person) -> None:
    id = talk(person.manager, "Letter", "x")
    document = person.manager.create_document("Draft", "one\ntwo\nthree", language="markdown", session_id=id)
    person.manager.edit_document(document.id, "one\n2\nthree", source="ai")
    page = person.open(f"sessions/{id}")
    page.get_by_role("button", name="Documents", exact=True).click()
    page.get_by_role("button", name=re.compile("Draft markdown")).click()
    expect(page.locator(".panel-body")).to_contain_text("one 2 three")
    page.get_by_role("button", name="Changes").click()
    expect(page.locator(".diff .removed")).to_contain_text("two")
    expect(page.locator(".diff .added")).to_contain_text("2")
    accessible(page)
    page.get_by_label("Version", exact=True).select_option("1")
    page.get_by_role("button", name="Restore").click()
    expect(page.get_by_label("Version", exact=True)).to_have_value("3")

    page.get_by_role("button", name="Edit", exact=True).last.click()
    person.manager.edit_document(document.id, "theirs", source="ai")
    page.get_by_role("textbox", name="Text").fill("mine")
    page.get_by_role("button", name="Save a version").click()
    expect(page.get_by_role("alert")).to_contain_text("changed meanwhile: Version 4 · by the model")
    expect(page.get_by_role("textbox", name="Text")).to_have_value("mine")
    page.get_by_role("button", name="Save over it").click()
    expect(page.get_by_label("Version", exact=True)).to_have_value("5")
    assert person.manager.get_document(document.id).content == "mine"

    page.locator(".documents").get_by_role("button", name="All documents").click()
    page.get_by_role("button", name="Move Draft to the trash").click()
    expect(page.locator(".documents .entries li")).to_have_count(0)
    toast(page, "Moved to the trash").get_by_text("Undo").click()
    expect(page.locator(".documents .entries li")).to_have_count(1)
    person.complaints = [words for words in person.complaints if "412" not in words]


def test_a_change_that_was_begun_before_a_newer_version_is_not_saved_over_it_unseen(person: Person) -> None:
    document = person.manager.create_document("Draft", "one", language="markdown")
    page = person.open(f"documents/{document.id}")
    text, newer = page.get_by_role("textbox", name="Text"), page.get_by_role("alert")
    page.get_by_role("button", name="Edit", exact=True).click()
    text.fill("mine")
    page.reload()
    expect(text).to_have_value("mine")
    expect(newer).to_have_count(0)

    person.manager.edit_document(document.id, "theirs", source="ai")
    page.reload()
    expect(newer).to_contain_text("Version 2 · by the model")
    expect(text).to_have_value("mine")
    page.get_by_role("button", name="Compare").click()
    expect(page.locator(".diff .removed")).to_contain_text("theirs")
    expect(page.locator(".diff .added")).to_contain_text("mine")
    accessible(page)

    page.get_by_role("button", name="Take the newer one").click()
    expect(page.locator(".panel-body p")).to_have_text("theirs")
    toast(page, "put aside").get_by_text("Undo").click()
    expect(newer).to_contain_text("Version 2")
    expect(text).to_have_value("mine")

    person.manager.edit_document(document.id, "theirs, again", source="ai")
    page.get_by_role("button", name="Save over it").click()
    expect(newer).to_contain_text("Version 3")
    person.manager.archive_document(document.id)  # which changes nothing of what is written
    page.get_by_role("button", name="Save over it").click()
    expect(page.locator(".panel-body p")).to_have_text("mine")
    kept = [person.manager.get_document_version(document.id, version).content for version in (1, 2, 3, 4)]
    assert kept == ["one", "theirs", "theirs, again", "mine"]
    page.reload()
    expect(text).to_have_count(0)
    person.complaints = [words for words in person.complaints if "412" not in words]


def test_what_gets_no_answer_is_given_up_and_nothing_typed_is_lost(person: Person) -> None:
    id = talk(person.manager, "Talk", "x")
    document = person.manager.create_document("Draft", "one", language="markdown", session_id=id)
    person.manager.edit_document(document.id, "two")
    page = person.open("archive")
    page.clock.install()
    page.goto(f"{person.address}/sessions/{id}")
    held: list[Route] = []
    page.route(
        re.compile("/api/(attachments|documents)"),
        lambda route: route.continue_() if route.request.method == "GET" else held.append(route),
    )
    field = page.get_by_role("textbox", name="Message")
    field.fill("Look at this")
    page.locator("input[type=file]").set_input_files([{"name": "a.txt", "mimeType": "text/plain", "buffer": b"a"}])
    expect(page.locator(".file progress")).to_be_visible()
    page.clock.fast_forward(50_000)
    expect(page.locator(".file progress")).to_be_visible()
    page.clock.fast_forward(20_000)
    expect(toast(page, "a.txt could not be sent: nothing of it went on for a minute")).to_be_visible()
    expect(page.locator(".file progress")).to_have_count(0)
    expect(field).to_have_value("Look at this")

    page.goto(f"{person.address}/documents/{document.id}")
    page.get_by_label("Version", exact=True).select_option("1")
    with page.expect_request(lambda request: request.url.endswith("/restore")):
        page.get_by_role("button", name="Restore").click()
    page.clock.fast_forward(610_000)
    expect(toast(page, "did not answer within 10 minutes")).to_be_visible()
    page.goto(f"{person.address}/sessions/{id}")
    page.get_by_role("button", name="Documents", exact=True).click()
    with page.expect_request(lambda request: request.method == "DELETE"):
        page.get_by_role("button", name="Move Draft to the trash").click()
    page.clock.fast_forward(130_000)
    expect(toast(page, "did not answer within 2 minutes")).to_be_visible()
    assert [(each.request.method, each.request.url.rpartition("/api/")[2].partition("/")[0]) for each in held] == [
        ("POST", "attachments"), ("POST", "documents"), ("DELETE", "documents"),
    ]  # fmt: skip
    expect(field).to_have_value("Look at this")


def test_all_documents_are_found_put_away_and_put_beside_a_conversation(person: Person) -> None:
    id = talk(person.manager, "Letter", "x")
    for number in range(70):
        person.manager.create_document(f"Draft {number}", "one", language="markdown")
    eclair = person.manager.create_document("Éclairs, a recipe", "butter", session_id=id)
    page = person.open(f"sessions/{id}")
    page.locator(".history").focus()
    page.keyboard.press("d")
    expect(page).to_have_title("Documents · Ithaca")
    entries = page.locator(".library .entries li")
    entries.nth(59).scroll_into_view_if_needed()
    expect(entries).to_have_count(71)
    accessible(page)
    field = page.get_by_label("Search documents by title")
    field.fill("recipe ECL")
    expect(entries).to_have_count(1)
    page.get_by_role("button", name="Actions for Éclairs").click()
    page.get_by_role("menuitem", name="Archive").click()
    expect(page.get_by_text("No title has these words.")).to_be_visible()
    page.get_by_role("button", name="Archived", exact=True).click()
    expect(entries).to_contain_text("Éclairs")
    toast(page, "Archived").get_by_text("Undo").click()
    expect(entries).to_have_count(0)
    page.get_by_role("button", name="Archived", exact=True).click()
    entries.get_by_role("link").click()
    expect(page).to_have_url(re.compile(f"/documents/{eclair.id}"))
    page.reload()
    expect(page.locator(".panel-body")).to_contain_text("butter")
    accessible(page)
    page.get_by_role("button", name="All documents").click()
    page.get_by_role("button", name="Actions for Éclairs").click()
    page.get_by_role("menuitem", name="Open its conversation").click()

    page.get_by_role("button", name="Documents", exact=True).click()
    expect(page.locator(".documents .entries li")).to_have_count(1)
    page.get_by_role("button", name="Put one that there is beside").click()
    page.get_by_label("Filter the documents").fill("draft 69")
    expect(page.locator(".picked li")).to_have_count(1)
    accessible(page)
    page.locator(".picked button").click()
    expect(page.locator(".documents .entries li")).to_have_count(2)
    toast(page, "Put beside").get_by_text("Undo").click()
    expect(page.locator(".documents .entries li")).to_have_count(1)
    assert [each.title for each in person.manager.list_documents(session_id=id)] == ["Éclairs, a recipe"]

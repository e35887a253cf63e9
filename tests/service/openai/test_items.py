"""Items: what was given comes back, with the id and the status that OpenAI gives."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, get_args

import httpx
import openai
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai.types.conversations import ConversationItem

from ithaca import SessionManager
from ithaca.service.openai.items import WITH_STATUS
from tests.service.openai import given as made_up
from tests.service.openai.given import ITEMS
from tests.support.files import JPEG, data_url, made
from tests.support.processes import rounds, soaking
from tests.support.serving import Served

PNG = "iVBORw0KGgoAAAANSUhEUgAA" + "A" * 8_000

#: The models of the items that the client knows, by type.
KNOWN = {get_args(model.model_fields["type"].annotation)[0]: model for model in get_args(get_args(ConversationItem)[0])}


def shown(item: dict[str, Any], id: str) -> dict[str, Any]:
    """What an item is given back as."""
    given = {name: value for name, value in item.items() if (name, value) != ("status", None)}
    return ({"status": "completed"} if item["type"] in WITH_STATUS else {}) | given | {"id": item.get("id") or id}


def test_every_type_that_the_client_knows_is_tried() -> None:
    assert {item["type"] for item in ITEMS.values()} >= KNOWN.keys()


def test_a_status_is_given_to_those_that_must_have_one() -> None:
    must = {
        type
        for type, model in KNOWN.items()
        if "status" in model.model_fields and model.model_fields["status"].is_required()
    }
    assert must == WITH_STATUS


@pytest.mark.parametrize("item", ITEMS.values(), ids=ITEMS.keys())
def test_what_was_given_comes_back(client: openai.OpenAI, item: dict[str, Any]) -> None:
    conversation = client.conversations.create()
    created = client.conversations.items.create(conversation.id, items=[item]).data[0]  # type: ignore[list-item]
    assert created.to_dict() == shown(item, created.id)
    assert client.conversations.items.retrieve(created.id, conversation_id=conversation.id) == created
    assert client.conversations.items.list(conversation.id).data == [created]
    if item["type"] in KNOWN:
        assert type(created) is KNOWN[item["type"]]


@pytest.mark.parametrize(
    "item", [item for item in ITEMS.values() if item["type"] in KNOWN], ids=lambda item: item["type"]
)
def test_it_has_all_that_the_client_promises(client: openai.OpenAI, item: dict[str, Any]) -> None:
    conversation = client.conversations.create(items=[item])  # type: ignore[list-item]
    shown = client.conversations.items.list(conversation.id).data[0]
    KNOWN[item["type"]].model_validate_json(shown.to_json(), strict=True)


def test_ids_look_like_openais(client: openai.OpenAI) -> None:
    items: list[Any] = [{**item, "id": None} for item in ITEMS.values()]
    conversation = client.conversations.create()
    added = [client.conversations.items.create(conversation.id, items=items[at : at + 20]).data for at in (0, 20)]
    ids = {item.type: str(item.id) for page in added for item in page}
    assert conversation.id.startswith("conv_")
    assert ids["message"].startswith("msg_")
    assert ids["function_call"].startswith("fc_")
    assert ids["reasoning"].startswith("rs_")
    assert ids["dream"].startswith("item_")


@pytest.mark.parametrize("role", ["user", "assistant", "system", "developer"])
def test_a_text_is_shown_as_a_part(client: openai.OpenAI, stored: SessionManager, role: Any) -> None:
    conversation = client.conversations.create(items=[{"role": role, "content": "Hello!"}])
    item: Any = client.conversations.items.list(conversation.id).data[0]
    kind = "output_text" if role == "assistant" else "input_text"
    assert (item.type, item.role, item.status) == ("message", role, "completed")
    assert [(part.type, part.text) for part in item.content] == [(kind, "Hello!")]
    again = client.conversations.items.create(conversation.id, items=[{**item.to_dict(), "id": None}]).data[0]
    assert again.to_dict() == item.to_dict() | {"id": again.id}
    assert [message.content for message in stored.get_session(conversation.id).history] == ["Hello!", "Hello!"]


def test_images_come_back_and_are_kept_as_attachments(client: openai.OpenAI, stored: SessionManager) -> None:
    items: list[Any] = [
        {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_image", "detail": "auto", "image_url": f"data:image/png;base64,{PNG}"}],
        },
        {"type": "image_generation_call", "id": "ig_2", "status": "completed", "result": PNG},
        {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_file", "file_data": PNG}]},
    ]
    conversation = client.conversations.create(items=items)
    pages = list(client.conversations.items.list(conversation.id, order="asc"))
    assert [item.to_dict() for item in pages] == [
        shown(item, str(got.id)) for item, got in zip(items, pages, strict=True)
    ]
    assert len({message.attached for message in stored.get_session(conversation.id).history} - {None}) == 3
    again = client.conversations.items.create(conversation.id, items=[item.to_dict() for item in pages])  # type: ignore[misc]
    assert again.data == pages


examples = settings(
    max_examples=rounds(60),
    deadline=None,
    derandomize=not soaking(),
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@examples
@given(items=st.lists(made_up.items, max_size=20))
def test_whatever_was_given_comes_back(
    keyed: Served, names: tuple[str, str], token_of: Any, items: list[dict[str, Any]]
) -> None:
    key = {"authorization": f"Bearer {token_of(f'rw-{names[0]}')}"}
    with httpx.Client(base_url=f"{keyed.address}/v1/", headers=key, verify=False) as raw:
        id = raw.post("conversations", json={}).json()["id"]
        answer = raw.post(f"conversations/{id}/items", json={"items": items})
        assert answer.status_code == 200, answer.text
        ids = [item["id"] for item in answer.json()["data"]]
        expected = [shown(item, id) for item, id in zip(items, ids, strict=True)]
        listed = raw.get(f"conversations/{id}/items", params={"order": "asc"}).json()
        assert exactly(listed["data"]) == exactly(answer.json()["data"]) == exactly(expected)


def exactly(value: Any) -> str:
    """As text, in which 1, 1.0 and true differ."""
    return json.dumps(value, sort_keys=True)


def test_pages(client: openai.OpenAI) -> None:
    conversation = client.conversations.create()
    for start in range(0, 45, 15):
        some: list[Any] = [{"role": "user", "content": str(number)} for number in range(start, start + 15)]
        client.conversations.items.create(conversation.id, items=some)
    newest: Any = client.conversations.items.list(conversation.id)
    assert [item.content[0].text for item in newest.data] == [str(number) for number in range(44, 24, -1)]
    assert (newest.has_more, newest.last_id) == (True, newest.data[-1].id)
    for order, expected in (("asc", list(range(45))), ("desc", list(range(44, -1, -1)))):
        pages: Any = client.conversations.items.list(conversation.id, order=order, limit=7)  # type: ignore[arg-type]
        assert [int(item.content[0].text) for item in pages] == expected
    whole = client.conversations.items.list(conversation.id, limit=45)
    assert (len(whole.data), whole.has_more) == (45, False)
    after: Any = client.conversations.items.list(conversation.id, order="asc", after=newest.data[0].id)
    assert (after.data, after.has_more) == ([], False)


def test_a_batch_is_stored_whole_or_not_at_all(client: openai.OpenAI, stored: SessionManager) -> None:
    good: dict[str, Any] = {"role": "user", "content": "good"}
    conversation = client.conversations.create(items=[good])  # type: ignore[list-item]
    before = stored.get_session(conversation.id)
    bad: list[Any] = [
        {"role": "user"},
        {"content": "whose?"},
        {"type": 7},
        {"type": "message", "role": "user", "content": 7},
        {"type": "dream", "id": ""},
        {"type": "dream", "id": "x" * 201},
        {"type": "item_reference", "id": "msg_1"},
        {"type": "dream", "of": "\ud800"},
        {"type": "dream", "of": float("nan")},
        "hello",
    ]
    for item in bad:
        body = json.dumps({"items": [good, item, good]})
        for path in (f"/conversations/{conversation.id}/items", "/conversations"):
            with pytest.raises(openai.BadRequestError):
                client.post(
                    path,
                    content=body.encode(),
                    cast_to=object,
                    options={"headers": {"content-type": "application/json"}},
                )
    assert stored.get_session(conversation.id) == before
    assert stored.count_sessions() == 1


def test_an_item_that_brings_its_id_is_stored_once(client: openai.OpenAI) -> None:
    conversation = client.conversations.create()
    item: dict[str, Any] = {"type": "reasoning", "id": "rs_mine", "summary": []}
    first = client.conversations.items.create(conversation.id, items=[item])  # type: ignore[list-item]
    assert client.conversations.items.create(conversation.id, items=[item]) == first  # type: ignore[list-item]
    with pytest.raises(openai.ConflictError) as conflict:
        client.conversations.items.create(conversation.id, items=[{**item, "encrypted_content": "x"}])  # type: ignore[list-item]
    assert conflict.value.code == "item_conflict"
    with pytest.raises(openai.BadRequestError):
        client.conversations.items.create(conversation.id, items=[{**item, "id": "rs_2"}] * 2)  # type: ignore[list-item]
    assert client.conversations.items.list(conversation.id).data == first.data


def test_a_deleted_item_is_in_the_trash(client: openai.OpenAI, stored: SessionManager) -> None:
    conversation = client.conversations.create(
        metadata={"about": "ferries"}, items=[{"role": "user", "content": str(number)} for number in range(3)]
    )
    middle = client.conversations.items.list(conversation.id).data[1]
    assert client.conversations.items.delete(str(middle.id), conversation_id=conversation.id) == conversation
    assert [message.content for message in stored.get_session(conversation.id).history] == ["0", "2"]
    for call in (client.conversations.items.delete, client.conversations.items.retrieve):
        with pytest.raises(openai.NotFoundError):
            call(str(middle.id), conversation_id=conversation.id)
    with pytest.raises(openai.NotFoundError):
        client.conversations.items.list(conversation.id, after=str(middle.id))
    stored.undo(conversation.id)
    assert client.conversations.items.retrieve(str(middle.id), conversation_id=conversation.id) == middle


def test_include_leaves_nothing_out(client: openai.OpenAI) -> None:
    item: Any = ITEMS["reasoning"]
    conversation = client.conversations.create()
    added = client.conversations.items.create(
        conversation.id, items=[item], include=["reasoning.encrypted_content", "message.output_text.logprobs"]
    )
    for include in ([], ["reasoning.encrypted_content"]):
        listed = client.conversations.items.list(conversation.id, include=include)  # type: ignore[arg-type]
        assert listed.data == added.data
    with pytest.raises(openai.BadRequestError) as wrong:
        client.conversations.items.list(conversation.id, include=["everything"])  # type: ignore[list-item]
    assert wrong.value.param == "include[0]"


def test_the_asynchronous_client(asynchronous: Callable[[], openai.AsyncOpenAI]) -> None:
    async def talk() -> None:
        async with asynchronous() as client:
            conversations = client.conversations
            conversation = await conversations.create(items=[{"role": "user", "content": "one"}])
            added = await conversations.items.create(conversation.id, items=[{"role": "user", "content": "two"}])
            ids = [item.id async for item in conversations.items.list(conversation.id, limit=1)]
            assert (len(ids), ids[0]) == (2, added.first_id)
            await conversations.items.delete(str(added.last_id), conversation_id=conversation.id)
            assert len((await conversations.items.list(conversation.id)).data) == 1
            await conversations.delete(conversation.id)
            with pytest.raises(openai.NotFoundError):
                await conversations.retrieve(conversation.id)

    asyncio.run(talk())


def test_nobody_reaches_what_another_owner_has(
    client: openai.OpenAI, connect: Callable[[str], openai.OpenAI], names: tuple[str, str]
) -> None:
    other = connect(f"rw-{names[1]}")
    conversation = client.conversations.create(items=[{"role": "user", "content": "mine"}])
    item = str(client.conversations.items.list(conversation.id).data[0].id)
    calls: list[Callable[[str], object]] = [
        other.conversations.retrieve,
        lambda id: other.conversations.update(id, metadata={}),
        other.conversations.delete,
        other.conversations.items.list,
        lambda id: other.conversations.items.create(id, items=[{"role": "user", "content": "x"}]),
        lambda id: other.conversations.items.retrieve(item, conversation_id=id),
        lambda id: other.conversations.items.delete(item, conversation_id=id),
    ]
    for call in calls:
        answers = []
        for id in (conversation.id, "conv_unknown"):
            with pytest.raises(openai.NotFoundError) as missing:
                call(id)
            answers.append(missing.value.response.text.replace(id, "ID"))
        assert answers[0] == answers[1]
    assert len(client.conversations.items.list(conversation.id).data) == 1


def test_an_image_that_is_another_is_refused_wherever_it_comes(client: openai.OpenAI, stored: SessionManager) -> None:
    image = {"type": "input_image", "image_url": data_url(made(JPEG, 5000), "image/png")}
    items: Any = [{"type": "message", "role": "user", "content": [image]}]
    conversation = client.conversations.create()
    for add in (
        lambda: client.conversations.create(items=items),
        lambda: client.conversations.items.create(conversation.id, items=items),
    ):
        with pytest.raises(openai.BadRequestError) as refused:
            add()
        assert (refused.value.param, refused.value.code) == ("content", "invalid_message")
        assert "image/jpeg" in refused.value.message
    assert stored.count_sessions() == 1

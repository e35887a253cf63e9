"""Where requests may go: judged by the address that is connected to, whatever its name says."""

import asyncio
import gzip
import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ithaca import EndpointRefused, ProviderError
from ithaca.providers import Limits, Reach, Target, models_of, stream
from ithaca.providers.addresses import refusal
from tests.support.model_server import ModelServer

NEVER = (
    "169.254.169.254", "169.254.0.1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "100.100.100.200", "168.63.129.16",
    "::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "::169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1",
    "0.0.0.0", "0.1.2.3", "::", "224.0.0.1", "ff02::1", "255.255.255.255", "240.0.0.1",
    "::ffff:0.0.0.0", "::ffff:224.0.0.1", "::ffff:0:169.254.169.254",
    "fd20:ce::254", "fd00:42::42", "fd00:ec2::23",
)  # fmt: skip

PRIVATE = (
    "127.0.0.1", "127.9.9.9", "::1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "fd12::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1", "64:ff9b::a00:1", "64:ff9b::7f00:1", "2002:7f00:1::1", "192.0.2.1", "198.18.0.1", "fec0::1",
)  # fmt: skip

PUBLIC = ("1.1.1.1", "8.8.8.8", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::808:808")


def test_addresses_are_judged_by_where_packets_end() -> None:
    reaches: tuple[Reach, ...] = ("public", "private")
    assert [each for each in NEVER for reach in reaches if refusal(each, reach) is None] == []
    assert [each for each in PRIVATE if refusal(each, "public") is None or refusal(each, "private")] == []
    assert [each for each in PUBLIC for reach in reaches if refusal(each, reach)] == []


Names = Callable[..., list[str]]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """Lets a test say what each look-up of a name finds; what comes back fills up with the look-ups."""

    def say(*answers: list[str]) -> list[str]:
        asked: list[str] = []
        left = list(answers)

        def getaddrinfo(host: Any, port: Any, *args: Any, **kwargs: Any) -> list[Any]:
            if host != "model.example":
                return real(host, port, *args, **kwargs)
            asked.append(host)
            return [
                (socket.AF_INET6 if ":" in each else socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port))
                for each in left.pop(0)
            ]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        return asked

    real = socket.getaddrinfo
    return say


def ask(target: Target) -> int:
    async def count() -> int:
        return len([piece async for piece in stream(target, [], limits=Limits(attempts=1))])

    return asyncio.run(count())


@pytest.fixture
def named(server: ModelServer) -> Target:
    """The server by a name."""
    server.say("here")
    return Target(f"http://model.example:{server.port}/v1", "small")


def test_a_name_is_looked_up_once_and_what_was_checked_is_connected_to(names: Names, named: Target) -> None:
    asked = names(["127.0.0.1"], ["169.254.169.254"])
    assert ask(named) == 2
    assert asked == ["model.example"]
    with pytest.raises(EndpointRefused, match=r"169\.254\.169\.254: it is a link-local or metadata"):
        ask(named)


@pytest.mark.parametrize("addresses", [["169.254.169.254"], ["127.0.0.1", "::ffff:169.254.169.254"], ["fd00:ec2::254"]])
def test_a_name_of_any_forbidden_address_is_refused(
    names: Names, named: Target, server: ModelServer, addresses: list[str]
) -> None:
    names(addresses)
    with pytest.raises(EndpointRefused) as error:
        ask(named)
    assert (error.value.endpoint, server.requests) == ("model.example", [])


def test_private_addresses_are_reached_only_where_they_may_be(names: Names, named: Target, server: ModelServer) -> None:
    names(["127.0.0.1"], ["127.0.0.1"], ["10.0.0.1"])
    assert ask(named) == 2
    for reason in ("this machine, where only shared", "a private network, where only shared"):
        with pytest.raises(EndpointRefused, match=reason):
            ask(replace(named, reach="public"))
    assert len(server.requests) == 1


def test_nothing_else_waits_for_a_name_server(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers.wait(60) and [])

    async def ask_many() -> str:
        targets = (Target(f"http://slow-{number}.example/v1", "small") for number in range(40))
        asking = [asyncio.ensure_future(models_of(target)) for target in targets]
        await asyncio.sleep(0.05)
        try:
            return await asyncio.wait_for(asyncio.to_thread(str, "done"), 5)
        finally:
            answers.set()
            await asyncio.gather(*asking, return_exceptions=True)

    assert asyncio.run(ask_many()) == "done"


def test_another_address_is_tried_where_one_does_not_answer(names: Names, named: Target) -> None:
    names(["127.1.1.1", "127.0.0.1"])
    assert ask(named) == 2


@pytest.mark.parametrize("host", ["0x7f.1", "2130706433", "127.1", "[::1]", "localhost"])
def test_numbers_written_otherwise_are_judged_as_what_they_are(server: ModelServer, host: str) -> None:
    with pytest.raises(EndpointRefused, match="this machine"):
        ask(Target(f"http://{host}:{server.port}/v1", "small", reach="public"))


@pytest.mark.parametrize("host", ["0251.0376.0251.0376", "①②⑦.⓪.⓪.①"])
def test_a_host_that_nobody_understands_is_refused(host: str) -> None:
    with pytest.raises(EndpointRefused, match=f"{host}.*Invalid"):
        ask(Target(f"http://{host}/v1", "small"))


def test_models_are_listed(server: ModelServer, target: Target) -> None:
    server.answer(b'{"object": "list", "data": [{"id": "small"}, {"id": "large"}, {"name": "none"}]}')
    server.answer(b'[{"id": "small"}]')
    server.answer(b'{"data": 3}')
    server.answer(b"<html>")
    server.answer(b"[" * 100_000 + b"]" * 100_000)
    server.fail(401, "who are you?")
    key = replace(target, key="k-123456")
    assert [asyncio.run(models_of(key)) for _ in range(2)] == [["small", "large"], ["small"]]
    for words in ("no list of models", "no answer", "no answer", "who are you"):
        with pytest.raises(ProviderError, match=words):
            asyncio.run(models_of(target))
    assert (server.requests[0].path, server.requests[0].headers["authorization"]) == ("/v1/models", "Bearer k-123456")
    server.answer(0.5)
    server._answers.pop(0)
    with pytest.raises(ProviderError, match="took longer for the list"):
        asyncio.run(models_of(target, seconds=0.1))


@pytest.mark.parametrize("status", [200, 500])
def test_what_is_packed_is_not_opened(server: ModelServer, target: Target, status: int) -> None:
    packed = gzip.compress(b"data: " + b"x" * 1_000_000)
    server.answer(packed, status=status, content_type="text/event-stream", content_encoding="gzip")
    with pytest.raises(ProviderError, match=r"packs its answer \(gzip\)"):
        ask(target)
    assert len(server.requests) == 1


def test_an_answer_without_end_is_not_read_for_ever(server: ModelServer, target: Target) -> None:
    server.answer(*([b"x" * 65536] * 64), status=401)
    with pytest.raises(ProviderError):
        ask(target)

"""What the gateway adds to the time to the first token, against the endpoint alone: `python -m benchmarks.gateway`.

A model's server that answers at once, the service, and a client, each a process of its own on this machine. The ways
take turns, request by request, so that what else the machine does falls on all of them. Each keeps its connection.
"""

import argparse
import json
import multiprocessing
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import httpx2

#: Tokens of an answer, of which the first is waited for.
TOKENS = 20

#: Seconds between two requests, in which a reply that was recorded comes to its end.
PAUSE = 0.03

QUESTION = {"role": "user", "content": "How far is it from Pylos to Sparta?"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=300, help="of each way")
    parser.add_argument("--history", type=int, default=200, help="messages that the client sends in the long session")
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        model() as endpoint,
        service(Path(folder), endpoint) as (gateway, key),
    ):
        for name, times in measured(endpoint, gateway, key, given.requests, given.history).items():
            told = statistics.quantiles(times, n=100)
            print(f"{name:44} median {told[49]:6.2f} ms   p90 {told[89]:6.2f} ms   p99 {told[98]:6.2f} ms")  # noqa: T201


def measured(endpoint: str, gateway: str, key: str, requests: int, history: int) -> dict[str, list[float]]:
    """Milliseconds to the first token, by way."""
    long = [
        {"role": ("user", "assistant")[n % 2], "content": f"Message {n} of a long conversation."}
        for n in range(history)
    ]
    times: dict[str, list[float]] = {}
    with httpx2.Client(timeout=30) as direct, _with(key) as passed:
        for number in range(-20, requests):  # the first ones warm up
            one, own = [QUESTION], {"Ithaca-Session": f"s-{number}"}
            ways: dict[str, tuple[httpx2.Client, str, list[Any], dict[str, str]]] = {
                "endpoint alone": (direct, endpoint, one, {}),
                "gateway, not recorded": (passed, gateway, one, {}),
                "gateway, recorded in a new session": (passed, gateway, one, own),
                f"endpoint alone, {history} messages": (direct, endpoint, [*long, QUESTION], {}),
                f"gateway, recorded, {history} messages": (
                    passed,
                    gateway,
                    [*long, QUESTION],
                    {"Ithaca-Session": "long"},
                ),
            }
            for name, (client, url, messages, headers) in ways.items():
                took = first_token(client, url, messages, headers)
                time.sleep(PAUSE)
                if number >= 0:
                    times.setdefault(name, []).append(took)
            long += [QUESTION, {"role": "assistant", "content": "token " * TOKENS}]
            long = long[2:]
    return times


def _with(key: str) -> httpx2.Client:
    return httpx2.Client(timeout=30, headers={"authorization": f"Bearer {key}"})


def first_token(client: httpx2.Client, url: str, messages: list[Any], headers: dict[str, str]) -> float:
    body = {"model": "small", "messages": messages, "stream": True}
    began = time.perf_counter()
    with client.stream("POST", f"{url}/chat/completions", json=body, headers=headers) as response:
        assert response.status_code == 200, response.read()  # noqa: S101
        parts = response.iter_raw()
        next(parts)
        took = (time.perf_counter() - began) * 1000
        for _ in parts:
            pass
    return took


# The other processes


@contextmanager
def model() -> Iterator[str]:
    """A model's server."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=answer, args=(theirs,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}/v1"
    finally:
        process.terminate()
        process.join()


def answer(ready: Connection) -> None:
    """Answers at once, and says its port."""
    token = json.dumps({"choices": [{"index": 0, "delta": {"content": "token "}}]})
    end = json.dumps({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            for data in [*[token] * TOKENS, end, "[DONE]"]:
                event = f"data: {data}\n\n".encode()
                self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            self.wfile.write(b"0\r\n\r\n")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    ready.send(server.server_address[1])
    server.serve_forever()


@contextmanager
def service(folder: Path, endpoint: str) -> Iterator[tuple[str, str]]:
    """The service on a new database, with the endpoint registered; and a key."""
    ithaca = str(Path(sys.executable).with_name("ithaca"))
    env = {**os.environ, "ITHACA_DATABASE_URL": str(folder / "chats.db"), "ITHACA_TITLES": "off", "HOME": str(folder)}
    add = [ithaca, "endpoints", "add", "local", endpoint, "--shared"]
    subprocess.run(add, env=env, check=True, stdout=subprocess.DEVNULL)
    made = subprocess.run([ithaca, "keys", "create", "bench", "--json"], env=env, check=True, capture_output=True)
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(
            [ithaca, "serve", "--port", "0"], env=env, stdout=subprocess.PIPE, stderr=log, text=True
        ) as run,
    ):
        try:
            assert run.stdout is not None  # noqa: S101
            found = re.search(r"http://\S+", run.stdout.readline())
            assert found is not None, (folder / "log").read_text()  # noqa: S101
            yield f"{found[0].partition('/link')[0]}/v1", json.loads(made.stdout)["token"]
        finally:
            run.terminate()


if __name__ == "__main__":
    main()

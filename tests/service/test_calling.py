"""How a route's function gets what it takes, and that FastAPI's ways of saying so hold."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Header, Query, Request, Response
from fastapi.testclient import TestClient
from pydantic import BaseModel

from ithaca.service import problems
from ithaca.service.answers import Answer
from ithaca.service.strict import Route

router = APIRouter(route_class=Route)


class Body(BaseModel):
    """A body."""

    number: int


async def counted(request: Request) -> int:
    request.state.calls = calls = getattr(request.state, "calls", 0) + 1
    return calls


async def doubled(count: Annotated[int, Depends(counted)], factor: int = 2) -> int:
    return count * factor


async def told(said: Annotated[str | None, Header(alias="What-Was-Said")] = None) -> str | None:
    return said


@router.post("/things/{number}")
async def things(
    number: int,
    count: Annotated[int, Depends(counted)],
    product: Annotated[int, Depends(doubled)],
    said: Annotated[str | None, Depends(told)],
    kinds: Annotated[list[str], Query()] = ["usual"],  # noqa: B006, as FastAPI has it
    body: Body | None = None,
) -> Response:
    given = None if body is None else body.number
    return Answer.of([number, count, product, said, kinds, given]).response()


def app() -> FastAPI:
    made = FastAPI()
    made.routes.extend(router.routes)
    problems.add_handlers(made)
    return made


def ask(app: FastAPI, path: str, **options: Any) -> Any:
    return TestClient(app).post(path, **options).json()


def test_what_is_not_given_has_its_default_and_a_dependency_is_called_once() -> None:
    assert ask(app(), "/things/7") == [7, 1, 2, None, ["usual"], None]


def test_what_is_given_is_found_wherever_it_stands() -> None:
    found = ask(app(), "/things/7?factor=3&kinds=a&kinds=b", json={"number": 5}, headers={"what-was-said": "aye"})
    assert found == [7, 1, 3, "aye", ["a", "b"], 5]


def test_all_that_does_not_fit_is_told_at_once() -> None:
    refused = ask(app(), "/things/x?factor=y", json={"number": "z"})
    assert [each["field"] for each in refused["errors"]] == ["factor", "number", "number"]


def test_what_depends_on_what_does_not_fit_is_not_called() -> None:
    called = []

    async def noting(request: Request, factor: int) -> int:
        called.append(factor)
        return factor

    made = app()
    made.dependency_overrides[doubled] = noting
    assert [each["field"] for each in ask(made, "/things/7")["errors"]] == ["factor"]
    assert called == []


def test_a_dependency_can_be_overridden() -> None:
    async def other() -> int:
        return 10

    made = app()
    made.dependency_overrides[counted] = other
    assert ask(made, "/things/7") == [7, 10, 20, None, ["usual"], None]

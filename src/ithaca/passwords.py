"""Passwords: hashed by Argon2id (RFC 9106), which takes long and much memory, so that guessing them is dear.

The parameters are the library's own: they grow with its releases, and what was hashed by older ones is hashed anew at
the next log-in. Each hashing takes 64 MiB, so no more than a few are done at once.
"""

import unicodedata
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from ithaca.errors import ConfigurationError, Described, InvalidArgument

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from argon2 import PasswordHasher

T = TypeVar("T")

#: Characters.
SHORTEST, LONGEST = 8, 1000

#: Hashings at once, for all managers on event loops together.
_AT_ONCE = 2


def new_password(value: object, name: str, field: str = "password") -> str:
    """A password to be set. Raises `InvalidArgument`, which does not repeat it."""
    password = given_password(value, field)
    if not SHORTEST <= len(password) <= LONGEST:
        allowed = f"a text of {SHORTEST} to {LONGEST} characters"
        raise InvalidArgument(field, Described(f"{len(password)} characters"), allowed)
    if password == name:
        raise InvalidArgument(field, Described("the user's name"), "another text than that")
    return password


def given_password(value: object, field: str = "password") -> str:
    """A password as it was typed, in one way of writing it: keyboards differ in how they compose an é."""
    if not isinstance(value, str):
        raise InvalidArgument(field, Described("something else"), "a text")
    return unicodedata.normalize("NFC", value)


def hashed(password: str) -> str:
    """What is stored of it."""
    return _hasher().hash(_encoded(password))


def fits(password: str, stored: str | None) -> bool:
    """Whether it is the password of which this is stored; with None it isn't, which takes as long to say."""
    nobodys = _nobodys()
    from argon2.exceptions import VerificationError

    try:
        _hasher().verify(stored or nobodys, _encoded(password))
    except VerificationError:
        return False
    return stored is not None


def is_outdated(stored: str) -> bool:
    """Whether it was hashed by other parameters than today's."""
    return _hasher().check_needs_rehash(stored)


async def aside(work: Callable[[], T]) -> T:
    """What a function returns that hashes, while the event loop goes on."""
    import asyncio

    return await asyncio.get_running_loop().run_in_executor(_threads(), work)


def _encoded(password: str) -> bytes:
    return password[: LONGEST + 1].encode("utf-8", "surrogatepass")


@cache
def _threads() -> "ThreadPoolExecutor":
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(_AT_ONCE, "ithaca-passwords")


@cache
def _hasher() -> "PasswordHasher":
    try:
        from argon2 import PasswordHasher
    except ModuleNotFoundError as error:
        reason = "the package argon2-cffi is missing: pip install 'ithaca[service]'"
        raise ConfigurationError("a password", reason) from error
    return PasswordHasher()


@cache
def _nobodys() -> str:
    """What is compared with where there is no such user, so that nobody learns that from the time it takes."""
    from secrets import token_urlsafe

    return hashed(token_urlsafe())

"""Digests. OpenSSL, which makes them, takes as long to load as ten databases to open: it is, when one is wanted."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import hashlib


def sha256(data: bytes = b"") -> "hashlib._Hash":
    """The SHA-256 of the data; more may follow."""
    import hashlib

    return hashlib.sha256(data)


def blake2b(data: bytes, *, digest_size: int) -> "hashlib.blake2b":
    """The BLAKE2b of the data, of so many bytes."""
    import hashlib

    return hashlib.blake2b(data, digest_size=digest_size)

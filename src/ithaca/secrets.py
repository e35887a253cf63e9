"""Headers hold provider keys, so they are encrypted before they reach a database.

AES-256-GCM (NIST SP 800-38D). A sealed value is: format (1 byte), key id (8), nonce (12), ciphertext with
tag. The key id is the start of the key's SHA-256 hash, so that keys can rotate: the first key encrypts, every
key decrypts. Whose it is and where it belongs is authenticated with it: a value copied to another row does not
open.
"""

import base64
import binascii
import hashlib
import os
import stat
import threading
from pathlib import Path

from ithaca.columns import from_json, to_json
from ithaca.config import Settings, default_key_file
from ithaca.errors import HeadersUnreadable, SecretKeyInvalid

_FORMAT = b"\x01"
_KEY_ID = slice(1, 9)
_NONCE = slice(9, 21)
_SEALED = slice(21, None)


class Vault:
    """Seals and opens headers. The keys are read, and a first one is made, only when they are needed."""

    def __init__(self, settings: Settings) -> None:
        self._given = settings.secret_key
        self._file = settings.secret_key_file
        self._keys: dict[bytes, bytes] | None = None
        self._lock = threading.Lock()

    def seal(self, headers: dict[str, str], owner: str, session_id: str) -> bytes | None:
        """The encrypted headers; None for no headers."""
        if not headers:
            return None
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        key_id, key = next(iter(self._all_keys(make=True).items()))
        nonce = os.urandom(12)
        sealed = AESGCM(key).encrypt(nonce, to_json(headers).encode(), _place(owner, session_id))
        return _FORMAT + key_id + nonce + sealed

    def open(self, sealed: bytes | None, owner: str, session_id: str) -> dict[str, str]:
        """The headers as they were given. Raises `HeadersUnreadable` if no key at hand opens them."""
        if sealed is None:
            return {}
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        key_id = bytes(sealed[_KEY_ID])
        key = self._all_keys(make=False).get(key_id)
        if key is None or sealed[:1] != _FORMAT:
            raise HeadersUnreadable(session_id, key_id.hex())
        try:
            opened = AESGCM(key).decrypt(sealed[_NONCE], sealed[_SEALED], _place(owner, session_id))
        except InvalidTag:
            raise HeadersUnreadable(session_id, key_id.hex()) from None
        headers: dict[str, str] = from_json(opened.decode())
        return headers

    def _all_keys(self, *, make: bool) -> dict[bytes, bytes]:
        with self._lock:
            if not self._keys:
                keys = self._read(make=make)
                self._keys = {hashlib.sha256(key).digest()[:8]: key for key in keys}
            if make and not self._keys:
                raise SecretKeyInvalid(self._source, "it holds no key")
            return self._keys

    @property
    def _source(self) -> str:
        return "ITHACA_SECRET_KEY" if self._given is not None else str(self._file or default_key_file())

    def _read(self, *, make: bool) -> list[bytes]:
        if self._given is not None:
            return [_key(text, self._source) for text in self._given.split(",") if text.strip()]
        file = self._file or default_key_file()
        try:
            if not file.exists():
                if not make:
                    return []
                _make_key_file(file)
            _check_private(file)
            lines = file.read_text(encoding="ascii").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise SecretKeyInvalid(str(file), str(error)) from error
        return [_key(line, str(file)) for line in lines if line.strip()]


def new_key() -> str:
    """A new key, as the environment and the key file hold it: 32 random bytes in URL-safe base64."""
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


def _place(owner: str, session_id: str) -> bytes:
    return to_json(["ithaca headers", owner, session_id]).encode()


def _key(text: str, source: str) -> bytes:
    try:
        key = base64.urlsafe_b64decode(text.strip())
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != 32:
        raise SecretKeyInvalid(source, "a key is 32 bytes in URL-safe base64")
    return key


def _make_key_file(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Written whole under another name, then linked: two processes that start at once end up with one key,
    # and neither reads a half-written file.
    draft = file.with_name(f"{file.name}.{os.getpid()}.{os.urandom(4).hex()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as new:
            new.write(new_key() + "\n")
            new.flush()
            os.fsync(new.fileno())
        os.link(draft, file)
    except FileExistsError:
        pass  # the other process was first: its key is the key
    finally:
        draft.unlink()


def _check_private(file: Path) -> None:
    if os.name == "posix" and stat.S_IMODE(file.stat().st_mode) & 0o077:
        raise SecretKeyInvalid(str(file), "others can read it: run `chmod 600` on it")

"""Headers and endpoints hold provider keys, so they are encrypted before they reach a database.

AES-256-GCM (NIST SP 800-38D). A sealed value is: format (1 byte), key id (8), nonce (12), ciphertext with
tag. The key id is the start of the key's SHA-256 hash, so that keys can rotate: the first key encrypts, every
key decrypts. Whose it is and where it belongs is authenticated with it: a value copied to another row does not
open.
"""

import base64
import binascii
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ithaca.columns import from_json, to_json
from ithaca.config import Settings, default_key_file
from ithaca.digests import sha256
from ithaca.errors import HeadersUnreadable, KeyUnreadable, SecretKeyInvalid

_FORMAT = b"\x01"
_KEY_ID = slice(1, 9)
_NONCE = slice(9, 21)
_SEALED = slice(21, None)


#: How a file looked when it was read: what it is, how long, and when it was written.
_Look = tuple[int, int, int]


class Vault:
    """Seals and opens secrets. The keys are read, and a first one is made, only when they are needed.

    The file is read again when it has changed, so a key that is put into it is used at once.
    """

    def __init__(self, settings: Settings) -> None:
        self._given = settings.secret_key
        self._file = settings.secret_key_file
        self._keys: dict[bytes, bytes] = {}
        self._first = b""
        self._seen: _Look | None = None
        self._lock = threading.Lock()

    def seal(self, headers: dict[str, str], owner: str, session_id: str) -> bytes | None:
        """The encrypted headers of a session; None for no headers."""
        return self._seal(headers, _place(owner, session_id)) if headers else None

    def open(self, sealed: bytes | None, owner: str, session_id: str) -> dict[str, str]:
        """The headers as they were given. Raises `HeadersUnreadable` if no key at hand opens them."""
        if sealed is None:
            return {}
        try:
            headers: dict[str, str] = self._open(sealed, _place(owner, session_id))
        except Unopened as error:
            raise HeadersUnreadable(session_id, error.key_id) from None
        return headers

    def seal_key(self, secret: Any, owner: str, endpoint: str, base_url: str) -> bytes | None:
        """The encrypted key, or headers, of an endpoint; None for none. They open for this URL only."""
        return self._seal(secret, _place_of_endpoint(owner, endpoint, base_url)) if secret else None

    def open_key(self, sealed: bytes | None, owner: str, endpoint: str, base_url: str) -> Any:
        """The key, or the headers, as they were given. Raises `KeyUnreadable` if no key at hand opens them."""
        if sealed is None:
            return None
        try:
            return self._open(sealed, _place_of_endpoint(owner, endpoint, base_url))
        except Unopened as error:
            raise KeyUnreadable(endpoint, error.key_id) from None

    @property
    def first_key_id(self) -> bytes:
        """What marks values that the first key has sealed."""
        self._read_keys(make=True)
        return self._first

    def _seal(self, value: Any, place: bytes) -> bytes:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        first, nonce = self.first_key_id, os.urandom(12)
        sealed = AESGCM(self._keys[first]).encrypt(nonce, to_json(value).encode(), place)
        return _FORMAT + first + nonce + sealed

    def _open(self, sealed: bytes, place: bytes) -> Any:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        key_id = bytes(sealed[_KEY_ID])
        if key_id not in self._keys:
            self._read_keys(make=False)
        key = self._keys.get(key_id)
        if key is None or sealed[:1] != _FORMAT:
            raise Unopened(key_id.hex())
        try:
            return from_json(AESGCM(key).decrypt(sealed[_NONCE], sealed[_SEALED], place).decode())
        except InvalidTag:
            raise Unopened(key_id.hex()) from None

    def _read_keys(self, *, make: bool) -> None:
        """Reads the keys if there is something new to read. Those that were known stay known until the end."""
        with self._lock:
            look = self._look()
            if not self._keys or look != self._seen:
                keys = {sha256(key).digest()[:8]: key for key in self._read(make=make)}
                self._first = next(iter(keys), b"")
                self._keys, self._seen = keys | self._keys, self._look()
            if make and not self._first:
                raise SecretKeyInvalid(self._source, "it holds no key")

    def _look(self) -> _Look | None:
        if self._given is not None:
            return None
        try:
            found = (self._file or default_key_file()).stat()
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns

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


class Unopened(Exception):
    """A value that no key at hand opens, or one that belongs elsewhere."""

    def __init__(self, key_id: str) -> None:
        self.key_id = key_id
        super().__init__(key_id)


def put_new_key_first(settings: Settings) -> Path:
    """Puts a new key before the others of the key file, which is returned: it seals from now on.

    Raises `SecretKeyInvalid` where the keys are not in a file.
    """
    if settings.secret_key is not None:
        raise SecretKeyInvalid("ITHACA_SECRET_KEY", "put a new key before the others yourself")
    return _change(settings, lambda keys: [new_key(), *keys])


def drop_old_keys(settings: Settings) -> Path:
    """Leaves only the first key in the key file: what another one has sealed can never be opened again."""
    if settings.secret_key is not None:
        raise SecretKeyInvalid("ITHACA_SECRET_KEY", "take the other keys away yourself")
    return _change(settings, lambda keys: keys[:1])


def _change(settings: Settings, change: Callable[[list[str]], list[str]]) -> Path:
    file = settings.secret_key_file or default_key_file()
    if not file.exists():
        _make_key_file(file)
    _check_private(file)
    keys = [line for line in file.read_text(encoding="ascii").splitlines() if line.strip()]
    draft = _draft(file, change(keys))
    draft.replace(file)
    return file


def new_key() -> str:
    """A new key, as the environment and the key file hold it: 32 random bytes in URL-safe base64."""
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


def _place(owner: str, session_id: str) -> bytes:
    return to_json(["ithaca headers", owner, session_id]).encode()


def _place_of_endpoint(owner: str, endpoint: str, base_url: str) -> bytes:
    return to_json(["ithaca endpoint", owner, endpoint, base_url]).encode()


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
    draft = _draft(file, [new_key()])
    try:
        os.link(draft, file)
    except FileExistsError:
        pass  # the other process was first: its key is the key
    finally:
        draft.unlink()


def _draft(file: Path, keys: list[str]) -> Path:
    """A file beside another that holds these keys, for its owner only."""
    draft = file.with_name(f"{file.name}.{os.getpid()}.{os.urandom(4).hex()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as new:
        new.writelines(key + "\n" for key in keys)
        new.flush()
        os.fsync(new.fileno())
    return draft


def _check_private(file: Path) -> None:
    if os.name == "posix" and stat.S_IMODE(file.stat().st_mode) & 0o077:
        raise SecretKeyInvalid(str(file), "others can read it: run `chmod 600` on it")

"""Headers hold provider keys: encrypted at rest, shown nowhere, readable only where they belong."""

import base64
import json
import logging
import stat
from pathlib import Path
from typing import Any

import pytest

from ithaca import HeadersUnreadable, InvalidSession, SecretKeyInvalid, SessionManager, Settings
from ithaca.secrets import new_key
from ithaca.storage import is_postgres, sqlite_path
from tests.support.factories import history, make_session
from tests.support.managers import Opener, execute

SECRET = "sk-of-the-wooden-horse"
HEADERS = {"Authorization": f"Bearer {SECRET}", "X-Ναῦς": "Ἀργώ"}


def raw_contents(url: str) -> bytes:
    """Everything that is stored, as whoever steals the database has it."""
    if not is_postgres(url):
        file = Path(sqlite_path(url))
        return b"".join(part.read_bytes() for part in file.parent.glob(f"{file.name}*"))
    tables = execute(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    rows = [execute(url, f"SELECT * FROM {table}") for (table,) in tables]
    return b"".join(v if isinstance(v, bytes) else str(v).encode() for t in rows for row in t for v in row)


def test_headers_are_encrypted_at_rest(manager: SessionManager, database_url: str) -> None:
    manager.create_session("s-1", "visible name", headers=HEADERS)
    manager.update_session("s-1", headers=HEADERS | {"More": SECRET * 10})
    manager.update_session("s-1", headers=HEADERS)
    manager.create_session("s-2", headers=HEADERS)
    manager.delete_session("s-2")
    stored = raw_contents(database_url)
    assert b"visible name" in stored
    for told in (SECRET, "Authorization", "Ἀργώ"):
        assert told.encode() not in stored
        assert base64.b64encode(told.encode())[:-4] not in stored
    assert manager.get_session("s-1").headers == HEADERS


def test_headers_come_back_whoever_reads_them_and_are_changed_whole(
    manager: SessionManager, other: SessionManager
) -> None:
    id = make_session(manager, headers=HEADERS).id
    assert [other.get_session(id).headers, other.list_sessions()[0].headers] == [HEADERS, HEADERS]
    assert other.rename_session(id, "renamed").headers == HEADERS
    assert manager.update_session(id, headers={"Only": "this"}).headers == {"Only": "this"}
    assert manager.update_session(id, headers={}).headers == {}


def test_another_endpoint_never_gets_the_old_headers(manager: SessionManager) -> None:
    id = make_session(manager, endpoint_url="http://old", headers=HEADERS).id
    assert manager.update_session(id, endpoint_url="http://old", model="other").headers == HEADERS
    assert manager.update_session(id, endpoint_url="http://new").headers == {}
    assert manager.update_session(id, endpoint_url="http://old").headers == {}
    both = manager.update_session(id, endpoint_url="http://third", headers={"A": "b"})
    assert (both.headers, manager.get_session(id).headers) == ({"A": "b"}, {"A": "b"})


def test_headers_are_shown_nowhere(
    manager: SessionManager, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    session = make_session(manager, 1, headers=HEADERS)
    session.headers  # noqa: B018
    shown = [repr(session), str(session), json.dumps(session.to_dict()), repr(manager.list_sessions()), repr(manager)]
    for bad in ({"Authorization": SECRET + "\n"}, {"Authorization": SECRET.encode()}, {5: SECRET}, [SECRET]):
        with pytest.raises(InvalidSession) as error:
            manager.update_session(session.id, headers=bad)
        shown += [str(error.value), repr(error.value), repr(error.value.__dict__)]
    assert SECRET not in "".join([*shown, caplog.text, *capsys.readouterr()])


def settings(url: str, **given: Any) -> dict[str, Any]:
    return {"settings": Settings(url, **given)}


def test_a_lost_key_makes_headers_unreadable_and_nothing_else(open_manager: Opener, tmp_path: Path) -> None:
    url = open_manager.url
    keys = settings(url, secret_key=new_key())
    id = make_session(open_manager(**keys), 2, headers=HEADERS).id
    lost = [settings(url, secret_key=new_key()), settings(url, secret_key_file=tmp_path / "not there")]
    for options in lost:
        without = open_manager(**options)
        session = without.get_session(id)
        assert (history(without, id), session.message_count, len(without.list_sessions())) == (["1", "2"], 2, 1)
        with pytest.raises(HeadersUnreadable) as error:
            session.headers  # noqa: B018
        assert (error.value.session_id, len(error.value.key_id)) == (id, 16)
        assert [(problem.name, problem.id) for problem in without.verify()] == [("headers", id)]
        assert without.rename_session(id, "still works").name == "still works"
    assert not (tmp_path / "not there").exists()
    assert open_manager(**lost[0]).update_session(id, headers={"New": "ones"}).headers == {"New": "ones"}
    open_manager(**keys).update_session(id, headers={})


def test_keys_rotate(open_manager: Opener) -> None:
    old, new = new_key(), new_key()
    both = open_manager(**settings(open_manager.url, secret_key=f"{new}, {old}"))
    before = open_manager(**settings(open_manager.url, secret_key=old))
    after = open_manager(**settings(open_manager.url, secret_key=new))
    id = make_session(before, headers=HEADERS).id
    assert both.get_session(id).headers == HEADERS
    both.update_session(id, headers=HEADERS)
    assert after.get_session(id).headers == HEADERS
    with pytest.raises(HeadersUnreadable):
        before.get_session(id).headers  # noqa: B018


def test_the_environment_gives_the_key(open_manager: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    key = new_key()
    monkeypatch.setenv("ITHACA_SECRET_KEY", key)
    id = make_session(open_manager(), headers=HEADERS).id
    assert open_manager(**settings(open_manager.url, secret_key=key)).get_session(id).headers == HEADERS
    assert key not in repr(Settings("x", secret_key=key))


def test_a_stolen_ciphertext_opens_in_no_other_row(manager: SessionManager, database_url: str) -> None:
    for owner, id in (("a", "one"), ("a", "two"), ("b", "three")):
        manager.create_session(id, owner=owner, headers={"Whose": id})
    for id in ("two", "three"):
        execute(
            database_url,
            f"UPDATE sessions SET headers = (SELECT headers FROM sessions WHERE id = 'one') WHERE id = '{id}'",
        )
        with pytest.raises(HeadersUnreadable):
            manager.get_session(id).headers  # noqa: B018
        assert [problem.id for problem in manager.verify()] == [id]
        manager.update_session(id, headers={})
    assert manager.get_session("one").headers == {"Whose": "one"}


def test_a_tampered_ciphertext_does_not_open(manager: SessionManager, database_url: str) -> None:
    manager.create_session("s-1", headers=HEADERS)
    hex = "X'{}'" if not is_postgres(database_url) else r"'\x{}'::bytea"
    for ciphertext in ("", "00", "01" * 8, "01" * 60, "02" * 60):
        execute(database_url, f"UPDATE sessions SET headers = {hex.format(ciphertext)}")
        with pytest.raises(HeadersUnreadable):
            manager.get_session("s-1").headers  # noqa: B018
    manager.update_session("s-1", headers={})


# Key files need no particular database.


@pytest.fixture
def database(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data/ithaca.db"


def test_the_first_key_is_made_outside_the_database_for_its_owner_only(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    key = tmp_path / "config/ithaca/secret.key"
    with SessionManager(database) as manager:
        manager.create_session("no headers, no key")
        assert not key.exists()
        manager.create_session("s-1", headers=HEADERS)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert list(key.parent.iterdir()) == [key]
    made = key.read_bytes()
    assert made.strip() not in b"".join(part.read_bytes() for part in database.parent.iterdir())
    with SessionManager(database) as manager:
        assert manager.get_session("s-1").headers == HEADERS
        manager.create_session(headers=HEADERS)
    assert key.read_bytes() == made


def test_a_key_file_that_others_can_read_is_refused(database: Path, tmp_path: Path) -> None:
    file = tmp_path / "secret.key"
    file.write_text(new_key())
    for mode in (0o640, 0o604, 0o644, 0o660):
        file.chmod(mode)
        with SessionManager(**settings(str(database), secret_key_file=file)) as manager:
            with pytest.raises(SecretKeyInvalid, match="chmod 600"):
                manager.create_session(headers=HEADERS)
            assert manager.count_sessions() == 0
    file.chmod(0o600)
    with SessionManager(**settings(str(database), secret_key_file=file)) as manager:
        assert manager.create_session(headers=HEADERS).headers == HEADERS


def test_a_bad_key_is_refused_when_it_is_needed(database: Path, tmp_path: Path) -> None:
    file = tmp_path / "secret.key"
    for content in (b"", b"\n\n", b"short", b"\xff" * 32, b"!" * 44, base64.urlsafe_b64encode(bytes(31))):
        file.write_bytes(content)
        file.chmod(0o600)
        with SessionManager(**settings(str(database), secret_key_file=file)) as manager:
            with pytest.raises(SecretKeyInvalid) as error:
                manager.create_session(headers=HEADERS)
            assert str(file) in str(error.value)
    for options in ({"secret_key": "short"}, {"secret_key": ","}, {"secret_key_file": tmp_path}):
        with SessionManager(**settings(str(database), **options)) as manager, pytest.raises(SecretKeyInvalid):
            manager.create_session(headers=HEADERS)

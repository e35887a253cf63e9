"""The call that finds messages by their words."""

from datetime import datetime

from ithaca.content import flag
from ithaca.manager.base import AsyncBase, Base, documented_by
from ithaca.models import Page, SearchHit
from ithaca.operations import search


class Search(Base):
    """The call that finds messages by their words."""

    def search(
        self,
        text: str,
        *,
        owner: str | None = None,
        session_id: str | None = None,
        role: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        archived: bool | None = None,
        incognito: bool = False,
        cursor: str | None = None,
        limit: int = 20,
        neighbours: int = 0,
    ) -> Page[SearchHit]:
        """A page of the messages that fit a text, the best first; give back its `cursor` for the next one.

        Among equals, those that were stored last come first.

        Each word must be in the message, whatever its case and its accents; `"words in quotation marks"` must stand
        together; `begin*` stands for every word that begins so; `-word` must not be there; of `this OR that` one is
        enough. In scripts without spaces between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese) what stands
        together is found anywhere. No text is an error; one without any word finds nothing.

        `since` and `until` are times of the messages, the second one excluded; without a time zone, they are in UTC.
        `archived` None searches archived sessions too. An incognito session is searched if it is named, and with
        `incognito` all of them instead of what is stored. Each hit brings so many `neighbours` on either side. Searched
        are texts and the texts of content blocks, hidden messages too, the first 16,000 words within 100,000 characters
        of each; what was stored before the call is found. The first search after much was stored takes longer: it
        indexes that. Raises `SessionNotFound` for a `session_id` that isn't there.

            >>> from ithaca import ChatMessage, SessionManager
            >>> with SessionManager("sqlite:///:memory:") as manager:
            ...     session = manager.create_session(name="Trip to Pylos")
            ...     message = manager.add_message(session.id, ChatMessage("user", "When does the ferry leave?"))
            ...     [(hit.session_name, hit.snippet, hit.highlights) for hit in manager.search("ferry")]
            [('Trip to Pylos', 'When does the ferry leave?', [(14, 19)])]
        """
        query, wanted, most, around = self._door.search(
            text, owner, session_id, role, since, until, archived, limit, neighbours
        )
        asked = (self._door.scope, query, wanted, self._door.cursor(cursor), most)
        hidden = flag("incognito", incognito)
        storage = self._incognito if hidden else self._storage if session_id is None else self._at(session_id, owner)
        page = None if around else storage.read(search.find_at_once, *asked)
        if page is None:
            page = storage.read(search.find, *asked, around, False)
        if page is None:
            reached: search.Reached | None = search.START
            while reached is not None:
                reached = storage.write(search.index, self._door.scope, wanted, reached)
            page = storage.read(search.find, *asked, around, True)
        return page or Page([])


@documented_by(Search)
class AsyncSearch(AsyncBase):
    """The call that finds messages by their words."""

    async def search(
        self,
        text: str,
        *,
        owner: str | None = None,
        session_id: str | None = None,
        role: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        archived: bool | None = None,
        incognito: bool = False,
        cursor: str | None = None,
        limit: int = 20,
        neighbours: int = 0,
    ) -> Page[SearchHit]:
        query, wanted, most, around = self._door.search(
            text, owner, session_id, role, since, until, archived, limit, neighbours
        )
        asked = (self._door.scope, query, wanted, self._door.cursor(cursor), most)
        hidden = flag("incognito", incognito)
        storage = self._incognito if hidden else self._storage if session_id is None else self._at(session_id, owner)
        page = None if around else await storage.read(search.find_at_once, *asked)
        if page is None:
            page = await storage.read(search.find, *asked, around, False)
        if page is None:
            reached: search.Reached | None = search.START
            while reached is not None:
                reached = await storage.write(search.index, self._door.scope, wanted, reached)
            page = await storage.read(search.find, *asked, around, True)
        return page or Page([])

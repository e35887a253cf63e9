"""The client of OpenAI's package, imported when an endpoint is first called."""

from collections.abc import Mapping

import openai


class Client(openai.AsyncOpenAI):
    """Sends the headers that any client sends, in the forms that we read, and none that the environment names.

    `OPENAI_CUSTOM_HEADERS` could say another type, length or encoding of the body, or another host.
    """

    @property
    def default_headers(self) -> Mapping[str, str | openai.Omit]:  # type: ignore[override]
        """What each request has."""
        name = f"AsyncOpenAI/Python {openai.__version__}"
        said = {"Accept": "application/json", "Content-Type": "application/json", "User-Agent": name}
        return {**said, **self.platform_headers()}

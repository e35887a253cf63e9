"""Characters as providers send them, some in halves, made such as every database can store."""


def whole_characters(text: str) -> tuple[str, str]:
    """The text without half characters, and one at its end, of which the other half may be yet to come.

    Some servers cut a character beyond U+FFFF in two, which no database stores. A half that stays alone is U+FFFD.
    """
    if text.isascii():
        return text, ""
    half = text[-1] if "\ud800" <= text[-1] <= "\udbff" else ""
    body = text[: len(text) - len(half)]
    try:
        body.encode()
    except UnicodeEncodeError:
        body = body.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return body, half


def whole(text: str) -> str:
    """The text, in which each half of a character is U+FFFD."""
    body, half = whole_characters(text)
    return body + "\N{REPLACEMENT CHARACTER}" * len(half)

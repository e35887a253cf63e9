"""For the reference: an attribute's `#:` comment is its docstring, as the sources have it."""

import griffe


class AttributeComments(griffe.Extension):
    """Takes the `#:` lines that stand directly above an attribute."""

    def on_attribute(self, *, attr: griffe.Attribute, **_: object) -> None:
        if attr.docstring is not None or attr.lineno is None or isinstance(attr.filepath, list):
            return
        if text := _comment_above(attr.lines_collection[attr.filepath], attr.lineno):
            attr.docstring = griffe.Docstring(text, lineno=attr.lineno, parent=attr)


def _comment_above(lines: list[str], lineno: int) -> str:
    comment: list[str] = []
    for line in reversed(lines[: lineno - 1]):
        if not line.strip().startswith("#:"):
            break
        comment.insert(0, line.strip().removeprefix("#:").strip())
    return "\n".join(comment)

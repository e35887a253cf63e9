"""What all schemas have in common."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class Body(BaseModel):
    """The body of a request: JSON's own types as they are, nothing converted, no unknown field."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    def given(self) -> dict[str, Any]:
        """What was given, by field, as it is: what was left out is not in it."""
        return {name: getattr(self, name) for name in self.model_fields_set}


def _text(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("a time is a text, as 2026-03-01T05:00:00Z")
    return value


#: A time as ISO 8601; without a zone it is in UTC.
Moment = Annotated[datetime, Field(strict=False), BeforeValidator(_text)]

#: Any JSON object.
JsonObject = dict[str, Any]

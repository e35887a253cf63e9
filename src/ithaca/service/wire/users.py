"""Bodies about users and their log-ins. What is secret in them is in no answer."""

from pydantic import Field

from ithaca.service.wire.base import Body


class Credentials(Body):
    """A user, and his password."""

    name: str = Field(examples=["ann"])
    password: str = Field(repr=False, examples=["a long one"])


class LogOut(Body):
    """Where to log out."""

    everywhere: bool = False


class PasswordChange(Body):
    """The password that holds, and the one that shall."""

    password: str = Field(repr=False)
    new_password: str = Field(repr=False, description="8 to 1,000 characters.")


class NewUser(Body):
    """Somebody who shall log in."""

    name: str = Field(examples=["ann"])
    password: str = Field(repr=False, description="8 to 1,000 characters.", examples=["a long one"])
    owner: str | None = Field(None, description="Whose data he works on; his own name unless told.")
    is_admin: bool = False


class UserChanges(Body):
    """What changes of a user; what is left out stays. He is logged out everywhere."""

    password: str = Field("", repr=False)
    is_admin: bool = False

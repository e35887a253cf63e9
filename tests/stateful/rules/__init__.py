"""Every call of a manager as a rule of the state machine."""

from tests.stateful.rules.attachments import AttachmentRules
from tests.stateful.rules.cleanup import CleanUpRules
from tests.stateful.rules.contexts import ContextRules
from tests.stateful.rules.documents import DocumentRules
from tests.stateful.rules.imports import ImportRules
from tests.stateful.rules.incognito import IncognitoRules
from tests.stateful.rules.messages import MessageRules
from tests.stateful.rules.replies import ReplyRules
from tests.stateful.rules.retention import RetentionRules
from tests.stateful.rules.search import SearchRules
from tests.stateful.rules.sessions import SessionRules
from tests.stateful.rules.trash import TrashRules
from tests.stateful.rules.usage import UsageRules
from tests.stateful.rules.versions import VersionRules
from tests.stateful.rules.watch import WatchRules


class Everything(
    SessionRules,
    MessageRules,
    DocumentRules,
    CleanUpRules,
    ImportRules,
    ContextRules,
    SearchRules,
    TrashRules,
    VersionRules,
    RetentionRules,
    UsageRules,
    AttachmentRules,
    WatchRules,
    ReplyRules,
    IncognitoRules,
):
    """Calls of all kinds, in any order."""

"""What bytes are, by their first ones; enough to see that they are not what they are said to be.

Signatures from the WHATWG's MIME Sniffing Standard and the formats' own specifications. Only what begins unmistakably
is known here; of anything else nothing is claimed.
"""

import re

#: How many bytes from the start are looked at.
HEAD = 1024

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"II+\0", "image/tiff"),
    (b"MM\0+", "image/tiff"),
    (b"%PDF-", "application/pdf"),
    (b"ID3\x02", "audio/mpeg"),
    (b"ID3\x03", "audio/mpeg"),
    (b"ID3\x04", "audio/mpeg"),
    (b"fLaC\0", "audio/flac"),
    (b"OggS\0", "audio/ogg"),
    (b"\x1a\x45\xdf\xa3", "video/webm"),
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),
    (b"PK\x07\x08", "application/zip"),
    (b"\x1f\x8b\x08", "application/gzip"),
)

#: The kind of a RIFF file, and the brand of an ISO media file, stand at byte 8.
_RIFF_FILES = (b"RIFF", b"RF64", b"RIFX", b"BW64")
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_BRANDS = {b"avif": "image/avif", b"avis": "image/avif", b"heic": "image/heic", b"heix": "image/heic",
           b"mif1": "image/heic", b"qt  ": "video/quicktime", b"M4A ": "audio/mp4"}  # fmt: skip

# One name for each format; names that stand for the same container stand together.
_SAME = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/apng": "image/png",
    "image/x-png": "image/png",
    "image/heif": "image/heic",
    "image/heic-sequence": "image/heic",
    "image/tif": "image/tiff",
    "audio/mp3": "audio/mpeg",
    "audio/mpeg3": "audio/mpeg",
    "audio/x-mp3": "audio/mpeg",
    "audio/wave": "audio/wav",
    "audio/x-wav": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "audio/x-flac": "audio/flac",
    "audio/opus": "audio/ogg",
    "application/ogg": "audio/ogg",
    "video/ogg": "audio/ogg",
    "audio/webm": "video/webm",
    "video/x-matroska": "video/webm",
    "audio/x-matroska": "video/webm",
    "audio/m4a": "video/mp4",
    "audio/x-m4a": "video/mp4",
    "audio/mp4": "video/mp4",
    "video/quicktime": "video/mp4",
    "application/x-pdf": "application/pdf",
    "application/x-zip-compressed": "application/zip",
    "application/x-gzip": "application/gzip",
    "video/avi": "video/x-msvideo",
}

_KNOWN = {
    *(media_type for _, media_type in _SIGNATURES), *_RIFF.values(), "image/avif", "image/heic", "video/mp4",
}  # fmt: skip

# Whatever is of one of these begins as said above; of the others, such as MP3, not everything does.
_MANDATORY = {
    "image/png", "image/jpeg", "image/gif", "image/webp", "image/tiff", "image/avif", "image/heic", "application/pdf",
    "audio/wav", "audio/ogg", "audio/flac", "video/webm", "video/x-msvideo", "application/zip", "application/gzip",
}  # fmt: skip

# Formats that are zip files inside, though more than that is not looked at.
_ZIPPED = re.compile(
    r"application/(?:vnd\.openxmlformats-officedocument\..+|vnd\.oasis\.opendocument\.(?:(?!-flat-xml).)+|epub\+zip"
    r"|java-archive|vnd\.android\.package-archive|.+\+zip)"
)

#: What is said of bytes that are not what they claim, when nothing tells what they are.
SOMETHING_ELSE = "something else"

_HTML = re.compile(rb"\s*(?:<!doctype html|<html|<head|<body|<script)[\s>]", re.IGNORECASE)
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
_PARAMETERS = re.compile(r"[ -~]{0,200}")

UNKNOWN = "application/octet-stream"


def is_media_type(text: object) -> bool:
    """Whether it is a media type, maybe with parameters (RFC 6838, 4.2)."""
    return plain_media_type(text) is not None and _PARAMETERS.fullmatch(str(text).partition(";")[2]) is not None


def plain_media_type(text: object) -> str | None:
    """The media type without its parameters, in lower case; None if it is none."""
    if not isinstance(text, str):
        return None
    media_type = text.partition(";")[0].strip().lower()
    return media_type if _MEDIA_TYPE.fullmatch(media_type) else None


def recognized(head: bytes) -> str | None:
    """The media type that bytes begin like; None if they tell nothing."""
    for signature, media_type in _SIGNATURES:
        if head.startswith(signature):
            return media_type
    if head.startswith(_RIFF_FILES):
        return _RIFF.get(head[8:12])
    if head[:1] == b"\0" and head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    return "text/html" if _HTML.match(head) else None


def contradiction(declared: str, head: bytes) -> str | None:
    """What the bytes are, if that isn't what they are said to be; None if nothing speaks against it.

    Of a media type that is not known here, anything may be true.
    """
    actual, claimed = recognized(head), _one_name(declared)
    if claimed == _one_name(actual or "") or _begins_late(claimed, head):
        return None
    if claimed in _MANDATORY:
        return actual or SOMETHING_ELSE
    is_words = declared.startswith("text/") or declared == "application/json"
    if is_words:
        return None if actual == "text/html" else actual
    return actual if claimed in _KNOWN else None


def _begins_late(claimed: str, head: bytes) -> bool:
    """Whether something else, which readers pass over, stands before the signature."""
    if claimed == "application/pdf":
        return b"%PDF-" in head
    return claimed == "audio/flac" and head.startswith(b"ID3")


def _one_name(media_type: str) -> str:
    return "application/zip" if _ZIPPED.fullmatch(media_type) else _SAME.get(media_type, media_type)

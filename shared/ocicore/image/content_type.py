"""The media type of a file from its name or its first bytes (the WHATWG's MIME sniffing, as Go's net/http does it)."""

from __future__ import annotations

import mimetypes
import re

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", "application/pdf"),
    (b"%!PS-Adobe-", "application/postscript"),
    (b"\xfe\xff", "text/plain; charset=utf-16be"),
    (b"\xff\xfe", "text/plain; charset=utf-16le"),
    (b"\xef\xbb\xbf", "text/plain; charset=utf-8"),
    (b"\x00\x00\x01\x00", "image/x-icon"),
    (b"\x00\x00\x02\x00", "image/x-icon"),
    (b"BM", "image/bmp"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"ID3", "audio/mpeg"),
    (b"OggS\x00", "application/ogg"),
    (b"MThd\x00\x00\x00\x06", "audio/midi"),
    (b"\x1aE\xdf\xa3", "video/webm"),
    (b"\x00\x01\x00\x00", "font/ttf"),
    (b"OTTO", "font/otf"),
    (b"ttcf", "font/collection"),
    (b"wOFF", "font/woff"),
    (b"wOF2", "font/woff2"),
    (b"\x1f\x8b\x08", "application/x-gzip"),
    (b"PK\x03\x04", "application/zip"),
    (b"Rar!\x1a\x07\x00", "application/x-rar-compressed"),
    (b"Rar!\x1a\x07\x01\x00", "application/x-rar-compressed"),
    (b"\x00asm", "application/wasm"),
)
_RIFF = {b"WEBPVP": "image/webp", b"WAVE": "audio/wave", b"AVI ": "video/avi"}
_HTML = re.compile(
    rb"\s*<(?:!doctype html|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p|!--)(?:[\s>]|$)",
    re.IGNORECASE,
)
_BINARY = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")


def of(name: str, start: bytes) -> str:
    """The type: by the ending of the name, else by the first 512 bytes; without parameters."""
    if "." in name:
        guessed = mimetypes.guess_type(name, strict=True)
        if guessed[0] and not guessed[1]:
            return guessed[0]
        if guessed[1] == "gzip":
            return "application/gzip"
    return sniff(start[:512]).partition(";")[0]


def sniff(start: bytes) -> str:
    """The type that the first bytes show, texts with their charset; "application/octet-stream" when they show none."""
    if _HTML.match(start):
        return "text/html; charset=utf-8"
    if start.lstrip(b"\t\n\x0c\r ").startswith(b"<?xml"):
        return "text/xml; charset=utf-8"
    for prefix, kind in _SIGNATURES:
        if start.startswith(prefix):
            return kind
    if start.startswith(b"RIFF"):
        for prefix, kind in _RIFF.items():
            if start[8:].startswith(prefix):
                return kind
    if start[4:8] == b"ftyp":
        return "video/mp4"
    return "application/octet-stream" if _BINARY.search(start) else "text/plain; charset=utf-8"

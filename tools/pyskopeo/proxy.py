"""The protocol of experimental-image-proxy, version 0.2.6: JSON over a SOCK_SEQPACKET socket, payload through pipes.

A pipe's writing end stays open until FinishPipe, whose reply tells whether the bytes were right.
"""

from __future__ import annotations

import array
import json
import os
import socket
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from ocicore.errors import Error, InvalidInput, NotFound, Unsupported
from ocicore.files.verified import VerifiedReader
from ocicore.image import convert, go_json, transport, trust
from ocicore.image.config_blob import read_config
from ocicore.image.types import ImageSource, SystemContext
from ocicore.oci import digest as digests
from ocicore.oci import media_types
from ocicore.oci.descriptor import Descriptor
from ocicore.oci.manifest import Index, Manifest, manifest_digest, parse_manifest

if TYPE_CHECKING:
    from ocicore.image.types import BlobReader

VERSION = "0.2.6"
_MAX_MESSAGE = 32 * 1024
_MAX_NUMBER = (1 << 53) - 1
_CHUNK = 1 << 18


class _Reply(NamedTuple):
    value: Any = None
    descriptor: int = -1
    pipe: int = 0


class _Pipe:
    """A pipe that is being filled; `error` tells at the end why it is not to be trusted."""

    def __init__(self, fill: Callable[[int], None]) -> None:
        self.reading, self.writing = os.pipe()
        self.error = ""
        self._fill = fill
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._fill(self.writing)
        except Error as exc:
            self.error = exc.message
        except OSError as exc:
            self.error = (exc.strerror or str(exc)).lower()

    def finish(self) -> None:
        """Wait until everything was written; raises Error."""
        self._thread.join()
        os.close(self.writing)
        if self.error:
            raise Error(self.error)


class _Image:
    def __init__(self, source: ImageSource) -> None:
        self.source = source
        self.manifest: Manifest | None = None
        self.instance: str | None = None


class Proxy:
    """Serves one client.

    Args:
        context: for opening images.
        connection: the client's socket.
    """

    def __init__(self, context: SystemContext, connection: socket.socket) -> None:
        self._context = context
        self._connection = connection
        self._initialised = False
        self._images: dict[int, _Image] = {}
        self._pipes: dict[int, _Pipe] = {}
        self._last = 0
        self._methods: dict[str, Callable[[list[Any]], _Reply]] = {
            "Initialize": self._initialize,
            "OpenImage": lambda arguments: self._open(arguments, optional=False),
            "OpenImageOptional": lambda arguments: self._open(arguments, optional=True),
            "CloseImage": self._close_image,
            "GetManifest": self._get_manifest,
            "GetConfig": lambda arguments: self._get_config(arguments, whole=False),
            "GetFullConfig": lambda arguments: self._get_config(arguments, whole=True),
            "GetBlob": self._get_blob,
            "GetLayerInfo": self._get_layer_info,
            "FinishPipe": self._finish_pipe,
        }

    def serve(self) -> None:
        """Answer until the client is gone or says Shutdown."""
        try:
            while True:
                try:
                    message = self._connection.recv(_MAX_MESSAGE)
                except OSError as exc:
                    raise Error(f"reading socket: {(exc.strerror or str(exc)).lower()}") from exc
                if not message or not self._answer(message):
                    return
        finally:
            for image in self._images.values():
                image.source.close()

    def _answer(self, message: bytes) -> bool:
        """Answer one request; False for Shutdown."""
        reply, error = _Reply(), ""
        try:
            try:
                request = json.loads(message)
                method, arguments = request["method"], request.get("args") or []
            except (ValueError, KeyError, TypeError, AttributeError) as exc:
                raise InvalidInput(f"invalid request: {exc}") from exc
            if method == "Shutdown":
                return False
            chosen = self._methods.get(method) if isinstance(method, str) else None
            if chosen is None or not isinstance(arguments, list):
                raise InvalidInput(f"unknown method: {method}")
            if method not in ("Initialize", "FinishPipe") and not self._initialised:
                raise InvalidInput("client error: must invoke Initialize")
            reply = chosen(arguments)
        except Error as exc:
            error = f"{exc.message} ({exc.hint})" if exc.hint else exc.message
        self._send(reply, error)
        return True

    def _send(self, reply: _Reply, error: str) -> None:
        data = go_json.dumps(
            {"success": not error, "value": reply.value, "pipeid": reply.pipe, "error": error}
        )
        passed: list[tuple[int, int, array.array[int]]] = []
        if reply.descriptor >= 0:
            passed.append((socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [reply.descriptor])))
        try:
            self._connection.sendmsg([data], passed)
        except OSError as exc:
            raise Error(f"writing to socket: {(exc.strerror or str(exc)).lower()}") from exc
        finally:
            if reply.descriptor >= 0:
                os.close(reply.descriptor)

    # -- methods ----------------------------------------------------------------------

    def _initialize(self, arguments: list[Any]) -> _Reply:
        _count(arguments, 0)
        if self._initialised:
            raise InvalidInput("already initialized")
        self._initialised = True
        return _Reply(VERSION)

    def _open(self, arguments: list[Any], *, optional: bool) -> _Reply:
        _count(arguments, 1)
        if not isinstance(arguments[0], str):
            raise InvalidInput(f"expecting string imageref, not {type(arguments[0]).__name__}")
        reference = transport.parse(arguments[0])
        try:
            source = reference.source(self._context)
        except NotFound:
            if optional:
                return _Reply(0)
            raise
        try:
            trust.check(self._context, source, source.manifest()[0], None)
        except BaseException:
            source.close()
            raise
        self._last += 1
        self._images[self._last] = _Image(source)
        return _Reply(self._last)

    def _close_image(self, arguments: list[Any]) -> _Reply:
        _count(arguments, 1)
        image = self._image(arguments[0])
        image.source.close()
        del self._images[_number(arguments[0])]
        return _Reply()

    def _get_manifest(self, arguments: list[Any]) -> _Reply:
        _count(arguments, 1)
        image = self._image(arguments[0])
        manifest = self._manifest(image)
        data = manifest.raw
        if not media_types.is_oci(manifest.media_type):
            assert manifest.config is not None
            config = convert.config_for(
                media_types.OCI_MANIFEST, read_config(image.source, manifest.config), manifest.media_type
            )
            layers = [convert.layer_for(media_types.OCI_MANIFEST, layer, None) for layer in manifest.layers]
            descriptor = convert.descriptor_of(config, media_types.OCI_CONFIG)
            data = convert.manifest_for(media_types.OCI_MANIFEST, descriptor, layers, manifest)
        return self._bytes(data, manifest_digest(manifest.raw))

    def _get_config(self, arguments: list[Any], *, whole: bool) -> _Reply:
        _count(arguments, 1)
        image = self._image(arguments[0])
        manifest = self._manifest(image)
        assert manifest.config is not None
        data = read_config(image.source, manifest.config)
        formed = convert.config_for(media_types.OCI_MANIFEST, data, media_types.DOCKER_MANIFEST)
        if not whole:
            formed = go_json.dumps(json.loads(formed).get("config") or {})
        return self._bytes(formed, None)

    def _get_blob(self, arguments: list[Any]) -> _Reply:
        _count(arguments, 3)
        image = self._image(arguments[0])
        if not isinstance(arguments[1], str):
            raise InvalidInput("expecting string blobid")
        digest, size = digests.validate(arguments[1]), _number(arguments[2])
        stream = image.source.open_blob(Descriptor("", digest, size))
        return self._pipe(lambda descriptor: _pour(stream, digest, size, descriptor), size)

    def _get_layer_info(self, arguments: list[Any]) -> _Reply:
        _count(arguments, 1)
        image = self._image(arguments[0])
        manifest = self._manifest(image)
        layers = image.source.layers_for_copy(image.instance)
        return _Reply(
            [
                {"digest": layer.digest, "size": layer.size, "media_type": layer.media_type}
                for layer in (layers if layers is not None else manifest.layers)
            ]
        )

    def _finish_pipe(self, arguments: list[Any]) -> _Reply:
        _count(arguments, 1)
        number = _number(arguments[0])
        pipe = self._pipes.pop(number, None)
        if pipe is None:
            raise InvalidInput(f"finishpipe: no active pipe {number}")
        pipe.finish()
        return _Reply()

    # -- parts ------------------------------------------------------------------------

    def _image(self, value: Any) -> _Image:
        number = _number(value)
        if number == 0:
            raise InvalidInput("Invalid imageid value of zero")
        image = self._images.get(number)
        if image is None:
            raise InvalidInput(f"no image {number}")
        return image

    def _manifest(self, image: _Image) -> Manifest:
        """The manifest of the image for this platform."""
        if image.manifest is None:
            parsed = parse_manifest(*image.source.manifest())
            if isinstance(parsed, Index):
                image.instance = parsed.choose(self._context.wanted_platform()).digest
                parsed = parse_manifest(*image.source.manifest(image.instance))
            if not isinstance(parsed, Manifest):
                raise Unsupported("parsing manifest for image: the list names another list")
            if parsed.config is None:
                raise Unsupported(f"unsupported legacy manifest MIME type: {parsed.media_type}")
            image.manifest = parsed
        return image.manifest

    def _bytes(self, data: bytes, value: Any) -> _Reply:
        return self._pipe(lambda descriptor: _write(descriptor, data), value)

    def _pipe(self, fill: Callable[[int], None], value: Any) -> _Reply:
        pipe = _Pipe(fill)
        self._pipes[pipe.writing] = pipe
        return _Reply(value, pipe.reading, pipe.writing)


def _pour(stream: BlobReader, digest: str, size: int, descriptor: int) -> None:
    try:
        reader = VerifiedReader(stream, digest, size)
        while data := reader.read(_CHUNK):
            _write(descriptor, data)
    finally:
        stream.close()


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _count(arguments: list[Any], wanted: int) -> None:
    if len(arguments) != wanted:
        raise InvalidInput(f"invalid request, found {len(arguments)} arguments, expecting {wanted}")


def _number(value: Any) -> int:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise InvalidInput(f"expecting numeric, not {type(value).__name__}")
    if not 0 <= value <= _MAX_NUMBER or value != int(value):
        raise InvalidInput(f"out of range integer for numeric {value}")
    return int(value)

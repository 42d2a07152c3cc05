"""import: an image of one layer from a root file system's tar."""

from __future__ import annotations

import time

from ocicore.engine import events
from ocicore.engine.quantities import rfc3339
from ocicore.errors import Error, InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, BinaryIO

    from ocicore.engine.context import Engine
    from ocicore.image.local import LocalImage


def import_tar(
    engine: Engine,
    path: str,
    name: str,
    *,
    changes: Sequence[str],
    message: str,
    os_name: str,
    architecture: str,
    variant: str,
    stdin: BinaryIO,
    signature_policy: str = "",
) -> LocalImage:
    """Make the image.

    Args:
        path: file, URL (http, https) or "-" for `stdin`; compressed or not.
        name: "" for none.
        signature_policy: policy.json in place of the usual one.

    Raises:
        Error: it cannot be read. Rejected: the policy wants signatures of archives. Corrupted: it is no tar. InvalidInput: a bad name or change.
    """
    from ocicore.engine import image_changes
    from ocicore.image import assemble, names

    _check_policy(engine, path, signature_policy)
    full = [names.normalise(name)] if name else []
    settings: dict[str, Any] = {}
    image_changes.apply(settings, changes)
    stream = open_source(path, stdin)
    try:
        staged = engine.store.stage_layer(stream)
    finally:
        if stream is not stdin:
            stream.close()
    try:
        layer = engine.store.commit_layer(staged, None, id=assemble.layer_id_for(None, staged.diff_id))
    except BaseException:
        staged.discard()
        raise
    now = rfc3339(time.time_ns())
    comment = message or "imported from tarball"
    config: dict[str, Any] = {
        "created": now,
        "architecture": architecture or engine.host.architecture,
        "os": os_name or "linux",
        "config": settings,
        "history": [
            {
                "created": now,
                "created_by": f"/bin/sh -c #(nop) ADD file:{staged.diff_id.partition(':')[2]} in /",
                "comment": comment,
            }
        ],
    }
    if variant:
        config["variant"] = variant
    image = assemble.image_from_layer(engine.store, layer_id=layer.id, config=config, names=full)
    events.write(engine, "image", "import", ID=image.id, Name=name)
    return image


def _check_policy(engine: Engine, path: str, signature_policy: str) -> None:
    """An archive has no signatures: it is accepted where none is wanted of the transport "tarball"."""
    from ocicore.config import policy as policies
    from ocicore.image.trust import Rejected

    try:
        source = signature_policy or policies.default_path(engine.user, engine.environ)
    except InvalidInput:
        return  # nobody has said anything
    policy = policies.load(source)
    if any(rule.type != "insecureAcceptAnything" for rule in policy.requirements("tarball", [])):
        raise Rejected(
            f"Source image rejected: Running image tarball:{path} is rejected by policy.",
            hint=f"the policy is {source}",
        )


def open_source(path: str, stdin: BinaryIO) -> Any:
    """A file, URL (http, https) or "-" for `stdin`, to read bytes from. Raises Error."""
    if path == "-":
        return stdin
    if path.startswith(("http://", "https://")):
        import urllib.error
        import urllib.request

        try:
            return urllib.request.urlopen(path)
        except (urllib.error.URLError, OSError) as error:
            raise Error(f"downloading {path}: {getattr(error, 'reason', error)}") from error
    try:
        return open(path, "rb")
    except OSError as error:
        raise Error(f"open {path}: {(error.strerror or '').lower()}") from error

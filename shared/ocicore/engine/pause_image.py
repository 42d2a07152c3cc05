"""The image of a pod's infra container: what was asked for, else one made of the host's catatonit alone.

As podman makes it: a layer with /catatonit, entry point `/catatonit -P`, which waits for a signal and reaps.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ocicore.engine.context import Engine
    from ocicore.image.local import LocalImage

    #: Finds or pulls an image by name.
    Resolve = Callable[[str], LocalImage]


def find(engine: Engine, asked: str, resolve: Resolve) -> str:
    """Name of the image, which is then in the store. Raises Error, MissingProgram."""
    name = asked or engine.config.engine.infra_image
    if name:
        resolve(name)
        return name
    own = own_name()
    if not engine.images.exists(own):
        _make(engine, own)
    return own


def own_name() -> str:
    """The name of the image that is made here; a new version makes a new one."""
    from ocicore import __version__
    from ocicore.engine import build_time

    return f"localhost/podman-pause:{__version__}-{build_time.built()}"


def _make(engine: Engine, name: str) -> None:
    import io
    import tarfile

    from ocicore.engine import image_import
    from ocicore.errors import Error, MissingProgram

    path = _catatonit(engine)
    buffer = io.BytesIO()
    try:
        with open(path, "rb") as program, tarfile.open(fileobj=buffer, mode="w") as archive:
            entry = tarfile.TarInfo("catatonit")
            program.seek(0, 2)
            entry.size, entry.mode, entry.mtime = program.tell(), 0o755, 0
            program.seek(0)
            archive.addfile(entry, program)
    except OSError as error:
        raise MissingProgram(
            f"building local pause image: finding pause binary: {path}: {(error.strerror or '').lower()}",
            hint="install catatonit, or name an image with --infra-image",
        ) from error
    buffer.seek(0)
    try:
        image_import.import_tar(
            engine,
            "-",
            name,
            changes=['ENTRYPOINT ["/catatonit", "-P"]'],
            message="",
            os_name="",
            architecture="",
            variant="",
            stdin=buffer,
        )
    except Error as error:
        error.message = f"building local pause image: {error.message}"
        raise


def _catatonit(engine: Engine) -> str:
    import os

    folders = [
        *engine.config.engine.helper_binaries_dir,
        "/usr/libexec/podman",
        "/usr/lib/podman",
        "/usr/bin",
    ]
    for folder in folders:
        if os.access(f"{folder}/catatonit", os.X_OK):
            return f"{folder}/catatonit"
    return "/usr/bin/catatonit"

"""What a build reads: Containerfiles (through cpp where they are to be), the context, and further contexts by name."""

from __future__ import annotations

import os

from ocicore.errors import Error, InvalidInput, MissingProgram, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import BinaryIO

    from ocicore.build.remote import RemoteOptions


class Inputs:
    """What a build reads besides its options.

    Args:
        environ: variables (build arguments without a value, SSH_AUTH_SOCK).
        stdin: standard input, for `-f -` and a context from a pipe.
        scratch: folder for downloaded contexts, removed by the caller.
        remote: how to fetch a context.
        warn: told what is ignored.
        no_file: what the program says before the remark that a context has no Containerfile.
    """

    __slots__ = ("cpp_flags", "debug", "environ", "no_file", "remote", "scratch", "stdin", "warn")

    def __init__(
        self,
        *,
        environ: Mapping[str, str],
        stdin: Callable[[], BinaryIO],
        scratch: str,
        remote: Callable[[], RemoteOptions],
        warn: Callable[[str], None] | None = None,
        debug: Callable[[str], None] | None = None,
        no_file: str = "",
    ) -> None:
        self.no_file = no_file
        self.cpp_flags: list[str] = []
        self.warn = warn or (lambda text: None)
        self.debug = debug or (lambda text: None)
        self.environ = environ
        self.stdin = stdin
        self.scratch = scratch
        self.remote = remote


def build_contexts(texts: list[str], inputs: Inputs) -> dict[str, tuple[str, str]]:
    """--build-context NAME=PATH | NAME=docker://IMAGE | NAME=URL."""
    result: dict[str, tuple[str, str]] = {}
    for number, text in enumerate(texts):
        name, separator, value = text.partition("=")
        if not separator or not name or not value:
            raise InvalidInput(
                f"while parsing additional build context: {text}: accepts value in the form of key=value",
                hint="expected NAME=PATH, NAME=docker://IMAGE or NAME=URL",
            )
        for prefix in ("docker-image://", "container-image://", "docker://"):
            if value.startswith(prefix):
                result[name] = ("image", value.removeprefix(prefix))
                break
        else:
            if value.startswith(("http://", "https://", "git://", "git@")):
                from ocicore.build.remote import fetch_context

                folder = os.path.join(inputs.scratch, f"context-{number}")
                os.mkdir(folder, 0o700)
                value = fetch_context(value, folder, inputs.remote())
            elif not os.path.isdir(value):
                raise NotFound(f'build context "{name}": {value}: not a directory')
            result[name] = ("directory", os.path.abspath(value))
    return result


def find_files(files: list[str], context: str, inputs: Inputs) -> tuple[str, list[tuple[str, str]]]:
    """The context's directory and the Containerfiles' (name, text) pairs.

    Raises:
        NotFound: there is none ("no such file or directory" in buildah's words).
    """
    folder = context
    fetched = context == "-" or is_remote(context)
    if fetched:
        folder = _fetched(context, inputs)
    folder = os.path.abspath(folder or ".")
    if os.path.isfile(folder) and not files:
        return os.path.dirname(folder), [(folder, _text(folder))]
    if not os.path.exists(folder):
        raise NotFound(f"discovering Containerfile: stat {folder}: no such file or directory")
    if not files:
        found = _discover(folder, fetched=fetched)
        if not found:
            for name in ("Containerfile", "Dockerfile"):
                if os.path.isdir(os.path.join(folder, name)):
                    raise InvalidInput(f'assumed Containerfile "{os.path.join(folder, name)}" is not a file')
            raise NotFound(
                f"{inputs.no_file}no Containerfile or Dockerfile specified or found in context directory, {folder}: "
                "no such file or directory"
            )
        return folder, [(found, _text(found))]
    texts = []
    for name in files:
        if name in ("-", "/dev/stdin"):
            texts.append(("/dev/stdin", inputs.stdin().read().decode("utf-8", "surrogateescape")))
        elif name.startswith(("http://", "https://")):
            from ocicore.build.remote import download

            path = os.path.join(inputs.scratch, f"containerfile-{len(texts)}")
            download(name, path, inputs.remote())
            texts.append((name, _text(path)))
        else:
            texts.append(_local(name, folder, inputs, fetched=fetched))
    return folder, texts


def is_remote(context: str) -> bool:
    """Whether a context is fetched: a URL, or a repository as docker takes them (github.com/OWNER/NAME)."""
    return context.startswith(("http://", "https://", "git://", "git@", "ssh://", "github.com/"))


def _fetched(context: str, inputs: Inputs) -> str:
    from ocicore.build.remote import fetch_context

    folder = os.path.join(inputs.scratch, "context-main")
    os.mkdir(folder, 0o700)
    if context != "-":
        return fetch_context(context, folder, inputs.remote())
    path = os.path.join(folder, "stdin")
    with open(path, "wb") as stream:
        source = inputs.stdin()
        while data := source.read(1 << 20):
            stream.write(data)
    from ocicore.build.archives import extract, is_archive

    target = os.path.join(folder, "files")
    os.mkdir(target, 0o755)
    if is_archive(path):
        descriptor = os.open(target, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            extract(path, descriptor, None, in_user_namespace=True, owner=(0, 0))
        finally:
            os.close(descriptor)
    else:
        os.rename(path, os.path.join(target, "Containerfile"))
    return target


def _inside(folder: str, name: str, *, fetched: bool) -> str:
    """The path of a file of the context. Links in one that was fetched lead nowhere else; "" where that is nothing."""
    if not fetched:
        return os.path.join(folder, name)
    from ocicore.linux import resolve

    try:
        return resolve.resolve_in_root(folder, name)
    except resolve.ResolveError:
        return ""


def _discover(folder: str, *, fetched: bool) -> str:
    for name in ("Containerfile", "Dockerfile"):
        path = _inside(folder, name, fetched=fetched)
        if os.path.isfile(path):
            return path
    return ""


def _local(name: str, folder: str, inputs: Inputs, *, fetched: bool) -> tuple[str, str]:
    candidates = [name] if os.path.isabs(name) else [name, _inside(folder, name, fetched=fetched)]
    for path in candidates:
        if os.path.isfile(path):
            if path.endswith(".in"):
                return path, _preprocessed(path, folder, inputs)
            return path, _text(path)
    for path in candidates:
        if os.path.isdir(path):
            raise InvalidInput(f'containerfile: "{path}" cannot be path to a directory')
    try:
        os.stat(candidates[-1])
    except OSError as error:
        place = os.path.abspath(os.path.join(folder, name))
        raise NotFound(f"stat {place}: {(error.strerror or '').lower()}") from error
    raise InvalidInput(f"containerfile {candidates[-1]}: is not a file")


def _preprocessed(path: str, folder: str, inputs: Inputs) -> str:
    """A Containerfile.in through the C preprocessor, with buildah's flags."""
    from ocicore.linux import spawn

    program = spawn.find("cpp", inputs.environ.get("PATH", "/usr/bin:/bin").split(":"))
    if not program:
        raise MissingProgram(f"{path}: cpp is not installed", hint="install the package cpp")
    flags = [
        word
        for text in [inputs.environ.get("BUILDAH_CPPFLAGS", ""), *inputs.cpp_flags]
        for word in text.split()
    ]
    argv = [program, *flags, "-E", "-iquote", folder, "-traditional", "-undef", "-"]
    with open(path, "rb") as stream:
        done = spawn.capture(argv, inputs.environ, stream.read())
    if done.status:
        problem = done.stderr.decode("utf-8", "replace").strip()
        if not done.stdout:
            raise Error(f"preprocessing {path}: {' '.join(problem.split())}")
        inputs.warn(f"Ignoring {problem}")
    text = done.stdout.decode("utf-8", "surrogateescape")
    # Line markers look like comments; without them lines of messages count in the result.
    return "\n".join(line for line in text.split("\n") if not line.startswith("# "))


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            text = stream.read()
    except OSError as error:
        raise Error(f"reading {path}: {(error.strerror or '').lower()}") from error
    if not text.strip():
        raise InvalidInput(f'no contents in "{path}"')
    return text

"""What each instruction of a Containerfile means: changes of the image configuration, a RUN, a COPY.

`StageState` holds what one stage knows – configuration, variables, arguments – and `apply` performs one
instruction on it. RUN, COPY and ADD come back as requests for the executor; everything else is done here.
Follows the Dockerfile reference; where builders differ, buildah decides.
"""

from __future__ import annotations

import posixpath
import re

from ocicore.build.containerfile import Instruction, no_command
from ocicore.build.draft import DEFAULT_PATH, ImageDraft, absolute_path, parse_duration
from ocicore.build.expand import ExpansionError, expand_word, expand_words
from ocicore.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: Build arguments that need no ARG (the Dockerfile reference's predefined ARGs).
PREDEFINED_ARGS = (
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "FTP_PROXY",
    "ftp_proxy",
    "NO_PROXY",
    "no_proxy",
    "ALL_PROXY",
    "all_proxy",
)
#: What CMD and ENTRYPOINT in shell form are put behind.
_SHELL = ("/bin/sh", "-c")
_EXPANDED = frozenset(
    ("env", "label", "add", "copy", "workdir", "expose", "volume", "user", "stopsignal", "arg")
)


class CopyRequest:
    """One COPY or ADD, with variables expanded.

    Attributes:
        sources: as written; those that introduce here-documents are in `inline` instead.
        destination: absolute path in the image; a trailing slash means "a directory".
        add: archives are extracted and URLs fetched.
        source_stage: --from, "" for the build context.
        inline: (file name, content) of here-documents.
    """

    __slots__ = (
        "add",
        "checksum",
        "chmod",
        "chown",
        "destination",
        "excludes",
        "inline",
        "keep_git_dir",
        "link",
        "parents",
        "source_stage",
        "sources",
        "unpack",
    )

    def __init__(self, sources: list[str], destination: str, *, add: bool) -> None:
        self.sources = sources
        self.destination = destination
        self.add = add
        self.source_stage = ""
        self.chown = ""
        self.chmod = ""
        self.checksum = ""
        self.excludes: list[str] = []
        self.inline: list[tuple[str, str]] = []
        self.link = False
        self.parents = False
        self.keep_git_dir = True
        self.unpack: bool | None = None


class RunRequest:
    """One RUN: argv, mounts and network as written; `script` is the text of a here-document with `#!`."""

    __slots__ = ("args", "mounts", "network", "script", "security")

    def __init__(self, args: list[str]) -> None:
        self.args = args
        self.mounts: list[str] = []
        self.network = ""
        self.security = ""
        self.script: tuple[str, str] | None = None


#: What buildah says of flags without a value.
_FLAG_FORMS = {
    "add": "ADD only supports the --chmod=<permissions>, --chown=<uid:gid>, and --checksum=<checksum> "
    "--exclude=<pattern> flags",
    "copy": "COPY only supports the --chmod=<permissions> --chown=<uid:gid> --from=<image|stage> and the "
    "--exclude=<pattern> flags",
}


class StageState:
    """What one stage knows while its instructions are applied.

    Args:
        draft: configuration of the base image (changed in place).
        user_args: --build-arg.
        heading_args: ARGs before the first FROM, resolved.
        platform_args: TARGETPLATFORM, BUILDARCH and their relatives.
        escape: the file's escape character.
        honour_shell: SHELL has an effect on RUN (Docker's format; OCI's configuration has no place for it, and
            buildah ignores it there). CMD and ENTRYPOINT are for /bin/sh whatever it says, as with buildah.
        warn: receives a line about what is accepted and probably no good.
    """

    def __init__(
        self,
        draft: ImageDraft,
        *,
        user_args: Mapping[str, str],
        heading_args: Mapping[str, str],
        platform_args: Mapping[str, str],
        escape: str = "\\",
        honour_shell: bool = False,
        warn: Callable[[str], None] | None = None,
    ) -> None:
        self.draft = draft
        self.user_args = dict(user_args)
        self.heading_args = dict(heading_args)
        self.platform_args = dict(platform_args)
        self.escape = escape
        self.args: dict[str, str] = dict(user_args)
        self.allowed: set[str] = set(PREDEFINED_ARGS)
        #: Words of the ARG instructions so far (proxies named here appear in history).
        self.declared: set[str] = set()
        self.volumes: list[str] = []
        self._cmd_set = False
        self._honour_shell = honour_shell
        self._warn = warn or (lambda text: None)
        # Variables this stage has set: buildah lists them after the inherited ones, in order of first use.
        self._own: set[str] = set()
        if "PATH" not in draft.env():
            self._set_env("PATH", DEFAULT_PATH)

    def _set_env(self, name: str, value: str) -> None:
        self.draft.set_env(name, value, keep_place=name in self._own)
        self._own.add(name)

    def shell(self) -> list[str]:
        """What a RUN in shell form is put behind."""
        return (self.draft.command("Shell") if self._honour_shell else []) or list(_SHELL)

    def arguments(self) -> dict[str, str]:
        """Build arguments in force: declared and with a value."""
        return {name: value for name, value in self.args.items() if name in self.allowed}

    def variables(self) -> dict[str, str]:
        """What `$name` sees: arguments, and over them the environment of the image."""
        return {**self.arguments(), **self.draft.env()}

    def apply(self, instruction: Instruction) -> CopyRequest | RunRequest | None:
        """Perform one instruction.

        Returns:
            the request when files must be copied or a command run, else None.

        Raises:
            SyntaxProblem: arguments that make no sense, with file and line.
        """
        handler: Callable[[Instruction, list[str]], CopyRequest | RunRequest | None]
        handler = getattr(self, "_" + instruction.name)
        try:
            return handler(instruction, self.expand_arguments(instruction))
        except ExpansionError as error:
            raise instruction.problem(str(error)) from error

    def expand_arguments(self, instruction: Instruction) -> list[str]:
        """The instruction's arguments with variables replaced where the language does that."""
        if instruction.name not in _EXPANDED:
            return list(instruction.args)
        variables = self.variables()
        if instruction.name == "expose":
            words: list[str] = []
            for word in instruction.args:
                words += expand_words(word, variables, self.escape)
            return words
        if instruction.name == "arg":
            return self._expand_args_in_order(instruction.args)
        return [expand_word(word, variables, self.escape) for word in instruction.args]

    def _expand_args_in_order(self, words: list[str]) -> list[str]:
        # `ARG a=1 b=$a`: each sees those before it.
        result: list[str] = []
        variables = self.variables()
        for word in words:
            text = expand_word(word, variables, self.escape)
            result.append(text)
            name, has_value, value = text.partition("=")
            if has_value and name not in self.draft.env():
                variables[name] = self.user_args.get(name, value)
        return result

    def _flags(self, instruction: Instruction, allowed: Mapping[str, str]) -> list[tuple[str, str]]:
        """(name, value) of the flags; `allowed` says which exist and whether they are text or bool."""
        result: list[tuple[str, str]] = []
        variables = self.variables()
        for flag in instruction.flags:
            text = expand_word(flag, variables, self.escape)
            name, has_value, value = text.removeprefix("--").partition("=")
            kind = allowed.get(name)
            if kind is None:
                names = " ".join(f"--{known}" for known in allowed)
                supported = f"only supports {names}" if names else "supports no flags"
                raise instruction.problem(f"{instruction.name.upper()} {supported}, not {flag}")
            if kind == "bool":
                if has_value and value not in ("true", "false"):
                    raise instruction.problem(f"--{name}: invalid boolean {value!r}", "true or false")
                result.append((name, value or "true"))
            else:
                if not value:
                    raise instruction.problem(
                        _FLAG_FORMS.get(instruction.name) or f"no value specified for --{name}="
                    )
                result.append((name, value))
        return result

    # -- configuration --------------------------------------------------------------------

    def _env(self, instruction: Instruction, args: list[str]) -> None:
        for index in range(0, len(args), 2):
            if not args[index]:
                raise instruction.problem("ENV names can not be blank")
            self._set_env(args[index], args[index + 1])

    def _label(self, instruction: Instruction, args: list[str]) -> None:
        labels = self.draft.mapping("Labels")
        for index in range(0, len(args), 2):
            if not args[index]:
                raise instruction.problem("LABEL names can not be blank")
            labels[args[index]] = args[index + 1]

    def _maintainer(self, instruction: Instruction, args: list[str]) -> None:
        self.draft.top["author"] = args[0]

    def _arg(self, instruction: Instruction, args: list[str]) -> None:
        for argument in args:
            name, has_default, default = argument.partition("=")
            if not name:
                raise instruction.problem("ARG names can not be blank")
            self.allowed.add(name)
            self.declared.add(name)
            if name in self.user_args:
                continue
            if name in self.platform_args:
                if has_default and name in ("TARGETPLATFORM", "BUILDPLATFORM"):
                    raise instruction.problem(f'attempted to redefine "{name}": invalid argument')
                self.args[name] = self.platform_args[name]
            elif has_default:
                self.args[name] = default
            elif name in self.heading_args:
                self.args[name] = self.heading_args[name]

    def _cmd(self, instruction: Instruction, args: list[str]) -> None:
        # As buildah: without a command, too. What clears an inherited one is CMD [].
        words = list(args) if instruction.json else [*_SHELL, *args]
        self.draft.set_list("Cmd", words)
        self._cmd_set = self._cmd_set or bool(args)

    def _entrypoint(self, instruction: Instruction, args: list[str]) -> None:
        if instruction.json or not args:
            self.draft.set_list("Entrypoint", args)
        else:
            self.draft.set_list("Entrypoint", [*_SHELL, args[0]])
        if not self._cmd_set:
            self.draft.set_list("Cmd", None)

    def _shell(self, instruction: Instruction, args: list[str]) -> None:
        if not instruction.json:
            raise instruction.problem("SHELL requires the arguments to be in JSON form")
        if not args:
            raise instruction.problem("SHELL requires at least one argument")
        self.draft.set_list("Shell", args)

    def _expose(self, instruction: Instruction, args: list[str]) -> None:
        ports = self.draft.mapping("ExposedPorts")
        if not any(args):
            raise instruction.problem("EXPOSE requires at least one argument")
        # As buildah: a port that an earlier instruction has, in whatever letters, is not listed again.
        known = {port.lower() for port in ports}
        for argument in filter(None, args):
            number, *protocol = argument.split("/")
            port = f"{number}/{protocol[0] if protocol else 'tcp'}"
            if not is_exposed_port(port):
                self._warn(f"{instruction.file}:{instruction.line}: EXPOSE {argument}: is no port")
            if port.lower() not in known:
                ports[port] = {}

    def _user(self, instruction: Instruction, args: list[str]) -> None:
        self.draft.set_text("User", args[0])

    def _workdir(self, instruction: Instruction, args: list[str]) -> None:
        path = args[0]
        if not path.startswith("/"):
            # As buildah: an absolute path stays as it is written, a relative one is cleaned.
            path = posixpath.normpath(posixpath.join(self.draft.text("WorkingDir") or "/", path))
        self.draft.set_text("WorkingDir", path.rstrip("/") or "/")

    def _volume(self, instruction: Instruction, args: list[str]) -> None:
        volumes = self.draft.mapping("Volumes")
        for argument in args:
            path = argument.strip()
            if not path:
                raise instruction.problem("VOLUME specified can not be an empty string")
            volumes[path] = {}
            if path not in self.volumes:
                self.volumes.append(path)

    def _stopsignal(self, instruction: Instruction, args: list[str]) -> None:
        check_signal(instruction, args[0])
        self.draft.set_text("StopSignal", args[0])

    def _onbuild(self, instruction: Instruction, args: list[str]) -> None:
        text = re.sub(r"^\s*onbuild\s*", "", instruction.original, flags=re.IGNORECASE)
        for heredoc in instruction.heredocs:
            text += f"\n{heredoc.content}{heredoc.name}"
        triggers = self.draft.command("OnBuild")
        triggers.append(text)
        self.draft.set_list("OnBuild", triggers)

    def _healthcheck(self, instruction: Instruction, args: list[str]) -> None:
        kind, command = args[0], args[1:]
        flags = self._flags(
            instruction,
            {
                "interval": "text",
                "timeout": "text",
                "start-period": "text",
                "start-interval": "text",
                "retries": "text",
            },
        )
        if kind == "NONE":
            if command:
                raise instruction.problem("HEALTHCHECK NONE takes no arguments")
            self.draft.config["Healthcheck"] = {"Test": ["NONE"]}
            return
        if kind != "CMD":
            raise instruction.problem(f'Unknown type "{kind}" in HEALTHCHECK (try CMD)')
        if not command:
            raise instruction.problem("Missing command after HEALTHCHECK CMD")
        check: dict[str, object] = {"Test": ["CMD" if instruction.json else "CMD-SHELL", *command]}
        keys = {
            "interval": "Interval",
            "timeout": "Timeout",
            "start-period": "StartPeriod",
            "start-interval": "StartInterval",
        }
        for name, value in flags:
            if name == "retries":
                if not value.isdecimal() or int(value) < 1:
                    raise instruction.problem(f"--retries must be at least 1 (not {value})", "--retries=3")
                check["Retries"] = int(value)
                continue
            try:
                duration = parse_duration(value)
            except ValueError as error:
                raise instruction.problem(f"--{name}: {error}", f"--{name}=30s") from error
            if 0 < duration < 1_000_000 or duration < 0:
                raise instruction.problem(f'Interval "{name}" cannot be less than 1ms', f"--{name}=30s")
            if duration:
                check[keys[name]] = duration
        self.draft.config["Healthcheck"] = check

    def _from(self, instruction: Instruction, args: list[str]) -> None:
        raise instruction.problem("FROM begins a stage and cannot appear inside one")

    # -- files and commands ---------------------------------------------------------------

    def _add(self, instruction: Instruction, args: list[str]) -> CopyRequest:
        return self._transfer(
            instruction,
            args,
            {
                "chown": "text",
                "chmod": "text",
                "checksum": "text",
                "exclude": "text",
                "link": "bool",
                "keep-git-dir": "bool",
                "unpack": "bool",
            },
        )

    def _copy(self, instruction: Instruction, args: list[str]) -> CopyRequest:
        return self._transfer(
            instruction,
            args,
            {
                "chown": "text",
                "chmod": "text",
                "from": "text",
                "exclude": "text",
                "link": "bool",
                "parents": "bool",
            },
        )

    def _transfer(self, instruction: Instruction, args: list[str], allowed: Mapping[str, str]) -> CopyRequest:
        if len(args) < 2:
            raise instruction.problem(f"{instruction.name.upper()} requires at least two arguments")
        destination = absolute_path(args[-1], self.draft.text("WorkingDir"))
        names = {heredoc.name: heredoc for heredoc in instruction.heredocs}
        request = CopyRequest([], destination, add=instruction.name == "add")
        from ocicore.build.heredoc import parse_introducer

        for raw, source in zip(instruction.args[:-1], args[:-1], strict=True):
            introducer = parse_introducer(raw) if names and not instruction.json else None
            heredoc = names.get(introducer.name) if introducer is not None else None
            if heredoc is None:
                request.sources.append(source)
                continue
            body = heredoc.body()
            if heredoc.expand:
                body = expand_word(body, self.variables(), self.escape, raw_quotes=True)
            request.inline.append((heredoc.name, body))
        for name, value in self._flags(instruction, allowed):
            if name == "from":
                request.source_stage = value
            elif name == "exclude":
                request.excludes.append(value)
            elif name == "unpack":
                request.unpack = value == "true"
            elif name in ("link", "parents", "keep-git-dir"):
                setattr(request, name.replace("-", "_"), value == "true")
            else:
                if name == "chmod":
                    check_mode(instruction, value)
                setattr(request, name, value)
        return request

    def _run(self, instruction: Instruction, args: list[str]) -> RunRequest:
        request = RunRequest(list(args))
        if not args and instruction.json:
            raise no_command(instruction)
        if not args:
            request.args = list(self.shell())  # the shell then says what it lacks
        elif not instruction.json:
            self._shell_form(instruction, request)
        for name, value in self._flags(instruction, {"mount": "text", "network": "text", "security": "text"}):
            if name == "mount":
                request.mounts.append(value)
            elif name == "network":
                request.network = value
            else:
                request.security = value
        return request

    def _shell_form(self, instruction: Instruction, request: RunRequest) -> None:
        from ocicore.build.heredoc import parse_introducer

        text = request.args[0]
        shell = self.shell()
        if instruction.heredocs:
            only = parse_introducer(text.strip())
            first = instruction.heredocs[0]
            if only is not None and len(instruction.heredocs) == 1:
                body = first.body()
                if body.startswith("#!"):
                    request.script = (first.name, body)
                    request.args = []
                    return
                text = body
            else:
                # The shell reads the here-documents itself; it needs their bodies and terminators.
                text += "".join(f"\n{doc.content}{doc.name}" for doc in instruction.heredocs) + "\n"
        request.args = [*shell, text]


def is_exposed_port(text: str) -> bool:
    """Whether "80/tcp" or "8000-8010/udp" names ports there are."""
    ports, _, protocol = text.partition("/")
    low, dash, high = ports.partition("-")
    if (
        not low.isdecimal()
        or (dash and not high.isdecimal())
        or protocol.lower() not in ("tcp", "udp", "sctp")
    ):
        return False
    return 0 < int(low) <= int(high or low) <= 65535


def check_mode(instruction: Instruction, text: str) -> None:
    """Refuse a --chmod that is no octal number."""
    try:
        value = int(text, 8)
    except ValueError as error:
        raise instruction.problem(
            f"Error parsing chmod {text}", "an octal number, like --chmod=0755"
        ) from error
    if not 0 <= value <= 0o7777:
        raise instruction.problem(f"Error parsing chmod {text}", "an octal number, like --chmod=0755")


def check_signal(instruction: Instruction, text: str) -> None:
    """Refuse an unknown signal."""
    from ocicore.linux.process import parse_signal

    try:
        parse_signal(text)
    except Error as error:
        raise instruction.problem(f"invalid signal: {text}", "a name such as SIGTERM, or a number") from error

"""`pybuildah config`: change the configuration the image will have."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pybuildah.options.shared import HISTORY, NO_OPTIONS_AFTER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.build.working import WorkingContainer
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Update image configuration settings",
    description="Changes what the image made from a working container will say: command, environment, labels …",
    options=(
        HISTORY,
        Option(
            "annotation", "a", kind="stringArray", help="Add an annotation; NAME- removes it, - removes all"
        ),
        Option("arch", kind="string", help="Set the architecture"),
        Option("author", kind="string", help="Set the author"),
        Option("cmd", kind="string", help="Set the default command"),
        Option("comment", kind="string", help="Set a comment"),
        Option("created-by", kind="string", help="Set the description of how the image was created"),
        Option("domainname", kind="string", help="Set a domain name"),
        Option("entrypoint", kind="string", help="Set the entry point"),
        Option("env", "e", kind="stringArray", help="Add a variable; NAME- removes it, - removes all"),
        Option("healthcheck", kind="string", help="Set a health check command"),
        Option("healthcheck-interval", kind="string", help="Time between health checks"),
        Option("healthcheck-retries", kind="int", help="Failures before the container counts as unhealthy"),
        Option("healthcheck-start-interval", kind="string", help="Time between checks while starting"),
        Option(
            "healthcheck-start-period", kind="string", help="Time to start in which failures do not count"
        ),
        Option("healthcheck-timeout", kind="string", help="Time a health check may take"),
        Option("history-comment", kind="string", help="Set a comment for the history"),
        Option("hostname", kind="string", help="Set a host name"),
        Option("label", "l", kind="stringArray", help="Add a label; NAME- removes it, - removes all"),
        Option("onbuild", kind="strings", help="Add a trigger for images built on this one"),
        Option("os", kind="string", help="Set the operating system"),
        Option("os-feature", kind="stringArray", help="Set a required feature of the operating system"),
        Option("os-version", kind="string", help="Set the version of the operating system"),
        Option("port", "p", kind="strings", help="Add a port to expose; PORT- removes it, - removes all"),
        Option("shell", kind="string", help="Set the shell"),
        Option("stop-signal", kind="string", help="Set the stop signal"),
        Option("unsetannotation", kind="strings", help="Remove an annotation"),
        Option("unsetlabel", kind="strings", help="Remove a label"),
        Option("user", "u", kind="string", help="Set the default user"),
        Option("variant", kind="string", help="Set the variant of the architecture"),
        Option("volume", "v", kind="strings", help="Add a volume; PATH- removes it, - removes all"),
        Option("workingdir", kind="string", help="Set the working directory"),
    ),
    arguments=(Argument("container", metavar="CONTAINER"),),
    interspersed=False,
    no_options_after=NO_OPTIONS_AFTER,
    too_few="container ID must be specified",
    too_many="too many arguments specified",
    examples=(("pybuildah config --cmd /app --env LANG=C.UTF-8 mycontainer", "a command and a variable"),),
)

_TEXTS = (("author", "author"), ("arch", "architecture"), ("variant", "variant"), ("os", "os"))


def run(args: Args, ctx: Context) -> int:
    """Change the record; prints nothing."""
    from ocicore.build import working
    from pybuildah.session import Session

    container = working.load(Session(ctx).store, args.container)
    _Editor(container, args, ctx).edit()
    container.save()
    return 0


class _Editor:
    """The options applied in buildah's order, with a history entry for each when that is asked for."""

    def __init__(self, container: WorkingContainer, args: Args, ctx: Context) -> None:
        self.container = container
        self.draft = container.draft
        self.args = args
        self.given = {name.replace("_", "-") for name in args.given_names()}
        self.ctx = ctx

    def note(self, text: str) -> None:
        from pybuildah import history

        history.add(self.container, self.args, self.ctx, f"/bin/sh -c #(nop) {text}")

    def edit(self) -> None:
        args, draft, given = self.args, self.draft, self.given
        for option, key in _TEXTS:
            if option in given:
                value = getattr(args, option)
                if value:
                    draft.top[key] = value
                else:
                    draft.top.pop(key, None)
        if "created-by" in given:
            self.container.raw["created-by"] = args.created_by
        if "os-version" in given:
            draft.top["os.version"] = args.os_version
        self._features()
        for option, key, word in (("user", "User", "USER"), ("stop-signal", "StopSignal", "STOPSIGNAL")):
            if option in given:
                value = getattr(args, option.replace("-", "_"))
                draft.set_text(key, value)
                self.note(f"{word} {value}")
        if "shell" in given:
            draft.set_list("Shell", split_words(args.shell, option="shell"))
            self.note(f"SHELL {args.shell}")
        self._ports()
        self._env()
        if "entrypoint" in given:
            self._entrypoint(args.entrypoint)
        if "cmd" in given:
            draft.set_list("Cmd", words_or_json(args.cmd, option="cmd"))
            self.note(f"CMD {args.cmd}")
        self._members("volume", "Volumes", "VOLUME", {})
        self._health()
        self._labels()
        if "workingdir" in given:
            draft.set_text("WorkingDir", args.workingdir)
            self.note(f"WORKDIR {args.workingdir}")
        if "comment" in given:
            draft.top["comment"] = args.comment
        if "history-comment" in given:
            self.container.raw["history-comment"] = args.history_comment
        self._names()
        for text in args.onbuild:
            draft.set_list("OnBuild", [*draft.command("OnBuild"), text])
            self.note(f"ONBUILD {text}")
        self._annotations()

    def _features(self) -> None:
        features = list(self.draft.top.get("os.features") or ())
        for text in self.args.os_feature:
            if text == "-":
                features = []
            elif text.endswith("-"):
                features = [known for known in features if known != text[:-1]]
            elif text not in features:
                features.append(text)
        if "os-feature" in self.given:
            self.draft.top["os.features"] = features

    def _ports(self) -> None:
        if "port" not in self.given:
            return
        ports = self.draft.mapping("ExposedPorts")
        for text in self.args.port:
            if text.startswith("-"):
                ports.clear()
            elif text.endswith("-"):
                ports.pop(text[:-1], None)
            else:
                ports[text] = {}
        if not ports:
            self.draft.config.pop("ExposedPorts", None)
        self.note(f"EXPOSE {' '.join(self.args.port)}")

    def _env(self) -> None:

        from ocicore.errors import InvalidInput

        for text in self.args.env:
            name, separator, value = text.partition("=")
            if separator:
                self.draft.set_env(name, self._expand(value))
            elif name == "-":
                self.draft.config.pop("Env", None)
            elif name.endswith("-"):
                self.draft.unset_env(name[:-1])
            else:
                value = self.ctx.environ.get(name, "")
                if not value:
                    raise InvalidInput(f'setting env "{name}": no value given')
                self.draft.set_env(name, value)
        if not self.draft.config.get("Env"):
            self.draft.config.pop("Env", None)
        if self.args.env:
            self.note(f"ENV {' '.join(self.args.env)}")

    def _expand(self, value: str) -> str:
        """`$NAME` and `${NAME}` from the image's own environment; what is not set stays as its name."""
        if "$" not in value:
            return value
        import re

        known = self.draft.env()

        def replace(match: re.Match[str]) -> str:
            name = match.group(1) or match.group(2)
            if name not in known:
                self.ctx.log("error", f'error expanding variable "{name}": no value set in configuration')
                return name
            return known[name]

        return re.sub(r"\$(?:\{([^}]*)\}|([A-Za-z_][A-Za-z0-9_]*))", replace, value)

    def _entrypoint(self, text: str) -> None:
        from ocicore.files import quick_json

        command = self.draft.command("Cmd")
        words: list[str] | None = None
        if text.strip():
            try:
                value = quick_json.loads(text)
                if isinstance(value, list) and all(isinstance(item, str) for item in value):
                    words = value
            except ValueError:
                words = None
            if words is None:
                words = ["/bin/sh", "-c", text]
                if command:
                    self.ctx.warn(
                        f'cmd "{" ".join(command)}" exists but will be ignored because of entrypoint settings'
                    )
            elif command:
                self.ctx.warn(
                    f'cmd "{" ".join(command)}" exists and will be passed to entrypoint as a parameter'
                )
        self.draft.set_list("Entrypoint", words)
        self.note(f"ENTRYPOINT {text}")

    def _members(self, option: str, key: str, word: str, empty: Any) -> None:
        for text in getattr(self.args, option):
            members = self.draft.mapping(key)
            if text == "-":
                members.clear()
            elif text.endswith("-"):
                members.pop(text[:-1], None)
            else:
                members[text] = empty
            if not members:
                self.draft.config.pop(key, None)
            self.note(f"{word} {text}")

    def _labels(self) -> None:
        labels = self.draft.mapping("Labels")
        for text in self.args.label:
            name, separator, value = text.partition("=")
            if separator:
                labels[name] = value
            elif name == "-":
                labels.clear()
            elif name.endswith("-"):
                labels.pop(name[:-1], None)
            else:
                labels[name] = ""
        if self.args.label:
            self.note(f"LABEL {' '.join(self.args.label)}")
        for name in self.args.unsetlabel:
            labels.pop(name, None)
        if not labels:
            self.draft.config.pop("Labels", None)

    def _names(self) -> None:
        for option, key, word in (
            ("domainname", "Domainname", "DOMAINNAME"),
            ("hostname", "Hostname", "HOSTNAME"),
        ):
            if option not in self.given:
                continue
            value = getattr(self.args, option)
            if value and self.container.format == "oci":
                self.ctx.warn(
                    f"{word} is not supported for OCI V1 image format, {option} {value} will be ignored. "
                    "Must use `docker` format"
                )
            self.draft.set_text(key, value)

    def _annotations(self) -> None:
        annotations = self.container.annotations
        for text in self.args.annotation:
            name, separator, value = text.partition("=")
            if separator:
                annotations[name] = value
            elif name == "-":
                annotations.clear()
            elif name.endswith("-"):
                annotations.pop(name[:-1], None)
            else:
                annotations[name] = ""
        for name in self.args.unsetannotation:
            annotations.pop(name, None)

    def _health(self) -> None:
        options = [name for name in self.given if name.startswith("healthcheck")]
        if not options:
            return
        from ocicore.build.draft import parse_duration
        from ocicore.errors import InvalidInput

        second = 1_000_000_000
        check: dict[str, Any] = dict(self.draft.config.get("Healthcheck") or {}) or {
            "Test": ["NONE"],
            "Interval": 30 * second,
            "Timeout": 30 * second,
            "Retries": 3,
        }
        if "healthcheck" in self.given:
            check["Test"] = split_words(self.args.healthcheck, option="healthcheck")
        words = ""
        for option, key in (
            ("interval", "Interval"),
            ("retries", "Retries"),
            ("start-period", "StartPeriod"),
            ("start-interval", "StartInterval"),
            ("timeout", "Timeout"),
        ):
            name = f"healthcheck-{option}"
            if name not in self.given:
                continue
            value = getattr(self.args, name.replace("-", "_"))
            words += f"--{option}={value} "
            try:
                check[key] = value if key == "Retries" else parse_duration(value)
            except ValueError as error:
                raise InvalidInput(f'parsing --{name} "{value}": time: {error}') from error
        if check["Test"]:
            self.draft.config["Healthcheck"] = check
            self.note(f"HEALTHCHECK {words}{self.args.healthcheck}")
        else:
            self.draft.config.pop("Healthcheck", None)
            self.note("HEALTHCHECK NONE")


def words_or_json(text: str, *, option: str) -> list[str]:
    """A JSON array of strings, else words as a shell splits them; `option` is for the error."""
    from ocicore.files import quick_json

    if text.lstrip().startswith("["):
        try:
            value = quick_json.loads(text)
            if isinstance(value, list) and all(isinstance(item, str) for item in value):
                return value
        except ValueError:
            pass
    return split_words(text, option=option)


def split_words(text: str, *, option: str) -> list[str]:
    """Words as a shell splits them, quotes removed. Raises InvalidInput for unbalanced quotes."""
    if not any(char in text for char in "'\"\\"):
        return text.split()
    from ocicore.errors import InvalidInput

    words: list[str] = []
    word = ""
    started = False
    quote = ""
    position = 0
    while position < len(text):
        char = text[position]
        position += 1
        if char == "\\" and quote != "'" and position < len(text):
            word += text[position]
            position += 1
            started = True
        elif quote:
            if char == quote:
                quote = ""
            else:
                word += char
        elif char in "'\"":
            quote = char
            started = True
        elif char.isspace():
            if started:
                words.append(word)
            word, started = "", False
        else:
            word += char
            started = True
    if quote:
        from ocicore.cli import goformat

        raise InvalidInput(f"parsing --{option} {goformat.quote(text)}: invalid command line string: {text}")
    if started:
        words.append(word)
    return words

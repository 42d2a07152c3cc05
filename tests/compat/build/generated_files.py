"""Containerfiles made up from a seed: instructions that change the configuration, written in the ways people write them.

Some are wrong on purpose. Left out is what our README names as a decision of ours (patterns in expansions, the escape
directive inside words), and RUN, which `test_projects` has.
"""

from __future__ import annotations

import random

_WORDS = (
    "a",
    "b1",
    "some-value",
    "/srv/app",
    "x.y",
    "UPPER",
    "0",
    "ümlaut",
    "a=b",
    "a,b",
    "a:b",
    "#no-comment",
    "%",
)
_NAMES = ("A", "B", "FOO", "PATH_X", "a_b", "LONG_NAME_1")
_KEYS = ("version", "org.example.key", "with-dash", "UPPER", "a.b/c")

_FOLDERS = (
    "/srv",
    "/srv/",
    "relative/path",
    "/",
    "/x/$A",
    ".",
    "..",
    "a/../b",
    "../up",
    "/d/../e",
    "/f/./g",
    "./h/",
    "$NOTHING",
)
_PORTS = (
    "80",
    "443/tcp",
    "53/udp",
    "9",
    "${NO_PORT:-70}",
    "8000-8003",
    "7-9/udp",
    "80/TCP",
    "99999",
    "http",
    "10:20",
    "$NOTHING",
)


class Maker:
    """One Containerfile a seed.

    Args:
        seed: of the random choices.
    """

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.known: list[str] = []

    def text(self) -> str:
        """The file."""
        pick = self.random
        lines = []
        if pick.random() < 0.15:
            lines.append(pick.choice(("# syntax=docker/dockerfile:1", "# a comment", "", "  ")))
        if pick.random() < 0.2:
            lines.append(f"ARG {pick.choice(_NAMES)}={pick.choice(_WORDS[:4])}")
        if pick.random() < 0.08:
            lines.append(
                pick.choice(
                    ("LABEL early=1", "ENV EARLY=1", 'CMD ["early"]', "WORKDIR /early", "COPY file /early")
                )
            )
        lines.append(self.case("FROM") + " base" + pick.choice(("", "", " AS final", " as Final")))
        first = len(lines)
        for _ in range(pick.randint(1, 9)):
            lines += self.instruction()
        if pick.random() < 0.12:
            lines.insert(pick.randint(first, len(lines)), self.mistake())
        return "\n".join(lines) + pick.choice(("\n", "\n", "", "\n\n# end\n"))

    def case(self, word: str) -> str:
        """An instruction's name as somebody may write it."""
        return self.random.choice((word, word, word, word.lower(), word.capitalize()))

    def instruction(self) -> list[str]:
        """The lines of one instruction."""
        made = self.random.choice(
            (
                self.env,
                self.env,
                self.label,
                self.label,
                self.arg,
                self.command,
                self.command,
                self.workdir,
                self.user,
                self.expose,
                self.volume,
                self.signal,
                self.shell,
                self.health,
                self.trigger,
                self.copy,
                self.comment,
                self.maintainer,
            )
        )()
        return made if isinstance(made, list) else [made]

    def value(self) -> str:
        """A word: bare, quoted, or with a variable in it."""
        pick = self.random
        word = pick.choice(_WORDS)
        form = pick.randrange(8)
        if form == 0:
            return f'"{word} {pick.choice(_WORDS)}"'
        if form == 1:
            return f"'{word} $A'"
        if form == 2:
            return f"{word}\\ {pick.choice(_WORDS)}"
        if form in (3, 4):
            return self.variable()
        if form == 5:
            return f'"{self.variable()}-{word}"'
        return word

    def variable(self) -> str:
        """A reference to a variable that may be there."""
        pick = self.random
        name = pick.choice(self.known) if self.known and pick.random() < 0.8 else pick.choice(_NAMES)
        word = pick.choice(_WORDS[:4])
        return pick.choice(
            (f"${name}", f"${{{name}}}", f"${{{name}:-{word}}}", f"${{{name}:+{word}}}", f"\\${name}")
        )

    def env(self) -> list[str]:
        """ENV in both forms, over several lines too."""
        pick = self.random
        name = pick.choice(_NAMES)
        if pick.random() < 0.15:
            self.known.append(name)
            return [f"{self.case('ENV')} {name} {pick.choice(_WORDS)} {pick.choice(_WORDS)}"]
        pairs = [(pick.choice(_NAMES), self.value()) for _ in range(pick.randint(1, 3))]
        self.known += [key for key, _ in pairs]
        return self.over_lines(self.case("ENV"), [f"{key}={value}" for key, value in pairs])

    def label(self) -> list[str]:
        """LABEL."""
        pick = self.random
        pairs = [f"{pick.choice(_KEYS)}={self.value()}" for _ in range(pick.randint(1, 3))]
        return self.over_lines(self.case("LABEL"), pairs)

    def over_lines(self, name: str, words: list[str]) -> list[str]:
        """An instruction on one line, or continued."""
        pick = self.random
        if len(words) == 1 or pick.random() < 0.5:
            return [f"{name} {' '.join(words)}"]
        lines = [f"{name} {words[0]} \\"]
        for number, word in enumerate(words[1:], 2):
            if pick.random() < 0.2:
                lines.append(pick.choice(("# between", "   # indented")))
            lines.append(f"    {word}" + (" \\" if number < len(words) else ""))
        return lines

    def arg(self) -> str:
        """ARG with a default, without, or given on the command line."""
        pick = self.random
        name = pick.choice((*_NAMES, "GIVEN"))
        self.known.append(name)
        return f"{self.case('ARG')} {name}" + pick.choice(("", f"={pick.choice(_WORDS[:4])}", "="))

    def command(self) -> str:
        """CMD or ENTRYPOINT, as a list or for the shell."""
        pick = self.random
        name = self.case(pick.choice(("CMD", "ENTRYPOINT")))
        words = [pick.choice(_WORDS) for _ in range(pick.randint(1, 3))]
        if pick.random() < 0.6:
            inner = (", " if pick.random() < 0.5 else ",").join(f'"{word}"' for word in words)
            return f"{name} [{inner}]"
        return f"{name} {' '.join(words)} $A && echo 'x'"

    def workdir(self) -> str:
        """WORKDIR, absolute, relative, with a variable."""
        pick = self.random
        return f"{self.case('WORKDIR')} {pick.choice(_FOLDERS)}"

    def user(self) -> str:
        """USER by name or number."""
        return f"{self.case('USER')} {self.random.choice(('root', '7', '7:8', 'nobody:nogroup', '${B:-9}'))}"

    def expose(self) -> str:
        """EXPOSE of ports."""
        pick = self.random
        ports = pick.sample(_PORTS, pick.randint(1, 3))
        return f"{self.case('EXPOSE')} {' '.join(ports)}"

    def volume(self) -> str:
        """VOLUME in both forms."""
        pick = self.random
        paths = pick.sample(("/data", "/data/sub", "/v$A", "/w"), pick.randint(1, 2))
        if pick.random() < 0.5:
            return f"{self.case('VOLUME')} {' '.join(paths)}"
        quoted = ", ".join(f'"{path}"' for path in paths)
        return f"{self.case('VOLUME')} [{quoted}]"

    def signal(self) -> str:
        """STOPSIGNAL."""
        return f"{self.case('STOPSIGNAL')} {self.random.choice(('SIGTERM', '9', 'SIGRTMIN+3', 'KILL'))}"

    def shell(self) -> str:
        """SHELL."""
        return f'{self.case("SHELL")} ["/bin/{self.random.choice(("sh", "bash"))}", "-c"]'

    def health(self) -> str:
        """HEALTHCHECK."""
        pick = self.random
        if pick.random() < 0.2:
            return f"{self.case('HEALTHCHECK')} NONE"
        flags = pick.sample(
            ("--interval=5s", "--timeout=1m30s", "--retries=4", "--start-period=2h"), pick.randint(0, 3)
        )
        command = pick.choice(("true", "curl -f http://localhost/ || exit 1", '["a", "b c"]'))
        return " ".join([self.case("HEALTHCHECK"), *flags, "CMD", command])

    def trigger(self) -> str:
        """ONBUILD."""
        return (
            f"{self.case('ONBUILD')} {self.random.choice(('RUN make', 'COPY . /src', 'ENV A=$B', 'USER 5'))}"
        )

    def copy(self) -> str:
        """COPY and ADD of a small file."""
        pick = self.random
        flags = pick.choice(("", "", "--chown=1:2 ", "--chmod=600 "))
        words = pick.choice(("file /to", "./file /to/", '["file", "/to"]', "dir /to/", "f* /to/", "file ."))
        return f"{self.case(pick.choice(('COPY', 'ADD')))} {flags}{words}"

    def comment(self) -> str:
        """A comment or an empty line."""
        return self.random.choice(("# comment", "  # indented", "", "#"))

    def maintainer(self) -> str:
        """MAINTAINER."""
        return f"{self.case('MAINTAINER')} Somebody <some@example.com>"

    def mistake(self) -> str:
        """A line that is wrong."""
        return self.random.choice(
            (
                "NONSENSE x",
                "ENV",
                "ENV A",
                "LABEL",
                "FROM",
                "FROM a b c",
                "COPY",
                "COPY file",
                "WORKDIR",
                "USER",
                "EXPOSE x/y/z",
                "SHELL /bin/sh",
                "HEALTHCHECK",
                "HEALTHCHECK --retries=x CMD a",
                "ONBUILD",
                "ONBUILD FROM x",
                "ONBUILD ONBUILD RUN x",
                "STOPSIGNAL",
                'ENV A="unfinished',
                "ENV A=${B",
                "COPY nothing-there /x",
                "ARG",
                "VOLUME",
                "MAINTAINER",
            )
        )

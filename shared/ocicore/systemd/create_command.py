"""The command line that made a container or pod, taken apart so that a unit can repeat it with changes.

Which words are options and which belong to the container must be told exactly: `-e --rm` sets a variable's name, and
a container's own `--name` is none of ours.
"""

from __future__ import annotations

from ocicore.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

#: Options of `run`, `create` and `pod create` that take no value unless one is attached. All others take one.
FLAGS = frozenset(
    (
        "detach", "disable-content-trust", "env-host", "help", "http-proxy", "infra", "init", "interactive",
        "no-healthcheck", "no-hostname", "no-hosts", "oom-kill-disable", "passwd", "privileged", "publish-all",
        "quiet", "read-only", "read-only-tmpfs", "replace", "rm", "rmi", "rootfs", "sig-proxy", "tls-verify", "tty",
        "unsetenv-all",
    )
)  # fmt: skip
#: Their letters, with those options' names where the generator asks for them.
SHORT_FLAGS = {"d": "detach", "i": "interactive", "t": "tty", "q": "quiet", "P": "publish-all"}
#: Letters of options with a value that the generator asks for.
_SHORT_VALUES = {"e": "env"}


class OptionUse:
    """One word, or two, of the options.

    Slots:
        words: as typed.
        values: (long name, text) pairs; a cluster of letters has several; text is None for a bare flag.
    """

    __slots__ = ("values", "words")

    def __init__(self, words: list[str], values: list[tuple[str, str | None]]) -> None:
        self.words = words
        self.values = values


class CreateCommand:
    """A command line such as `pypod --root /x run -d --name web nginx`.

    Slots:
        global_words: what stands between the program and the command.
        options: uses of the command's options, in order.
        rest: the image and what follows it (for a pod: its name, if any).
    """

    __slots__ = ("global_words", "options", "rest")

    def __init__(self, global_words: list[str], options: list[OptionUse], rest: list[str]) -> None:
        self.global_words = global_words
        self.options = options
        self.rest = rest

    def given(self, name: str) -> bool:
        return any(name == key for use in self.options for key, _ in use.values)

    def text(self, name: str) -> str | None:
        """The last value of an option."""
        found = [text for use in self.options for key, text in use.values if key == name]
        return found[-1] if found else None

    def texts(self, name: str) -> list[str]:
        """Every value of an option that repeats."""
        return [text for use in self.options for key, text in use.values if key == name and text is not None]

    def is_set(self, name: str) -> bool:
        """Whether a flag is on."""
        if not self.given(name):
            return False
        text = self.text(name)
        return text is None or text in ("1", "t", "T", "TRUE", "true", "True")

    def without(self, *names: str) -> list[str]:
        """The words of the options, less those of these names; a cluster loses only their letters."""
        words: list[str] = []
        for use in self.options:
            if not any(key in names for key, _ in use.values):
                words += use.words
            elif len(use.values) > 1:
                words += _remaining_cluster(use, names)
        return words


def _remaining_cluster(use: OptionUse, names: Iterable[str]) -> list[str]:
    """`-itd` without `detach` is `-it`."""
    letters = {name: letter for letter, name in SHORT_FLAGS.items()}
    kept = []
    tail = use.words[0][1 + len([key for key, _ in use.values if key in letters]) :]
    for key, _ in use.values:
        if key in letters and key not in names:
            kept.append(letters[key])
    last = use.values[-1][0]
    if last not in letters and last not in names:
        return ["-" + "".join(kept) + tail, *use.words[1:]]
    return ["-" + "".join(kept)] if kept else []


def parse(words: list[str]) -> CreateCommand:
    """Takes the command line of `run` or `create` apart; its first word is the program.

    Raises:
        InvalidInput: there is no such command in it.
    """
    for index, word in enumerate(words[1:], 1):
        if word in ("run", "create"):
            global_words = words[1:index]
            if global_words[-1:] == ["container"]:
                global_words.pop()
            options, rest = _options(words[index + 1 :])
            return CreateCommand(global_words, options, rest)
    raise InvalidInput(f"container's create command is too short or invalid: {words}")


def parse_pod(words: list[str]) -> CreateCommand:
    """Takes the command line of `pod create` apart.

    Raises:
        InvalidInput: the pod was made in another way.
    """
    for index in range(1, len(words) - 1):
        if words[index : index + 2] == ["pod", "create"]:
            options, rest = _options(words[index + 2 :])
            return CreateCommand(words[1:index], options, rest)
    raise InvalidInput(f"pod does not appear to be created via `pod create`: {words}")


def _options(words: list[str]) -> tuple[list[OptionUse], list[str]]:
    """Option uses up to the first positional, and everything from there."""
    uses: list[OptionUse] = []
    position = 0
    while position < len(words):
        word = words[position]
        if word == "--":
            return uses, words[position:]
        if len(word) < 2 or word[0] != "-":
            break
        taken = 1
        values: list[tuple[str, str | None]] = []
        if word.startswith("--"):
            name, equals, text = word[2:].partition("=")
            if equals:
                values.append((name, text))
            elif name in FLAGS or position + 1 >= len(words):
                values.append((name, None))
            else:
                values.append((name, words[position + 1]))
                taken = 2
        else:
            taken = _cluster(word[1:], words[position + 1 : position + 2], values)
        uses.append(OptionUse(words[position : position + taken], values))
        position += taken
    return uses, words[position:]


def _cluster(letters: str, following: list[str], values: list[tuple[str, str | None]]) -> int:
    """Reads `-itd` or `-eA=B`; returns how many words it takes."""
    for index, letter in enumerate(letters):
        rest = letters[index + 1 :]
        if letter in SHORT_FLAGS:
            if len(rest) > 1 and rest[0] == "=":
                values.append((SHORT_FLAGS[letter], rest[1:]))
                return 1
            values.append((SHORT_FLAGS[letter], None))
            continue
        name = _SHORT_VALUES.get(letter, letter)
        if rest:
            values.append((name, rest[1:] if len(rest) > 1 and rest[0] == "=" else rest))
            return 1
        values.append((name, following[0] if following else None))
        return 1 + len(following)
    return 1

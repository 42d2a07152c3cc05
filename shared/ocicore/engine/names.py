"""Names of containers, pods and volumes: the grammar and random ones.

The grammar is Docker's and podman's ([a-zA-Z0-9][a-zA-Z0-9_.-]*); the words are our own.
"""

from __future__ import annotations

import os

from ocicore.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_FIRST = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_REST = _FIRST | frozenset("_.-")

_ADJECTIVES = (
    "amber agile airy ample apt azure balmy bold brave breezy brisk bright calm candid cheery civil clever cosy "
    "crisp curious dapper daring deft eager earnest easy fair fearless fleet fluent fond frank fresh frosty "
    "gallant generous gentle gleaming golden graceful grand handy hardy hearty honest humble icy jaunty jolly "
    "keen kind lively loyal lucid lucky mellow merry mild mindful misty modest neat nimble noble open patient "
    "placid plucky polite proud prudent quick quiet radiant ready rosy rustic serene sharp silent silver sincere "
    "sleek smooth snug sober spry steady still stout sturdy subtle sunny supple swift tactful tidy tranquil trim "
    "trusty upbeat vivid warm wary watchful willing witty zealous"
)
_NOUNS = (
    "acorn alder anchor antler apricot arbor aspen aurora badger bay beacon birch bison bramble breeze brook "
    "canyon cedar cliff clover comet condor copper coral cove crane creek cypress dale dawn delta dune elm ember "
    "falcon fern finch fjord flint forest fox garnet geyser glacier glen grove gull harbor hazel heath heron hill "
    "holly island ivy jasper jay juniper kestrel lagoon lake larch lark laurel ledge lichen lily linden lotus "
    "lynx maple marsh marten meadow mesa moss oak oasis orchid osprey otter owl pebble pine plover pond poplar "
    "prairie quail quartz rapids raven reed reef ridge river robin rowan sage salmon sequoia shore slate sparrow "
    "spruce stone stork stream summit swan tern thistle thrush tide trout tulip tundra valley violet walnut "
    "wave willow wren yarrow"
)


def check_name(name: str) -> str:
    """The name itself. Raises InvalidInput, in podman's words, when the grammar does not allow it."""
    if not name or name[0] not in _FIRST or not _REST.issuperset(name):
        raise InvalidInput("names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument")
    return name


def random_name(taken: Callable[[str], bool]) -> str:
    """A free name such as "calm_heron"; after ten collisions a number is added."""
    adjectives, nouns = _ADJECTIVES.split(), _NOUNS.split()
    attempt = 0
    while True:
        seed = int.from_bytes(os.urandom(8), "little")
        name = f"{adjectives[seed % len(adjectives)]}_{nouns[(seed >> 20) % len(nouns)]}"
        if attempt >= 10:
            name += str((seed >> 40) % 10 ** (attempt // 10))
        if not taken(name):
            return name
        attempt += 1


def random_id() -> str:
    """64 random hexadecimal digits: a container, exec session, anonymous volume or secret."""
    while True:
        identifier = os.urandom(32).hex()
        # A short id that is all digits could be taken for a number by tools that parse YAML or hostnames.
        if not identifier[:12].isdigit():
            return identifier

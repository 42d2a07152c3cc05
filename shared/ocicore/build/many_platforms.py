"""One build for several platforms: the same build once for each, side by side as --jobs allows, joined in a list."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from ocicore.errors import Error, InvalidInput
from ocicore.oci import platform as platforms

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ocicore.build.executor import Executor
    from ocicore.build.options import BuildOptions, BuildResult
    from ocicore.image.local import LocalImage


def of_base_images(names: Sequence[str], offered: Callable[[str], Sequence[str]]) -> list[str]:
    """The platforms that every base image has (--all-platforms).

    Args:
        names: base images that are no stages.
        offered: what a name at its registry offers, as text.

    Raises:
        InvalidInput: there is no base image, or no platform all of them have.
    """
    if not names:
        raise InvalidInput("build uses no non-scratch base images", hint="name platforms with --platform")
    common: list[str] = []
    for number, name in enumerate(names):
        texts = [str(platforms.parse(text)) for text in offered(name)]
        common = list(dict.fromkeys(texts)) if number == 0 else [text for text in common if text in texts]
    if not common:
        raise InvalidInput(f"no platform is common to the base images {', '.join(names)}")
    return sorted(common)


def build(
    options: BuildOptions,
    chosen: Sequence[str],
    make: Callable[[BuildOptions, str], Executor],
) -> tuple[BuildResult, list[LocalImage]]:
    """Build for every platform; the result of the first, and the images in order.

    Args:
        make: (options of one platform, label for its lines) -> executor.

    Raises:
        Error: of the first platform that failed, the platform named.
    """
    from concurrent.futures import ThreadPoolExecutor

    results: dict[str, tuple[BuildResult, LocalImage]] = {}
    failures: list[tuple[str, Error]] = []
    lock = threading.Lock()

    def one(text: str) -> None:
        own = options.for_platform(text)
        executor = make(own, f"[{text}] " if len(chosen) > 1 else "")
        try:
            result = executor.run()
            image = executor.sources.image_by_id(result.image_id)
        except Error as error:
            with lock:
                failures.append((text, error))
            return
        finally:
            executor.close()
        with lock:
            results[text] = (result, image)

    workers = min(options.jobs or len(chosen), len(chosen))
    with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="platform") as pool:
        for future in [pool.submit(one, text) for text in chosen]:
            future.result()
    if failures:
        text, error = min(failures, key=lambda failure: list(chosen).index(failure[0]))
        error.message = f"[{text}]: {error.message}"
        raise error
    return results[chosen[0]][0], [results[text][1] for text in chosen]

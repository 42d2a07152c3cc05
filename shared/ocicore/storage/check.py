"""Checking a store against itself, and removing what is broken.

Knows the damage containers/storage's check.go knows, and its wording. Structure is read under
shared locks and costs little; contents (every byte against tar-split and the diff id) are read
without any lock, and a finding counts only if the layer is still there afterwards.
"""

from __future__ import annotations

import os
import time

from ocicore.errors import Corrupted
from ocicore.storage import bigdata
from ocicore.storage.tempdirs import TempDir

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.storage.records import Container, Image, Layer
    from ocicore.storage.store import Store

# A layer that nothing refers to may belong to a pull under way; upstream waits as long.
UNREFERENCED_AGE = 86400


class Problem:
    """One finding.

    Attributes:
        kind: "layer", "image", "container" or "store".
        id: which one; the path for "store".
        message: what is wrong.
        repaired: was it removed or mended?
        fatal: is the thing unusable (a warning otherwise)?
    """

    __slots__ = ("fatal", "id", "kind", "message", "repaired")

    def __init__(self, kind: str, id: str, message: str, *, fatal: bool = True) -> None:
        self.kind = kind
        self.id = id
        self.message = message
        self.fatal = fatal
        self.repaired = False

    def __repr__(self) -> str:
        return f"{self.kind} {self.id}: {self.message}" + (" (repaired)" if self.repaired else "")


class CheckReport:
    """All findings; `ok` when there is none left."""

    __slots__ = ("problems",)

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def add(self, kind: str, id: str, message: str, *, fatal: bool = True) -> None:
        """Note a finding."""
        self.problems.append(Problem(kind, id, message, fatal=fatal))

    def of(self, kind: str) -> dict[str, list[Problem]]:
        """Findings of a kind by id."""
        found: dict[str, list[Problem]] = {}
        for problem in self.problems:
            if problem.kind == kind:
                found.setdefault(problem.id, []).append(problem)
        return found

    @property
    def ok(self) -> bool:
        """Nothing was found, or everything was repaired."""
        return all(problem.repaired for problem in self.problems)


def check(
    store: Store,
    *,
    repair: bool = False,
    contents: bool = False,
    remove_containers: bool = False,
    unreferenced_age: int = UNREFERENCED_AGE,
) -> CheckReport:
    """See `Store.check`.

    Args:
        unreferenced_age: seconds for which a layer may exist without anything that uses it.
        remove_containers: with `repair`, remove containers on broken images or layers, too; without,
            they and what they stand on are only reported.
    """
    report = CheckReport()
    _check_files(store, report, repair)
    if any(problem.kind == "store" and not problem.repaired for problem in report.problems):
        return report
    with (
        store.layer_store.files.reading(),
        store.image_store.files.reading(),
        store.container_store.files.reading(),
    ):
        layers: dict[str, Layer] = {}
        for layer in store.layers():
            layers.setdefault(layer.id, layer)  # the store's own goes before an additional store's
        images = store.images()
        containers = store.containers()
        _check_layers(store, report, layers, images, containers, unreferenced_age)
        for image in images:
            _check_image(store, report, image, layers)
        for container in containers:
            _check_container(store, report, container, layers, {image.id for image in images})
    if contents:
        from ocicore.storage import check_contents

        check_contents.check(store, report, list(layers.values()), images)
    _spread(report, layers, images, containers)
    if repair:
        _repair(store, report, layers, images, containers, remove_containers)
        _repair_leftovers(store, report, remove_containers, unreferenced_age)
    return report


def _repair_leftovers(
    store: Store, report: CheckReport, remove_containers: bool, unreferenced_age: int
) -> None:
    """What nothing uses any more since containers and images were removed goes as well."""
    if not any(problem.repaired and problem.kind in ("container", "image") for problem in report.problems):
        return
    known = {(problem.kind, problem.id) for problem in report.problems}
    again = check(store, repair=True, remove_containers=remove_containers, unreferenced_age=unreferenced_age)
    report.problems += [problem for problem in again.problems if (problem.kind, problem.id) not in known]


# -- records as files ------------------------------------------------------------------------------


def _check_files(store: Store, report: CheckReport, repair: bool) -> None:
    """Are the JSON files readable? A torn one is replaced by the records that can still be read."""
    for files in (store.layer_store.files, store.image_store.files, store.container_store.files):
        try:
            with files.reading():
                continue
        except Corrupted as error:
            report.add("store", files.paths[0], error.message)
        if repair:
            with files.locked_for_salvage():
                kept, backups = files.salvage()
            problem = report.problems[-1]
            problem.message += f"; {kept} records kept, the old file is {', '.join(backups)}"
            problem.repaired = True


# -- layers ----------------------------------------------------------------------------------------


def _check_layers(
    store: Store,
    report: CheckReport,
    layers: dict[str, Layer],
    images: list[Image],
    containers: list[Container],
    unreferenced_age: int,
) -> None:
    driver = store.driver
    used = {image.layer for image in images} | {container.layer for container in containers}
    for image in images:
        used.update(image.mapped_layers)
    for layer_id in list(used):
        below = layers[layer_id].parent if layer_id in layers else None
        while below and below not in used:
            used.add(below)
            below = layers[below].parent if below in layers else None
    for layer in layers.values():
        if layer.parent and layer.parent not in layers:
            report.add("layer", layer.id, f"its parent {layer.parent} is missing: layer is missing")
        if not driver.exists(layer.id) or not os.path.isdir(driver.diff_path(layer.id)):
            place = driver.elsewhere(layer.id)
            if place is not None:
                # Nothing here is broken, and what is mounted next time has it again.
                report.add(
                    "layer",
                    layer.id,
                    f"the additional layer store has no {place} now: layer is missing",
                    fatal=False,
                )
            else:
                report.add("layer", layer.id, "its directory is missing: layer is missing")
            continue
        if not driver.needs_parent and not layer.read_only:
            _check_overlay(store, report, layer, layers)
        elsewhere = driver.elsewhere(layer.id)
        if (
            layer.diff_id
            and elsewhere is None
            and not os.path.exists(store.layer_store.tar_split_path(layer.id))
        ):
            # Layers made without a tar (partial pulls) have none, and are complete all the same.
            fatal = not layer.raw.get("toc-digest")
            report.add("layer", layer.id, "its tar-split is missing: layer data item is missing", fatal=fatal)
        folder = store.layer_store.data_dir(layer.id)
        for key in layer.big_data_names:
            if not os.path.exists(bigdata.path(folder, key)):
                report.add("layer", layer.id, f"big data {key}: layer data item is missing")
        if layer.id not in used and not layer.incomplete and not layer.read_only:
            if time.time_ns() - layer.created > unreferenced_age * 1_000_000_000:
                report.add("layer", layer.id, "layer not referenced by any images or containers")
    known = layers.keys()
    for layer_id in driver.layer_ids():
        if layer_id not in known:
            report.add("layer", layer_id, "layer in lower level storage driver not accounted for")


def _check_overlay(store: Store, report: CheckReport, layer: Layer, layers: dict[str, Layer]) -> None:
    """`link`, its short link, and `lower` against the chain of parents."""
    from ocicore.storage.overlay import OverlayDriver

    driver = store.driver
    if not isinstance(driver, OverlayDriver):
        return
    link = driver.link_of(layer.id)
    if link is None:
        report.add("layer", layer.id, "its link file is missing", fatal=False)
    elif not os.path.isdir(os.path.join(driver.home_of(layer.id), "l", link)):
        report.add("layer", layer.id, f"its short link {link} is missing", fatal=False)
    # A copy with other owners stands on the layer it was copied from: a sibling of the same content.
    bases = [layer.parent] if layer.parent else []
    if layer.diff_id:
        bases += [
            other.id
            for other in layers.values()
            if other.diff_id == layer.diff_id and other.parent == layer.parent and other.id != layer.id
        ]
    expected: list[list[str]] = [] if layer.parent else [[]]
    for base in bases:
        if base not in layers or driver.link_of(base) is None:
            return  # reported for that layer
        expected += driver.chains(base)
    if driver.lower_links(layer.id) not in expected:
        report.add("layer", layer.id, "its lower file does not name its parents: layer content modified")


# -- images and containers -------------------------------------------------------------------------


def _check_image(store: Store, report: CheckReport, image: Image, layers: dict[str, Layer]) -> None:
    below = image.layer
    while below:
        if below not in layers:
            report.add("image", image.id, f"layer {below}: image layer is missing")
            break
        below = layers[below].parent
    folder = store.image_store.data_dir(image.id)
    for key in image.big_data_names:
        _check_item(report, "image", image.id, folder, key, image.big_data_sizes.get(key))


def _check_container(
    store: Store, report: CheckReport, container: Container, layers: dict[str, Layer], image_ids: set[str]
) -> None:
    if container.image and container.image not in image_ids:
        report.add("container", container.id, f"image {container.image}: image missing")
    if container.layer and container.layer not in layers:
        report.add("container", container.id, f"layer {container.layer}: layer is missing")
    folder = os.path.join(store.container_store.folder, container.id)
    for key in container.big_data_names:
        _check_item(report, "container", container.id, folder, key, container.big_data_sizes.get(key))


def _check_item(report: CheckReport, kind: str, id: str, folder: str, key: str, size: int | None) -> None:
    try:
        found = os.stat(bigdata.path(folder, key)).st_size
    except FileNotFoundError:
        report.add(kind, id, f"data item {key}: {kind} data item is missing")
        return
    if size is not None and found != size:
        report.add(
            kind,
            id,
            f"data item {key} has {found} bytes, expected {size}: {kind} data item has incorrect size",
        )


# -- what follows, and repair ----------------------------------------------------------------------


def _spread(
    report: CheckReport, layers: dict[str, Layer], images: list[Image], containers: list[Container]
) -> None:
    """A broken layer breaks its children, and the images and containers on it."""
    broken = {id for id, found in report.of("layer").items() if any(problem.fatal for problem in found)}
    pending = True
    while pending:
        pending = False
        for layer in layers.values():
            if layer.parent in broken and layer.id not in broken:
                broken.add(layer.id)
                report.add("layer", layer.id, f"stands on layer {layer.parent}, which is damaged")
                pending = True
    bad_images = set(report.of("image"))
    for image in images:
        if image.layer in broken and image.id not in bad_images:
            bad_images.add(image.id)
            report.add("image", image.id, f"stands on layer {image.layer}, which is damaged")
    bad_containers = report.of("container")
    for container in containers:
        if container.id not in bad_containers and (
            container.layer in broken or container.image in bad_images
        ):
            report.add("container", container.id, "stands on an image or layer that is damaged")


def _repair(
    store: Store,
    report: CheckReport,
    layers: dict[str, Layer],
    images: list[Image],
    containers: list[Container],
    remove_containers: bool,
) -> None:
    bad = report.of("container")
    kept_layers: set[str] = set()
    kept_images: set[str] = set()
    for container in containers:
        # What has lost its own layer cannot be saved by anything.
        hopeless = container.id in bad and (container.layer not in layers or remove_containers)
        if hopeless:
            store.delete_container(container.id)
            _done(bad[container.id])
        else:
            kept_images.add(container.image)
            below: str | None = container.layer
            while below and below in layers:
                kept_layers.add(below)
                below = layers[below].parent
    bad = report.of("image")
    for image in images:
        if image.id in bad and image.id not in kept_images and not image.read_only:
            store.delete_image(image.id)
            _done(bad[image.id])
    from ocicore.storage.overlay import OverlayDriver

    if isinstance(store.driver, OverlayDriver):
        store.driver.recreate_links()
    _repair_layers(store, report, layers, kept_layers)
    store.gc()


def _repair_layers(store: Store, report: CheckReport, layers: dict[str, Layer], kept: set[str]) -> None:
    damaged = report.of("layer")
    # Children before the layers they stand on.
    for layer_id in sorted(damaged, key=lambda one: -_depth(layers, one)):
        found = damaged[layer_id]
        if layer_id in layers and layers[layer_id].read_only:
            continue  # of a store that is another's to repair
        fatal = any(problem.fatal for problem in found)
        if layer_id not in layers or not fatal:
            # Directories without a record go with the garbage; links were made anew.
            unreferenced = layer_id in layers and any(
                "not referenced" in problem.message for problem in found
            )
            if not unreferenced:
                _done(found)
                continue
        if layer_id in kept:
            continue
        temp = None
        try:
            with store.layer_store.writing():
                layer = store.layer_store.files.by_id.get(layer_id)
                if layer is not None:
                    temp = TempDir(store.layer_store.temp_root)
                    temp.intend(layer_id)
                    store.layer_store.delete_locked(temp, [layer])
        finally:
            if temp is not None:
                temp.remove()
        _done(found)


def _depth(layers: dict[str, Layer], layer_id: str) -> int:
    depth = 0
    below = layers[layer_id].parent if layer_id in layers else None
    while below and below in layers:
        depth += 1
        below = layers[below].parent
    return depth


def _done(problems: list[Problem]) -> None:
    for problem in problems:
        problem.repaired = True

"""What building an image would do, before it does anything: which layers there are, where, and what would travel."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, cast

from ..image.blueprint import Blueprint, Piece
from ..image.build import Builder
from ..image.ground import Ground
from ..image.reference import Reference
from .image_order import Asked
from .images import ImagePlan, LayerPlan, LayerState, PlatformPlan


def planned(builder: Builder, asked: Asked) -> ImagePlan:
    """Return the plan of a build. Raises what `Builder` does."""
    order = asked.order
    found = [builder.ground(order, platform, push=asked.push, look=True) for platform in order.platforms]
    said = [*asked.findings, *(finding for ground in found for finding in ground.lock.findings)]
    notes = [
        f"{ground.base.name} is another image now: {ground.base.digest}, before {ground.base.before}."
        for ground in found
        if ground.base.before
    ]
    built = sorted({source.name for ground in found for source in ground.lock.sources})
    if order.system:
        notes.append(f"System packages of the base, added by buildah: {', '.join(order.system)}.")
    if built:
        notes.append(f"Built on this machine, since there is no wheel: {', '.join(built)}.")
    return ImagePlan(
        name=asked.order.payload.name,
        program=asked.order.payload.digest,
        repository="" if asked.push is None else str(asked.push),
        platforms=tuple(_platform(builder, asked, ground) for ground in found),
        findings=tuple(finding for number, finding in enumerate(said) if finding not in said[:number]),
        notes=(*asked.notes, *notes),
    )


def _platform(builder: Builder, asked: Asked, ground: Ground) -> PlatformPlan:
    blueprint = builder.draw(asked.order, replace(ground, lock=replace(ground.lock, sources=())))
    look = _Look(builder, blueprint, asked.push)
    layers = look.layers()
    return PlatformPlan(
        platform=str(ground.base.platform),
        base=asked.order.base,
        base_digest=ground.base.published.digest,
        python=ground.base.python.version,
        lock=ground.lock.digest,
        packages=tuple(f"{one.name} {one.version}" for one in ground.lock.wheels),
        layers=layers,
        fetch=look.fetch,
        push=_sum(layer.size for layer in layers if layer.state != "present") if asked.push else None,
    )


def _sum(sizes: Iterable[int | None]) -> int | None:
    found = list(sizes)
    return None if None in found else sum(size for size in found if size is not None)


class _Look:
    """Finds out what of an image is where."""

    def __init__(self, builder: Builder, blueprint: Blueprint, push: Reference | None) -> None:
        self.fetch: int | None = 0
        self._blueprint = blueprint
        self._cache = builder.cache
        self._known = builder.known(blueprint, push) if push else frozenset[str]()

    def layers(self) -> tuple[LayerPlan, ...]:
        """Return all layers, bottom first."""
        base = [self._base(number) for number in range(len(self._blueprint.base.layers))]
        ours = [self._piece(piece) for piece in self._blueprint.pieces]
        self.fetch = _sum(size for _, size in ours)
        return (*base, *(layer for layer, _ in ours))

    def _base(self, number: int) -> LayerPlan:
        blob = self._blueprint.base.layers[number].descriptor
        base = self._blueprint.base
        title = base.published.name if number == 0 else f"base layer {number + 1}"
        if number >= len(base.published.layers):
            title = f"apt {' '.join(base.added)}"
        return LayerPlan("base", title, self._state(blob.digest) or "known", blob.digest, blob.size)

    def _piece(self, piece: Piece) -> tuple[LayerPlan, int | None]:
        """Return a layer, and the bytes to download for it."""
        contents = tuple(f"{wheel.name} {wheel.version}" for wheel in piece.wheels)
        layer = self._cache.layer(piece.key)
        if layer is None and not piece.wheels:
            layer = piece.write(cast(Any, _Nowhere()), {})  # so small that making it is the way to know its size
            return self._new(piece, contents, layer.descriptor.digest, layer.descriptor.size), 0
        if layer is None:
            return self._new(piece, contents, "", None), self._missing(piece)
        digest, size = layer.descriptor.digest, layer.descriptor.size
        state = self._state(digest) or "known"
        return LayerPlan(piece.kind, piece.name, state, digest, size, contents), 0

    def _new(self, piece: Piece, contents: tuple[str, ...], digest: str, size: int | None) -> LayerPlan:
        return LayerPlan(piece.kind, piece.name, "new", digest, size, contents)

    def _state(self, digest: str) -> LayerState | None:
        if digest in self._known:
            return "present"
        return "cached" if self._cache.blob(digest) else None

    def _missing(self, piece: Piece) -> int | None:
        return _sum(wheel.size for wheel in piece.wheels if self._cache.blob(wheel.digest) is None)


class _Nowhere:
    """An open file that keeps nothing."""

    def write(self, data: bytes) -> int:
        """Take bytes."""
        return len(data)

    def flush(self) -> None:
        """Do nothing."""

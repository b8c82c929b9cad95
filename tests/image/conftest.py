"""Fixtures that the image builder's tests share."""

from tests.image.base_image import debian_base

__all__ = ["debian_base"]

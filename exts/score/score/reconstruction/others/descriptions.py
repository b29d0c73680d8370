# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""An asset as MJCF and as URDF: the same body, pieces, mass and friction as in its USD file."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from score.reconstruction.others.meshes import VisualPart
from score.reconstruction.shape.pieces import BoxPiece, ConvexPiece, CylinderPiece, Piece
from score.reconstruction.usd.usd_reader import UsdAsset
from score.reconstruction.usd.usd_writer import CONTACT_IMPEDANCE, CONTACT_RANK

__all__ = ["mjcf", "urdf"]


def mjcf(name: str, usd: UsdAsset, visual: Sequence[VisualPart], hulls: Mapping[int, str]) -> str:
    """MuJoCo's description: one free body.

    Args:
        name: Name of the asset.
        usd: What its USD file says.
        visual: Files of what is seen.
        hulls: Number of a convex piece -> its file.
    """
    root = ElementTree.Element("mujoco", model=name)
    # Loaded by itself it rolls and rests as in this project's engines; a scene that includes it may say otherwise.
    ElementTree.SubElement(root, "option", cone="elliptic", impratio="10", integrator="implicitfast")
    assets = ElementTree.SubElement(root, "asset")
    for index, part in enumerate(visual):
        # As a shell: a scanned surface may be open, and then encloses no volume.
        ElementTree.SubElement(assets, "mesh", name=f"{name}_visual{index}", file=part.mesh, inertia="shell")
        look = {"name": f"{name}_look{index}", "rgba": _text([*part.color, 1.0])}
        if part.texture is not None:
            ElementTree.SubElement(assets, "texture", name=f"{name}_texture", type="2d", file=part.texture)
            look["texture"] = f"{name}_texture"
        ElementTree.SubElement(assets, "material", look)
    for file in hulls.values():
        ElementTree.SubElement(assets, "mesh", name=file.removesuffix(".obj"), file=file)
    body = ElementTree.SubElement(ElementTree.SubElement(root, "worldbody"), "body", name=name)
    ElementTree.SubElement(body, "freejoint", name=f"{name}_free")
    (xx, xy, xz), (_, yy, yz), (_, _, zz) = usd.inertia.tolist()
    full = _text([xx, yy, zz, xy, xz, yz])
    ElementTree.SubElement(body, "inertial", pos=_text(usd.center), mass=_text([usd.mass]), fullinertia=full)
    for index in range(len(visual)):
        ElementTree.SubElement(
            body, "geom", type="mesh", mesh=f"{name}_visual{index}", material=f"{name}_look{index}",
            contype="0", conaffinity="0", group="2", mass="0",
        )  # fmt: skip
    contact = {
        "group": "3",
        # With fewer than six dimensions nothing resists rolling.
        "condim": str(6 if usd.rolling > 0.0 else CONTACT_RANK),
        "solimp": _text(CONTACT_IMPEDANCE),
        "friction": _text([usd.friction if usd.friction is not None else 1.0, 0.005, usd.rolling or 0.0001]),
    }
    for index, piece in enumerate(usd.pieces):
        ElementTree.SubElement(body, "geom", _mjcf_shape(piece, hulls.get(index)) | contact)
    return _document(root)


def urdf(name: str, usd: UsdAsset, visual: Sequence[VisualPart], hulls: Mapping[int, str]) -> str:
    """URDF: one link. Friction stands where Gazebo and Bullet look for it.

    Args:
        name: Name of the asset.
        usd: What its USD file says.
        visual: Files of what is seen.
        hulls: Number of a convex piece -> its file.
    """
    root = ElementTree.Element("robot", name=name)
    # Others ignore it; MuJoCo would melt the one link into the world and drop what is seen.
    extension = ElementTree.SubElement(root, "mujoco")
    ElementTree.SubElement(extension, "compiler", fusestatic="false", discardvisual="false", strippath="false")
    link = ElementTree.SubElement(root, "link", name=name)
    inertial = ElementTree.SubElement(link, "inertial")
    ElementTree.SubElement(inertial, "origin", xyz=_text(usd.center), rpy="0 0 0")
    ElementTree.SubElement(inertial, "mass", value=_text([usd.mass]))
    (xx, xy, xz), (_, yy, yz), (_, _, zz) = usd.inertia.tolist()
    moments = {"ixx": xx, "ixy": xy, "ixz": xz, "iyy": yy, "iyz": yz, "izz": zz}
    ElementTree.SubElement(inertial, "inertia", {key: _text([value]) for key, value in moments.items()})
    for index, part in enumerate(visual):
        element = ElementTree.SubElement(link, "visual")
        ElementTree.SubElement(ElementTree.SubElement(element, "geometry"), "mesh", filename=part.mesh)
        if part.texture is None:
            look = ElementTree.SubElement(element, "material", name=f"{name}_look{index}")
            ElementTree.SubElement(look, "color", rgba=_text([*part.color, 1.0]))
    for index, piece in enumerate(usd.pieces):
        element = ElementTree.SubElement(link, "collision", name=f"c{index:03d}")
        if not isinstance(piece, ConvexPiece):
            angles = Rotation.from_quat(piece.quaternion).as_euler("xyz")
            ElementTree.SubElement(element, "origin", xyz=_text(piece.center), rpy=_text(angles))
        _urdf_shape(ElementTree.SubElement(element, "geometry"), piece, hulls.get(index))
    friction = _text([usd.friction if usd.friction is not None else 1.0])
    contact = ElementTree.SubElement(link, "contact")
    ElementTree.SubElement(contact, "lateral_friction", value=friction)
    gazebo = ElementTree.SubElement(root, "gazebo", reference=name)
    for key in ("mu1", "mu2"):
        ElementTree.SubElement(gazebo, key).text = friction
    return _document(root)


def _mjcf_shape(piece: Piece, file: str | None) -> dict[str, str]:
    if isinstance(piece, ConvexPiece):
        return {"type": "mesh", "mesh": str(file).removesuffix(".obj")}
    x, y, z, w = piece.quaternion
    place = {"pos": _text(piece.center), "quat": _text([w, x, y, z])}
    if isinstance(piece, BoxPiece):
        return {"type": "box", "size": _text(piece.half_size), **place}
    if isinstance(piece, CylinderPiece):
        return {"type": "cylinder", "size": _text([piece.radius, piece.height / 2.0]), **place}
    return {"type": "sphere", "size": _text([piece.radius]), **place}


def _urdf_shape(geometry: ElementTree.Element, piece: Piece, file: str | None) -> None:
    if isinstance(piece, ConvexPiece):
        ElementTree.SubElement(geometry, "mesh", filename=str(file))
    elif isinstance(piece, BoxPiece):
        ElementTree.SubElement(geometry, "box", size=_text(2.0 * np.asarray(piece.half_size)))
    elif isinstance(piece, CylinderPiece):
        ElementTree.SubElement(geometry, "cylinder", radius=_text([piece.radius]), length=_text([piece.height]))
    else:
        ElementTree.SubElement(geometry, "sphere", radius=_text([piece.radius]))


def _text(values: Sequence[float] | np.ndarray) -> str:
    """Numbers of seven digits, which is what USD keeps of them."""
    return " ".join(f"{float(value):.7g}" for value in values)


def _document(root: ElementTree.Element) -> str:
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"

"""Changes the materials of a `.glb`: alpha mode, and the older model of specular and glossiness."""

from __future__ import annotations

import json
import struct
from typing import Any

PBR_MODELS = ("metallic_roughness", "specular_glossiness")
ALPHA_MODES = ("OPAQUE", "MASK", "BLEND")
_EXTENSION = "KHR_materials_pbrSpecularGlossiness"
_JSON_CHUNK = 0x4E4F534A


def with_looks(content: bytes, pbr_model: str, alpha_mode: str) -> bytes:
    """The same scene with all materials in a model and an alpha mode.

    https://github.com/KhronosGroup/glTF/tree/main/extensions/2.0/Archived/KHR_materials_pbrSpecularGlossiness
    """
    length = struct.unpack("<I", content[12:16])[0]
    document = json.loads(content[20 : 20 + length])
    for material in document.get("materials", []):
        if alpha_mode != "OPAQUE":
            material["alphaMode"] = alpha_mode
        if pbr_model == "specular_glossiness":
            material["extensions"] = {_EXTENSION: _specular(material.pop("pbrMetallicRoughness", {}))}
    if pbr_model == "specular_glossiness":
        document["extensionsUsed"] = sorted({*document.get("extensionsUsed", []), _EXTENSION})
    text = json.dumps(document, separators=(",", ":")).encode("ascii")
    text += b" " * (-len(text) % 4)
    rest = content[20 + length :]
    head = content[:8] + struct.pack("<III", 20 + len(text) + len(rest), len(text), _JSON_CHUNK)
    return head + text + rest


def _specular(metallic: dict[str, Any]) -> dict[str, Any]:
    """A dielectric material, or a metal whose colour is its reflection."""
    color = metallic.get("baseColorFactor", [1.0, 1.0, 1.0, 1.0])
    share = float(metallic.get("metallicFactor", 1.0))
    look = {
        "diffuseFactor": [*(value * (1 - share) for value in color[:3]), color[3]],
        "specularFactor": [0.04 * (1 - share) + value * share for value in color[:3]],
        "glossinessFactor": 1 - float(metallic.get("roughnessFactor", 1.0)),
    }
    if "baseColorTexture" in metallic:
        look["diffuseTexture"] = metallic["baseColorTexture"]
    return look

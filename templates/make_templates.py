"""Writes the templates of this folder: one for each sample preset, and the environments on their own."""

from __future__ import annotations

from pathlib import Path

from openjd_vstitcher.documents import read_document
from openjd_vstitcher.presets import load_preset
from openjd_vstitcher.resources import resource
from openjd_vstitcher.translation.environments import environment_templates
from openjd_vstitcher.translation.preset import translate
from openjd_vstitcher.translation.text import to_yaml


def texts() -> dict[str, str]:
    """The text of each template, by its path in this folder."""
    presets = [load_preset(read_document(path)) for path in sorted(resource("examples/presets").glob("*.json"))]
    made = {f"{preset.key}.yaml": to_yaml(translate(preset)) for preset in presets}
    for template in environment_templates():
        made[f"environments/{template['environment']['name'].lower()}.yaml"] = to_yaml(template)
    return made


if __name__ == "__main__":
    for name, text in texts().items():
        path = Path(__file__).parent / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")

"""Finds the module of an export or mutation type by its name: MEDIA_RENDER is `media_render.py`."""

import importlib
import importlib.util
import os
import re

from .api import Failure

OLD_NAMES = {"DXA_BODY_ASSET_BUNDLE": "DXA_ASSET_BUNDLE"}
_TYPE = re.compile(r"[A-Z][A-Z0-9_]{0,63}\Z")
_HERE = os.path.dirname(os.path.abspath(__file__))


class Catalogue(object):
    """The modules of the plugin, and the custom modules in a directory.

    A custom module has a function `export(request)` or `mutate(garment, instruction)`. A mutation of the plugin is
    replaced by a custom module of its name, because some can only be shown to work for one studio's garments.
    """

    def __init__(self, extra_directory):
        self._extra = extra_directory
        self._loaded = {}

    def export(self, type_name):
        """The module for an export type."""
        return self._find("exports", "export", type_name)

    def mutation(self, type_name):
        """The module for a mutation type."""
        return self._find("mutations", "mutate", type_name)

    def _find(self, package, function, type_name):
        if not isinstance(type_name, str) or not _TYPE.match(type_name):
            raise Failure("not a valid type name: %r" % (type_name,))
        name = OLD_NAMES.get(type_name, type_name).lower()
        module = None
        custom = bool(self._extra) and os.path.isfile(os.path.join(self._extra, name + ".py"))
        own = os.path.isfile(os.path.join(_HERE, package, name + ".py"))
        if custom and (package == "mutations" or not own):
            module = self._load(name)
        elif own:
            module = importlib.import_module(".%s.%s" % (package, name), __package__)
        if not hasattr(module, function):
            raise Failure("there is no module %s.py for %s" % (name, type_name))
        return module

    def _load(self, name):
        if name not in self._loaded:
            path = os.path.join(self._extra, name + ".py")
            spec = importlib.util.spec_from_file_location(__package__ + ".extra_" + name, path)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            self._loaded[name] = module
        return self._loaded[name]

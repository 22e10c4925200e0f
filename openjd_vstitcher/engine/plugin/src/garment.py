"""The open garment, and the steps applied to it since it was opened, so that none is repeated or left out."""

import os

from . import artwork
from .api import Failure, Unproven
from .drape import Drape
from .snapshots import snapshots

FRONT = "GarmentFront"


class Garment(object):
    """The open garment. `bw` is the API and `id` the garment's id in it. Mutation modules get this object.

    unproven: `fail` or `warn`, for changes that reading back does not show.
    """

    def __init__(self, bw, catalogue, unproven="warn"):
        self.bw = bw
        self.id = None
        self.drape = Drape(self)
        self._catalogue = catalogue
        self._unproven = unproven
        self._path = None
        self._applied = []
        self._colorway = None
        self._notify = None

    def set_state(self, desired, notify):
        """Bring the garment into the desired state.

        desired: path, artwork, snapshot, colorway, mutations. Steps that are already applied are not repeated. If
        other steps were applied, the garment is reopened.
        """
        steps = _steps(desired)
        self._notify = notify
        notify.stage("open")
        if self._path != desired["path"] or self._applied != steps[: len(self._applied)]:
            reopened = self._path is not None
            self.close()
            self._open(desired["path"])
            if reopened:
                notify.event("garment_reopened", path=desired["path"])
        self._choose_colorway(desired.get("colorway"))
        for step in steps[len(self._applied) :]:
            self._apply(step)

    def close(self):
        """Close the garment without saving, if one is open."""
        if self.id:
            closing, self.id = self.id, None
            self._path = None
            self.bw.GarmentClose(closing, True)
        self._path, self._applied = None, []

    def reopen(self, steps):
        """Open the garment's file again and apply these steps: everything else that was done to it is undone."""
        path, colorway = self._path, self.bw.ColorwayCurrentGet(self.id)
        self.close()
        self._open(path)
        self.set_colorway(colorway)
        for step in steps:
            self._apply(step)

    def moved(self):
        """Note that the engine loaded the garment again from another file, under a new id."""
        self.id = self.bw.GarmentId()
        self._path, self._applied = "", [["changed"]]

    def application_state(self):
        """The state that sessions share: the open garment, and the application's environment and light."""
        try:
            garment = self.bw.GarmentId()
        except Failure:
            garment = ""
        return {
            "garment": garment,
            "environment": self.bw.EnvironmentGet(),
            "light": self.bw.EnvironmentLightCurrentGet(),
        }

    def changed(self):
        """Note that an export changed the garment, so that the next request reopens it."""
        self._applied = [["changed"]]
        self.drape.invalidate()

    def tell_unproven(self, change, reason):
        """Fail, or report in the journal, that a change cannot be shown to have happened."""
        if self._unproven == "fail":
            raise Unproven("%s: %s (engine.unproven_mutations)" % (change, reason))
        self._notify.event("unproven", change=change, reason=reason)

    def name(self):
        """The garment's name: its file's name without the suffix."""
        path = self.bw.GarmentPathGet(self.id) if self.bw.has("GarmentPathGet") else self._path
        return os.path.splitext(os.path.basename((path or self._path).replace("\\", "/")))[0] or str(self.id)

    def colorways(self):
        """Ids and names of the colorways, in order."""
        return [(i, self.bw.ColorwayNameGet(self.id, i)) for i in self.bw.GarmentColorwayIds(self.id)]

    def set_colorway(self, colorway):
        """Make a colorway the current one. The garment is dressed in it at the next `drape.dress`."""
        if self.bw.ColorwayCurrentGet(self.id) != colorway:
            self.bw.ColorwayCurrentSet(self.id, colorway)
            self.drape.reload()

    def _open(self, path):
        self.bw.GarmentOpen(path)
        self.id = self.bw.GarmentId()
        if not self.id:
            raise Failure("the engine did not open a garment from %s" % path)
        self._path, self._applied = path, []
        self.drape = Drape(self)
        self._colorway = self.bw.ColorwayCurrentGet(self.id)

    def _choose_colorway(self, choice):
        self.set_colorway(self._colorway if choice in (None, "") else _choose("colorway", choice, self.colorways()))

    def _apply(self, step):
        kind, what = step
        self._notify.stage("open" if kind != "mutation" else "mutate")
        before, self._applied = self._applied, [["incomplete"]]
        if kind == "artwork":
            for material, file in artwork.apply(self, what):
                self._notify.event("artwork_applied", material=material, file=file)
        elif kind == "snapshot":
            named = [(i, info["name"]) for i, info in snapshots(self)]
            self.drape.load(_choose("snapshot", what, named))
        else:
            self._mutate(what, before)
        self._applied = [*before, step]

    def _mutate(self, instruction, before):
        self.steps_before = before
        kind = instruction["mutation_type"]
        try:
            changed = self._catalogue.mutation(kind).mutate(self, instruction)
        except Unproven as unproven:
            self.drape.invalidate()
            self.tell_unproven(kind, unproven.message)
            return
        if changed == 0:
            self._notify.event("unchanged", change=kind)
            return
        self.drape.invalidate()
        self._notify.event("mutation_applied", mutation=instruction)


def _steps(desired):
    steps = []
    if any((desired.get("artwork") or {}).values()):
        steps.append(["artwork", desired["artwork"]])
    if desired.get("snapshot") not in (None, ""):
        steps.append(["snapshot", desired["snapshot"]])
    steps += [
        ["mutation", {key: mutation[key] for key in mutation if key != "output_file_name"}]
        for mutation in desired.get("mutations") or []
    ]
    return steps


def _choose(kind, choice, named):
    """The id for a choice, which is a name, a name in a different case, or an id."""
    text = str(choice)
    for matches in (
        lambda i, name: name == text,
        lambda i, name: name.lower() == text.lower(),
        lambda i, name: str(i) == text,
    ):
        for i, name in named:
            if matches(i, name):
                return i
    known = ", ".join("%s (%s)" % (name, i) for i, name in named) or "none"
    raise Failure("the garment has no %s %r; it has: %s" % (kind, text, known))

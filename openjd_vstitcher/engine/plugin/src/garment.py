"""The open garment, and the steps applied to it since it was opened, so that none is repeated or left out."""

import json

from . import artwork
from .api import Failure

FRONT = "GarmentFront"
SNAPSHOT_OPTIONS = '{"load_snapshot_option": "current_colorway_and_avatar", "sync_snapshot": false}'


class Garment(object):
    """The open garment. `bw` is the API and `id` the garment's id in it. Mutation modules get this object."""

    def __init__(self, bw, catalogue):
        self.bw = bw
        self.id = None
        self._catalogue = catalogue
        self._path = None
        self._applied = []
        self._colorway = None
        self._dressed = False

    def set_state(self, desired, notify):
        """Bring the garment into the desired state.

        desired: path, artwork, snapshot, colorway, mutations. Steps that are already applied are not repeated. If
        other steps were applied, the garment is reopened.
        """
        steps = _steps(desired)
        notify.stage("open")
        if self._path != desired["path"] or self._applied != steps[: len(self._applied)]:
            reopened = self._path is not None
            self.close()
            self._open(desired["path"])
            if reopened:
                notify.event("garment_reopened", path=desired["path"])
        self._choose_colorway(desired.get("colorway"))
        for step in steps[len(self._applied) :]:
            self._apply(step, notify)

    def close(self):
        """Close the garment without saving, if one is open."""
        if self.id:
            closing, self.id = self.id, None
            self._path = None
            self.bw.GarmentClose(closing, True)
        self._path, self._applied = None, []

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

    def dress(self):
        """Dress the avatar if the garment changed since the last time. A loaded snapshot is already dressed."""
        if not self._dressed:
            self.bw.GarmentDress(self.id)
            self._dressed = True

    def info(self, key):
        """The value of a GarmentInfoGetEx key, None if the engine does not have it (the keys are unverified)."""
        try:
            text = self.bw.GarmentInfoGetEx(self.id, key)
        except Failure:
            return None
        return json.loads(text) if text else None

    def name(self):
        """The garment's name, its id if it has none."""
        name = self.info("name")
        return name if isinstance(name, str) and name else str(self.id)

    def colorways(self):
        """Ids and names of the colorways, in order."""
        return [(i, self.bw.ColorwayNameGet(self.id, i)) for i in self.bw.GarmentColorwayIds(self.id)]

    def shapes(self):
        """Ids of the garment's shapes, in order."""
        return [shape["id"] for shape in self.info("shapes") or []]

    def _open(self, path):
        self.id = self.bw.GarmentOpen(path) or self.bw.GarmentId()
        if not self.id:
            raise Failure("the engine did not open a garment from %s" % path)
        self._path, self._applied, self._dressed = path, [], False
        self._colorway = self.bw.ColorwayCurrentGet(self.id)

    def _choose_colorway(self, choice):
        desired = self._colorway if choice in (None, "") else _choose("colorway", choice, self.colorways())
        if self.bw.ColorwayCurrentGet(self.id) != desired:
            self.bw.ColorwayCurrentSet(self.id, desired)

    def _apply(self, step, notify):
        kind, what = step
        notify.stage("open" if kind != "mutation" else "mutate")
        before, self._applied = self._applied, [["incomplete"]]
        if kind == "artwork":
            for material, file in artwork.apply(self, what):
                notify.event("artwork_applied", material=material, file=file)
        elif kind == "snapshot":
            self._load_snapshot(what)
        else:
            self._catalogue.mutation(what["mutation_type"]).mutate(self, what)
            notify.event("mutation_applied", mutation=what)
        self._dressed = kind == "snapshot" or (self._dressed and kind == "artwork")
        self._applied = [*before, step]

    def _load_snapshot(self, choice):
        bw = self.bw
        ids = bw.GarmentSnapshotIdsEx(self.id)
        named = [(i, json.loads(bw.SnapshotInfoGet(self.id, i)).get("name", "")) for i in ids]
        bw.SnapshotLoadEx(self.id, SNAPSHOT_OPTIONS, _choose("snapshot", choice, named))


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

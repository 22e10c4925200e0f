"""Dresses the garment: loads the snapshot that holds its drape, or simulates it and waits for the end."""

import os
import time

from .snapshots import snapshots

OPTIONS = '{"load_snapshot_option": "current_colorway_and_avatar", "sync_snapshot": false}'
LIMIT_VARIABLE = "OPENJD_VS_DRAPE_LIMIT_S"
LIMIT_S = 120.0
POLL_S = 0.25


class Drape(object):
    """The drape of an open garment.

    A snapshot is loaded again after each change of the colorway, as plugins in use do. After a change to the pieces the
    snapshots of the file are of no use: the garment is simulated, which makes the automatic snapshot anew.
    """

    def __init__(self, garment):
        self._garment = garment
        self._snapshot = None
        self._reshaped = False
        self._dressed = False

    def load(self, snapshot):
        """Load a snapshot, and go on with it."""
        self._garment.bw.SnapshotLoadEx(self._garment.id, OPTIONS, snapshot)
        self._snapshot, self._reshaped, self._dressed = snapshot, False, True

    def reload(self):
        """Note that the garment must be dressed again, though its pieces did not change."""
        self._dressed = False

    def invalidate(self):
        """Note that the pieces changed, so that no snapshot shows the garment as it is."""
        self._snapshot, self._reshaped, self._dressed = None, True, False

    def dress(self, check_canceled):
        """Dress the avatar if needed; a generator that yields requests to be resumed later."""
        if self._dressed:
            return
        if self._snapshot is None and not self._reshaped:
            self._snapshot = next((i for i, _ in snapshots(self._garment)), None)
        if self._snapshot is None:
            yield from self._simulate(check_canceled)
        else:
            self.load(self._snapshot)
        self._dressed = True

    def _simulate(self, check_canceled):
        """Start the simulation, and wait for its sign: another snapshot than before, or a changed garment."""
        bw = self._garment.bw
        before, modified = self._dates(), bw.modified
        limit_s = float(os.environ.get(LIMIT_VARIABLE) or LIMIT_S)
        started = time.time()
        bw.GarmentDress(self._garment.id)
        while time.time() - started < limit_s:
            dates = self._dates()
            if dates != before or bw.modified != modified:
                made = [i for i in dates if dates[i] != before.get(i)]
                self._snapshot = made[-1] if made else None
                return
            check_canceled()
            yield {"type": "wait", "seconds": POLL_S}
        reason = "the engine gave no sign within %g s that it had ended (engine.drape_limit_s)" % limit_s
        self._garment.tell_unproven("simulation", reason)

    def _dates(self):
        return {i: information.get("created_date", "") for i, information in snapshots(self._garment)}

"""Runs that are made once, survive what stops them, and are read instead of made again.

    spec = Spec("mnist6-tasks", revision=1, parameters={...}, inputs={"mnist train": "440f..."})
    run = Store().get(spec, make)     # read if it is there, else made by make(folder)
    run.table("scores"), run.weights(), run.provenance

A run is a folder named by the hash of everything that determines it. `spec` says what that is,
`folder` how a finished run lies on the disk, `shelf` how it gets there once and whole.
"""

from equivar.store.folder import Made, Run, RunDamaged
from equivar.store.shelf import Busy, Store, runs_root
from equivar.store.spec import Spec

__all__ = ["Busy", "Made", "Run", "RunDamaged", "Spec", "Store", "runs_root"]

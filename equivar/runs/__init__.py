"""Runs that are made once, survive what stops them, and are read instead of made again.

    one = Training(experiment="mnist6-tasks", network="cnn7", data="mnist", ...)
    run = Store().make(one)           # read if it is there, else made
    run.table("scores"), run.weights(), run.provenance
    results = run_all([one, ...])     # the tables of many

A run is a folder named by the hash of everything that determines it. `spec` says what that is,
`folder` how a finished run lies on the disk, `store` how it gets there once and whole. There are
two sorts of run: a network is trained and measured (`trained`), or one that is there is measured
(`measured`); `derived` is for runs that take up the network of another. `executors` make many of
them, here or on a cluster, and `results` puts their tables together. What a chapter asks for is
checked by its `parameters`.
"""

from equivar.runs.derived import Derived
from equivar.runs.folder import Made, Run, RunDamaged
from equivar.runs.measured import Measurement, Pretrained, TrainedHere
from equivar.runs.results import Results, run_all
from equivar.runs.spec import Spec
from equivar.runs.store import RESULTS, Busy, Store, Stored, runs_root
from equivar.runs.trained import Training, trained_network

__all__ = [
    "RESULTS",
    "Busy",
    "Derived",
    "Made",
    "Measurement",
    "Pretrained",
    "Results",
    "Run",
    "RunDamaged",
    "Spec",
    "Store",
    "Stored",
    "TrainedHere",
    "Training",
    "run_all",
    "runs_root",
    "trained_network",
]

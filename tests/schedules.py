"""The shortest training that a chapter's parameters allow, for tests of what comes around it."""

SCHEDULE = {
    "profile": "quick", "epochs": 1, "batch_size": 64, "optimizer": "adam", "lr": 0.01,
    "weight_decay": 0.0, "schedule": "one-cycle", "milestones": (),
}  # fmt: skip

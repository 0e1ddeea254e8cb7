"""A run of one number, for tests of what makes and lists runs."""

from dataclasses import dataclass, field

import pandas as pd

from equivar.runs import Made, Spec


@dataclass(frozen=True)
class Sample:
    """A run of one number, which may fail, and counts how often it is made."""

    n: int
    error: Exception | None = None
    made: list[int] = field(default_factory=list, compare=False)

    @property
    def columns(self):
        return {"n": self.n}

    @property
    def spec(self):
        return Spec("sample", 1, {"n": self.n}, label=str(self))

    def __str__(self):
        return f"sample {self.n}"

    def make(self, work, store):
        self.made.append(self.n)
        if self.error:
            raise self.error
        return Made({"scores": pd.DataFrame({"score": [self.n / 8]})}, None, {"half": self.n / 2})

"""The verdicts of a chapter in words."""

from math import nan

from equivar.verdicts import Verdict, standing


def verdicts(**found):
    return [Verdict(claim, nan, nan, nan, words, "") for claim, words in found.items()]


def test_claims_with_one_verdict_stand_together():
    found = verdicts(a="supported", b="inconclusive", c="supported", d="supported", e="negligible")
    assert standing(found) == (
        "The runs of this profile agree with the paper on a, c and d, find nothing of interest on "
        "e, and leave b open."
    )


def test_what_correction_changes_is_told():
    found = verdicts(a="supported", b="contradicted")
    assert standing(found, found).endswith(
        "contradict the paper on b. Correcting for chance changes none of these verdicts."
    )
    other = verdicts(a="not judged", b="contradicted")
    assert standing(found, other).endswith("Corrected for chance, they can not judge a.")

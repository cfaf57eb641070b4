"""What `helm test` says when no node has room for a training."""

import pytest

from jinsu.cluster.training_fits import why_no_node

_TEXT = (
    "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are available: "
    "1 No preemption victims found for incoming pod."
)


def pod(*conditions: dict[str, str]) -> dict[str, object]:
    return {"status": {"conditions": list(conditions)}}


@pytest.mark.parametrize(
    ("pods", "refusals", "said"),
    [
        ([], [], ""),
        ([pod()], [], ""),
        ([pod({"type": "PodScheduled", "status": "True"})], [], None),
        (
            [pod({"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": _TEXT})],
            [],
            "the only node has too little free cpu",
        ),
        (
            [],
            [{"message": 'pods "x" is forbidden: exceeded quota: jinsu.'}],
            'pods "x" is forbidden: exceeded quota: jinsu',
        ),
    ],
    ids=["no pod yet", "not looked at yet", "placed", "no room", "a quota"],
)
def test_why_a_training_fits_nowhere(
    pods: list[dict[str, object]], refusals: list[dict[str, object]], said: str | None
) -> None:
    assert why_no_node(pods, refusals) == said

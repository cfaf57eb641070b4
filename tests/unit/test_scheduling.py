"""What kube-scheduler writes into the condition PodScheduled, from 1.20 to 1.36, and the sentence that people read."""

import pytest

from jinsu.launchers.scheduling import why_without_node

# Kubernetes' versions that write the text, the text, the sentence.
_TEXTS = [
    ("1.20 to 1.23", "0/1 nodes are available: 1 Insufficient cpu.", "the only node has too little free cpu"),
    (
        "1.20 to 1.23",
        "0/3 nodes are available: 1 node(s) had taint {node-role.kubernetes.io/master: }, that the pod didn't tolerate, "
        "2 Insufficient memory.",
        "of 3 nodes, 1 serves the control plane only and 2 have too little free memory",
    ),
    (
        "1.20 to 1.23",
        "0/6 nodes are available: 2 node(s) had taint {karpenter.sh/not-ready: }, that the pod didn't tolerate, "
        "3 Insufficient cpu, 4 Insufficient memory.",
        "of 6 nodes, 2 have the taint karpenter.sh/not-ready, which it does not tolerate, 3 have too little free cpu and "
        "4 have too little free memory",
    ),
    (
        "1.20",
        "0/2 nodes are available: 1 pod has unbound immediate PersistentVolumeClaims, 1 node(s) didn't match node selector.",
        "of 2 nodes, 1 cannot have its volumes and 1 lacks the labels that it asks for",
    ),
    ("1.20", 'persistentvolumeclaim "data" not found', "its volume claim data is not there"),
    (
        "1.22 to 1.25",
        '0/3 nodes are available: 3 persistentvolumeclaim "data" not found.',
        "of 3 nodes, 3 cannot have its volumes",
    ),
    (
        "1.24 and 1.25",
        "0/4 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/unreachable: }, "
        "3 Insufficient nvidia.com/gpu. preemption: 0/4 nodes are available: 1 Preemption is not helpful for scheduling, "
        "3 No preemption victims found for incoming pod.",
        "of 4 nodes, 1 does not answer and 3 have no free GPU",
    ),
    (
        "1.24 to 1.36, preemptionPolicy: Never",
        "0/2 nodes are available: 2 Insufficient cpu. preemption: not eligible due to preemptionPolicy=Never..",
        "of 2 nodes, 2 have too little free cpu",
    ),
    (
        "1.26 to 1.36",
        "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/3 nodes are available: "
        "3 Preemption is not helpful for scheduling..",
        "its volumes are not there yet",
    ),
    (
        "1.26 to 1.36",
        '0/1 nodes are available: persistentvolumeclaim "data" not found. preemption: 0/1 nodes are available: 1 '
        "Preemption is not helpful for scheduling.",
        "its volume claim data is not there",
    ),
    (
        "1.34 to 1.36",
        "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are available: "
        "1 No preemption victims found for incoming pod.",
        "the only node has too little free cpu",
    ),
    (
        "1.34 to 1.36",
        "0/2 nodes are available: 1 Insufficient memory, 1 node(s) had untolerated taint(s). no new claims to deallocate, "
        "preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
        "of 2 nodes, 1 has too little free memory and 1 has a taint that it does not tolerate",
    ),
    (
        "1.34 to 1.36",
        "0/8 nodes are available: 1 invalid resource pools were encountered, 7 cannot allocate all claims. still not "
        "schedulable, preemption: 0/8 nodes are available: 8 Preemption is not helpful for scheduling.",
        "of 8 nodes, 1 refuses it (“invalid resource pools were encountered”) and 7 cannot give the devices that it claims",
    ),
    (
        "1.34 to 1.36",
        "0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 node(s) didn't match Pod's node affinity/selector. "
        "...preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.",
        "of 3 nodes, 1 has a taint that it does not tolerate and 2 lack the labels that it asks for",
    ),
    (
        "1.20 to 1.36",
        "0/2 nodes are available: 1 Insufficient nvidia.com/mig-1g.10gb, 1 node(s) were unschedulable.",
        "of 2 nodes, 1 has too little free nvidia.com/mig-1g.10gb and 1 is closed for new pods",
    ),
    (
        "1.20 to 1.36",
        "0/5 nodes are available: 1 Too many pods, 1 node(s) didn't match pod anti-affinity rules, "
        "1 node(s) didn't match pod topology spread constraints, 2 node(s) had volume node affinity conflict.",
        "of 5 nodes, 1 holds as many pods as it may, 2 do not fit its rules about other pods and 2 cannot have its volumes",
    ),
    (
        "1.20 to 1.36",
        "0/2 nodes are available: 1 node(s) exceed max volume count, 1 Insufficient ephemeral-storage.",
        "of 2 nodes, 1 cannot have its volumes and 1 has too little free disk",
    ),
    ("1.20 to 1.36", "no nodes available to schedule pods", "the cluster has no node"),
    (
        "a scheduler of one's own",
        "0/2 nodes are available: 2 have to use at least one bad node 1/10.0.0.7 when scheduling in VC default.",
        "of 2 nodes, 2 refuse it (“have to use at least one bad node 1/10.0.0.7 when scheduling in VC default”)",
    ),
    (
        "a scheduler of one's own",
        "waiting for 3 more pods.\nGroup a",
        "the scheduler says: “waiting for 3 more pods. Group a”",
    ),
    ("any", "", ""),
]


@pytest.mark.parametrize(("versions", "message", "sentence"), _TEXTS, ids=[text[:60] for _, text, _ in _TEXTS])
def test_the_text_of_every_version_becomes_one_plain_sentence(versions: str, message: str, sentence: str) -> None:
    assert why_without_node({"reason": "Unschedulable", "message": message}) == sentence, versions
    assert "preemption" not in sentence


def test_the_reason_of_a_condition_wins_over_its_text() -> None:
    """From 1.26 on. Kueue holds a pod back in this way."""
    condition = {"reason": "SchedulingGated", "message": "Scheduling is blocked due to non-empty scheduling gates"}
    assert why_without_node(condition) == "another part of the cluster holds it back (schedulingGates)"

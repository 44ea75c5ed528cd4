"""Submissions per second at a gateway that takes 100 ms, as a share of threads / latency."""

from collections.abc import Callable
from functools import partial

from benchmarks import sending, stage
from benchmarks.figures import Figure, in_turn

Worker = Callable[[stage.Sandbox, int], sending.Slice]

LATENCY = 0.1
GOALS = {16: 0.85, 32: 0.70}
IDEAL = "threads / latency"
SLICE_SECONDS = 6  # with its beginning and end


def run(rounds: int) -> list[Figure]:
    stage.approved_payouts(round(2 * rounds * SLICE_SECONDS * sum(GOALS) / LATENCY))
    with stage.sandbox() as ours, stage.sandbox() as theirs:
        ours.set_latency(LATENCY)
        theirs.set_latency(LATENCY)

        def share(work: Worker, sandbox: stage.Sandbox, threads: int) -> float:
            sending.set_aside()
            return work(sandbox, threads).per_second / (threads / LATENCY)

        contenders = {}
        for threads in GOALS:
            contenders[f"desk {threads}"] = partial(share, sending.desk_worker, ours, threads)
            contenders[f"naive {threads}"] = partial(share, sending.naive_worker, theirs, threads)
        measured = in_turn(contenders, rounds)
        sending.verify(desk=ours, naive=theirs)
    figures = []
    for threads, goal in GOALS.items():
        desk = [each[f"desk {threads}"] for each in measured]
        naive = [each[f"naive {threads}"] for each in measured]
        figures += [
            Figure(f"submissions/s, {threads} threads, 100 ms", IDEAL, desk, at_least=goal),
            Figure(f"naive worker, {threads} threads", IDEAL, naive),
        ]
    return figures

"""Submissions per second of several worker processes, against as many times those of one."""

from functools import partial

from benchmarks import sending, stage
from benchmarks.figures import Figure, in_turn

LATENCY = 0.2
THREADS = 8  # as many as a worker has by itself; one is held up by the gateway, not by its CPU
PROCESSES = (1, 2, 4)
SLICE_SECONDS = 8  # with its beginning and end


def run(rounds: int) -> list[Figure]:
    stage.approved_payouts(round(rounds * SLICE_SECONDS * sum(PROCESSES) * THREADS / LATENCY))
    with stage.sandbox() as sandbox:
        sandbox.set_latency(LATENCY)

        def per_second(count: int) -> float:
            sending.set_aside()
            return sending.desk_workers(sandbox, THREADS, count).per_second

        contenders = {str(count): partial(per_second, count) for count in PROCESSES}
        measured = in_turn(contenders, rounds)
        sending.verify(desk=sandbox)
    return [
        Figure(
            f"submissions/s, {count} workers, 200 ms",
            f"{count} × one worker",
            [each[str(count)] / (count * each["1"]) for each in measured],
            at_least=0.9,
        )
        for count in PROCESSES[1:]
    ]

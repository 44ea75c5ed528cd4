"""Submissions per second at a gateway that takes 100 ms, as a share of threads / latency."""

from benchmarks import sending, stage
from benchmarks.figures import Figure, in_turn

LATENCY = 0.1
GOALS = {16: 0.85, 32: 0.70}
SLICE_SECONDS = 6  # with its beginning and end


def run(rounds: int) -> list[Figure]:
    stage.approved_payouts(round(2 * rounds * SLICE_SECONDS * sum(GOALS) / LATENCY))
    with stage.sandbox() as ours, stage.sandbox() as theirs:
        for sandbox in (ours, theirs):
            sandbox.set_latency(LATENCY)

        def share(worker, sandbox: stage.Sandbox, threads: int) -> float:
            sending.set_aside()
            return worker(sandbox, threads).per_second / (threads / LATENCY)

        contenders = {}
        for threads in GOALS:
            for name, worker, sandbox in (
                ("desk", sending.desk_worker, ours),
                ("naive", sending.naive_worker, theirs),
            ):
                contenders[f"{name} {threads}"] = lambda args=(worker, sandbox, threads): share(
                    *args
                )
        measured = in_turn(contenders, rounds)
        sending.verify({"desk": ours, "naive": theirs})
    figures = []
    for threads, goal in GOALS.items():
        what, ideal = f"submissions, {threads} threads, 100 ms", "threads / latency"
        shares = [each[f"desk {threads}"] for each in measured]
        figures.append(Figure(what, ideal, shares, at_least=goal))
        shares = [each[f"naive {threads}"] for each in measured]
        figures.append(Figure(f"the same, naive worker, {threads} threads", ideal, shares))
    return figures

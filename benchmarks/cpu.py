"""CPU time of a worker with one thread per payout, against a bare signed POST."""

from benchmarks import sending, stage
from benchmarks.figures import Figure, in_turn, ratios

AT_MOST_PER_SECOND = 400
SLICE_SECONDS = 6


def run(rounds: int) -> list[Figure]:
    stage.approved_payouts(2 * rounds * SLICE_SECONDS * AT_MOST_PER_SECOND)
    with stage.sandbox() as ours, stage.sandbox() as theirs:

        def ms(work, *args) -> float:
            sending.set_aside()
            return 1000 * work(*args).cpu_each

        contenders = {
            "bare": lambda: ms(sending.bare_calls, theirs),
            "desk": lambda: ms(sending.desk_worker, ours, 1),
            "naive": lambda: ms(sending.naive_worker, theirs, 1),
        }
        measured = in_turn(contenders, rounds)
        sending.verify(desk=ours, naive=theirs)
    floor = "bare signed POST"
    return [
        Figure("CPU per payout", floor, ratios(measured, "desk", "bare"), at_most=4),
        Figure("CPU per payout, naive worker", floor, ratios(measured, "naive", "bare")),
    ]

"""Judging rows: ours beside energy-fault-detector and pyod's isolation forest, on the same rows and one core.

In: the folder of the peers' scripts (anomaly_peer.py), scada.parquet (gen_data.py), the built example detect_speed, and two Pythons: one with pyod
(this one by default), one with energy-fault-detector 0.8.1 (it pins older numpy and TensorFlow, so it lives in an environment of its own). Out: the
JSON lines of all, then one line with rows per CPU-second, areas under the curve and ratios. Each pair runs one after the other, pinned to one core, `--runs` times;
medians count. Ours goes over the rows many times, so that its CPU time can be read. Learning is not counted on either side. The exit code says whether
ours is slower than asked, or finds less than the peer.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

# Ours, the peer's tool, the least ratio asked.
PAIRS = [("power_curve", "efd", 500.0), ("subspace", "pyod_iforest", 5.0)]


def line(command, folder=None):
    """The last JSON line a command prints; it runs on one core, with one thread in every library."""
    threads = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")}
    core = min(os.sched_getaffinity(0))
    done = subprocess.run(
        ["taskset", "-c", str(core), *map(str, command)], cwd=folder, env={**os.environ, **threads}, stdout=subprocess.PIPE, text=True, check=True
    )
    found = json.loads([text for text in done.stdout.splitlines() if text.startswith("{")][-1])
    print(json.dumps(found), flush=True)
    return found


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--example", required=True, type=pathlib.Path, help="the built example detect_speed")
    arguments.add_argument("--peers", required=True, type=pathlib.Path, help="folder with anomaly_peer.py")
    arguments.add_argument("--data", required=True, type=pathlib.Path, help="folder with scada.parquet (gen_data.py)")
    arguments.add_argument("--efd-python", type=pathlib.Path, help="Python that has energy-fault-detector; without it that pair is skipped")
    arguments.add_argument("--rows", type=int, default=1_000_000, help="half is learnt from, half is judged")
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--only", nargs="*", default=[], help="names of ours")
    given = arguments.parse_args()
    # The peers' scripts run in their own folder.
    given.example, given.peers, given.data = (path.resolve() for path in (given.example, given.peers, given.data))
    if not (given.data / "scada.parquet").exists():
        sys.exit(f"skipped: {given.data}/scada.parquet is not here; make it with gen_data.py")
    result, missed = {"job": "detect", "rows": given.rows, "runs": given.runs}, []
    for ours, peer, least in PAIRS:
        if given.only and ours not in given.only:
            continue
        python = given.efd_python if peer == "efd" else pathlib.Path(sys.executable)
        if python is None:
            print(f"skipped: {ours} against {peer}: name a Python with energy-fault-detector with --efd-python", file=sys.stderr)
            continue
        found = {ours: [], peer: []}
        for _ in range(given.runs):
            found[ours].append(line([given.example, given.data, given.rows, 200 if ours == "power_curve" else 10, ours]))
            found[peer].append(line([python, given.peers / "anomaly_peer.py", "--data", given.data, "--tool", peer, "--rows", given.rows], given.peers))
        rate = {name: statistics.median(run["per_cpu_s"] for run in runs) for name, runs in found.items()}
        fit = {name: statistics.median(run["fit_cpu_s"] for run in runs) for name, runs in found.items()}
        area = {name: runs[0]["auc"] for name, runs in found.items()}
        result[ours] = {
            "peer": peer,
            "version": found[peer][0]["version"],
            "rows_per_cpu_s": round(rate[ours]),
            "peer_rows_per_cpu_s": round(rate[peer]),
            "ratio": round(rate[ours] / rate[peer], 1),
            "asked": least,
            "auc": round(area[ours], 4),
            "peer_auc": area[peer],
            "fit_cpu_s": round(fit[ours], 3),
            "peer_fit_cpu_s": round(fit[peer], 3),
        }
        if result[ours]["ratio"] < least or area[ours] < area[peer] - 0.005:
            missed.append(f"{ours} against {peer}")
    print(json.dumps(result))
    if missed:
        sys.exit(f"slower than asked or with a smaller area under the curve: {', '.join(missed)}")


if __name__ == "__main__":
    main()

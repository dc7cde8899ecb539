"""Forecasts of very many series: ours beside statsforecast, augurs and mlforecast with LightGBM, on the same series and one core.

In: the folder of the peers' scripts (forecast_peer.py, gen_data.py), the built example forecast_speed, a Python that has the peers
(statsforecast, mlforecast, lightgbm, augurs, pyarrow, pandas below 3). Out: their JSON lines, then a table of series per CPU-second, errors (scaled by
those of the day before) and ratios. Every pair is run one after the other on the same first series of one file, pinned to one core,
`--runs` times; medians count. Ours goes over the series many times, so that its CPU time can be read. The exit code says whether ours is slower than
asked, or errs more than the peer on its own series.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

# Ours, the peer's, series both are given, how often ours goes over them, the least ratio asked.
PAIRS = [
    ("seasonal_naive", "sf_seasonal_naive", 1000, 100, 1.0),
    ("mstl", "augurs_mstl", 100, 20, 4.0),
    ("mstl", "sf_mstl", 45, 40, 4.0),
    ("linear", "mlf_lightgbm", 1000, 5, 2.0),
    ("boosted", "mlf_lightgbm", 1000, 1, 2.0),
]


def line(command, folder=None):
    """The last JSON line a command prints; it runs on one core, with one thread in every library."""
    threads = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS")}
    core = min(os.sched_getaffinity(0))
    done = subprocess.run(
        ["taskset", "-c", str(core), *map(str, command)], cwd=folder, env={**os.environ, **threads}, stdout=subprocess.PIPE, text=True, check=True
    )
    found = json.loads([text for text in done.stdout.splitlines() if text.startswith("{")][-1])
    print(json.dumps(found), flush=True)
    return found


def part(data, count, folder):
    """A folder with the first `count` series alone."""
    import pyarrow.compute
    import pyarrow.parquet

    names = [f"U{i:05d}" for i in range(count)]
    for name in ("series_hist.parquet", "series_test.parquet"):
        table = pyarrow.parquet.read_table(data / name)
        chosen = table.filter(pyarrow.compute.is_in(table["unique_id"], value_set=pyarrow.array(names)))
        pyarrow.parquet.write_table(chosen, folder / name)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--example", required=True, type=pathlib.Path, help="the built example forecast_speed")
    arguments.add_argument("--peers", required=True, type=pathlib.Path, help="folder with forecast_peer.py")
    arguments.add_argument("--data", required=True, type=pathlib.Path, help="folder with series_hist.parquet and series_test.parquet (gen_data.py)")
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--only", nargs="*", default=[], help="names of ours")
    given = arguments.parse_args()
    if not (given.data / "series_hist.parquet").exists():
        sys.exit(f"skipped: {given.data}/series_hist.parquet is not here; make it with gen_data.py --what series")
    rows, missed = [], []
    for ours, peer, count, times, least in PAIRS:
        if given.only and ours not in given.only:
            continue
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            part(given.data, count, folder)
            found = {ours: [], peer: []}
            for _ in range(given.runs):
                found[ours].append(line([given.example, folder, count * times, ours]))
                script = [sys.executable, given.peers / "forecast_peer.py", "--data", folder, "--model", peer, "--series", count]
                found[peer].append(line(script, given.peers))
        rate = {model: statistics.median(run["per_cpu_s"] for run in runs) for model, runs in found.items()}
        error = {model: runs[0]["mase_daily"] for model, runs in found.items()}
        ratio = rate[ours] / rate[peer]
        rows.append((ours, peer, count, rate[ours], rate[peer], ratio, error[ours], error[peer], found[ours][0]["coverage_80"]))
        if ratio < least or error[ours] > error[peer]:
            missed.append(f"{ours} against {peer}")
    print(f"\n{'ours':16}{'peer':20}{'series':>8}{'ours/CPU s':>12}{'peer/CPU s':>12}{'ratio':>9}{'error':>9}{'peer':>9}{'within 80%':>12}")
    for ours, peer, count, rate, other, ratio, error, theirs, inside in rows:
        print(f"{ours:16}{peer:20}{count:8}{rate:12.0f}{other:12.1f}{ratio:9.1f}{error:9.4f}{theirs:9.4f}{inside:12.3f}")
    if missed:
        sys.exit(f"slower than asked or with a larger error: {', '.join(missed)}")


if __name__ == "__main__":
    main()

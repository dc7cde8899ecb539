"""Import of a vendor's file: ours beside DuckDB's CSV reader, both from the packed file to columns on disk.

In: the binary, a file, its mapping. Out: one JSON line per run (rows, wall and CPU seconds, peak memory), then the ratio of the medians.
DuckDB reads and writes Parquet, no more; we also convert units, repair the clock, check, merge doubles and commit. Run on an idle machine.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
RAW = TOP.parent / "shared/data/raw/la_haute_borne/la-haute-borne-data-2014-2015.csv.gz"

DUCKDB = """
import duckdb, sys
duckdb.sql(f"SET threads = {int(sys.argv[3])}")
duckdb.sql(f"COPY (SELECT * FROM read_csv('{sys.argv[1]}', header = true)) TO '{sys.argv[2]}' (FORMAT parquet, COMPRESSION zstd)")
"""

ROWS = """
import duckdb, sys
print(duckdb.sql(f"SELECT count(*) FROM read_csv('{sys.argv[1]}', header = true)").fetchall()[0][0])
"""


def measured(command):
    """Runs a command to its end: wall seconds, CPU seconds of it and its children, peak resident MiB."""
    began = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    complaint = child.stderr.read().decode(errors="replace")
    _, status, used = os.wait4(child.pid, 0)
    wall = time.monotonic() - began
    code = os.waitstatus_to_exitcode(status)
    if code != 0:
        sys.exit(f"{' '.join(map(str, command))}\nended with {code}:\n{complaint}")
    return wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--chergui", required=True, type=pathlib.Path, help="the binary")
    arguments.add_argument("--file", type=pathlib.Path, default=RAW)
    arguments.add_argument("--mapping", type=pathlib.Path, default=TOP / "datasets/mappings/la_haute_borne.toml")
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--threads", type=int, default=os.cpu_count(), help="for DuckDB")
    given = arguments.parse_args()
    if not given.file.exists():
        sys.exit(f"skipped: {given.file} is not here; give --file and --mapping")

    # In a child, because a child's peak memory is never reported below what this process held when it started it.
    rows = int(subprocess.check_output([sys.executable, "-c", ROWS, given.file]))
    cpu = {"duckdb": [], "chergui": []}
    wall = {"duckdb": [], "chergui": []}
    for _ in range(given.runs):
        for peer in cpu:
            with tempfile.TemporaryDirectory() as folder:
                command = {
                    "duckdb": [sys.executable, "-c", DUCKDB, given.file, f"{folder}/out.parquet", str(given.threads)],
                    "chergui": [given.chergui, "import", given.file, "--mapping", given.mapping, "--data-dir", folder],
                }[peer]
                wall_s, cpu_s, rss_mib = measured(command)
            wall[peer].append(wall_s)
            cpu[peer].append(cpu_s)
            print(json.dumps({"job": "import", "peer": peer, "rows": rows, "wall_s": round(wall_s, 3), "cpu_s": round(cpu_s, 3),
                              "rows_per_s": round(rows / wall_s), "rss_peak_mib": round(rss_mib)}), flush=True)
    ratio = {name: round(statistics.median(of["chergui"]) / statistics.median(of["duckdb"]), 2) for name, of in (("wall", wall), ("cpu", cpu))}
    print(json.dumps({"job": "import", "chergui_over_duckdb": ratio}))


if __name__ == "__main__":
    main()

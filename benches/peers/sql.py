"""Six SQL statements over 20 million readings: ours beside DuckDB, Polars and DataFusion on the same rows, in one run.

In: the folder of the peers' scripts (sql_peer.py), their data, our built examples. Ours are loaded through our own import into a store. Out: one
JSON line per engine and statement (wall and CPU seconds, rows, a checksum), then a table of ratios of CPU seconds, and their geometric
mean. Every engine has one thread. A statement with another checksum than the peers' counts as wrong, and the exit code says so.
"""

import argparse
import json
import math
import pathlib
import subprocess
import sys
import tempfile

QUERIES = {
    "last": """
        SELECT asset_id, max(time) AS t, last(active_power, time) AS p FROM wind_turbine WHERE active_power IS NOT NULL GROUP BY asset_id
        UNION ALL
        SELECT asset_id, max(time) AS t, last(active_power, time) AS p FROM pv_inverter WHERE active_power IS NOT NULL GROUP BY asset_id""",
    "hourly": """
        SELECT asset_id, time_bucket('1 hour', time) AS h, avg(active_power) AS p, min(active_power) AS mn, max(active_power) AS mx, avg(temp_air) AS c
        FROM wind_turbine GROUP BY 1, 2
        UNION ALL
        SELECT asset_id, time_bucket('1 hour', time) AS h, avg(active_power) AS p, min(active_power) AS mn, max(active_power) AS mx, avg(temp_air) AS c
        FROM pv_inverter GROUP BY 1, 2""",
    "powercurve": """
        SELECT a.parent_id AS site, floor(wind_speed * 2) / 2 AS b, count(*) AS n, avg(active_power) AS p, stddev(active_power) AS sd
        FROM assets AS a JOIN wind_turbine ON asset_id = a.id WHERE turbine_status = 0 AND wind_speed IS NOT NULL GROUP BY 1, 2""",
    "range": """
        SELECT time, active_power AS p FROM wind_turbine
        WHERE asset_id = 'WT0042' AND time >= '2026-01-03' AND time < '2026-01-04' ORDER BY time""",
    "asof": """
        SELECT w.asset_id, w.time, w.active_power * m.price AS p FROM wind_turbine AS w JOIN assets AS a ON a.id = w.asset_id
        ASOF JOIN wind_plant AS m MATCH_CONDITION (w.time >= m.time) ON a.parent_id = m.asset_id
        WHERE w.turbine_status = 0 AND w.time = time_bucket('25 minutes', w.time)""",
    "gapfill": """
        SELECT time_bucket_gapfill('1 minute', time, '2026-01-01T00:00:00Z', '2026-01-08T00:01:00Z') AS t, locf(avg(active_power)) AS p
        FROM wind_turbine WHERE asset_id = 'WT0042' AND time <= '2026-01-08T00:00:00Z' GROUP BY 1 ORDER BY 1""",
}


def lines(command, text=None):
    """The JSON lines a command prints."""
    done = subprocess.run(command, input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        print(f"{command[0]} {command[1]} ended with {done.returncode}: {done.stderr.strip()[-400:]}", file=sys.stderr)
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    for line in found:
        print(json.dumps(line), flush=True)
    return found


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--examples", required=True, type=pathlib.Path, help="folder with the built examples load_scada and sql_speed")
    arguments.add_argument("--peers", required=True, type=pathlib.Path, help="folder with sql_peer.py")
    arguments.add_argument("--data", required=True, type=pathlib.Path, help="folder with scada.parquet and market.parquet (gen_data.py)")
    arguments.add_argument("--python", default=sys.executable, help="a Python that has duckdb and polars")
    arguments.add_argument("--store", type=pathlib.Path, help="a store loaded before; else one is made and removed")
    arguments.add_argument("--runs", type=int, default=3)
    given = arguments.parse_args()
    if not (given.data / "scada.parquet").exists():
        sys.exit(f"skipped: {given.data}/scada.parquet is not here; make it with gen_data.py")
    cpu, answers = {}, {}

    def note(found):
        for line in found:
            if "cpu_s" in line and "query" in line:
                cpu.setdefault(line["query"], {})[line["peer"]] = line["cpu_s"]
                answers.setdefault(line["query"], {})[line["peer"]] = (line["out_rows"], line["sum_p"])

    with tempfile.TemporaryDirectory() as folder:
        store = given.store or pathlib.Path(folder) / "store"
        if not store.exists():
            lines([given.examples / "load_scada", given.data, store])
        text = "".join(json.dumps({"query": name, "sql": " ".join(sql.split())}) + "\n" for name, sql in QUERIES.items())
        note(lines([given.examples / "sql_speed", store, str(given.runs)], text))
    for engine in ("duckdb", "polars", "datafusion"):
        script = [given.python, given.peers / "sql_peer.py", "--data", given.data, "--engine", engine, "--reps", str(given.runs)]
        note(lines(script))
    engines = sorted({engine for of in cpu.values() for engine in of} - {"chergui"})
    print(f"\n{'CPU s':12}{'chergui':>10}" + "".join(f"{engine:>12}" for engine in engines) + f"{'over best':>12}{'over duckdb':>13}")
    ratios, wrong = [], []
    for name in QUERIES:
        of, said = cpu.get(name, {}), answers.get(name, {})
        if "chergui" not in of or any(abs(said["chergui"][1] - said[e][1]) > 1e-9 * abs(said[e][1]) + 0.11 or said["chergui"][0] != said[e][0] for e in said):
            wrong.append(name)
            continue
        best = min((of[e] for e in engines if e in of), default=math.nan)
        duck = of["chergui"] / of.get("duckdb", math.nan)
        ratios.append(duck)
        print(f"{name:12}{of['chergui']:10.4f}" + "".join(f"{of.get(e, math.nan):12.4f}" for e in engines) + f"{of['chergui'] / best:12.2f}{duck:13.2f}")
    print(f"geometric mean over duckdb: {math.exp(sum(map(math.log, ratios)) / max(1, len(ratios))):.3f}")
    if wrong:
        sys.exit(f"not answered, or with another checksum than a peer's: {', '.join(wrong)}")


if __name__ == "__main__":
    main()

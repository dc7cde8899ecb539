"""Reads the tables of a store with deltalake, DuckDB and Polars; prints rows, distinct keys and sums as JSON.

Usage: read_delta.py DATA_DIRECTORY. Needs the packages deltalake, duckdb, polars and pyarrow.
"""

import json
import sys
from pathlib import Path

import duckdb
import polars
from deltalake import DeltaTable

ROOT = Path(sys.argv[1]) / "tables"
TURBINES, ASSETS = str(ROOT / "wind_turbine"), str(ROOT / "assets")


def with_deltalake():
    table = DeltaTable(TURBINES).to_pyarrow_table()
    keys = set(zip(table["asset_id"].to_pylist(), table["time"].to_pylist()))
    total = lambda name: sum(value for value in table[name].to_pylist() if value is not None)
    return {
        "rows": table.num_rows,
        "keys": len(keys),
        "power": total("active_power"),
        "wind": total("wind_speed"),
        "assets": DeltaTable(ASSETS).to_pyarrow_table().num_rows,
    }


def with_duckdb():
    # The delta extension is downloaded by DuckDB; without a network its Parquet reader takes the files Delta lists.
    def scan(path):
        files = DeltaTable(path).file_uris()
        return f"read_parquet({files!r}, union_by_name = true)"

    rows, keys, power, wind = duckdb.sql(
        f"SELECT count(*), count(DISTINCT (asset_id, time)), sum(active_power), sum(wind_speed) FROM {scan(TURBINES)}"
    ).fetchone()
    assets = duckdb.sql(f"SELECT count(*) FROM {scan(ASSETS)}").fetchone()[0]
    return {"rows": rows, "keys": keys, "power": power, "wind": wind, "assets": assets}


def with_polars():
    frame = polars.scan_delta(TURBINES).collect()
    return {
        "rows": frame.height,
        "keys": frame.select("asset_id", "time").n_unique(),
        "power": frame["active_power"].sum(),
        "wind": frame["wind_speed"].sum(),
        "assets": polars.scan_delta(ASSETS).collect().height,
    }


print(json.dumps({"deltalake": with_deltalake(), "duckdb": with_duckdb(), "polars": with_polars()}))

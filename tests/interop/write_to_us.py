"""Writes to a running server with the official InfluxDB client and with pyarrow; fails unless each write is taken.

Usage: write_to_us.py URL KEY. T01 comes as line protocol (gzip; batching, then synchronous, one bad line refused), T02 as a compressed
Arrow stream. Needs the packages influxdb-client and pyarrow.
"""

import io
import sys
import urllib.request

import pyarrow as pa
from influxdb_client import InfluxDBClient, Point, WriteOptions, WritePrecision
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException

URL, KEY = sys.argv[1], sys.argv[2]
START, ROWS = 1_767_225_600, 2000


def point(i):
    return Point("wind").tag("asset_id", "T01").field("wind_speed", float(i)).field("active_power", 2 * i).time(START + i, WritePrecision.S)


with InfluxDBClient(url=URL, token=KEY, org="o", enable_gzip=True) as client:
    assert client.ping() and client.health().status == "pass"
    failures = []
    options = WriteOptions(batch_size=300, flush_interval=200, max_retries=0)
    with client.write_api(write_options=options, error_callback=lambda *error: failures.append(error)) as batching:
        for i in range(ROWS // 2):
            batching.write(bucket="b", record=point(i))
    assert not failures, failures
    synchronous = client.write_api(write_options=SYNCHRONOUS)
    synchronous.write(bucket="b", record=[point(i) for i in range(ROWS // 2, ROWS)], write_precision=WritePrecision.S)
    try:
        synchronous.write(bucket="b", record="wind,asset_id=T01 wind_speed=0 1767225600\nwind,asset_id=T09x wind_speed=1 1", write_precision=WritePrecision.S)
        raise SystemExit("a line of an unknown asset was taken")
    except ApiException as refused:
        assert refused.status == 400 and "line 2" in refused.message, refused

sink = io.BytesIO()
columns = {
    "asset_id": pa.array(["T02"] * ROWS).dictionary_encode(),
    "time": pa.array([START + i for i in range(ROWS)], pa.timestamp("s", "UTC")),
    "wind_speed": pa.array([float(i) for i in range(ROWS)], pa.float32()),
    "active_power[kW]": pa.array([2 * i for i in range(ROWS)], pa.int64()),
}
table = pa.table(columns)
with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
    writer.write_table(table, max_chunksize=700)
headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/vnd.apache.arrow.stream"}
with urllib.request.urlopen(urllib.request.Request(f"{URL}/api/v1/readings", sink.getvalue(), headers)) as answer:
    assert b'"accepted":2000' in answer.read()

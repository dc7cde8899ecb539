"""A chergui on a data directory of its own, for the comparisons: filled with assets, started, watched, killed, asked.

In: the binary, a directory, how many assets. Out: its address, a key, its memory and CPU from /proc. Ends the process it started, by
its handle.
"""

import http.client
import json
import os
import pathlib
import subprocess
import time

DATASET = 'name = "load"\nlicence = "CC0-1.0"\nsource = "made up"\nresolution = "PT1S"\n'


class Served:
    def __init__(self, binary, work, ids):
        self.binary, self.data = str(binary), pathlib.Path(work) / "data"
        dataset = pathlib.Path(work) / "dataset"
        dataset.mkdir(parents=True)
        (dataset / "dataset.toml").write_text(DATASET)
        (dataset / "assets.csv").write_text("asset_id,kind\n" + "".join(f"{name},wind_turbine\n" for name in ids))
        self._run("import", str(dataset))
        self.key = self._run("key", "add", "load", "--role", "admin").split()[0]
        self.process = None

    def _run(self, *arguments):
        return subprocess.run([self.binary, *arguments, "--data-dir", self.data], check=True, capture_output=True, text=True).stdout

    def start(self):
        """Starts it; seconds until it was ready."""
        began = time.monotonic()
        command = [self.binary, "serve", "--bind", "127.0.0.1:0", "--data-dir", self.data]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.address = self.process.stdout.readline().rsplit("http://", 1)[-1].strip()
        while True:
            try:
                if self.request("GET", "/health/ready")[0] == 200:
                    return time.monotonic() - began
            except OSError:
                pass
            if self.process.poll() is not None or time.monotonic() - began > 300:
                raise SystemExit(f"{self.binary} did not come up on {self.data}")
            time.sleep(0.005)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def request(self, method, path, body=None, kind="application/json"):
        connection = http.client.HTTPConnection(self.address, timeout=60)
        connection.request(method, path, body, {"Authorization": f"Bearer {self.key}", "Content-Type": kind})
        answer = connection.getresponse()
        return answer.status, answer.read()

    def sql(self, statement):
        status, body = self.request("POST", "/api/v1/sql", json.dumps({"sql": statement}))
        if status != 200:
            raise SystemExit(f"{statement}: {status} {body[:500]}")
        return json.loads(body)["rows"]

    def memory_mb(self, line="VmRSS"):
        """Resident memory now (VmRSS) or at most (VmHWM), MB."""
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(text.split(line + ":")[1].split()[0]) * 1024 / 1e6

    def cpu_s(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

"""Live connections under load, beside the Python clients a user would pick instead: values taken in per second, and per CPU-second.

In: the binary and the example `live_speed` (cargo build --workspace --bin chergui --example live_speed), mosquitto for MQTT, the packages of
tests/interop/requirements.txt. Out: one JSON line for each side and the ratio, ours before the other, on the same plant (`chergui simulate
--serve`) on the same cores. With --memory: ours alone, all four protocols at once for so many minutes, memory at half time and at the end.
Only loopback addresses are used; every process is ended by its handle.
"""

import argparse
import contextlib
import json
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time

CLIENTS = pathlib.Path(__file__).with_name("live_clients.py")
PROTOCOLS = ["mqtt", "iec104", "opcua", "modbus"]
# What is asked of the plant: so much that a client has work to do, and no more than the plant can send.
FLEETS = {
    "mqtt": ["--turbines", "100", "--inverters", "1", "--rate", "100"],
    "iec104": ["--turbines", "100", "--inverters", "1", "--rate", "100"],
    "opcua": ["--turbines", "60", "--inverters", "1", "--rate", "50"],
    "modbus": ["--turbines", "0", "--inverters", "167"],
}
# 501 inverters: as many plants as that takes, of 247 Modbus units each at most.
MODBUS_PLANTS = 3
FIRST_REGISTER, REGISTERS = 40069, 60
# Any twenty will do: a register is read as one of them, in thousandths of its unit.
QUANTITIES = """active_power reactive_power available_power active_power_limit active_energy voltage current wind_direction nacelle_direction
generator_speed blade_pitch_angle ghi dni dhi poa_global temp_module temp_cell gearbox_oil_temp generator_winding_temp relative_humidity""".split()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def listening(port, process, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    sys.exit(f"{process.args} does not listen on {port}")


class Plant:
    """A simulated plant and, for MQTT, its broker."""

    def __init__(self, binary, work, protocols, fleet):
        self.folder, self.processes, self.ports = pathlib.Path(work), [], {name: free_port() for name in protocols}
        self.folder.mkdir(parents=True)
        command = [binary, "simulate", "--serve", "--drill", "0", "--points", self.folder, *fleet]
        for name in ["modbus", "opcua", "iec104"]:
            command += [f"--{name}", f"127.0.0.1:{self.ports[name]}" if name in self.ports else "off"]
        if "mqtt" in self.ports:
            self._broker()
            command += ["--mqtt", f"127.0.0.1:{self.ports['mqtt']}"]
        plant = self._start(command)
        for port in self.ports.values():
            listening(port, plant)
        self.config = self.folder / "chergui.toml"
        while not self.config.exists() and plant.poll() is None:
            time.sleep(0.1)

    def _broker(self):
        settings = self.folder / "mosquitto.conf"
        settings.write_text(f"listener {self.ports['mqtt']} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n")
        listening(self.ports["mqtt"], self._start(["/usr/sbin/mosquitto", "-c", settings]))

    def _start(self, command):
        self.processes.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        return self.processes[-1]

    def stop(self):
        for process in reversed(self.processes):
            process.terminate()
            process.wait()


def registers(plant):
    """Every inverter's sixty registers as points instead of its SunSpec model; returns its units."""
    points = plant.folder / "modbus.toml"
    units = sorted({int(unit) for unit in re.findall(r'"(\d+)/sunspec:103/W"', points.read_text())})
    lines = []
    for unit in units:
        for part in range(REGISTERS // len(QUANTITIES)):
            lines.append(f'[[assets]]\nid = "I{unit}P{part}"\nkind = "pv_inverter"\n')
        for at in range(REGISTERS):
            asset, quantity = f"I{unit}P{at // len(QUANTITIES)}", QUANTITIES[at % len(QUANTITIES)]
            address = f"{unit}/hr:{FIRST_REGISTER + at}"
            lines.append(f'[[points]]\naddress = "{address}"\nasset = "{asset}"\nquantity = "{quantity}"\nscale = 0.001\n')
    points.write_text("\n".join(lines))
    return units


def said(command):
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(run.stdout)


def ours(live_speed, seconds, plants, names):
    pairs = [part for plant in plants for name in names for part in (plant.config, name)]
    return said([live_speed, str(seconds), *pairs])


def beside(arguments, protocol, work):
    count = MODBUS_PLANTS if protocol == "modbus" else 1
    with contextlib.ExitStack() as stack:
        plants = []
        for number in range(count):
            plants.append(Plant(arguments.chergui, work / f"{protocol}{number}", [protocol], FLEETS[protocol]))
            stack.callback(plants[-1].stop)
        order = {"protocol": protocol, "seconds": arguments.seconds, "ports": [plant.ports[protocol] for plant in plants]}
        if protocol == "modbus":
            order |= {"units": [registers(plant) for plant in plants], "first": FIRST_REGISTER, "count": REGISTERS}
        else:
            text = (plants[0].folder / f"{protocol}.toml").read_text()
            order["addresses"] = re.findall(r'^address = "(.+)"\nasset = .+\nquantity', text, re.MULTILINE)
        mine = ours(arguments.live_speed, arguments.seconds, plants, [protocol])
        print(json.dumps({"side": "chergui", **mine}), flush=True)
        other = said([sys.executable, CLIENTS, json.dumps(order)])
        print(json.dumps({"side": other.pop("client"), **other}), flush=True)
        share = mine["values_per_cpu_second"] / other["values_per_cpu_second"]
        print(json.dumps({"protocol": protocol, "values_per_cpu_second_ratio": round(share, 1)}), flush=True)


def memory(arguments, work):
    plant = Plant(arguments.chergui, work / "all", PROTOCOLS, ["--rate", "2"])
    try:
        print(json.dumps(ours(arguments.live_speed, round(arguments.memory * 60), [plant], PROTOCOLS)), flush=True)
    finally:
        plant.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chergui", required=True, type=pathlib.Path, help="the binary")
    parser.add_argument("--live-speed", type=pathlib.Path, help="the example; default beside the binary")
    parser.add_argument("--seconds", type=int, default=20, help="for each side of each protocol")
    parser.add_argument("--only", nargs="+", choices=PROTOCOLS, default=PROTOCOLS)
    parser.add_argument("--memory", type=float, metavar="MINUTES", help="memory over so long instead")
    arguments = parser.parse_args()
    arguments.live_speed = arguments.live_speed or arguments.chergui.parent / "examples" / "live_speed"
    with tempfile.TemporaryDirectory() as work:
        if arguments.memory:
            memory(arguments, pathlib.Path(work))
        else:
            for protocol in arguments.only:
                beside(arguments, protocol, pathlib.Path(work))


if __name__ == "__main__":
    main()

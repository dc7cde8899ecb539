"""A Modbus TCP server (pymodbus) whose registers, refusals and silences are told on standard input, one JSON order a line.

SunSpec register images and what they mean are pysunspec2's, so that neither the frames nor the models are of our making.

Usage: modbus_server.py PORT [ORDER ...]    the orders are obeyed before it listens
"""

import asyncio
import json
import logging
import struct
import sys

import sunspec2.device as sunspec
from pymodbus.constants import ExcCodes
from pymodbus.exceptions import NoSuchIdException
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

logging.disable(logging.CRITICAL)
TABLES = {1: "co", 2: "di", 3: "hr", 4: "ir"}
# Models of which every point is filled in, three repetitions where something repeats.
EVERY = [101, 102, 103, 111, 112, 113, 120, 121, 122, 123, 124, 160, 201, 202, 203, 204, 211, 212, 213, 214, 302, 303, 304, 305, 306, 307, 308]
EVERY += [401, 402, 403, 404, 501, 502, 701, 702, 703, 713, 714, 802]


class Plant:
    """Registers of all units, as the server asks for them."""

    def __init__(self):
        self.server = None
        self.words = {}
        self.refusals = []
        self.silent = set()
        self.counting = set()
        self.flipping = {}
        self.requests = []

    def put(self, unit, table, at, values):
        for offset, value in enumerate(values):
            self.words[(unit, table, at + offset)] = int(value)

    async def async_getValues(self, unit, function, address, count=1):
        table = TABLES[function]
        self.requests.append([function, unit, address, count])
        is_there = any(key[0] == unit for key in self.words)
        if unit in self.silent or not is_there:
            self.server.ignore_missing_devices = unit in self.silent
            raise NoSuchIdException(f"unit {unit}")
        keys = [(unit, table, address + offset) for offset in range(count)]
        for refusal in self.refusals:
            if (refusal["unit"], refusal["table"]) == (unit, table) and any(refusal["from"] <= key[2] <= refusal["to"] for key in keys):
                return ExcCodes(refusal["code"])
        if any(key not in self.words for key in keys):
            return ExcCodes.ILLEGAL_ADDRESS
        for key in keys:
            if key in self.counting:
                self.words[key] = (self.words[key] + 1) % 65536
            if key in self.flipping:
                # Value and factor change together, at every read: 5 * 10^1 and 50 * 10^0 are the same.
                self.flip(key)
        values = [self.words[key] for key in keys]
        return [bool(value) for value in values] if function < 3 else values

    def flip(self, key):
        factor, value, ten = self.flipping[key]
        is_one = self.words[factor] == 1
        self.words[factor], self.words[value] = (0, ten * 10) if is_one else (1, ten)

    async def async_setValues(self, unit, function, address, values):
        self.requests.append([function, unit, address, len(values)])
        return None

    def device_ids(self):
        return sorted({key[0] for key in self.words})


def words(data):
    return list(struct.unpack(f">{len(data) // 2}H", data))


def is_head(point):
    """ID and L of a model; a group may have an ID of its own."""
    return point.pdef["name"] == "L" or point.pdef["name"] == "ID" and "value" in point.pdef


def fill(group, seed):
    """Gives every point a value of its own; factors first, since the others hang on them."""
    for name, point in group.points.items():
        if point.pdef["type"] == "sunssf":
            point.value = seed[0] % 4 - 2
            seed[0] += 1
    for name, point in group.points.items():
        kind = point.pdef["type"]
        if is_head(point) or kind in ("sunssf", "pad", "string"):
            continue
        seed[0] += 7
        if kind == "float32":
            point.value = struct.unpack(">f", struct.pack(">f", seed[0] / 8))[0]
        elif kind.startswith("bitfield"):
            point.value = 1 << (seed[0] % 15)
        elif kind.startswith("int"):
            point.value = seed[0] % 30000 - 15000
        else:
            point.value = seed[0] % 60000 + 1


def told(unit, model_id, group, index, out):
    for name, point in group.points.items():
        kind = point.pdef["type"]
        if is_head(point) or kind in ("sunssf", "pad", "string"):
            continue
        address = f"{unit}/sunspec:{model_id}/{name}" + (f"[{index}]" if index else "")
        out[address] = {"value": point.cvalue, "unit": (point.pdef.get("units") or "").strip(), "type": kind}


def blank(model_id, repeats):
    groups = sunspec.get_model_def(model_id)["group"].get("groups", [])
    if not groups:
        return sunspec.Model(model_id=model_id)
    data = {"ID": model_id, groups[0]["name"]: [{} for _ in range(repeats)]}
    if isinstance(groups[0].get("count"), str):
        data[groups[0]["count"]] = repeats
    return sunspec.Model(model_id=model_id, data=data)


def common(order):
    model = sunspec.Model(model_id=1)
    for name in ("Mn", "Md", "SN", "Vr"):
        model.points[name].value = order.get(name, name)
    return model


def image(plant, unit, base, models):
    data = b"SunS" + b"".join(model.get_mb() for model in models) + b"\xff\xff\x00\x00"
    plant.put(unit, "hr", base, words(data))
    starts, at = {}, base + 2
    for model in models:
        starts.setdefault(str(model.model_id), at)
        at += len(model.get_mb()) // 2
    return starts


def sunspec_unit(plant, order):
    """Models with the points that are told; the rest is not implemented."""
    made = [common(order)]
    for wanted in order["models"]:
        model = blank(wanted["ID"], len(wanted.get("repeats", [])))
        parts = [(model, wanted.get("points", {}))]
        for group in model.groups.values():
            parts += list(zip(group, wanted.get("repeats", [])))
        for group, points in parts:
            for name, value in sorted(points.items(), key=lambda item: not item[0].endswith("_SF")):
                group.points[name].value = value
        made.append(model)
    return image(plant, order["unit"], order.get("base", 40000), made)


def every(plant, order):
    """All models, every point."""
    seed, out, made = [order.get("seed", 0)], {}, [common(order)]
    for model_id in EVERY:
        model = blank(model_id, 3)
        fill(model, seed)
        for groups in model.groups.values():
            for group in groups:
                fill(group, seed)
        if "N" in model.points and model_id == 160:
            model.points["N"].value = 3
        if "NPrt" in model.points:
            model.points["NPrt"].value = 3
        told(order["unit"], model_id, model, None, out)
        for groups in model.groups.values():
            for index, group in enumerate(groups):
                told(order["unit"], model_id, group, index + 1, out)
        made.append(model)
    image(plant, order["unit"], order.get("base", 40000), made)
    return out


def obey(plant, order):
    if "put" in order:
        put = order["put"]
        plant.put(put["unit"], put.get("table", "hr"), put["at"], put["values"])
    if "drop" in order:
        drop = order["drop"]
        for key in [key for key in plant.words if key[0] == drop["unit"]]:
            del plant.words[key]
    if "count" in order:
        key = order["count"]
        plant.counting.add((key["unit"], "hr", key["at"]))
        plant.words.setdefault((key["unit"], "hr", key["at"]), 0)
    if "flip" in order:
        flip = order["flip"]
        factor, value = (flip["unit"], "hr", flip["factor"]), (flip["unit"], "hr", flip["value"])
        plant.flipping[min(factor, value)] = (factor, value, flip["ten"])
    if "refuse" in order:
        plant.refusals = order["refuse"]
    if "silent" in order:
        plant.silent = set(order["silent"])
    if "sunspec" in order:
        return {"starts": sunspec_unit(plant, order["sunspec"])}
    if "every" in order:
        return {"points": every(plant, order["every"])}
    if "requests" in order:
        made, plant.requests = plant.requests, []
        return {"requests": made}
    return {"ok": True}


async def main():
    plant = Plant()
    unused = SimDevice(0, simdata=SimData(0, values=0, datatype=DataType.REGISTERS))
    server = ModbusTcpServer(unused, address=("127.0.0.1", int(sys.argv[1])))
    server.context, plant.server = plant, server
    for order in sys.argv[2:]:
        obey(plant, json.loads(order))
    await server.serve_forever(background=True)
    print(json.dumps({"ready": True}))
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        try:
            answer = obey(plant, json.loads(line))
        except Exception as error:  # whatever it is, the test shows it
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer))


asyncio.run(main())

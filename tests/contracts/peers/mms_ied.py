#!/usr/bin/env python3
"""A wind turbine's controller as an IEC 61850 server (libiec61850 by way of pyiec61850-ng), told what to measure by lines of JSON.

In: a port, and orders on standard input. Out: one line of JSON per order. It has one logical device, WTG01, nodes named as in IEC 61400-25,
two data sets and report control blocks of both sorts. Not here: what a client should make of it.

Orders:
  {"do": "set", "ref": "WTUR1.W", "value": 1.5, "time_us": 1780000000000000, "q": 0, "clock": ""}
  {"do": "burst", "ref": "WTUR1.W", "first": 0, "count": 100, "time_us": ..., "step_us": 1000000, "pause_s": 0}
  {"do": "all", "time_us": ...}: everything is 0 and good at this time
  {"do": "connections"}
"""

import json
import sys
import time

import pyiec61850.pyiec61850 as iec

IED = "WIND"
DEVICE = "WTG01"
MEASURED = [("WTUR1", "W"), ("WROT1", "RotSpd"), ("WGEN1", "Spd"), ("WMET1", "HorWdSpd"), ("WTRM1", "TmpGbxOil"), ("MMXU1", "Hz")]
STATUS = [("GGIO1", "Ind1")]


class Controller:
    """The model, its server, and the attributes by name."""

    def __init__(self, port):
        self.model = iec.IedModel_create(IED)
        self.device = iec.LogicalDevice_create(DEVICE, self.model)
        self.nodes = {}
        zero = iec.LogicalNode_create("LLN0", self.device)
        iec.CDC_ENS_create("Mod", iec.toModelNode(zero), 0)
        iec.CDC_ENS_create("Health", iec.toModelNode(zero), 0)
        self.nodes["LLN0"] = zero
        self.objects = {}
        for node, name in MEASURED:
            self.objects[f"{node}.{name}"] = iec.CDC_MV_create(name, iec.toModelNode(self.node(node)), iec.CDC_OPTION_UNIT, False)
        self.objects["WTUR1.TurSt"] = iec.CDC_INS_create("TurSt", iec.toModelNode(self.node("WTUR1")), 0)
        for node, name in STATUS:
            self.objects[f"{node}.{name}"] = iec.CDC_SPS_create(name, iec.toModelNode(self.node(node)), 0)
        # Whole data objects with their quality and time: one member, one consistent value.
        whole = iec.DataSet_create("dsWhole", zero)
        for node, name in MEASURED:
            iec.DataSetEntry_create(whole, f"{node}$MX${name}", -1, None)
        iec.DataSetEntry_create(whole, "WTUR1$ST$TurSt", -1, None)
        for node, name in STATUS:
            iec.DataSetEntry_create(whole, f"{node}$ST${name}", -1, None)
        # Single attributes, as some controllers list them.
        leaves = iec.DataSet_create("dsLeaves", zero)
        for leaf in ("mag$f", "q", "t"):
            iec.DataSetEntry_create(leaves, f"WTUR1$MX$W${leaf}", -1, None)
        triggers = iec.TRG_OPT_DATA_CHANGED | iec.TRG_OPT_QUALITY_CHANGED | iec.TRG_OPT_INTEGRITY | iec.TRG_OPT_GI
        fields = iec.RPT_OPT_SEQ_NUM | iec.RPT_OPT_TIME_STAMP | iec.RPT_OPT_REASON_FOR_INCLUSION | iec.RPT_OPT_CONF_REV
        for name, is_buffered, data_set in (
            ("brcbA01", True, "dsWhole"),
            ("brcbA02", True, "dsWhole"),
            ("urcbB01", False, "dsWhole"),
            ("urcbC01", False, "dsLeaves"),
        ):
            iec.ReportControlBlock_create(name, zero, None, is_buffered, data_set, 1, triggers, fields, 0, 0)
        self.server = iec.IedServer_create(self.model)
        iec.IedServer_setServerIdentity(self.server, "Test works", "Turbine controller", "1.0")
        self.attributes = {}
        iec.IedServer_start(self.server, port)
        if not iec.IedServer_isRunning(self.server):
            raise OSError(f"port {port} cannot be listened at")

    def node(self, name):
        if name not in self.nodes:
            self.nodes[name] = iec.LogicalNode_create(name, self.device)
        return self.nodes[name]

    def attribute(self, ref):
        if ref not in self.attributes:
            full = f"{IED}{DEVICE}/{ref}"
            found = iec.IedModel_getModelNodeByObjectReference(self.model, full)
            if found is None:
                raise KeyError(full)
            self.attributes[ref] = iec.toDataAttribute(found)
        return self.attributes[ref]

    def set(self, ref, value, time_us, quality=0, clock=""):
        stamp = iec.Timestamp_create()
        iec.Timestamp_clearFlags(stamp)
        iec.Timestamp_setTimeInNanoseconds(stamp, time_us * 1000)
        iec.Timestamp_setSubsecondPrecision(stamp, 20)
        if clock == "failure":
            iec.Timestamp_setClockFailure(stamp, True)
        if clock == "not_synchronized":
            iec.Timestamp_setClockNotSynchronized(stamp, True)
        iec.IedServer_lockDataModel(self.server)
        # The time first: a report copies the object when its value or quality changes.
        iec.IedServer_updateTimestampAttributeValue(self.server, self.attribute(f"{ref}.t"), stamp)
        if ref in ("GGIO1.Ind1",):
            iec.IedServer_updateQuality(self.server, self.attribute(f"{ref}.q"), quality)
            iec.IedServer_updateBooleanAttributeValue(self.server, self.attribute(f"{ref}.stVal"), bool(value))
        elif ref == "WTUR1.TurSt":
            iec.IedServer_updateQuality(self.server, self.attribute(f"{ref}.q"), quality)
            iec.IedServer_updateInt32AttributeValue(self.server, self.attribute(f"{ref}.stVal"), int(value))
        else:
            iec.IedServer_updateQuality(self.server, self.attribute(f"{ref}.q"), quality)
            iec.IedServer_updateFloatAttributeValue(self.server, self.attribute(f"{ref}.mag.f"), float(value))
        iec.IedServer_unlockDataModel(self.server)
        iec.Timestamp_destroy(stamp)

    def obey(self, order):
        what = order["do"]
        if what == "set":
            self.set(order["ref"], order["value"], order["time_us"], order.get("q", 0), order.get("clock", ""))
        elif what == "burst":
            for index in range(order["count"]):
                self.set(order["ref"], order["first"] + index, order["time_us"] + index * order["step_us"])
                if order.get("pause_s"):
                    time.sleep(order["pause_s"])
        elif what == "all":
            for ref in self.objects:
                self.set(ref, 0, order["time_us"])
        elif what == "connections":
            return {"connections": iec.IedServer_getNumberOfOpenConnections(self.server)}
        else:
            raise ValueError(what)
        return {"ok": True}


def main():
    port = int(sys.argv[1])
    try:
        controller = Controller(port)
    except OSError as error:
        print(json.dumps({"ready": False, "error": str(error)}), flush=True)
        return
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        try:
            answer = controller.obey(json.loads(line))
        except Exception as error:  # noqa: BLE001: whatever it is, the test must hear of it
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()

"""Clients of other people's making that look at the simulated plant, one question a line.

In: lines of JSON, {"do": name of a function below, …: its arguments}. Out: one line of JSON for each.
"""

import asyncio
import json
import sys
import time


def sunspec(port, unit):
    """pysunspec2 walks the device's models and reads them all."""
    import sunspec2.modbus.client as client

    device = client.SunSpecModbusClientDeviceTCP(slave_id=unit, ipaddr="127.0.0.1", ipport=port, timeout=5)
    device.scan()
    models = {}
    for number, group in device.models.items():
        if not isinstance(number, int):
            continue
        found = group[0]
        found.read()
        points = {name: point.cvalue for name, point in found.points.items()}
        for repeating in found.groups.values():
            for part in repeating if isinstance(repeating, list) else [repeating]:
                points.update({name: point.cvalue for name, point in part.points.items()})
        models[str(number)] = {name: value for name, value in points.items() if value is not None}
    device.close()
    return {"models": models}


def registers(port, unit, count, bits):
    """pymodbus reads floats and bits, then tries every kind of write."""
    from pymodbus.client import ModbusTcpClient

    client = ModbusTcpClient("127.0.0.1", port=port, timeout=5)
    assert client.connect()
    read = client.read_input_registers(0, count=2 * count, device_id=unit)
    values = None if read.isError() else client.convert_from_registers(read.registers, client.DATATYPE.FLOAT32)
    alarms = client.read_discrete_inputs(0, count=bits, device_id=unit)
    writes = [
        client.write_register(0, 1, device_id=unit),
        client.write_registers(0, [1, 2], device_id=unit),
        client.write_coil(0, True, device_id=unit),
        client.write_coils(0, [True, False], device_id=unit),
        client.mask_write_register(address=0, and_mask=1, or_mask=1, device_id=unit),
        client.readwrite_registers(read_address=0, read_count=1, write_address=0, values=[1], device_id=unit),
    ]
    beyond = client.read_input_registers(2 * count, count=2, device_id=unit)
    nobody = client.read_input_registers(0, count=2, device_id=247)
    client.close()
    return {
        "values": values,
        "bits": None if alarms.isError() else alarms.bits[:bits],
        "writes": [answer.exception_code for answer in writes],
        "beyond": beyond.exception_code,
        "nobody": nobody.exception_code,
    }


async def browse(url):
    """asyncua walks Objects/Plant and reads everything once."""
    from asyncua import Client, ua

    async with Client(url) as client:
        namespace = await client.get_namespace_index("urn:chergui:plant")
        plant = await client.nodes.objects.get_child([f"{namespace}:Plant"])
        devices = {}
        for device in await plant.get_children():
            signals = {}
            for node in await device.get_children():
                data = await node.read_data_value(raise_on_bad_status=False)
                unit = None
                for extra in await node.get_properties():
                    unit = (await extra.read_value()).DisplayName.Text
                stamp = data.SourceTimestamp
                signals[(await node.read_browse_name()).Name] = {
                    "id": node.nodeid.Identifier,
                    "value": data.Value.Value if data.Value is not None else None,
                    "status": data.StatusCode.name,
                    "unit": unit,
                    "time": stamp and stamp.isoformat(),
                }
            devices[(await device.read_browse_name()).Name] = signals
        node = client.get_node(ua.NodeId("WTG01.ActivePower", namespace))
        try:
            await node.write_value(1.0)
            refused = ""
        except ua.UaStatusCodeError as error:
            refused = type(error).__name__
        return {"devices": devices, "write": refused}


async def encrypted(url, folder):
    """asyncua signs and encrypts, and reads one value."""
    from pathlib import Path

    from asyncua import Client, ua
    from asyncua.crypto.cert_gen import setup_self_signed_certificate
    from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256
    from cryptography.x509.oid import ExtendedKeyUsageOID

    uri = "urn:chergui:test-client"
    key, certificate = Path(folder) / "client.pem", Path(folder) / "client.der"
    await setup_self_signed_certificate(key, certificate, uri, "127.0.0.1", [ExtendedKeyUsageOID.CLIENT_AUTH], {"commonName": "test"})
    client = Client(url)
    client.application_uri = uri
    mode = ua.MessageSecurityMode.SignAndEncrypt
    await client.set_security(SecurityPolicyBasic256Sha256, str(certificate), str(key), mode=mode)
    async with client:
        namespace = await client.get_namespace_index("urn:chergui:plant")
        return {"value": await client.get_node(ua.NodeId("WTG01.ActivePower", namespace)).read_value()}


async def watch(url, name, changes, status):
    """asyncua subscribes and waits for so many changes, or for a status."""
    from asyncua import Client, ua

    heard = []
    enough = asyncio.Event()

    class Handler:
        def datachange_notification(self, node, value, data):
            seen = data.monitored_item.Value
            heard.append([seen.SourceTimestamp.isoformat(), value, seen.StatusCode.name])
            if status in [entry[2] for entry in heard] if status else len(heard) >= changes:
                enough.set()

    async with Client(url) as client:
        namespace = await client.get_namespace_index("urn:chergui:plant")
        subscription = await client.create_subscription(100, Handler())
        await subscription.subscribe_data_change(client.get_node(ua.NodeId(name, namespace)), queuesize=100)
        try:
            await asyncio.wait_for(enough.wait(), 25)
        except TimeoutError:
            pass
        await subscription.delete()
    return {"heard": heard}


MASTERS = []


def master(port, station, points):
    """A master of c104 (lib60870-C) that knows some objects of one station, each with the one type it hears of."""
    import c104

    heard = []

    def received(point: c104.Point, previous_info: c104.Information, message: c104.IncomingMessage) -> c104.ResponseState:
        at = point.recorded_at.timestamp() if point.recorded_at else None
        worth = str(point.info.quality)
        heard.append([message.type.name, message.cot.name, message.common_address, point.io_address, float(point.value), worth, at])
        return c104.ResponseState.SUCCESS

    client = c104.Client(tick_rate_ms=50, command_timeout_ms=5000)
    connection = client.add_connection(ip="127.0.0.1", port=port, init=c104.Init.NONE)
    known = connection.add_station(common_address=station)
    for address, kind in points.items():
        known.add_point(io_address=int(address), type=getattr(c104.Type, kind)).on_receive(callable=received)
    client.start()
    # The callback lives as long as the process.
    MASTERS.append((client, received))
    end = time.time() + 10
    # Connected is not yet started: before STARTDT is confirmed it answers nothing.
    while connection.state != c104.ConnectionState.OPEN and time.time() < end:
        time.sleep(0.1)
        # It starts by itself, but not always.
        if connection.state == c104.ConnectionState.OPEN_MUTED:
            connection.unmute()
    if connection.state != c104.ConnectionState.OPEN:
        raise TimeoutError(f"no connection to port {port}: {connection.state}")
    return connection, heard


def interrogate(port, station, points):
    """A general and a counter interrogation."""
    connection, heard = master(port, station, points)
    answers = [connection.interrogation(common_address=station), connection.counter_interrogation(common_address=station)]
    return {"answers": answers, "heard": heard[:]}


def listen(port, station, points, address, count):
    """Waits for so many spontaneous changes of one object."""
    connection, heard = master(port, station, points)
    end = time.time() + 20
    while time.time() < end and sum(entry[3] == address for entry in heard) < count:
        time.sleep(0.02)
    return {"heard": heard[:]}


def mqtt(port, topic, count):
    """paho subscribes and waits for so many messages."""
    import paho.mqtt.client as paho

    heard = []
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    client.on_message = lambda client, data, message: heard.append([message.topic, json.loads(message.payload)])
    client.connect("127.0.0.1", port)
    client.subscribe(topic, qos=1)
    client.loop_start()
    end = time.time() + 20
    while time.time() < end and len(heard) < count:
        time.sleep(0.02)
    client.loop_stop()
    client.disconnect()
    return {"heard": heard[:]}


DOINGS = {doing.__name__: doing for doing in [sunspec, registers, browse, encrypted, watch, interrogate, listen, mqtt]}

print(json.dumps({"ready": True}))
for line in sys.stdin:
    order = json.loads(line)
    try:
        done = DOINGS[order.pop("do")](**order)
        print(json.dumps(asyncio.run(done) if asyncio.iscoroutine(done) else done))
    except Exception as error:
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}))

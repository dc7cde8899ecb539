"""What a user would pick instead of a connection: the usual Python client of a protocol, reading the same points and counting their values.

In: one argument, JSON: protocol, seconds, ports, and addresses as in our points files, or units and registers for Modbus. Out: one JSON line:
values, values per second of the wall and per CPU-second of this process, from the first value on. Nothing is stored.
"""

import asyncio
import json
import sys
import time


class Count:
    """Values taken in; time and CPU from the first one on."""

    def __init__(self):
        self.values, self.began, self.cpu = 0, None, None

    def add(self, values):
        if self.began is None:
            self.began, self.cpu = time.monotonic(), time.process_time()
            return
        self.values += values

    def is_over(self, seconds):
        return self.began is not None and time.monotonic() - self.began >= seconds

    def said(self, client):
        took, cpu = time.monotonic() - self.began, time.process_time() - self.cpu
        per_second, per_cpu = round(self.values / took), round(self.values / max(cpu, 0.01))
        return {
            "client": client,
            "seconds": round(took),
            "values": self.values,
            "values_per_second": per_second,
            "values_per_cpu_second": per_cpu,
            "cpu_share": round(cpu / took, 2),
        }


def wait(count, seconds):
    end = time.monotonic() + seconds + 60
    while not count.is_over(seconds):
        if time.monotonic() > end:
            sys.exit("nothing came")
        time.sleep(0.05)


def mqtt(order):
    """paho and json: the fields of each message that are points, with the time of the message."""
    import paho.mqtt.client as paho

    count, fields = Count(), {}
    for address in order["addresses"]:
        topic, pointer = address.split("#/")
        fields.setdefault(topic, []).append(pointer)

    def received(client, data, message):
        known, body = fields.get(message.topic), json.loads(message.payload)
        if known:
            values = [(body["time"], body[name]) for name in known if name in body]
            count.add(len(values))

    client = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    client.on_message = received
    client.connect("127.0.0.1", order["ports"][0])
    client.subscribe("plant/#", qos=1)
    client.loop_start()
    wait(count, order["seconds"])
    said = count.said("paho-mqtt")
    client.loop_stop()
    return said


def iec104(order):
    """c104 (lib60870-C): every spontaneous change of every object."""
    import c104

    count = Count()

    def received(point: c104.Point, previous_info: c104.Information, message: c104.IncomingMessage) -> c104.ResponseState:
        count.add(1)
        return c104.ResponseState.SUCCESS

    client = c104.Client(tick_rate_ms=50)
    connection = client.add_connection(ip="127.0.0.1", port=order["ports"][0], init=c104.Init.NONE)
    stations = {}
    for address in order["addresses"]:
        common, information = map(int, address.split("/"))
        if common not in stations:
            stations[common] = connection.add_station(common_address=common)
        stations[common].add_point(io_address=information, type=c104.Type.M_ME_TF_1).on_receive(callable=received)
    client.start()
    end = time.monotonic() + 10
    while connection.state != c104.ConnectionState.OPEN and time.monotonic() < end:
        time.sleep(0.1)
        if connection.state == c104.ConnectionState.OPEN_MUTED:
            connection.unmute()
    wait(count, order["seconds"])
    said = count.said("c104")
    client.stop()
    return said


async def opcua(order):
    """asyncua: one subscription to all nodes."""
    from asyncua import Client, ua

    count = Count()

    class Handler:
        def datachange_notification(self, node, value, data):
            count.add(1)

    async with Client(f"opc.tcp://127.0.0.1:{order['ports'][0]}/", timeout=30) as client:
        namespace = await client.get_namespace_index("urn:chergui:plant")
        nodes = [client.get_node(ua.NodeId(address.split(";s=")[1], namespace)) for address in order["addresses"]]
        subscription = await client.create_subscription(100, Handler())
        await subscription.subscribe_data_change(nodes, queuesize=100, sampling_interval=20)
        end = time.monotonic() + order["seconds"] + 60
        while not count.is_over(order["seconds"]) and time.monotonic() < end:
            await asyncio.sleep(0.05)
        return count.said("asyncua")


async def modbus(order):
    """pymodbus: each second the registers of every unit, all plants at once."""
    from pymodbus.client import AsyncModbusTcpClient

    count = Count()

    async def plant(port, units):
        client = AsyncModbusTcpClient("127.0.0.1", port=port, timeout=3)
        await client.connect()
        due = time.monotonic()
        while not count.is_over(order["seconds"]):
            for unit in units:
                answer = await client.read_holding_registers(order["first"], count=order["count"], device_id=unit)
                values = [0.001 * register for register in answer.registers]
                count.add(len(values))
            due += 1
            await asyncio.sleep(max(due - time.monotonic(), 0))
        client.close()

    await asyncio.gather(*(plant(port, units) for port, units in zip(order["ports"], order["units"])))
    return count.said("pymodbus")


def main():
    order = json.loads(sys.argv[1])
    said = {"mqtt": mqtt, "iec104": iec104, "opcua": opcua, "modbus": modbus}[order["protocol"]](order)
    print(json.dumps(asyncio.run(said) if asyncio.iscoroutine(said) else said), flush=True)


if __name__ == "__main__":
    main()

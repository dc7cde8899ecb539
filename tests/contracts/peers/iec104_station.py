"""A controlled station of c104 (lib60870-C), told what to say by lines of JSON.

In: a port, and for TLS: authority, certificate, key. Lines: {"set": [object, value, [qualities], seconds or null], "send": true},
{"clients": true}. Out: one line each.
"""

import datetime
import json
import sys

import c104

port = int(sys.argv[1])
tls = None
if len(sys.argv) > 2:
    tls = c104.TransportSecurity(validate=True, only_known=False)
    tls.set_ca_certificate(cert=sys.argv[2])
    tls.set_certificate(cert=sys.argv[3], key=sys.argv[4])
    tls.set_version(min=c104.TlsVersion.TLS_1_2, max=c104.TlsVersion.TLS_1_2)

server = c104.Server(ip="127.0.0.1", port=port, tick_rate_ms=50, transport_security=tls)
station = server.add_station(common_address=13)
KINDS = {
    1: c104.Type.M_SP_TB_1,
    2: c104.Type.M_DP_TB_1,
    3: c104.Type.M_ST_TB_1,
    4: c104.Type.M_BO_TB_1,
    5: c104.Type.M_ME_TD_1,
    6: c104.Type.M_ME_TE_1,
    7: c104.Type.M_ME_TF_1,
    8: c104.Type.M_IT_TB_1,
    9: c104.Type.M_ME_NC_1,
    10: c104.Type.M_SP_NA_1,
    11: c104.Type.M_PS_NA_1,
    12: c104.Type.M_ME_ND_1,
}
points = {address: station.add_point(io_address=address, type=kind) for address, kind in KINDS.items()}


def quality(names, kind):
    worth = kind()
    for name in names:
        worth |= getattr(kind, name)
    return worth


def information(address, value, names, seconds):
    at = None if seconds is None else datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    tag = {} if at is None else {"recorded_at": at}
    worth = quality(names, c104.BinaryCounterQuality if address == 8 else c104.Quality)
    if address in (1, 10):
        return c104.SingleInfo(on=bool(value), quality=worth, **tag)
    if address == 2:
        state = [c104.Double.INTERMEDIATE, c104.Double.OFF, c104.Double.ON, c104.Double.INDETERMINATE][int(value)]
        return c104.DoubleInfo(state=state, quality=worth, **tag)
    if address == 3:
        return c104.StepInfo(state=c104.Int7(int(value)), transient=False, quality=worth, **tag)
    if address == 4:
        return c104.BinaryInfo(blob=c104.Byte32(int(value).to_bytes(4, "little")), quality=worth, **tag)
    if address in (5, 12):
        return c104.NormalizedInfo(actual=c104.NormalizedFloat(value), quality=worth, **tag)
    if address == 6:
        return c104.ScaledInfo(actual=c104.Int16(int(value)), quality=worth, **tag)
    if address in (7, 9):
        return c104.ShortInfo(actual=float(value), quality=worth, **tag)
    if address == 8:
        return c104.BinaryCounterInfo(counter=int(value), sequence=c104.UInt5(3), quality=worth, **tag)
    if address == 11:
        on = c104.PackedSingle()
        for bit in range(16):
            if int(value) >> bit & 1:
                on |= getattr(c104.PackedSingle, f"I{bit}")
        return c104.StatusAndChanged(status=on, changed=c104.PackedSingle(), quality=worth, **tag)
    raise ValueError(address)


def answer(order):
    if "set" in order:
        address, value, names, seconds = order["set"]
        point = points[address]
        point.info = information(address, value, names, seconds)
        if order.get("send", True):
            return {"sent": point.transmit(cause=c104.Cot.SPONTANEOUS)}
        return {"sent": False}
    if "clients" in order:
        return {"clients": server.active_connection_count}
    raise ValueError(order)


server.start()
print(json.dumps({"ready": server.is_running}), flush=True)
for line in sys.stdin:
    try:
        said = answer(json.loads(line))
    except Exception as error:  # told to the test, which fails with it
        said = {"error": repr(error)}
    print(json.dumps(said), flush=True)

// The mock's connections to plants: one that lives, one whose clock is off, one that cannot reach its peer; and what a tail says.
import { iso } from "./fleet.mjs";

const BEGAN = Date.now();
const KNOWN = [
  { name: "tarfaya", protocol: "modbus", peer: "tcp://10.0.0.5:502", points: 120, assets: 12, each: 12 },
  { name: "ouarzazate", protocol: "opcua", peer: "opc.tcp://10.1.4.20:4840", points: 2400, assets: 160, each: 240, skew_s: 12.4 },
  { name: "tangier", protocol: "iec104", peer: "10.2.0.9:2404", points: 64, assets: 3, each: 0, phase: "waiting" },
];

export function connectionsOf(now) {
  const lived = (Date.now() - BEGAN) / 1000;
  return KNOWN.map(({ each, phase = "live", skew_s = -0.1, ...who }) => {
    const isLive = phase === "live";
    const values = Math.round(lived * each);
    return {
      ...who, phase, since: iso(isLive ? BEGAN : now - 40_000), connects: isLive ? 1 : 0, failures: isLive ? 0 : 9, values, bad: Math.round(values / 2000), rejects: 0, stored: values,
      last_received: isLive ? iso(now - 800) : null, newest: isLive ? iso(now - 1200) : null, lag_s: isLive ? 1.2 : null, skew_s: isLive ? skew_s : null, silence_s: 600, is_silent: !isLive && lived > 600,
      last_error: isLive ? null : `${who.peer} refused the connection; is the station's server running, and does its firewall let this machine in?`, last_error_at: isLive ? null : iso(now - 40_000),
    };
  });
}

/** Says a line now and then until the listener leaves; false for a name that is not known. */
export function tailOf(name, request, response) {
  const found = KNOWN.find((one) => one.name === name);
  if (!found) return false;
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  const say = () => response.write(`data: ${found.each ? `WTG01.active_power = ${(2000 + 100 * Math.random()).toFixed(1)} kW good ${iso(Date.now())}` : "lost: connection refused"}\n\n`);
  say();
  const timer = setInterval(say, 500);
  request.on("close", () => clearInterval(timer));
  return true;
}

// Server-sent events over fetch: bytes in, one call per event out. Not here: reconnecting, and what the events mean.

/** One event; `data` holds its lines, none for an event that only sets the id. */
export interface Heard { event: string; id: string | undefined; data: string[] }

/** Reads until the stream ends. `alive` is called whenever anything arrives, a comment included. */
export async function readEvents(body: ReadableStream<Uint8Array>, hear: (heard: Heard) => void, alive?: () => void): Promise<void> {
  const reader = body.pipeThrough(new TextDecoderStream() as unknown as ReadableWritablePair<string, Uint8Array>).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    alive?.();
    const blocks = (rest + value).replaceAll("\r\n", "\n").split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) hear(parse(block));
  }
}

function parse(block: string): Heard {
  const heard: Heard = { event: "message", id: undefined, data: [] };
  for (const line of block.split("\n")) {
    const [, name, text] = /^(\w+): ?(.*)$/.exec(line) ?? [];
    if (name === "event") heard.event = text ?? heard.event;
    else if (name === "data") heard.data.push(text ?? "");
    else if (name === "id") heard.id = text ?? "";
  }
  return heard;
}

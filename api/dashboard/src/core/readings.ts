// Measurements of one quantity over a range, page by page until the range is told, averaged to a step where asked.
import type { ReadingsPage } from "./contract";
import { get } from "./http";

/** No chart needs more pages than this; what is drawn then ends early rather than never. */
const MOST_PAGES = 20;

export async function readingsOf(asset: string, quantity: string, start: number, end: number, step?: string, abort?: AbortSignal): Promise<ReadingsPage> {
  const query = { asset_id: asset, quantity, start: new Date(start).toISOString(), end: new Date(end).toISOString(), step };
  const whole = await get<ReadingsPage>("/readings", query, abort);
  for (let pages = 1; whole.next_cursor && pages < MOST_PAGES; pages += 1) {
    const more = await get<ReadingsPage>("/readings", { ...query, cursor: whole.next_cursor }, abort);
    whole.rows.push(...more.rows);
    whole.next_cursor = more.next_cursor;
  }
  return whole;
}

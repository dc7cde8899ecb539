// Hash routing: the address after `#` as a signal, and the addresses of the pages.
import { computed, signal } from "@preact/signals";

const hash = signal(location.hash);
addEventListener("hashchange", () => { hash.value = location.hash; });

export interface Route { page: string; parts: string[]; query: URLSearchParams }

export const route = computed<Route>(() => {
  const [path = "", query = ""] = hash.value.replace(/^#\/?/, "").split("?");
  const [page = "", ...parts] = path.split("/").map(decodeURIComponent);
  return { page: page || "fleet", parts, query: new URLSearchParams(query) };
});

const part = encodeURIComponent;
export const address = {
  fleet: () => "#/",
  forecast: (asset?: string, quantity?: string, issue?: string) =>
    `#/forecast${asset ? `/${part(asset)}` : ""}${asset && quantity ? `/${part(quantity)}` : ""}${asset && quantity && issue ? `?issue=${part(issue)}` : ""}`,
  alerts: (id?: string) => `#/alerts${id ? `/${part(id)}` : ""}`,
  plan: () => "#/plan",
  connections: (name?: string) => `#/connections${name ? `/${part(name)}` : ""}`,
  asset: (id: string) => `#/asset/${part(id)}`,
};

export function go(to: string, replace = false): void {
  if (replace) {
    history.replaceState(null, "", to);
    hash.value = to;
  } else location.hash = to;
}

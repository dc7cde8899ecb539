// The shapes the server speaks under /api/v1, as pinned with it. Only what the dashboard reads is listed; nothing is computed here.

export type Kind =
  | "wind_turbine" | "wind_plant" | "pv_inverter" | "pv_tracker" | "pv_plant"
  | "weather_station" | "meter" | "region" | "transformer" | "bus";

export interface Asset {
  id: string;
  kind: Kind;
  parent_id: string | null;
  name: string;
  latitude: number | null;
  longitude: number | null;
  capacity_kw: number | null;
  timezone: string;
  attributes: Record<string, string>;
  latest?: { time: string; values: Record<string, number | null> } | null;
  open_alerts?: number;
  forecast_quantities?: string[];
}

export type Severity = "info" | "warning" | "critical";
export type AlertState = "open" | "acknowledged" | "assigned" | "resolved" | "false_positive";
export type Outcome = "fixed" | "no_action" | "false_positive";

export interface LocalText { en: string; fr: string; ar: string }

export interface Alert {
  id: string;
  asset_id: string;
  asset_name: string;
  component: string;
  mode: string;
  severity: Severity;
  state: AlertState;
  shelved_until: string | null;
  started_at: string;
  opened_at: string;
  updated_at: string;
  closed_at: string | null;
  score: number | null;
  energy_lost_kwh: number | null;
  top_contributors: string[];
  occurrences: number;
  assignee: string | null;
  title: LocalText;
  advice: LocalText;
  incident_open: boolean;
  evidence?: EvidencePart[];
  outlook?: TrendOutlook | null;
  /** Loss still to come in the next 7 days at the present rate. */
  energy_expected_kwh?: number | null;
  money?: Money | null;
  /** 0 to 1, from severity, energy and trend; lowered by earlier false positives of the same pattern. */
  priority?: number;
  /** The alert this one is folded under. */
  parent_alert_id?: string | null;
  /** Alerts folded under this one. */
  children?: number;
  playbook?: Playbook | null;
}

/** One signal that spoke: what it showed, what was expected, and its share of the verdict. */
export interface EvidencePart { signal: string; quantity: string; unit: string; observed: number | null; expected: number | null; share: number }

/** When a worsening signal reaches its limit, as a band; `null` beyond ninety days. */
export interface TrendOutlook { quantity: string; unit: string; limit: number; level: number; earliest: string; median: string | null; latest: string | null }

/** What the loss is worth: so far, and in the next 7 days at the present rate. */
export interface Money { lost: number; expected: number | null; currency: string }

export interface Playbook { steps: LocalText[]; hours: number; people: number }

export interface AlertEvent { id: string | number; at: string; kind: string; by: string | null; note: string | null }
export interface AlertDetail extends Alert { events: AlertEvent[] }

/** One signal over the window, with the same signal of its neighbours. */
export interface EvidenceSignal {
  signal: string;
  quantity: string;
  unit: string;
  times: string[];
  observed: (number | null)[];
  expected: (number | null)[];
  score: (number | null)[];
  neighbours: { asset_id: string; values: (number | null)[] }[];
}

export interface IncidentSpan { opened_at: string; closed_at: string | null; energy_lost_kwh: number | null }

export interface AlertEvidence {
  asset_id: string;
  from: string;
  to: string;
  opened_at: string;
  signals: EvidenceSignal[];
  evidence: EvidencePart[];
  outlook: TrendOutlook | null;
  incidents: IncidentSpan[];
  log: { lines: number; episodes: number } | null;
}

export interface LogLine { time: string; message: string; reset_at: string | null }
export interface LogPage { lines: LogLine[]; next: string | null }

/** Alerts raised against those the budget allows, and how each pattern did. */
export interface AlertBudget {
  budget_per_asset_year: number;
  assets: number;
  since: string;
  allowed: number;
  raised: number;
  false_positives: number;
  patterns: { asset_kind: string; component: string; mode: string; raised: number; false_positives: number; priority: number }[];
}

export interface Crew { name: string; people: number; hours: { start: string; end: string; timezone: string; weekdays: number[] } }

/** What a plan is asked with; what is absent comes from the configuration. */
export interface PlanRequest { from?: string; days?: number; crews?: Crew[]; wind_limit?: number; price_per_mwh?: number }

export interface Visit {
  /** The most urgent alert it settles. */
  alert_id: string;
  /** All of them. */
  alert_ids?: string[];
  asset_id: string;
  asset_name: string;
  component: string;
  mode: string;
  crew: string;
  start: string;
  end: string;
  people: number;
  production_lost_kwh: number;
  waiting_loss_kwh: number;
  wind_speed_max: number | null;
  reason: LocalText;
}

export interface Plan {
  from: string;
  to: string;
  visits: Visit[];
  left_out: { alert_id: string; asset_id: string; reason: LocalText }[];
  cost: {
    /** Energy lost and risk, `risk_plan` among it. */
    plan_kwh: number;
    as_soon_as_possible_kwh: number;
    saving_kwh: number;
    risk_plan: number;
    risk_as_soon_as_possible: number;
    currency: string;
    saving: number | null;
  };
  solver: { status: "optimal" | "feasible"; gap: number; seconds: number };
  as_soon_as_possible: Visit[];
  /** What it was planned with, the configuration's part filled in. */
  inputs?: Omit<PlanRequest, "price_per_mwh"> & { price_per_mwh?: number | null };
  /** Hour by hour over all assets of the plan: expected production, and the strongest wind reckoned with. */
  conditions?: { times: string[]; production_kw: (number | null)[]; wind_speed: (number | null)[] };
}

export interface ReadingsPage {
  asset_id: string;
  kind: Kind;
  units: Record<string, string>;
  rows: ({ time: string } & Record<string, number | string | null>)[];
  next_cursor: string | null;
}

export interface Verdict {
  model: string;
  best_naive: string;
  metric: string;
  score: number | null;
  naive_score: number | null;
  skill: number | null;
  evaluated_at: string;
  table: { model: string; score: number | null; coverage_80: number | null }[];
}

/** Something that makes a forecast worse than usual, since when, and what it means. */
export interface ForecastNote { code: string; since: string | null; text: string }

export interface ForecastPage {
  asset_id: string;
  quantity: string;
  unit: string;
  issue_time: string;
  model: string;
  model_version: string;
  resolution: string;
  interval_label: string;
  quantiles: number[];
  rows: { valid_time: string; values: (number | null)[] }[];
  verdict: Verdict | null;
  notes?: ForecastNote[];
}

/** How past forecasts of some leads did; `null` where there is nothing to compare with. */
export interface LeadScores {
  from_minutes: number;
  to_minutes: number;
  steps: number;
  mae: number | null;
  rmse: number | null;
  bias: number | null;
  wape: number | null;
  pinball: number | null;
  coverage_50: number | null;
  coverage_80: number | null;
  width_80: number | null;
  skill_persistence: number | null;
  skill_naive: number | null;
}

export interface Verification {
  asset_id: string;
  quantity: string;
  unit: string;
  from: string | null;
  to: string | null;
  issues: number;
  best_naive: string | null;
  buckets: LeadScores[];
  all: LeadScores | null;
}

export type Group = "usual" | "recent" | "weather" | "calendar";

/** Why a forecast says what it says; the contributions of a row sum to its value. */
export interface Explanation {
  asset_id: string;
  quantity: string;
  unit: string;
  issue_time: string;
  model: string;
  groups: Group[];
  rows: { valid_time: string; value: number; contributions: number[]; correction?: number }[];
  summary: { group: Group; share: number; mean?: number }[];
}

export interface HealthSignal {
  quantity: string;
  unit: string;
  component: string;
  times: string[];
  observed: (number | null)[];
  expected: (number | null)[];
  score: (number | null)[];
  limit: number;
}

export interface AssetHealth {
  asset_id: string;
  fitted_until: string;
  power_curve: {
    bins: { wind_speed: number; expected_kw: number; spread_kw: number; count: number }[];
    points: { time: string; wind_speed: number; active_power: number; anomalous: boolean }[];
  } | null;
  signals: HealthSignal[];
}

/** `stopped`: an error only a person can mend. The others are the phases of a link. */
export type Phase = "idle" | "connecting" | "backfilling" | "live" | "waiting" | "closed" | "stopped";

/** A connection to a plant and how it does; counts are since the server started, times are the wall clock's. */
export interface Connection {
  name: string;
  protocol: string;
  peer: string;
  points: number;
  assets: number;
  phase: Phase;
  since: string;
  connects: number;
  failures: number;
  values: number;
  /** Of `values`, those whose quality is not good. */
  bad: number;
  rejects: number;
  stored: number;
  last_received: string | null;
  /** Newest time any value carried, by the source's clock. */
  newest: string | null;
  lag_s: number | null;
  /** Source clock minus the server's. */
  skew_s: number | null;
  silence_s: number;
  is_silent: boolean;
  last_error: string | null;
  last_error_at: string | null;
}

export interface Session { name: string; role: string }

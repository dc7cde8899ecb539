// English: every sentence and name the dashboard shows. The other languages have the same keys; the compiler checks it.

const text = {
  fleet: "Fleet", forecast: "Forecast", alerts: "Alerts", asset: "Asset", skip: "Skip to content", mainMenu: "Main menu",
  language: "Language", theme: "Theme", themeAuto: "System theme", themeLight: "Light theme", themeDark: "Dark theme", logOut: "Log out",
  zoneUtc: "UTC", zoneSite: "Site time", zone: "Time zone of the axes",
  logInTitle: "Log in", keyLabel: "API key", keyHelp: "Printed once at the first start of the server; an administrator can issue another.",
  logInButton: "Log in", keyRefused: "This key was refused.", checking: "Checking…",
  loading: "Loading…", retry: "Try again", failed: "This could not be loaded", unreachable: "The server does not answer.", notFound: "Page not found", notFoundHelp: "The address leads nowhere.",
  live: "Live", connecting: "Connecting", cut: "Live updates are interrupted. What you see may be old.", reconnect: "Reconnect now", reconnectIn: "next attempt in {s} s",
  wind: "Wind", solar: "Solar", load: "Load", netLoad: "Net load", netLoadHelp: "load − wind − solar", now: "now", expected: "Expected", actual: "Actual", measured: "Measured",
  ofCapacity: "of {capacity}", last24: "Last 24 h and next 24 h", expectedNow: "expected {value}", noReading: "No reading yet", dataAge: "Data {age}", stale: "Stale", capacityFactor: "Capacity factor",
  plants: "Plants", regionsAndGrid: "Demand and grid", units: "Units", unitsRunning: "{running} of {all} running", noAssets: "No assets yet", noAssetsHelp: "Import a dataset or start the demo, and the fleet appears here.",
  openAlerts: "Active alerts", noAlerts: "No active alert", legend: "Legend", tileIdle: "idle", tileFull: "full power", tileStale: "no recent data", tileDown: "down or in service", otherUnits: "Other units",
  withinBand: "within the expected band", belowBand: "below the expected band", aboveBand: "above the expected band", northFirst: "North first",
  chooseAsset: "Asset", quantity: "Quantity", issueTime: "Issued", latest: "Latest", previousIssue: "Earlier issue", nextIssue: "Later issue", downloadCsv: "Download CSV",
  noForecast: "No forecast yet", noForecastHelp: "No asset has a forecast. The first ones appear after enough history has been read.", noActuals: "No measurements in this window to compare with.",
  median: "Median", band: "{level} band", error: "Error", leadTime: "Lead time", issuedHere: "issued", validTime: "Time", chartForecast: "Fan chart of the forecast against measurements. Use the left and right arrow keys to read values.",
  verdict: "Verdict", modelServed: "Model served", bestNaive: "Best naive rival", skill: "Skill over naive", coverage80: "80% band covers", score: "Score", metric: "Metric", evaluatedAt: "Judged", noVerdict: "Not judged yet: the rolling backtest has not run for this target.", verdictSum: "The sum of other forecasts, drawn together. Its track record says how good it was.",
  modelVersion: "Version", resolution: "Resolution", thisWindow: "Since this issue", meanAbsError: "Mean absolute error", inBand: "Inside the 80% band", bias: "Bias", servedMark: "served", naiveMark: "best naive", notEnough: "Nothing measured since it was issued.",
  values: "Values", readHover: "Move over the chart to read values",
  inbox: "Alert inbox", filterState: "State", filterSeverity: "Severity", filterAsset: "Asset", filterText: "Search", searchHint: "Turbine, component, text…", all: "All", active: "Active", unowned: "To acknowledge", shelvedTab: "Shelved", closed: "Closed", allAssets: "All assets",
  sortUrgency: "Most urgent first", sortNewest: "Newest first", sortLoss: "Largest loss first", sort: "Order", shownCount: "{shown} of {all}",
  inboxEmpty: "Nothing needs you", inboxEmptyHelp: "No alert matches. New ones appear here by themselves.", chooseAlert: "Choose an alert", chooseAlertHelp: "Its evidence, advice and history appear here.", newAlert: "New alert: {title}", newMark: "new",
  since: "Since", component: "Component", whyTitle: "Why we think so", whatToDo: "What to do", history: "History", energyLost: "Energy lost", assignee: "Assigned to", nobody: "nobody", incidentOngoing: "still going on", incidentOver: "no longer seen", anomalyScore: "Anomaly score", overLimit: "{n} × the limit",
  back: "Back to the list", openAsset: "Open the asset", noHistory: "No history yet", noContributors: "The detector named no single signal.", shelvedUntil: "Shelved until {time}",
  acknowledge: "Acknowledge", assign: "Assign", resolve: "Resolve", falsePositive: "False positive", shelve: "Shelve", comment: "Comment", cancel: "Cancel", save: "Save", assignTo: "Who takes it?", commentLabel: "Comment", reasonLabel: "Reason", reasonNeeded: "Say why: it lowers the priority of alerts of this kind and counts against the budget.", optional: "optional",
  outcome: "Outcome", outcomeFixed: "Fixed", outcomeNoAction: "No action needed", shelveFor: "For", hours: "{n} h", days: "{n} d", actionRefused: "Not done: {detail}", sending: "Sending…", you: "you",
  allAlerts: "All alerts", facts: "Facts", kind: "Kind", capacity: "Capacity", place: "Place", parent: "Belongs to", timezone: "Time zone", power: "Power", powerCurve: "Power curve", powerCurveHelp: "Expected curve with its band; points outside it in colour.", chartPowerCurve: "Scatter of power against wind speed with the expected curve",
  normal: "normal", anomalous: "anomalous", signals: "Signals against expectation", signalsHelp: "Observed and expected value; below, the residual score and the line at which it counts.", notWatched: "Not watched yet", notWatchedHelp: "Too little healthy history to know what is normal here.", fittedUntil: "Normal learned until {time}", observed: "Observed", limit: "limit", residualScore: "Residual score",
  readings: "Recent readings", range: "Range", range24: "24 h", range7: "7 d", range30: "30 d", noReadings: "No readings in this range", assetAlerts: "Alerts of this asset", noAssetAlerts: "No alert on record", partsOf: "Parts", forecastOf: "Forecast", unknownAsset: "This asset is not in the register.",
  chartReadings: "Time series of the chosen quantity", keyboardHint: "j / k to move, a to acknowledge", lastValue: "Last value", min: "Lowest", max: "Highest", mean: "Mean", dismiss: "Dismiss",
  reason: "Why this forecast", reasonHelp: "What moves it away from the level that is usual at that time of day and season.", reasonMost: "mostly {group} {value}", reasonRaises: "{group} raises it {value}", reasonLowers: "{group} lowers it {value}", reasonBoth: "{group} moves it up and down {value}", reasonUsual: "Close to what is usual: nothing moves it by more than {value}.",
  reasonLevel: "Usual level", reasonSum: "Forecast", reasonAway: "Away from usual", reasonMean: "Mean over the whole forecast.", reasonCorrection: "The recent level includes what the errors of the last weeks correct.", reasonMissing: "No reason can be told: the model behind this forecast has been replaced since.", reasonSoon: "No reason can be told for this forecast yet.",
  chartReason: "Bars of what weather, calendar and recent level add to the usual level or take from it. Use the left and right arrow keys to read values.",
  record: "Track record", recordHelp: "{issues} past forecasts of {from} to {to}, by how far ahead they looked.", recordSoon: "No track record yet: it appears when past forecasts have met their measurements.",
  recordAhead: "Ahead", recordError: "Mean error", recordPinball: "Pinball loss", recordCovered: "In the 80% band", recordPersistence: "Against persistence", recordNaive: "Against the best naive", recordAll: "All", recordNaiveIs: "Best naive: {model}.", recordTick: "The tick marks the 80% a band should hold; a gain above zero is a forecast better than its rival.", minutes: "{n} min",
  notes: "About this forecast", noteSince: "since {time}",
  plan: "Maintenance", raisedHere: "raised", neighbours: "Neighbours", incidentSpan: "Incident", difference: "Difference", alarmLine: "Alarm line", dailyMeans: "Daily means", chartEvidence: "Measured against expected, with the neighbours. Use the left and right arrow keys to read values.",
  noEvidence: "No signal to draw for this alert; it began {time}.", plainHelp: "No expectation was fitted for this signal: this is the reading itself.", contributions: "Share of the verdict",
  trend: "Where it leads", noTrend: "Nothing moves towards a limit at present.", trendSays: "{quantity} is at {level} and moving towards its limit of {limit}. It gets there:", trendReached: "{quantity} is at {level}: its limit of {limit} is reached.", earliest: "Earliest", earliestHelp: "9 in 10: not before", medianWhen: "Even odds", medianHelp: "as likely before as after", latestWhen: "Latest", latestHelp: "9 in 10: not after", beyond90: "beyond 90 days", inDays: "in {n} d", inHours: "in {n} h", chartTrend: "The signal so far and the band of ways to its limit.",
  next7: "{value} in the next 7 days", moneyLost: "Money lost", playbook: "Steps", onePerson: "1 person", people: "{n} people", planVisit: "Plan the visit",
  priority: "Priority", priorityHigh: "High", priorityMiddle: "Medium", priorityLow: "Low", priorityHelp: "From severity, energy and trend.", patternFalse: "Alerts of this kind so far: {raised}, of which false: {n}.", patternTrue: "Alerts of this kind so far: {raised}, none called false.", patternLowered: "That lowers their priority to {share}.", budgetLine: "Alerts since {since}: {raised}, of which false: {n} (allowed a year: {allowed})", budgetHelp: "Budget: {n} false alarms per asset and year, for {assets} assets.",
  foldedUnder: "Folded under", foldedHere: "Folded under this alert: {n}", foldedCount: "{n} folded", showAll: "Show all {n}", controllerLog: "Controller log", logFolded: "{lines} lines in {episodes} episodes, folded under this alert.", logMessage: "Message", logReset: "Reset", logStands: "still on", logEmpty: "No line is kept for this alert.", logShow: "Show the lines", logMore: "Show more ({n} of {all})", unknownAlert: "This alert is not known here.",
  planTitle: "Maintenance plan", planCalendar: "Calendar", planVisitKey: "Planned visit", asSoonAsPossible: "As soon as possible", showEarly: "Compare with as soon as possible", planProduction: "Expected production, up to {most}", planStorm: "Somewhere more wind than the limit of {limit}", asConfiguredIs: "as configured: {value}", planWindy: "Wind near the limit of {limit}",
  planSaving: "Saved by waiting for the right hours", planSavingHelp: "Against sending each crew to the most urgent alert as soon as it can go.", planRisk: "of which {risk} is risk", thisPlan: "This plan", solverOptimal: "Proven best.", solverFeasible: "Within {gap} of the best.",
  visits: "Visits in order", actions: "Actions", alsoSettles: "Also settles:", occurrencesAre: "Occurrences: {n}", lostWorking: "Lost while working", lostWaiting: "Lost until then", windMost: "Strongest wind", unknown: "unknown", leftOut: "Left out",
  whatIf: "What if", whatIfHelp: "Only for this look; the configuration stays as it is.", planDays: "Period", windLimit: "Wind limit for climbing", pricePerMwh: "Price per MWh", asConfigured: "as configured", crews: "Crews", crew: "Crew", crewNamed: "Crew {n}", changeCrews: "Change", addCrew: "Add a crew", crewsAsConfigured: "As configured", peopleWord: "People", hoursFrom: "From", hoursTo: "To", weekdays: "Days of work", remove: "Remove", planAgain: "Plan again", planning: "Planning…", downloadIcs: "Calendar file", planEmpty: "Nothing to plan", planEmptyHelp: "No open alert asks for a visit. When one does, the cheapest hours for it appear here.",
  connections: "Connections", connection: "Connection", connectionsLive: "{n} of {all} live", noConnections: "No connection to a plant is configured", noConnectionsHelp: "How to set one up is in `docs/connectors.md`; `chergui discover` lists what a device offers.", unknownConnection: "There is no connection of this name.",
  lag: "Lag", clockSkew: "Clock skew", clockAhead: "ahead", clockBehind: "behind", valuesPerSecond: "Values/s", notGood: "Not good", rejects: "Rejects", failures: "Failures", lastError: "Last error", never: "never", stateFor: "for {span}", seconds: "{n} s", connectionsOld: "This could not be read again and may be old: {detail}",
  connectionsHelp: "Counts since the server started; values/s over the last half minute. Clock skew is the source’s clock minus ours, marked above {limit}.", points: "Points", assetCount: "Assets", received: "Received", stored: "Stored", timesConnected: "Times connected", newestStamp: "Newest time stamp", silentAfter: "Silent after",
  tail: "Live tail", tailOf: "Live tail of {name}", tailPause: "Pause", tailResume: "Resume", tailClear: "Clear", tailPaused: "Paused", tailHeld: "lines waiting: {n}", tailEmpty: "Nothing yet. A line appears with the next value, change of state or error.", tailLagged: "Lines are missing here: they came faster than they could be sent.", tailGap: "Lines are missing here: the stream was interrupted.", tailCut: "Interrupted",
};

const kinds: Record<string, string> = {
  wind_turbine: "Wind turbine", wind_plant: "Wind plant", pv_inverter: "PV inverter", pv_tracker: "PV tracker", pv_plant: "PV plant", weather_station: "Weather station",
  meter: "Meter", region: "Demand region", transformer: "Transformer", bus: "Bus",
};

const quantities: Record<string, string> = {
  active_power: "Active power", reactive_power: "Reactive power", load: "Load", net_load: "Net load", wind_power: "Wind power", solar_power: "Solar power", available_power: "Available power", active_power_limit: "Power limit", active_energy: "Energy",
  voltage: "Voltage", current: "Current", frequency: "Frequency", wind_speed: "Wind speed", wind_direction: "Wind direction", nacelle_direction: "Nacelle direction", rotor_speed: "Rotor speed",
  generator_speed: "Generator speed", blade_pitch_angle: "Blade pitch", turbine_status: "Status", ghi: "Global irradiance", dni: "Direct irradiance", dhi: "Diffuse irradiance", poa_global: "In-plane irradiance",
  temp_air: "Air temperature", temp_module: "Module temperature", temp_cell: "Cell temperature", gearbox_bearing_temp: "Gearbox bearing temperature", gearbox_oil_temp: "Gearbox oil temperature",
  generator_winding_temp: "Generator winding temperature", generator_bearing_temp: "Generator bearing temperature", top_oil_temp: "Top-oil temperature", pressure: "Air pressure", relative_humidity: "Relative humidity",
  precipitation: "Precipitation", tracker_angle: "Tracker angle", soiling_ratio: "Soiling ratio", ambient_temp: "Ambient temperature",
};

const components: Record<string, string> = {
  gearbox: "Gearbox", generator: "Generator", rotor: "Rotor", blades: "Blades", pitch: "Pitch system", yaw: "Yaw system", inverter: "Inverter", strings: "Strings", tracker: "Tracker", modules: "Modules",
  transformer: "Transformer", sensor: "Sensor", anemometer: "Anemometer", data: "Data link", plant: "Plant", turbine: "Turbine", production: "Production",
  main_bearing: "Main bearing", cooling: "Cooling", sensors: "Sensors", string: "String", converter: "Converter", nacelle: "Nacelle", controller: "Controller", pyranometer: "Pyranometer", clock: "Clock",
};

const modes: Record<string, string> = {
  overheating: "overheating", underperformance: "underperformance", soiling: "soiling", stuck: "stuck", stale: "stale signal", misalignment: "misalignment", icing: "icing", curtailment: "curtailment", outage: "outage", drift: "drift",
  bearing_overheat: "bearing overheating", winding_overheat: "winding overheating", oil_overheat: "oil overheating", cooling_failure: "cooling failure", pitch_offset: "pitch offset", yaw_misalignment: "yaw misalignment", power_derate: "power capped", wind_speed_drift: "wind speed drift", frozen_value: "frozen value", tracker_stuck: "tracker stuck", inverter_trip: "inverter trip", string_outage: "string outage", transformer_overheat: "overheating", maintenance: "maintenance", downtime: "stopped", comms_loss: "no data", link_silent: "connection silent", northing_step: "north reference jump",
  clipping: "inverter clipping", rain: "cleaned by rain", dust_storm: "dust storm", washing: "washing", controller_stop: "stopped by its controller", controller_warning: "controller warning", plant_outage: "outage of the plant", clock_shift: "clock shift", pyranometer_drift: "pyranometer drift", string_out: "string outage", thermal_derate: "thermal derating", tracker_stall: "tracker stall",
};

const states: Record<string, string> = { open: "Open", acknowledged: "Acknowledged", assigned: "Assigned", resolved: "Resolved", false_positive: "False positive", shelved: "Shelved" };
const phases: Record<string, string> = { live: "Live", silent: "Silent", connecting: "Connecting", backfilling: "Catching up", waiting: "Waiting to retry", idle: "Not started", closed: "Closed", stopped: "Stopped" };
const severities: Record<string, string> = { info: "Information", warning: "Warning", critical: "Critical" };
const events: Record<string, string> = {
  incident_closed: "No longer seen", opened: "Opened", open: "Opened", acknowledged: "Acknowledged", acknowledge: "Acknowledged", assigned: "Assigned", assign: "Assigned", resolved: "Resolved", resolve: "Resolved", false_positive: "Marked false positive",
  shelved: "Shelved", shelve: "Shelved", unshelved: "Back from the shelf", commented: "Comment", comment: "Comment", recurred: "Seen again", reopened: "Opened again", updated: "Updated", escalated: "More severe", incident_ended: "No longer seen", notified: "Notified", folded: "Folded under another", unfolded: "Stands by itself again",
};
const models: Record<string, string> = {
  persistence: "Persistence", seasonal_naive: "Seasonal naive", blend: "Day and week blend", climatology: "Climatology", clear_sky: "Clear-sky persistence", clear_sky_persistence: "Clear-sky persistence", ets: "ETS", mstl: "MSTL", ridge: "Ridge", smart_persistence: "Smart persistence", power_curve: "Power curve", damped: "Damped persistence", calendar_blend: "Calendar blend", boosting: "Gradient boosting",
  aggregate: "Aggregate of all models", mixture: "Mixture", mixture_recent: "Mixture, recent weeks", boosted: "Boosted trees", waves: "Random waves", sum: "Sum", ridge_recent: "Ridge, recent months", physics: "Physics", analogue: "Analogue days", daily: "Same time yesterday", weekly: "Same time last week", recent30: "Last 30 days",
};
const groups: Record<string, string> = { usual: "usual level", recent: "recent level", weather: "weather", calendar: "calendar" };
const groupHeads: Record<string, string> = { usual: "Usual level", recent: "Recent level", weather: "Weather", calendar: "Calendar" };
const notes: Record<string, string> = {
  telemetry_stale: "Measurements are late: the first hours rest on old values.", weather_late: "The newest weather run is late: an older one is used.", weather_missing: "No weather forecast is known: a model without weather serves.",
  little_history: "Little history: bands are wide and the forecast will improve.", model_unavailable: "The usual model is not available: a simple rule serves.",
};

export interface Dictionary {
  text: Record<keyof typeof text, string>;
  kinds: Record<string, string>;
  quantities: Record<string, string>;
  components: Record<string, string>;
  modes: Record<string, string>;
  states: Record<string, string>;
  /** Where a connection to a plant stands. */
  phases: Record<string, string>;
  severities: Record<string, string>;
  events: Record<string, string>;
  models: Record<string, string>;
  /** What moves a forecast, inside a sentence. */
  groups: Record<string, string>;
  /** The same as a heading. */
  groupHeads: Record<string, string>;
  notes: Record<string, string>;
}

export const en: Dictionary = { text, kinds, quantities, components, modes, states, phases, severities, events, models, groups, groupHeads, notes };

//! An alert as people and programs see it: the record, what it rests on, what it costs and what to do.
//!
//! In: an alert, the price and the playbook of the configuration. Out: JSON. Deliberately not here: routes.

use crate::state::AppState;
use engine::alert::Alert;
use engine::alert::InThreeLanguages;
use engine::detect::Evidence;
use engine::detect::Outlook;
use engine::domain::Quantities;
use engine::domain::Quantity;
use engine::domain::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// One text in three languages.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Texts {
    en: String,
    fr: String,
    ar: String,
}

impl From<InThreeLanguages> for Texts {
    fn from(texts: InThreeLanguages) -> Self {
        Self { en: texts.en, fr: texts.fr, ar: texts.ar }
    }
}

/// A signal that spoke.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EvidenceBody {
    /// Name of the signal: the quantity, or the quantity and a remark.
    pub(super) signal: String,
    quantity: String,
    unit: String,
    /// Mean over the rows that spoke.
    observed: Option<f64>,
    /// Mean of what was expected in the same rows.
    expected: Option<f64>,
    /// Share of the verdict that is due to it, 0 to 1.
    share: f64,
}

impl EvidenceBody {
    pub(super) fn new(evidence: &Evidence, known: &Quantities) -> Self {
        Self {
            signal: evidence.signal.clone(),
            quantity: evidence.quantity.to_string(),
            unit: unit(&evidence.quantity, known),
            observed: evidence.observed.filter(|value| value.is_finite()),
            expected: evidence.expected.filter(|value| value.is_finite()),
            share: evidence.share,
        }
    }
}

/// When a worsening signal reaches a limit, as a band.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OutlookBody {
    quantity: String,
    unit: String,
    limit: f64,
    /// The level now.
    level: f64,
    /// In nine of ten cases not before.
    #[schema(value_type = String, format = DateTime)]
    earliest: Timestamp,
    /// As likely before as after; null beyond ninety days.
    #[schema(value_type = Option<String>, format = DateTime)]
    median: Option<Timestamp>,
    /// In nine of ten cases not after; null beyond ninety days.
    #[schema(value_type = Option<String>, format = DateTime)]
    latest: Option<Timestamp>,
}

impl OutlookBody {
    pub(super) fn new(outlook: &Outlook, known: &Quantities) -> Self {
        Self {
            quantity: outlook.quantity.to_string(),
            unit: unit(&outlook.quantity, known),
            limit: outlook.limit,
            level: outlook.level,
            earliest: outlook.earliest,
            median: outlook.median,
            latest: outlook.latest,
        }
    }
}

/// What the loss is worth.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MoneyBody {
    lost: f64,
    /// Within seven days at the present rate; null when the incident is over.
    expected: Option<f64>,
    /// ISO 4217.
    currency: String,
}

/// What to do.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlaybookBody {
    steps: Vec<Texts>,
    /// Hours on site.
    hours: f64,
    people: u32,
}

/// An alert.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AlertBody {
    id: String,
    asset_id: String,
    asset_name: String,
    component: String,
    mode: String,
    /// `info`, `warning` or `critical`.
    severity: &'static str,
    /// `open`, `acknowledged`, `assigned`, `resolved` or `false_positive`.
    state: &'static str,
    #[schema(value_type = Option<String>, format = DateTime)]
    shelved_until: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    opened_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// When the latest incident ended, if it has.
    #[schema(value_type = Option<String>, format = DateTime)]
    closed_at: Option<Timestamp>,
    /// 1.0 at the threshold.
    score: f64,
    /// Over all its incidents.
    energy_lost_kwh: f64,
    /// Loss still to come in the next seven days at the present rate; null when the incident is over.
    energy_expected_kwh: Option<f64>,
    /// Null without a price in the configuration.
    money: Option<MoneyBody>,
    /// Severity, energy and trend, lowered by earlier false positives of the same pattern, 0 to 1.
    priority: f64,
    top_contributors: Vec<String>,
    evidence: Vec<EvidenceBody>,
    outlook: Option<OutlookBody>,
    /// Incidents it has taken in.
    occurrences: u32,
    assignee: Option<String>,
    title: Texts,
    advice: Texts,
    playbook: PlaybookBody,
    /// The alert this one is part of.
    parent_alert_id: Option<String>,
    /// Alerts folded under this one.
    children: u32,
    /// The latest incident still lasts.
    incident_open: bool,
}

impl AlertBody {
    pub(crate) fn new(alert: Alert, state: &AppState) -> Self {
        let known = state.store.quantities();
        let price = &state.config.maintenance;
        let worth = |per_mwh: f64, kwh: f64| kwh / 1000.0 * per_mwh;
        let money = price.price_per_mwh.map(|per_mwh| MoneyBody {
            lost: worth(per_mwh, alert.energy_lost_kwh),
            expected: alert.energy_expected_kwh.map(|kwh| worth(per_mwh, kwh)),
            currency: price.currency.clone(),
        });
        let work = state.alerts.rules().playbook.work(&alert.component, &alert.mode);
        let playbook =
            PlaybookBody { steps: work.steps.iter().cloned().map(Into::into).collect(), hours: work.hours, people: work.people };
        Self {
            id: alert.id,
            asset_id: alert.asset_id.into(),
            asset_name: alert.asset_name,
            component: alert.component,
            mode: alert.mode,
            severity: alert.severity.name(),
            state: alert.state.name(),
            shelved_until: alert.shelved_until,
            started_at: alert.started_at,
            opened_at: alert.opened_at,
            updated_at: alert.updated_at,
            closed_at: alert.closed_at,
            score: alert.score,
            energy_lost_kwh: alert.energy_lost_kwh,
            energy_expected_kwh: alert.energy_expected_kwh,
            money,
            priority: alert.priority,
            top_contributors: alert.top_contributors,
            evidence: alert.evidence.iter().map(|evidence| EvidenceBody::new(evidence, &known)).collect(),
            outlook: alert.outlook.as_ref().map(|outlook| OutlookBody::new(outlook, &known)),
            occurrences: alert.occurrences,
            assignee: alert.assignee,
            title: alert.title.into(),
            advice: alert.advice.into(),
            playbook,
            parent_alert_id: alert.parent_alert_id,
            children: alert.children,
            incident_open: alert.incident_open,
        }
    }
}

/// Unit of a quantity as stored; empty for one nobody declared.
pub(super) fn unit(quantity: &Quantity, known: &Quantities) -> String {
    known.get(quantity.name()).map(|(_, info)| info.unit.to_string()).unwrap_or_default()
}

//! The lifecycle as a pure function: `open → acknowledged → assigned → resolved | false_positive`.
//!
//! People need not pass every station: an open alert may be assigned or resolved at once. A decided alert takes comments only.
//! Shelving quietens without changing the state. In: a state and an [`Action`]. Out: the next state, or what would be right.

use serde::{Deserialize, Serialize};
use std::fmt;

use super::AlertError;
use crate::domain::Timestamp;

/// Where people stand with an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nobody has looked.
    Open,
    /// Somebody has seen it.
    Acknowledged,
    /// Somebody works on it.
    Assigned,
    /// Done, with an outcome.
    Resolved,
    /// There was nothing; the reason is in the history.
    FalsePositive,
}

impl State {
    /// All, in the order of the lifecycle.
    pub const ALL: [Self; 5] = [Self::Open, Self::Acknowledged, Self::Assigned, Self::Resolved, Self::FalsePositive];

    /// The word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Acknowledged => "acknowledged",
            Self::Assigned => "assigned",
            Self::Resolved => "resolved",
            Self::FalsePositive => "false_positive",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == text)
    }

    /// True until a person has decided.
    pub const fn is_living(self) -> bool {
        matches!(self, Self::Open | Self::Acknowledged | Self::Assigned)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How an alert ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The cause was removed.
    Fixed,
    /// True, but nothing needs doing.
    NoAction,
    /// Not true; a reason is required, detectors learn from it.
    FalsePositive,
}

impl Outcome {
    /// The word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::NoAction => "no_action",
            Self::FalsePositive => "false_positive",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Fixed, Self::NoAction, Self::FalsePositive].into_iter().find(|one| one.name() == text)
    }
}

/// What a person does with an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// "I have seen it."
    Acknowledge {
        /// Anything to add.
        comment: Option<String>,
    },
    /// "This is for them." May be repeated to hand it on.
    Assign {
        /// Who works on it.
        assignee: String,
        /// Anything to add.
        comment: Option<String>,
    },
    /// "Done."
    Resolve {
        /// How it ended.
        outcome: Outcome,
        /// Why; required for a false positive.
        reason: Option<String>,
    },
    /// "Not before then": no messages until that time.
    Shelve {
        /// First instant at which it speaks again.
        until: Timestamp,
        /// Why.
        reason: String,
    },
    /// A line for the history.
    Comment {
        /// The line.
        comment: String,
    },
}

impl Action {
    /// The word for texts.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Acknowledge { .. } => "acknowledge",
            Self::Assign { .. } => "assign",
            Self::Resolve { .. } => "resolve",
            Self::Shelve { .. } => "shelve",
            Self::Comment { .. } => "comment",
        }
    }

    /// The kind written in the history.
    pub(super) const fn event(&self) -> &'static str {
        match self {
            Self::Acknowledge { .. } => "acknowledged",
            Self::Assign { .. } => "assigned",
            Self::Resolve { outcome: Outcome::FalsePositive, .. } => "false_positive",
            Self::Resolve { .. } => "resolved",
            Self::Shelve { .. } => "shelved",
            Self::Comment { .. } => "commented",
        }
    }

    /// The text written in the history.
    pub(super) fn note(&self) -> Option<String> {
        match self {
            Self::Acknowledge { comment } => comment.clone(),
            Self::Assign { assignee, comment: None } => Some(format!("to {assignee}")),
            Self::Assign { assignee, comment: Some(comment) } => Some(format!("to {assignee}: {comment}")),
            Self::Resolve { outcome: Outcome::FalsePositive, reason } => reason.clone(),
            Self::Resolve { outcome, reason: None } => Some(outcome.name().into()),
            Self::Resolve { outcome, reason: Some(reason) } => Some(format!("{}: {reason}", outcome.name())),
            Self::Shelve { until, reason } => Some(format!("until {until}: {reason}")),
            Self::Comment { comment } => Some(comment.clone()),
        }
    }

    fn is_possible_in(&self, state: State) -> bool {
        match self {
            Self::Acknowledge { .. } => state == State::Open,
            Self::Assign { .. } | Self::Resolve { .. } | Self::Shelve { .. } => state.is_living(),
            Self::Comment { .. } => true,
        }
    }

    const fn possible(&self) -> &'static str {
        match self {
            Self::Acknowledge { .. } => "open",
            Self::Comment { .. } => "known",
            _ => "open, acknowledged or assigned",
        }
    }
}

/// The state after `action` on alert `id` of `asset_id`.
///
/// # Errors
/// [`AlertError::Illegal`], [`AlertError::Missing`] for an empty text that is needed, [`AlertError::ShelveInPast`].
pub fn next_state(id: &str, asset_id: &str, state: State, action: &Action, now: Timestamp) -> Result<State, AlertError> {
    let needs = |field: &'static str, text: &str| match text.trim() {
        "" => Err(AlertError::Missing { action: action.name(), field }),
        _ => Ok(()),
    };
    match action {
        Action::Assign { assignee, .. } => needs("assignee", assignee)?,
        Action::Resolve { outcome: Outcome::FalsePositive, reason } => needs("reason", reason.as_deref().unwrap_or_default())?,
        Action::Shelve { reason, .. } => needs("reason", reason)?,
        Action::Comment { comment } => needs("comment", comment)?,
        Action::Acknowledge { .. } | Action::Resolve { .. } => {}
    }
    if !action.is_possible_in(state) {
        return Err(AlertError::Illegal {
            id: id.into(),
            asset_id: asset_id.into(),
            state: state.name(),
            action: action.name(),
            possible: action.possible(),
        });
    }
    if let Action::Shelve { until, .. } = action
        && *until <= now
    {
        return Err(AlertError::ShelveInPast { id: id.into(), until: until.to_string(), now: now.to_string() });
    }
    Ok(match action {
        Action::Acknowledge { .. } => State::Acknowledged,
        Action::Assign { .. } => State::Assigned,
        Action::Resolve { outcome: Outcome::FalsePositive, .. } => State::FalsePositive,
        Action::Resolve { .. } => State::Resolved,
        Action::Shelve { .. } | Action::Comment { .. } => state,
    })
}

#[cfg(test)]
mod tests {
    use super::{Action, AlertError, Outcome, State, Timestamp, next_state};

    fn actions() -> Vec<Action> {
        let until = Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_hours(1);
        vec![
            Action::Acknowledge { comment: None },
            Action::Assign { assignee: "crew".into(), comment: None },
            Action::Resolve { outcome: Outcome::Fixed, reason: None },
            Action::Resolve { outcome: Outcome::FalsePositive, reason: Some("sensor".into()) },
            Action::Shelve { until, reason: "no crane".into() },
            Action::Comment { comment: "seen".into() },
        ]
    }

    #[test]
    fn the_whole_table_of_transitions() {
        use State::{Acknowledged as A, Assigned as G, FalsePositive as F, Open as O, Resolved as R};
        let table: [(State, [Option<State>; 6]); 5] = [
            (O, [Some(A), Some(G), Some(R), Some(F), Some(O), Some(O)]),
            (A, [None, Some(G), Some(R), Some(F), Some(A), Some(A)]),
            (G, [None, Some(G), Some(R), Some(F), Some(G), Some(G)]),
            (R, [None, None, None, None, None, Some(R)]),
            (F, [None, None, None, None, None, Some(F)]),
        ];
        for (state, expected) in table {
            for (action, expected) in actions().iter().zip(expected) {
                let got = next_state("1", "T01", state, action, Timestamp::UNIX_EPOCH);
                match expected {
                    Some(next) => assert_eq!(got.unwrap(), next, "{action:?} from {state}"),
                    None => assert!(matches!(got, Err(AlertError::Illegal { .. })), "{action:?} from {state}"),
                }
            }
        }
    }

    #[test]
    fn needed_texts_and_times_are_checked() {
        let check = |action: &Action| next_state("1", "T01", State::Open, action, Timestamp::UNIX_EPOCH);
        let silent = Action::Resolve { outcome: Outcome::FalsePositive, reason: Some("  ".into()) };
        assert!(matches!(check(&silent), Err(AlertError::Missing { field: "reason", .. })));
        let nobody = Action::Assign { assignee: String::new(), comment: None };
        assert!(matches!(check(&nobody), Err(AlertError::Missing { field: "assignee", .. })));
        let past = Action::Shelve { until: Timestamp::UNIX_EPOCH, reason: "x".into() };
        assert!(matches!(check(&past), Err(AlertError::ShelveInPast { .. })));
    }
}

//! What can be wrong with a statement, and what to write instead.

use crate::domain::nearest;
use crate::store::StoreError;
use arrow::error::ArrowError;
use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use std::time::Duration;

/// Something a statement has too much of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}; the limit is {limit}: {remedy}")]
pub(super) struct Excess {
    /// What, and how much there is.
    pub(super) what: String,
    /// How much there may be.
    pub(super) limit: String,
    /// What to write instead.
    pub(super) remedy: &'static str,
}

impl From<Excess> for DataFusionError {
    fn from(excess: Excess) -> Self {
        Self::External(Box::new(excess))
    }
}

impl From<Excess> for QueryError {
    fn from(Excess { what, limit, remedy }: Excess) -> Self {
        Self::TooLarge { what, limit, remedy }
    }
}

/// Why a statement was not answered.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The text is not SQL.
    #[error("cannot read the statement: {problem}")]
    Syntax {
        /// Where and what.
        problem: String,
    },
    /// More or fewer than one statement.
    #[error("send one statement at a time; found {found}")]
    StatementCount {
        /// How many there were.
        found: usize,
    },
    /// The statement would change something.
    #[error("{statement} is refused: SQL here only reads; use SELECT, WITH, VALUES, EXPLAIN, SHOW or DESCRIBE")]
    ReadOnly {
        /// First words of the statement.
        statement: String,
    },
    /// A table, column or function is not there.
    #[error("{what} {name:?} is not there{}", nearest.as_ref().map(|n| format!(", nearest is {n:?}")).unwrap_or_default())]
    Unknown {
        /// "table", "column" or "function".
        what: &'static str,
        /// The name as written.
        name: String,
        /// The closest known name.
        nearest: Option<String>,
    },
    /// Types or arguments do not fit.
    #[error("{problem}")]
    Plan {
        /// What does not fit.
        problem: String,
    },
    /// An argument of a table function is absent, unknown or of the wrong type.
    #[error("{function}: {problem}; write {signature}")]
    Argument {
        /// The function.
        function: String,
        /// What is wrong.
        problem: String,
        /// How to call it.
        signature: String,
    },
    /// The statement is too large, or makes a value or an intermediate result that is.
    #[error("{what}; the limit is {limit}: {remedy}")]
    TooLarge {
        /// What, and how much there is.
        what: String,
        /// How much there may be.
        limit: String,
        /// What to write instead.
        remedy: &'static str,
    },
    /// Too many statements run and wait already.
    #[error("{running} statements are running and {queue} may wait; try again in {} s", retry_after.as_secs().max(1))]
    Busy {
        /// How many run at once.
        running: usize,
        /// How many may wait.
        queue: usize,
        /// When another try makes sense.
        retry_after: Duration,
    },
    /// The whole process held too much memory, so running statements were stopped.
    #[error(
        "the process held more than its {limit_mib} MiB, so running statements were stopped; try again, limit the time range, or raise the memory of the process"
    )]
    ProcessMemory {
        /// The limit, MiB.
        limit_mib: usize,
    },
    /// The threads of the SQL engine could not be started.
    #[error("the threads for SQL could not be started ({cause}); raise the limits of the process on threads and memory")]
    Threads {
        /// What the system said.
        cause: std::io::Error,
    },
    /// The statement needed more memory than the session may use.
    #[error(
        "the statement needs more than the {limit_mib} MiB this session may use; limit the time range, select fewer columns, aggregate first, or raise the memory limit"
    )]
    Memory {
        /// The limit, MiB.
        limit_mib: usize,
    },
    /// The statement ran too long.
    #[error("the statement ran longer than {limit:?} and was stopped; limit the time range, aggregate first, or raise the timeout")]
    Timeout {
        /// The limit.
        limit: Duration,
    },
    /// A computation failed while running.
    #[error("the statement failed while running: {cause}")]
    Run {
        /// What the engine said.
        cause: Box<DataFusionError>,
    },
    /// A fault of ours.
    #[error("the statement stopped the SQL engine ({cause}); this is a fault of ours, please report the statement")]
    Internal {
        /// Message of the panic.
        cause: String,
    },
    /// A table function or a table kept elsewhere could not be computed.
    #[error("{function}: {problem}")]
    Computed {
        /// The function or table.
        function: String,
        /// What the room that computes it said, with its remedy.
        problem: String,
    },
    /// Rows do not fit their columns.
    #[error("{0}")]
    Arrow(#[from] ArrowError),
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl QueryError {
    /// Tells apart what the writer of the statement can change and what not. `names` are the tables and functions there are.
    pub(super) fn from_engine(error: DataFusionError, limit_bytes: usize, names: &[String]) -> Self {
        match error.find_root() {
            DataFusionError::External(cause) if let Some(excess) = cause.downcast_ref::<Excess>() => excess.clone().into(),
            DataFusionError::ResourcesExhausted(_) => Self::Memory { limit_mib: limit_bytes >> 20 },
            DataFusionError::SQL(problem, _) => Self::Syntax { problem: problem.to_string() },
            DataFusionError::SchemaError(cause, _) => match cause.as_ref() {
                SchemaError::FieldNotFound { field, valid_fields } => {
                    let known = valid_fields.iter().map(|column| column.name.as_str());
                    let near = nearest(&field.name, known).map(str::to_owned);
                    Self::Unknown { what: "column", name: field.name.clone(), nearest: near }
                }
                other => Self::Plan { problem: other.to_string() },
            },
            DataFusionError::Plan(problem) => Self::from_plan(problem, names),
            DataFusionError::NotImplemented(problem) => Self::Plan { problem: format!("not supported: {problem}") },
            _ => Self::Run { cause: Box::new(error) },
        }
    }

    fn from_plan(problem: &str, names: &[String]) -> Self {
        let quoted = problem.split('\'').nth(1).unwrap_or_default();
        let name = quoted.rsplit('.').next().unwrap_or_default().to_owned();
        let near = || nearest(&name, names.iter().map(String::as_str)).map(str::to_owned);
        if problem.starts_with("table function") && problem.ends_with("not found") {
            Self::Unknown { what: "table function", nearest: near(), name }
        } else if problem.starts_with("Invalid function") {
            Self::Unknown { what: "function", nearest: near(), name }
        } else if problem.starts_with("table") && problem.ends_with("not found") {
            Self::Unknown { what: "table", nearest: near(), name }
        } else {
            Self::Plan { problem: problem.to_owned() }
        }
    }
}

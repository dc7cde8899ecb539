//! What can be wrong with a name, a time or a batch, before anything has been stored.

/// A value that cannot enter the house, with the remedy in its text.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DomainError {
    /// An asset id with characters or a length we do not take.
    #[error("asset id {id:?} is not valid: use 1 to 64 letters, digits, '_', '-', '.', ':' or '/'")]
    AssetId {
        /// The text as it came.
        id: String,
    },
    /// An asset kind outside the list of DESIGN.
    #[error("asset kind {kind:?} is not known; nearest is {nearest:?}")]
    AssetKind {
        /// The text as it came.
        kind: String,
        /// The closest known kind.
        nearest: String,
    },
    /// A quantity nobody declared.
    #[error("quantity {name:?} is not known{}; declare it with a unit in the mapping or the configuration", nearest.as_ref().map(|n| format!(", nearest is {n:?}")).unwrap_or_default())]
    Quantity {
        /// The text as it came.
        name: String,
        /// The closest known quantity, if any is close.
        nearest: Option<String>,
    },
    /// A quantity declared twice with different units.
    #[error("quantity {name:?} is stored in {stored}, it cannot be declared again in {declared}")]
    QuantityUnit {
        /// The quantity.
        name: String,
        /// Its unit in the store.
        stored: String,
        /// The unit that contradicts it.
        declared: String,
    },
    /// A unit we cannot read.
    #[error("unit {unit:?} is not known; nearest is {nearest:?}")]
    Unit {
        /// The text as it came.
        unit: String,
        /// The closest known unit.
        nearest: String,
    },
    /// A unit of another dimension than the quantity's.
    #[error("{quantity} is stored in {stored}; {unit} measures something else and cannot be converted")]
    UnitMismatch {
        /// The quantity that was asked for.
        quantity: String,
        /// The stored unit.
        stored: String,
        /// The declared unit.
        unit: String,
    },
    /// A time that is not RFC 3339.
    #[error("{text:?} is not a time; write RFC 3339 with an offset, for example 2026-11-22T10:00:00Z")]
    Time {
        /// The text as it came.
        text: String,
    },
    /// A duration that is not ISO 8601 or is not positive.
    #[error("{text:?} is not a positive duration; write ISO 8601, for example PT10M, PT48H or P1D")]
    Duration {
        /// The text as it came.
        text: String,
    },
    /// A range that ends before it starts.
    #[error("the range ends at {end}, which is not after its start {start}")]
    EmptyRange {
        /// First instant of the range.
        start: String,
        /// First instant after the range.
        end: String,
    },
    /// A quantile outside (0, 1).
    #[error("quantile {value} is not between 0 and 1")]
    Quantile {
        /// The number as it came.
        value: f64,
    },
    /// A batch that lacks a column, or has it in another type.
    #[error("table {table}: column {column:?} must be {expected}, found {found}")]
    Column {
        /// Table the batch was meant for.
        table: String,
        /// Column at fault.
        column: String,
        /// Type the column must have.
        expected: String,
        /// What was found, "nothing" when the column is absent.
        found: String,
    },
    /// A key column holds a null.
    #[error("table {table}: {column} is null in row {row}; every row needs a time and an asset")]
    NullKey {
        /// Table the batch was meant for.
        table: String,
        /// Column at fault.
        column: String,
        /// Row of the batch, counted from 0.
        row: usize,
    },
    /// A value that is NaN or infinite where a number or a null must stand.
    #[error("{asset}: {quantity} at {time} is {value}; send a finite number, or null for a missing value")]
    NotFinite {
        /// Asset of the row.
        asset: String,
        /// Quantity of the value.
        quantity: String,
        /// Time of the row.
        time: String,
        /// The value as text.
        value: String,
    },
    /// A power that an annotation cannot leave.
    #[error("{asset}: capacity_kw of the {kind} from {start} is {given}; {remedy}")]
    AnnotationCapacity {
        /// Asset of the annotation, empty for the whole site.
        asset: String,
        /// Its kind.
        kind: &'static str,
        /// Its first instant.
        start: String,
        /// The power as it came, kW.
        given: f64,
        /// What may stand there.
        remedy: String,
    },
    /// A value outside the list of names of a field.
    #[error("{field} {text:?} is not known; use one of {known}")]
    Choice {
        /// The field.
        field: &'static str,
        /// The text as it came.
        text: String,
        /// What may stand there.
        known: &'static str,
    },
}

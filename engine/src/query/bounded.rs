//! Functions whose answer can be far larger than their arguments, each with a limit that is asked before it runs.
//!
//! In: a function of DataFusion. Out: the same function, refused when one value or one batch of answers would be too large.
//! `||` has no function of its own; [`concatenation`] checks what it made, which is at most twice the limit. Aggregates that
//! gather values are in `gathered`.

mod gathered;
mod growth;

use super::error::Excess;
use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use arrow::datatypes::FieldRef;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::ColumnarValue;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::ReturnFieldArgs;
use datafusion::logical_expr::ScalarFunctionArgs;
use datafusion::logical_expr::ScalarUDF;
use datafusion::logical_expr::ScalarUDFImpl;
use datafusion::logical_expr::Signature;
use datafusion::logical_expr::Volatility;
use growth::Growth;
use std::sync::Arc;

pub(super) use gathered::foreseen;
pub(super) use gathered::gathers;

/// Largest text one call may make, bytes.
const LONGEST_TEXT: usize = 1 << 20;
/// Pairs of characters `levenshtein` may compare in one batch; a tenth of a second or so.
const MOST_PAIRS: usize = 100_000_000;

/// What functions may make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Limits {
    /// Bytes of one batch of answers, and of one list.
    pub(super) batch_bytes: usize,
    /// Bytes of one row where rows are copied many times.
    pub(super) row_bytes: usize,
}

impl Limits {
    /// A sixteenth of the memory for one batch, spread over its rows.
    pub(super) fn new(memory_limit_bytes: usize, batch_rows: usize) -> Self {
        let batch_bytes = (memory_limit_bytes / 16).clamp(8 << 20, 64 << 20);
        Self { batch_bytes, row_bytes: (batch_bytes / batch_rows.max(1)).max(4 << 10) }
    }
}

/// True for functions that [`bound`] must wrap.
pub(super) fn grows(name: &str) -> bool {
    Growth::of(name).is_some()
}

/// The function with its limit.
pub(super) fn bound(function: Arc<ScalarUDF>, limits: Limits) -> Arc<ScalarUDF> {
    match Growth::of(function.name()) {
        Some(growth) => Arc::new(ScalarUDF::new_from_impl(Bounded { function, growth, limits })),
        None => function,
    }
}

/// Checks the outcome of `a || b`.
pub(super) fn concatenation(limits: Limits) -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(Concatenation { limits, signature: Signature::any(1, Volatility::Immutable) }))
}

/// An argument; a scalar has one row that stands for all.
struct Argument {
    values: ArrayRef,
    scalar: bool,
}

impl Argument {
    fn row(&self, row: usize) -> usize {
        if self.scalar { 0 } else { row }
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Bounded {
    function: Arc<ScalarUDF>,
    growth: Growth,
    limits: Limits,
}

impl Bounded {
    fn check(&self, arguments: &ScalarFunctionArgs) -> Result<(), DataFusionError> {
        let read = |value: &ColumnarValue| {
            let scalar = matches!(value, ColumnarValue::Scalar(_));
            value.to_array(1).map(|values| Argument { values, scalar })
        };
        let read = arguments.args.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let (constant, rows) = (read.iter().all(|argument| argument.scalar), arguments.number_rows);
        let texts = matches!(arguments.return_field.data_type(), DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8);
        // A constant is written into every row of a batch wherever it is used.
        let longest = match (texts, constant) {
            (true, true) => self.limits.row_bytes,
            (true, false) => LONGEST_TEXT,
            (false, _) => self.limits.batch_bytes,
        };
        let sizes = self.growth.sizes(self.function.name(), &read)?;
        let mut all = 0_usize;
        for row in 0..if constant { rows.min(1) } else { rows } {
            let size = sizes(row);
            if self.growth == Growth::Pairs {
                all = all.saturating_add(size);
                if all > MOST_PAIRS {
                    return Err(self.too_much("would compare more pairs of characters", MOST_PAIRS.to_string()));
                }
                continue;
            }
            if size > longest {
                let made = if texts { "would make one text of" } else { "would make one list of" };
                return Err(self.too_much(&format!("{made} {size} bytes"), format!("{longest} bytes")));
            }
            all = all.saturating_add(size);
        }
        let all = if constant { all.saturating_mul(rows) } else { all };
        if self.growth != Growth::Pairs && all > self.limits.batch_bytes {
            let found = format!("would make {all} bytes in one batch of {rows} rows");
            return Err(self.too_much(&found, format!("{} bytes", self.limits.batch_bytes)));
        }
        Ok(())
    }

    fn too_much(&self, found: &str, limit: String) -> DataFusionError {
        Excess { what: format!("{} {found}", self.function.name()), limit, remedy: "make shorter values or fewer of them" }.into()
    }
}

impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.function.name()
    }

    fn aliases(&self) -> &[String] {
        self.function.aliases()
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String, DataFusionError> {
        self.function.schema_name(args)
    }

    fn signature(&self) -> &Signature {
        self.function.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType, DataFusionError> {
        self.function.return_type(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef, DataFusionError> {
        self.function.return_field_from_args(args)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
        self.check(&args)?;
        self.function.invoke_with_args(args)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>, DataFusionError> {
        self.function.coerce_types(types)
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Concatenation {
    limits: Limits,
    signature: Signature,
}

impl ScalarUDFImpl for Concatenation {
    fn name(&self) -> &'static str {
        "concatenation"
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String, DataFusionError> {
        Ok(args.first().map(|made| made.schema_name().to_string()).unwrap_or_default())
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(types.first().cloned().unwrap_or(DataType::Null))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef, DataFusionError> {
        match args.arg_fields {
            [made] => Ok(Arc::clone(made)),
            _ => Err(DataFusionError::Internal("a concatenation is one value".to_owned())),
        }
    }

    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
        let Some(made) = args.args.pop() else { return Err(DataFusionError::Internal("a concatenation is one value".to_owned())) };
        let values = made.to_array(1)?;
        let longest = if matches!(made, ColumnarValue::Scalar(_)) { self.limits.row_bytes } else { LONGEST_TEXT };
        let mut all = 0_usize;
        for row in 0..values.len() {
            let size = super::width::rows(&values, row..row + 1);
            if size > longest {
                let limit = format!("{longest} bytes");
                return Err(
                    Excess { what: format!("|| makes one text of {size} bytes"), limit, remedy: "make shorter texts" }.into()
                );
            }
            all += size;
        }
        if all > self.limits.batch_bytes {
            let what = format!("|| makes {all} bytes in one batch of {} rows", values.len());
            return Err(Excess { what, limit: format!("{} bytes", self.limits.batch_bytes), remedy: "make shorter texts" }.into());
        }
        Ok(made)
    }
}

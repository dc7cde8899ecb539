//! One Delta Lake table: open, add columns, commit files, in one process.
//!
//! In: sorted rows to add and files to remove. Out: a new version, durable. Knows nothing of keys or buffers.

use super::StoreError;
use super::files;
use super::files::FileEntry;
use super::files::millis_of;
use super::files::sum_of;
use super::place::Place;
use super::view::View;
use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use arrow::datatypes::Field;
use arrow::datatypes::Schema;
use arrow::datatypes::SchemaRef;
use deltalake::DeltaTable;
use deltalake::DeltaTableBuilder;
use deltalake::DeltaTableError;
use deltalake::kernel::Action;
use deltalake::kernel::Add;
use deltalake::kernel::DataType as DeltaType;
use deltalake::kernel::PrimitiveType;
use deltalake::kernel::Remove;
use deltalake::kernel::StructField;
use deltalake::kernel::Transaction;
use deltalake::kernel::transaction::CommitBuilder;
use deltalake::kernel::transaction::CommitProperties;
use deltalake::kernel::transaction::TableReference;
use deltalake::protocol::DeltaOperation;
use deltalake::protocol::SaveMode;
use futures::TryStreamExt;
use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::Weak;

/// Name under which the write-ahead log records in a table how far it has come.
pub(super) const APPLICATION: &str = "chergui-log";

/// Under this name a commit tells the sum of its own actions.
pub(super) const SUM: &str = "cherguiSum";

/// A Delta table; its place is empty until the first commit.
#[derive(Debug)]
pub(super) struct DeltaFiles {
    name: String,
    place: Place,
    key: &'static [&'static str],
    clock: &'static str,
    schema: SchemaRef,
    /// How many of the columns are in Delta; those after them came with a newer program and are null in all files.
    stored: usize,
    delta: Option<DeltaTable>,
    files: Arc<[Arc<FileEntry>]>,
    /// Files taken away since the table was opened; alive as long as a view may read them.
    retired: Vec<Weak<FileEntry>>,
    applied: u64,
    /// A commit failed and the table could not be read again: it may have landed.
    unsure: bool,
}

/// One change of a table.
#[derive(Debug, Default)]
pub(super) struct Change {
    /// Rows to add, each batch sorted by key and written as one file.
    pub(super) add: Vec<RecordBatch>,
    /// Files that were put before, with columns the table has.
    pub(super) written: Vec<Add>,
    /// Files to take away.
    pub(super) remove: Vec<Arc<FileEntry>>,
    /// How far of the log this change covers.
    pub(super) sequence: Option<u64>,
    /// False when rows only move between files.
    pub(super) rearranges: bool,
}

impl DeltaFiles {
    /// Opens the table `name` below `place` if it is there. `base` is its schema while it is not.
    pub(super) async fn open(
        name: &str,
        place: &Place,
        base: Schema,
        key: &'static [&'static str],
        clock: &'static str,
    ) -> Result<Self, StoreError> {
        Self::at(name, place.below(name), base, key, clock).await
    }

    /// The same, with the table's own place.
    pub(super) async fn at(
        name: &str,
        place: Place,
        base: Schema,
        key: &'static [&'static str],
        clock: &'static str,
    ) -> Result<Self, StoreError> {
        let files: Arc<[Arc<FileEntry>]> = Arc::new([]);
        let schema = Arc::new(base);
        let mut table = Self {
            name: name.into(),
            place,
            key,
            clock,
            schema,
            stored: 0,
            delta: None,
            files,
            retired: Vec::new(),
            applied: 0,
            unsure: false,
        };
        if table.place.holds("_delta_log").await? {
            let builder = table.place.table().map_err(table.failed("open"))?;
            table.delta = Some(builder.load().await.map_err(table.failed("open"))?);
            table.refresh().await?;
        }
        Ok(table)
    }

    /// Columns now.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Files now.
    pub(super) fn files(&self) -> &Arc<[Arc<FileEntry>]> {
        &self.files
    }

    /// Where the files are.
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// The files as a view without rows in memory.
    pub(super) fn view(&self, clock: &'static str) -> View {
        View {
            schema: Arc::clone(&self.schema),
            place: self.place.clone(),
            clock,
            version: self.version(),
            applied: self.applied,
            files: Arc::clone(&self.files),
            buffered: Vec::new(),
            shadows: None,
        }
    }

    /// Version now.
    pub(super) fn version(&self) -> Option<u64> {
        self.delta.as_ref().and_then(DeltaTable::version)
    }

    /// How far of the log is in the table.
    pub(super) const fn applied(&self) -> u64 {
        self.applied
    }

    /// Paths of files taken away that a view may still read.
    pub(super) fn retired(&self) -> HashSet<String> {
        self.retired.iter().filter_map(Weak::upgrade).map(|file| file.path.clone()).collect()
    }

    /// When the files that are in the table no more were taken away, milliseconds since 1970, by path; as far back as Delta's log
    /// remembers.
    pub(super) async fn removed(&self) -> Result<HashMap<String, i64>, StoreError> {
        let Some(delta) = &self.delta else { return Ok(HashMap::new()) };
        let (state, log) = (delta.snapshot().map_err(self.failed("read"))?, delta.log_store());
        let removed = state.all_tombstones(log.as_ref());
        let removed = removed.map_ok(|gone| (gone.path().into_owned(), gone.deletion_timestamp().unwrap_or(i64::MAX)));
        removed.try_collect().await.map_err(self.failed("read"))
    }

    /// Makes one change: files, then one commit, each durable before the next. After an error the table is as it was, or as after the commit.
    pub(super) async fn commit(&mut self, change: Change) -> Result<(), StoreError> {
        let columns = change.add.iter().map(RecordBatch::schema).reduce(|all, schema| super::keys::union(&all, &schema));
        self.prepare(columns.as_ref()).await?;
        let mut adds = change.written;
        adds.extend(self.write(change.add).await?);
        let added: Vec<String> = adds.iter().map(|add| add.path.clone()).collect();
        let removed = millis_of(&uuid::Uuid::now_v7());
        let mut actions: Vec<Action> = Vec::new();
        for file in &change.remove {
            actions.push(Action::Remove(Remove {
                path: file.path.clone(),
                data_change: !change.rearranges,
                deletion_timestamp: Some(removed),
                extended_file_metadata: Some(true),
                partition_values: Some(HashMap::new()),
                size: i64::try_from(file.size).ok(),
                ..Remove::default()
            }));
        }
        actions.extend(adds.into_iter().map(|mut add| {
            add.data_change = !change.rearranges;
            Action::Add(add)
        }));
        let sum = (SUM.to_owned(), sum_of(&actions, change.sequence).into());
        let mut properties = CommitProperties::default().with_max_retries(0).with_metadata([sum]);
        if let Some(sequence) = change.sequence {
            let version = i64::try_from(sequence).unwrap_or(i64::MAX);
            properties = properties.with_application_transaction(Transaction::new(APPLICATION, version));
        }
        let operation = DeltaOperation::Write { mode: SaveMode::Append, partition_by: None, predicate: None };
        let failed = self.failed("commit to");
        let Some(delta) = self.delta.as_mut() else { return Ok(()) };
        let log_store = delta.log_store();
        let state = delta.snapshot().map_err(&failed)?.clone();
        let builder = CommitBuilder::from(properties).with_actions(actions);
        match builder.build(Some(&state as &dyn TableReference), log_store, operation).await {
            Ok(commit) => {
                delta.state = Some(commit.snapshot());
                self.applied = change.sequence.unwrap_or(0).max(self.applied);
                self.refresh_files()
            }
            Err(cause) => {
                let error = failed(cause);
                if let Err(second) = self.read_again().await {
                    tracing::error!(table = self.name, %second, "cannot read the table again after a failed commit");
                }
                // The commit may have landed and only its answer was lost; the names of its files, used once, tell.
                let landed = !added.is_empty() && added.iter().all(|path| self.files.iter().any(|file| file.path == *path));
                if landed { Ok(()) } else { Err(error) }
            }
        }
    }

    /// Before a change is worked out: after a failure that left open what the table holds, reads it again.
    pub(super) async fn catch_up(&mut self) -> Result<(), StoreError> {
        if self.unsure { self.read_again().await } else { Ok(()) }
    }

    /// Puts a file that a later commit will add.
    pub(super) async fn put(&self, rows: RecordBatch) -> Result<Add, StoreError> {
        files::write(&self.name, &self.place, self.key, rows).await
    }

    /// After a failure: what the table holds now.
    async fn read_again(&mut self) -> Result<(), StoreError> {
        self.unsure = true;
        let failed = self.failed("open");
        match self.delta.as_mut() {
            Some(delta) => delta.update_state().await.map_err(failed)?,
            None if self.place.holds("_delta_log").await? => {
                self.delta = Some(self.place.table().map_err(&failed)?.load().await.map_err(&failed)?);
            }
            None => {}
        }
        self.refresh().await?;
        self.unsure = false;
        Ok(())
    }

    /// Creates the table or adds its new columns.
    async fn prepare(&mut self, columns: Option<&SchemaRef>) -> Result<(), StoreError> {
        let wanted = columns.map_or_else(|| Arc::clone(&self.schema), |columns| super::keys::union(&self.schema, columns));
        let failed = self.failed("change the columns of");
        if let Some(delta) = self.delta.take() {
            let new: Vec<StructField> = wanted.fields()[self.stored..].iter().filter_map(|field| delta_field(field)).collect();
            if new.is_empty() {
                self.delta = Some(delta);
                return Ok(());
            }
            let kept = delta.clone();
            match delta.add_columns().with_fields(new).await {
                Ok(changed) => self.delta = Some(changed),
                Err(cause) => {
                    self.delta = Some(kept);
                    self.read_again().await?;
                    return Err(failed(cause));
                }
            }
        } else {
            let builder = self.place.table().and_then(DeltaTableBuilder::build).map_err(self.failed("create"))?;
            let fields: Vec<StructField> = wanted.fields().iter().filter_map(|field| delta_field(field)).collect();
            let created = builder.create().with_table_name(&self.name).with_columns(fields).await;
            match created {
                Ok(created) => self.delta = Some(created),
                Err(cause) => {
                    // It may have been made all the same; then the next try finds it.
                    if let Err(second) = self.read_again().await {
                        tracing::error!(table = self.name, %second, "cannot look whether a table was made");
                    }
                    return Err(self.failed("create")(cause));
                }
            }
        }
        self.stored = wanted.fields().len();
        self.schema = wanted;
        Ok(())
    }

    /// Writes the new files.
    async fn write(&self, batches: Vec<RecordBatch>) -> Result<Vec<Add>, StoreError> {
        let mut adds = Vec::with_capacity(batches.len());
        for rows in batches {
            adds.push(self.put(rows).await?);
        }
        Ok(adds)
    }

    async fn refresh(&mut self) -> Result<(), StoreError> {
        let Some(delta) = &self.delta else { return Ok(()) };
        let state = delta.snapshot().map_err(self.failed("read"))?;
        let schema = state.snapshot().arrow_schema();
        let base = Arc::clone(&self.schema);
        let fields = schema
            .fields()
            .iter()
            .map(|field| base.field_with_name(field.name()).map_or(Arc::clone(field), |f| Arc::new(f.clone())));
        let held = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let new = base.fields().iter().filter(|field| field.is_nullable()).map(Arc::clone);
        let schema = super::keys::union(&held, &Arc::new(Schema::new(new.collect::<Vec<_>>())));
        let applied = state.snapshot().transaction_version(delta.log_store().as_ref(), APPLICATION).await;
        self.applied = applied.map_err(self.failed("read"))?.and_then(|version| u64::try_from(version).ok()).unwrap_or(0);
        self.stored = held.fields().len();
        self.schema = schema;
        self.refresh_files()
    }

    fn refresh_files(&mut self) -> Result<(), StoreError> {
        let Some(delta) = &self.delta else { return Ok(()) };
        let state = delta.snapshot().map_err(self.failed("read"))?;
        let before: HashMap<&str, &Arc<FileEntry>> = self.files.iter().map(|file| (file.path.as_str(), file)).collect();
        let mut files = Vec::new();
        for file in state.log_data().iter() {
            if file.deletion_vector_descriptor().is_some() {
                return Err(StoreError::Foreign { table: self.name.clone(), feature: "deletion vectors" });
            }
            let size = u64::try_from(file.size()).unwrap_or(0);
            files.push(match before.get(file.path().as_ref()) {
                Some(&known) if known.size == size => Arc::clone(known),
                _ => Arc::new(FileEntry::new(file.path().into_owned(), size, file.stats().as_deref(), self.clock)),
            });
        }
        files.sort_by(|a, b| (a.clock, &a.assets, &a.path).cmp(&(b.clock, &b.assets, &b.path)));
        let now: HashSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
        self.retired.retain(|file| file.strong_count() > 0);
        self.retired.extend(self.files.iter().filter(|file| !now.contains(file.path.as_str())).map(Arc::downgrade));
        self.files = files.into();
        Ok(())
    }

    fn failed(&self, action: &'static str) -> impl Fn(DeltaTableError) -> StoreError + 'static {
        let table = self.name.clone();
        move |cause| StoreError::Delta { table: table.clone(), action, cause: Box::new(cause) }
    }
}

/// Runs file work off the async threads.
pub(super) async fn blocking<T: Send + 'static>(
    action: &'static str,
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|cause| StoreError::Stopped { action, cause: cause.to_string() })?
}

fn delta_field(field: &Field) -> Option<StructField> {
    let kind = match field.data_type() {
        DataType::Float64 => PrimitiveType::Double,
        DataType::Utf8 => PrimitiveType::String,
        DataType::Timestamp(..) => PrimitiveType::Timestamp,
        _ => return None,
    };
    Some(StructField::new(field.name().clone(), DeltaType::Primitive(kind), field.is_nullable()))
}

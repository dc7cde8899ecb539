//! Traps in the data, at the store: what comes twice, late, in any order, in any pieces gives the same answer to the last byte.

use super::super::Store;
use super::super::read::collect;
use super::super::simulated::Chance;
use super::history::Row;
use super::history::Write;
use super::power::close;
use super::power::disk;
use super::power::open;
use super::power::runtime;
use crate::domain::AssetKind;
use crate::domain::Quantity;
use crate::domain::Readings;
use crate::domain::Table;
use crate::domain::Unit;
use arrow::compute::SortColumn;
use arrow::compute::concat_batches;
use arrow::compute::lexsort_to_indices;
use arrow::compute::take_record_batch;
use arrow::util::display::array_value_to_string;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

const KIND: AssetKind = AssetKind::Meter;
const COLUMNS: [&str; 5] = ["active_energy", "active_power", "frequency", "temp_air", "voltage"];
const SECOND: i64 = 1_000_000;

/// Writes that agree: the value of a cell follows from its key and column, `available_at` from the key. (Where it does not, the
/// order matters by intent: the last value counts, and `available_at` moves only with a change.)
fn batches(count: usize, seed: u64) -> Vec<Write> {
    let mut chance = Chance::new(seed);
    let row = |chance: &mut Chance| {
        let (asset, second) = (chance.below(5), i64::try_from(chance.below(400)).unwrap());
        let cell = |at: usize| (asset * 1000 + at as u64) as f64 + second as f64 / 8.0;
        let sent = (0..COLUMNS.len()).filter_map(|at| match chance.below(3) {
            0 => None,
            1 => Some((COLUMNS[at], Some(cell(at)))),
            // A null beside values others send: it must not erase them.
            _ => Some((COLUMNS[at], None)),
        });
        let values: BTreeMap<_, _> = sent.collect();
        Row { asset: format!("M{asset}"), time: second * SECOND, known: (second + 60) * SECOND, values }
    };
    let all = COLUMNS.map(|name| (name, None));
    let whole = |mut row: Row| {
        for (name, null) in all {
            row.values.entry(name).or_insert(null);
        }
        row
    };
    let mut write = || Write { kind: KIND, rows: (0..1 + chance.below(6)).map(|_| row(&mut chance)).collect() };
    let mut writes: Vec<Write> = (0..count).map(|_| write()).collect();
    if let Some(first) = writes.first_mut() {
        first.rows = first.rows.drain(..).map(whole).collect();
    }
    writes
}

/// `SELECT * ORDER BY asset_id, time` as CSV, columns by name: they stand in the order in which they first came.
async fn answer(store: &Store) -> String {
    let reader = store.reader(Table::Telemetry(KIND));
    let mut columns = vec!["asset_id", "time", "available_at"];
    columns.extend(COLUMNS.into_iter().filter(|name| reader.view.schema.column_with_name(name).is_some()));
    let batches = collect(reader.context, reader.view.clone(), &columns, &[]).await.unwrap();
    let Some(first) = batches.first() else { return String::new() };
    let all = concat_batches(&first.schema(), &batches).unwrap();
    let keys = all.columns()[..2].iter().map(|values| SortColumn { values: Arc::clone(values), options: None });
    let sorted = take_record_batch(&all, &lexsort_to_indices(&keys.collect::<Vec<_>>(), None).unwrap()).unwrap();
    let mut text = String::new();
    for row in 0..sorted.num_rows() {
        for column in sorted.columns() {
            // Floats come as the shortest text that reads back as the same bits.
            text.push_str(&array_value_to_string(column, row).unwrap());
            text.push(',');
        }
        text.push('\n');
    }
    text
}

async fn after(writes: &[Write], order: &[usize], seed: u64) -> String {
    let disk = disk();
    let (mut store, mut chance) = (open(&disk).await.unwrap(), Chance::new(seed));
    for &at in order {
        let write = &writes[at];
        match chance.below(40) {
            0 => drop(store.import(write.readings()).await.unwrap()),
            // In two pieces.
            1..=4 => {
                let (left, right) = write.rows.split_at(write.rows.len() / 2);
                for rows in [right, left] {
                    if !rows.is_empty() {
                        store.append(Write { kind: KIND, rows: rows.to_vec() }.readings()).await.unwrap();
                    }
                }
            }
            _ => drop(store.append(write.readings()).await.unwrap()),
        }
        match chance.below(200) {
            0..=4 => store.flush().await.unwrap(),
            5 => drop(store.compact().await.unwrap()),
            6 => {
                close(store).await;
                store = open(&disk).await.unwrap();
            }
            _ => {}
        }
    }
    answer(&store).await
}

/// `TRUST_BATCHES=10000` is the long form.
fn most() -> usize {
    super::power::number("TRUST_BATCHES").map_or(200, |most| most as usize)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_and_repetition_gives_the_same_bytes(
        (count, order) in (2..=most()).prop_flat_map(|count| {
            let repeated = prop::collection::vec(0..count, 0..=count / 4);
            let order = repeated.prop_map(move |again| (0..count).chain(again).collect::<Vec<_>>()).prop_shuffle();
            (Just(count), order)
        }),
        seed in 0..1_000_000_u64,
    ) {
        let writes = batches(count, seed);
        let plain: Vec<usize> = (0..count).collect();
        let (expected, found) = runtime().block_on(async { (after(&writes, &plain, 1).await, after(&writes, &order, seed).await) });
        prop_assert!(!expected.is_empty());
        let other: Vec<_> = expected.lines().zip(found.lines()).filter(|(expected, found)| expected != found).collect();
        prop_assert!(expected == found, "another order gave other rows: {other:#?}");
    }
}

fn energy(at: &[(i64, f64)]) -> Readings {
    let times = at.iter().map(|(second, _)| second * SECOND).collect::<Vec<_>>();
    let values = at.iter().map(|(_, value)| Some(*value)).collect();
    let known = times.clone();
    Readings::from_columns(
        KIND,
        times,
        vec!["M1".into(); at.len()],
        known,
        vec![(Quantity::parse("active_energy").unwrap(), values)],
    )
    .unwrap()
}

#[test]
fn a_counter_that_falls_back_is_stored_as_it_came() {
    let sent = [(0, 990.0), (60, 995.0), (120, 3.0), (180, 8.0), (240, 0.0), (300, 0.0), (360, 4.0)];
    runtime().block_on(async {
        let disk = disk();
        let store = open(&disk).await.unwrap();
        store.append(energy(&sent[..3])).await.unwrap();
        store.flush().await.unwrap();
        store.append(energy(&sent[2..])).await.unwrap();
        let reader = store.reader(Table::Telemetry(KIND));
        let batches = collect(reader.context, reader.view.clone(), &["time", "active_energy"], &[]).await.unwrap();
        let mut seen = Vec::new();
        for batch in &batches {
            use arrow::array::AsArray;
            let times = batch["time"].as_primitive::<arrow::datatypes::TimestampMicrosecondType>();
            let values = batch["active_energy"].as_primitive::<arrow::datatypes::Float64Type>();
            seen.extend(times.values().iter().zip(values.values()).map(|(time, value)| (time / SECOND, *value)));
        }
        seen.sort_by_key(|(time, _)| *time);
        assert_eq!(seen, sent);
    });
}

#[test]
fn rows_a_week_late_and_a_year_ahead_take_their_place() {
    let week = 7 * 24 * 3600;
    runtime().block_on(async {
        let disk = disk();
        let store = open(&disk).await.unwrap();
        for second in [52 * week, week + 60, week, 0, 60, 52 * week, 0] {
            store.append(energy(&[(second, second as f64)])).await.unwrap();
            store.flush().await.unwrap();
        }
        let late = answer(&store).await;
        let other = self::disk();
        let store = open(&other).await.unwrap();
        store.append(energy(&[0, 60, week, week + 60, 52 * week].map(|second| (second, second as f64)))).await.unwrap();
        assert!(late == answer(&store).await, "late rows make a difference");
    });
}

#[test]
fn what_is_no_number_and_what_changes_its_unit_is_refused() {
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let values = vec![(Quantity::ACTIVE_POWER, vec![Some(1.0), Some(value)])];
        let error = Readings::from_columns(KIND, vec![0, SECOND], vec!["M1".into(); 2], vec![0, 0], values).unwrap_err();
        assert!(error.to_string().contains("M1: active_power at 1970-01-01T00:00:01Z"), "{error}");
    }
    runtime().block_on(async {
        let disk = disk();
        let store = open(&disk).await.unwrap();
        store.declare("gate_opening", Unit::parse("deg").unwrap()).await.unwrap();
        let error = store.declare("gate_opening", Unit::parse("degC").unwrap()).await.unwrap_err().to_string();
        assert!(error.contains("gate_opening"), "{error}");
        drop(store);
        assert_eq!(open(&disk).await.unwrap().quantities().get("gate_opening").unwrap().1.unit.name(), "deg");
    });
}

//! `chergui verify`: every file and log read, every finding with what it covered and what to do.

use super::{args, failure::Failure, output, progress, serve, serve::say};
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use engine::store::{self, Finding, Harm};
use std::sync::Arc;

pub(super) async fn run(place: &args::Place, options: args::Verify) -> Result<(), Failure> {
    let config = serve::config(place)?;
    let bar = progress::waiting("reading every file");
    let store = config.store_options().map_err(Failure::work)?;
    let report = store::verify(&store, &|file| bar.set_message(file.to_owned())).await;
    bar.finish_and_clear();
    let report = report.map_err(Failure::work)?;
    let rows = rows(&report.findings)?;
    if options.format != output::Format::Table {
        output::write(&rows.schema(), &[rows], options.format, None)?;
    } else {
        for finding in &report.findings {
            let (what, covers) = (word(finding.harm).to_uppercase(), &finding.covers);
            say(&format!("{what:<7} {}: {}", finding.file, finding.problem));
            if !covers.is_empty() {
                say(&format!("        held {covers}"));
            }
            say(&format!("        {}", finding.remedy));
        }
        let (files, tables, rows, bytes, log) = (report.files, report.tables, report.rows, report.bytes, report.log_files);
        say(&format!("read {rows} rows in {files} files of {tables} tables ({bytes} bytes), {log} log files and the ledger"));
    }
    let findings = report.findings.iter().filter(|finding| finding.harm == Harm::Damage).count();
    if findings == 0 { Ok(()) } else { Err(Failure::Damaged { findings }) }
}

fn word(harm: Harm) -> &'static str {
    match harm {
        Harm::Damage => "damage",
        Harm::None => "note",
    }
}

fn rows(findings: &[Finding]) -> Result<RecordBatch, Failure> {
    let text = |value: fn(&Finding) -> &str| Arc::new(findings.iter().map(|f| Some(value(f))).collect::<StringArray>()) as ArrayRef;
    Ok(RecordBatch::try_from_iter([
        ("harm", text(|f| word(f.harm))),
        ("file", text(|f| &f.file)),
        ("problem", text(|f| &f.problem)),
        ("covers", text(|f| &f.covers)),
        ("remedy", text(|f| f.remedy)),
    ])?)
}

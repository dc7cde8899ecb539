//! Statements of any text: answered or refused, and afterwards nothing is changed and the next question is answered.
//!
//! In: text. Out: a panic when a promise of `engine::query` does not hold. `@outside@` stands for a directory that is not the store's.

use engine::domain::Asset;
use engine::domain::AssetId;
use engine::domain::AssetKind;
use engine::query::QueryError;
use engine::query::Session;
use engine::query::SessionOptions;
use engine::store::Store;
use engine::store::StoreOptions;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Stands in the file outside and in no statement.
const CANARY: &str = "a line of the file outside";
/// First words of statements that only read.
const READING: &[&str] = &["select", "with", "values", "explain", "show", "describe", "desc", "table", "from"];

/// A session on a store with one asset, and what its directory held before the first statement.
#[derive(Debug)]
pub struct Guard {
    runtime: Runtime,
    session: Session,
    store: Store,
    before: String,
    files: Vec<PathBuf>,
    outside: String,
    directory: TempDir,
}

impl Default for Guard {
    fn default() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let directory = tempfile::tempdir().expect("a temporary directory");
        let outside = directory.path().join("outside");
        std::fs::create_dir(&outside).expect("a directory outside");
        std::fs::write(outside.join("canary.csv"), format!("a\n{CANARY}\n")).expect("a file outside");
        let (store, session) = runtime.block_on(async {
            let store = Store::open(StoreOptions::new(directory.path().join("store"))).await.expect("the store opens");
            let asset = Asset::new(AssetId::parse("T01").expect("a valid id"), AssetKind::WindTurbine);
            store.upsert_assets(vec![asset]).await.expect("the asset is stored");
            let options = SessionOptions {
                memory_limit_bytes: 64 << 20,
                timeout: Duration::from_millis(300),
                threads: 2,
                ..SessionOptions::default()
            };
            let session = Session::new(store.clone(), options).expect("the session opens");
            (store, session)
        });
        let (before, files) = (state(&store), files(directory.path()));
        Self { runtime, session, store, before, files, outside: outside.display().to_string(), directory }
    }
}

impl Guard {
    /// Asks the text, then something harmless.
    pub fn sql_guard(&self, data: &[u8]) {
        let text = String::from_utf8_lossy(data).replace("@outside@", &self.outside);
        self.runtime.block_on(async {
            match self.session.sql(&text).await {
                Ok(answer) => {
                    assert!(may_read(&text), "{text:?} was answered");
                    let shown = format!("{:?}", answer.batches);
                    assert!(!shown.contains(CANARY), "{text:?} read a file outside: {shown}");
                }
                Err(error @ QueryError::Internal { .. }) => panic!("{text:?}: {error}"),
                Err(error) => assert!(!error.to_string().is_empty(), "an error says why"),
            }
            assert_eq!(self.harmless().await, 1, "after {text:?}");
        });
        assert_eq!(state(&self.store), self.before, "{text:?} changed the store");
        assert_eq!(files(self.directory.path()), self.files, "{text:?} changed the files");
    }
}

impl Guard {
    /// Rows of `assets`. A statement that was stopped just before may still hold memory or a thread for a moment.
    async fn harmless(&self) -> usize {
        for _ in 0..20 {
            match self.session.sql("SELECT id FROM assets").await {
                Ok(answer) => return answer.rows(),
                Err(QueryError::Timeout { .. } | QueryError::Busy { .. } | QueryError::Memory { .. }) => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Err(error) => panic!("the next question was refused: {error}"),
            }
        }
        panic!("the next question was not answered in twenty attempts")
    }
}

/// True when the statement begins with a word that reads, or with something that is no word (a bracket, a comment, an empty statement).
fn may_read(text: &str) -> bool {
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || c == ';');
    let word: String = text.chars().take_while(char::is_ascii_alphabetic).collect::<String>().to_ascii_lowercase();
    word.is_empty() || READING.contains(&word.as_str())
}

fn state(store: &Store) -> String {
    format!("{:?} {:?} {:?}", store.stats(), store.assets(), store.quantities())
}

/// All files below, in order.
fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory).expect("the directory is read") {
            let path = entry.expect("the entry is read").path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

//! One process per store: an advisory lock on `<root>/LOCK` that says who holds it and goes with the process.

use super::StoreError;
use std::fs::File;
use std::fs::OpenOptions;
use std::fs::TryLockError;
use std::io::Read;
use std::io::Seek;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

/// Held as long as the store is open; dropping it lets the next process in, also after kill -9.
#[derive(Debug)]
pub(super) struct StoreLock {
    _file: File,
}

/// Takes the lock; waits up to two seconds for a process that is just leaving.
///
/// # Errors
/// [`StoreError::Locked`] with the holder's pid, [`StoreError::Io`].
pub(super) async fn take(root: &Path) -> Result<StoreLock, StoreError> {
    let path = root.join("LOCK");
    let io = |action| {
        let path = path.clone();
        move |cause| StoreError::Io { action, path, cause }
    };
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(io("open"))?;
    for attempt in 0.. {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) if attempt < 40 => tokio::time::sleep(Duration::from_millis(50)).await,
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                file.read_to_string(&mut holder).map_err(io("read"))?;
                return Err(StoreError::Locked { root: root.into(), holder: holder.trim().into() });
            }
            Err(TryLockError::Error(cause)) => return Err(io("lock")(cause)),
        }
    }
    file.set_len(0).and_then(|()| file.rewind()).map_err(io("write"))?;
    writeln!(file, "pid {}", std::process::id()).map_err(io("write"))?;
    Ok(StoreLock { _file: file })
}

#[cfg(test)]
mod tests {
    use super::take;

    #[tokio::test]
    async fn the_second_one_hears_who_holds_it() {
        let directory = tempfile::tempdir().unwrap();
        let held = take(directory.path()).await.unwrap();
        let error = take(directory.path()).await.unwrap_err().to_string();
        assert!(error.contains(&format!("pid {}", std::process::id())), "{error}");
        drop(held);
        take(directory.path()).await.unwrap();
    }
}

//! Where tables live: a directory on this machine, or a bucket of an S3-compatible server.
//!
//! In: the data directory or the address of a bucket. Out: [`Place`], through which every object of a table is put, read, listed
//! and removed. What was put is durable when the call returns. The log and the ledger are not here: they stay on local disk.

use super::StoreError;
use super::disk::Disk;
use super::local::DiskStore;
use bytes::Bytes;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::RuntimeEnv;
use deltalake::DeltaTableBuilder;
use deltalake::DeltaTableError;
use futures::StreamExt;
use object_store::ObjectStore;
use object_store::ObjectStoreExt;
use object_store::PutMode;
use object_store::path::Path as Location;
use std::error::Error;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use url::Url;

/// A directory of objects; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Place {
    store: Arc<dyn ObjectStore>,
    /// Address, with a slash at its end.
    url: Arc<Url>,
    /// The same below the store's root.
    prefix: Location,
}

impl Place {
    /// A directory of this machine; `root` is absolute.
    ///
    /// # Errors
    /// [`StoreError::Io`] when `root` cannot be written as an address.
    pub(super) fn local(root: &Path, disk: Arc<dyn Disk>) -> Result<Self, StoreError> {
        let refused = || StoreError::Io { action: "use", path: root.into(), cause: io::ErrorKind::InvalidFilename.into() };
        let url = Url::from_directory_path(root).map_err(|()| refused())?;
        let prefix = Location::from_absolute_path(root).map_err(|_| refused())?;
        Ok(Self { store: Arc::new(DiskStore::new(root, disk)), url: Arc::new(url), prefix })
    }

    /// A directory in this one.
    pub(super) fn below(&self, name: &str) -> Self {
        let mut url = self.url.as_ref().clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push(name).push("");
        }
        Self { store: Arc::clone(&self.store), url: Arc::new(url), prefix: self.prefix.clone().join(name) }
    }

    /// Where an object is for the store; `path` is as in a Delta log.
    pub(super) fn location(&self, path: &str) -> Location {
        let below = Location::parse(path).unwrap_or_else(|_| Location::from(path));
        Location::from_iter(self.prefix.parts().chain(below.parts()))
    }

    /// What DataFusion knows the store by.
    pub(super) fn scan_url(&self) -> ObjectStoreUrl {
        let mut root = self.url.as_ref().clone();
        root.set_path("");
        ObjectStoreUrl::parse(root.as_str()).unwrap_or_else(|_| ObjectStoreUrl::local_filesystem())
    }

    /// Lets scans in this environment read here.
    pub(super) fn register(&self, environment: &RuntimeEnv) {
        environment.register_object_store(self.scan_url().as_ref(), Arc::clone(&self.store));
    }

    /// A Delta table here.
    pub(super) fn table(&self) -> Result<DeltaTableBuilder, DeltaTableError> {
        let url = self.url.as_ref().clone();
        Ok(DeltaTableBuilder::from_url(url.clone())?.with_storage_backend(Arc::clone(&self.store), url))
    }

    /// True when there is an object below `name`.
    ///
    /// # Errors
    /// [`StoreError::Io`], [`StoreError::Storage`].
    pub(super) async fn holds(&self, name: &str) -> Result<bool, StoreError> {
        let found = self.store.list(Some(&self.location(name))).next().await;
        found.transpose().map(|object| object.is_some()).map_err(|cause| self.failed("list", name, cause))
    }

    /// Puts a new object, durable on return; refuses to replace one.
    ///
    /// # Errors
    /// [`StoreError::Io`], [`StoreError::Storage`].
    pub(super) async fn put_new(&self, path: &str, bytes: Bytes) -> Result<(), StoreError> {
        let put = self.store.put_opts(&self.location(path), bytes.into(), PutMode::Create.into()).await;
        put.map(|_| ()).map_err(|cause| self.failed("write", path, cause))
    }

    /// All bytes of an object.
    ///
    /// # Errors
    /// [`StoreError::Io`], [`StoreError::Storage`].
    pub(super) async fn get(&self, path: &str) -> Result<Bytes, StoreError> {
        let failed = |cause| self.failed("read", path, cause);
        self.store.get(&self.location(path)).await.map_err(failed)?.bytes().await.map_err(failed)
    }

    /// The store's error in our words: what a disk said stays what the disk said.
    pub(super) fn failed(&self, action: &'static str, path: &str, cause: object_store::Error) -> StoreError {
        let mut at: Option<&(dyn Error + 'static)> = Some(&cause);
        while let Some(error) = at {
            if let (Some(said), "file") = (error.downcast_ref::<io::Error>(), self.url.scheme()) {
                let cause =
                    said.raw_os_error().map_or_else(|| io::Error::new(said.kind(), said.to_string()), io::Error::from_raw_os_error);
                return StoreError::Io { action, path: PathBuf::from("/").join(self.location(path).as_ref()), cause };
            }
            at = error.source();
        }
        StoreError::Storage { action, url: format!("{}{path}", self.url), cause: Box::new(cause) }
    }
}

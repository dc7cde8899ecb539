//! Where tables live: a directory on this machine, or a bucket of an S3-compatible server.
//!
//! In: the data directory or the address of a bucket. Out: [`Place`], through which every object of a table is put, read, listed
//! and removed. What was put is durable when the call returns. The log and the ledger are not here: they stay on local disk.

use super::StoreError;
use super::bucket;
use super::bucket::Storage;
use super::disk::Disk;
use super::local::DiskStore;
use bytes::Bytes;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::RuntimeEnv;
use deltalake::DeltaTableBuilder;
use deltalake::DeltaTableError;
use futures::StreamExt;
use futures::TryStreamExt;
use object_store::ObjectMeta;
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

/// An object of a [`Place`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Object {
    /// Below the place.
    pub(super) path: String,
    /// Bytes.
    pub(super) size: u64,
    /// When it was put, microseconds since 1970.
    pub(super) modified: i64,
}

/// A directory of objects; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Place {
    store: Arc<dyn ObjectStore>,
    /// The same, when it is a directory.
    disk: Option<DiskStore>,
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
        let disk = DiskStore::new(root, disk);
        Ok(Self { store: Arc::new(disk.clone()), disk: Some(disk), url: Arc::new(url), prefix })
    }

    /// A directory of a server's store; `url` ends with a slash.
    pub(super) fn remote(store: Arc<dyn ObjectStore>, url: Url) -> Self {
        let prefix = Location::from_url_path(url.path()).unwrap_or_default();
        Self { store, disk: None, url: Arc::new(url), prefix }
    }

    /// The tables of a store: in its data directory, or where the settings say.
    ///
    /// # Errors
    /// [`StoreError`], and [`StoreError::Owned`] when the bucket's tables are another data directory's.
    pub(super) async fn open(root: &Path, storage: &Storage, disk: &Arc<dyn Disk>) -> Result<Self, StoreError> {
        match storage {
            Storage::Local => Self::local(&root.join("tables"), Arc::clone(disk)),
            Storage::S3(options) => {
                let place = bucket::connect(options)?;
                bucket::claim(&place, root, root).await?;
                Ok(place.below("tables"))
            }
        }
    }

    /// The address of an object, for people.
    pub(super) fn address(&self, path: &str) -> String {
        if self.url.scheme() == "file" {
            return PathBuf::from("/").join(self.location(path).as_ref()).display().to_string();
        }
        format!("{}{path}", self.url)
    }

    /// The last part of its path.
    pub(super) fn name(&self) -> String {
        self.prefix.filename().unwrap_or_default().to_owned()
    }

    /// A directory in this one.
    pub(super) fn below(&self, name: &str) -> Self {
        let mut url = self.url.as_ref().clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push(name).push("");
        }
        Self { store: Arc::clone(&self.store), disk: self.disk.clone(), url: Arc::new(url), prefix: self.prefix.clone().join(name) }
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

    /// What is below `name`, by path; the empty name is all. Unfinished files are left out.
    ///
    /// # Errors
    /// [`StoreError::Io`], [`StoreError::Storage`].
    pub(super) async fn list(&self, name: &str) -> Result<Vec<Object>, StoreError> {
        let failed = |cause| self.failed("list", name, cause);
        let listed: Vec<ObjectMeta> = self.store.list(Some(&self.location(name))).try_collect().await.map_err(failed)?;
        let path = |meta: &ObjectMeta| -> Vec<String> {
            meta.location.prefix_match(&self.prefix).into_iter().flatten().map(|part| part.as_ref().to_owned()).collect()
        };
        let object = |meta: ObjectMeta| Object {
            path: path(&meta).join("/"),
            size: meta.size,
            modified: meta.last_modified.timestamp_micros(),
        };
        let mut objects: Vec<Object> = listed.into_iter().map(object).collect();
        objects.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(objects)
    }

    /// Names of the directories here.
    ///
    /// # Errors
    /// [`StoreError::Io`], [`StoreError::Storage`].
    pub(super) async fn directories(&self) -> Result<Vec<String>, StoreError> {
        let listed = self.store.list_with_delimiter(Some(&self.prefix)).await.map_err(|cause| self.failed("list", "", cause))?;
        let mut names: Vec<String> = listed.common_prefixes.iter().filter_map(|path| Some(path.filename()?.to_owned())).collect();
        names.sort();
        Ok(names)
    }

    /// What crashes left unfinished before `older_than`, microseconds since 1970: path and bytes.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub(super) async fn unfinished(&self, older_than: i64) -> Result<Vec<(String, u64)>, StoreError> {
        let Some(disk) = &self.disk else { return Ok(Vec::new()) };
        let found = disk.unfinished(&self.prefix, older_than).await.map_err(|cause| self.failed("list", "", cause))?;
        let here = PathBuf::from("/").join(self.prefix.as_ref());
        let below = |(path, bytes): (PathBuf, u64)| Some((path.strip_prefix(&here).ok()?.to_string_lossy().into_owned(), bytes));
        Ok(found.into_iter().filter_map(below).collect())
    }

    /// Removes an object; one that is not there is no failure.
    ///
    /// # Errors
    /// [`StoreError::Io`], [`StoreError::Storage`].
    pub(super) async fn remove(&self, path: &str) -> Result<(), StoreError> {
        match self.store.delete(&self.location(path)).await {
            Err(object_store::Error::NotFound { .. }) => Ok(()),
            done => done.map_err(|cause| self.failed("remove", path, cause)),
        }
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
        StoreError::Storage { action, url: self.address(path), cause: Box::new(cause) }
    }
}

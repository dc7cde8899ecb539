//! Tables on an S3-compatible server: how to reach it, and whose they are.
//!
//! In: address and key. Out: a [`Place`]. Objects that must be new are put with `If-None-Match: *`, so two writers cannot both make
//! version 7 of a table. A bucket's prefix belongs to one data directory, because the log with the newest rows is there: the object
//! [`OWNER`] names it, and every other data directory is refused.

use super::StoreError;
use super::place::Place;
use deltalake::DeltaResult;
use deltalake::logstore::LogStore;
use deltalake::logstore::LogStoreFactory;
use deltalake::logstore::ObjectStoreRef;
use deltalake::logstore::StorageConfig;
use deltalake::logstore::default_logstore;
use deltalake::logstore::logstore_factories;
use object_store::BackoffConfig;
use object_store::ClientOptions;
use object_store::RetryConfig;
use object_store::aws::AmazonS3Builder;
use object_store::aws::S3ConditionalPut;
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// The object, and the file in the data directory, that say whose the tables are.
const OWNER: &str = "OWNER";

/// An S3-compatible server.
#[derive(Clone, PartialEq, Eq)]
pub struct S3Options {
    /// `s3://bucket/prefix`.
    pub url: String,
    /// Address of the server, `https://host:port`; `None` is Amazon's.
    pub endpoint: Option<String>,
    /// Region, for the signature; servers that know none take any.
    pub region: String,
    /// Name of the key.
    pub access_key_id: String,
    /// The key.
    pub secret_access_key: String,
}

impl fmt::Debug for S3Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (url, endpoint) = (&self.url, &self.endpoint);
        f.debug_struct("S3Options").field("url", url).field("endpoint", endpoint).finish_non_exhaustive()
    }
}

/// Where the tables of a store are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Storage {
    /// In `tables/` of the data directory.
    #[default]
    Local,
    /// In a bucket; log and ledger stay in the data directory.
    S3(S3Options),
}

/// The root of what `url` names.
///
/// # Errors
/// [`StoreError::Setting`] for an address that is none, or options that do not go together.
pub(super) fn connect(options: &S3Options) -> Result<Place, StoreError> {
    let setting = |problem: String| StoreError::Setting { field: "storage.url", value: options.url.clone(), problem };
    let mut url = Url::parse(&options.url).map_err(|cause| setting(cause.to_string()))?;
    let bucket = url.host_str().filter(|_| url.scheme() == "s3").map(str::to_owned);
    let bucket = bucket.ok_or_else(|| setting("write s3://bucket/prefix".into()))?;
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    let retry = RetryConfig {
        backoff: BackoffConfig { init_backoff: Duration::from_millis(100), max_backoff: Duration::from_secs(3), base: 2.0 },
        max_retries: 5,
        retry_timeout: Duration::from_secs(15),
    };
    let client = ClientOptions::new().with_connect_timeout(Duration::from_secs(5)).with_timeout(Duration::from_secs(120));
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(&options.region)
        .with_access_key_id(&options.access_key_id)
        .with_secret_access_key(&options.secret_access_key)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_retry(retry);
    if let Some(endpoint) = &options.endpoint {
        builder = builder.with_endpoint(endpoint.trim_end_matches('/')).with_virtual_hosted_style_request(false);
    }
    let plain = options.endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://"));
    let store = builder.with_client_options(client.with_allow_http(plain)).build();
    let store = store.map_err(|cause| setting(cause.to_string()))?;
    let scheme = Url::parse("s3://").map_err(|cause| setting(cause.to_string()))?;
    logstore_factories().insert(scheme, Arc::new(ConditionalPuts));
    Ok(Place::remote(Arc::new(store), url))
}

/// Makes sure that these tables are those of the data directory `root`, known as `called`, and takes them when they are nobody's.
///
/// # Errors
/// [`StoreError::Owned`] when they are another's, [`StoreError::Io`], [`StoreError::Storage`].
pub(super) async fn claim(place: &Place, root: &Path, called: &Path) -> Result<(), StoreError> {
    let path = root.join(OWNER);
    let io = |action| {
        let path = path.clone();
        move |cause| StoreError::Io { action, path, cause }
    };
    let ours = match fs::read_to_string(&path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            let text = format!("data directory {} ({})\n", called.display(), uuid::Uuid::new_v4());
            let temporary = path.with_extension("tmp");
            fs::write(&temporary, &text).map_err(io("write"))?;
            super::files::sync(&temporary)?;
            fs::rename(&temporary, &path).map_err(io("rename"))?;
            super::files::sync(root)?;
            text
        }
        read => read.map_err(io("read"))?,
    };
    let refused = match place.put_new(OWNER, ours.clone().into()).await {
        Ok(()) => return Ok(()),
        Err(refused) => refused,
    };
    let taken =
        matches!(&refused, StoreError::Storage { cause, .. } if matches!(**cause, object_store::Error::AlreadyExists { .. }));
    if !taken {
        return Err(refused);
    }
    let theirs = place.get(OWNER).await?;
    if theirs.as_ref() == ours.as_bytes() {
        return Ok(());
    }
    Err(StoreError::Owned { url: place.address(OWNER), owner: String::from_utf8_lossy(&theirs).trim().into() })
}

/// Delta's log on a store whose puts can be conditional.
#[derive(Debug)]
struct ConditionalPuts;

impl LogStoreFactory for ConditionalPuts {
    fn with_options(
        &self,
        prefixed: ObjectStoreRef,
        root: ObjectStoreRef,
        location: &Url,
        options: &StorageConfig,
    ) -> DeltaResult<Arc<dyn LogStore>> {
        Ok(default_logstore(prefixed, root, location, options))
    }
}

//! The contract of an object store on a disk: whole or absent, once where it must be new, ranges, listings, nothing outside the root.

use super::DiskStore;
use super::Location;
use crate::store::disk::RealDisk;
use bytes::Bytes;
use futures::TryStreamExt;
use object_store::Error;
use object_store::GetOptions;
use object_store::GetRange;
use object_store::ObjectStore;
use object_store::ObjectStoreExt;
use object_store::PutMode;
use std::fs;
use std::sync::Arc;

fn store(root: &std::path::Path) -> (DiskStore, impl Fn(&str) -> Location) {
    let root = fs::canonicalize(root).unwrap();
    let base = Location::from_absolute_path(&root).unwrap();
    (DiskStore::new(&root, Arc::new(RealDisk)), move |path: &str| Location::parse(format!("{base}/{path}")).unwrap())
}

#[tokio::test]
async fn what_is_put_can_be_read_whole_in_parts_and_listed() {
    let directory = tempfile::tempdir().unwrap();
    let (store, at) = store(directory.path());
    let bytes: Vec<u8> = (0..200_000_u32).map(|i| (i % 251) as u8).collect();
    store.put(&at("a b/part-1.parquet"), bytes.clone().into()).await.unwrap();
    store.put(&at("a b/_delta_log/0.json"), "one".into()).await.unwrap();
    store.put(&at("a b/_delta_log/0.json"), "two".into()).await.unwrap();
    let got = store.get(&at("a b/_delta_log/0.json")).await.unwrap();
    assert_eq!((got.meta.size, got.bytes().await.unwrap()), (3, Bytes::from("two")));
    // Near, far, overlapping, empty, out of order: each range is what was asked for.
    let ranges = [150_000..150_010, 0..10, 5..40, 40_000..40_000, 199_990..200_000];
    let read = store.get_ranges(&at("a b/part-1.parquet"), &ranges).await.unwrap();
    for (range, part) in ranges.iter().zip(&read) {
        assert_eq!(part.as_ref(), &bytes[range.start as usize..range.end as usize], "{range:?}");
    }
    assert!(
        store.get_ranges(&at("a b/part-1.parquet"), std::slice::from_ref(&(199_990..200_001))).await.is_err(),
        "beyond the end"
    );
    let tail = GetOptions { range: Some(GetRange::Suffix(8)), ..GetOptions::default() };
    let tail = store.get_opts(&at("a b/part-1.parquet"), tail).await.unwrap();
    assert_eq!((tail.range.clone(), tail.bytes().await.unwrap().as_ref()), (199_992..200_000, &bytes[199_992..]));
    assert_eq!(store.head(&at("a b/part-1.parquet")).await.unwrap().size, 200_000);
    fs::write(directory.path().join("a b/part-2.parquet#7.1"), b"torn").unwrap();
    let listed: Vec<_> = store.list(Some(&at("a b"))).map_ok(|meta| meta.location).try_collect().await.unwrap();
    assert_eq!(listed, [at("a b/_delta_log/0.json"), at("a b/part-1.parquet")]);
    let here = store.list_with_delimiter(Some(&at("a b"))).await.unwrap();
    assert_eq!((here.common_prefixes, here.objects.len()), (vec![at("a b/_delta_log")], 1));
    let nowhere: Vec<_> = store.list(Some(&at("nowhere"))).try_collect().await.unwrap();
    assert!(nowhere.is_empty());
    store.rename(&at("a b/part-1.parquet"), &at("c/moved")).await.unwrap();
    assert!(matches!(store.head(&at("a b/part-1.parquet")).await, Err(Error::NotFound { .. })));
    assert_eq!(store.unfinished(&at("a b"), i64::MAX).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_new_object_is_new_for_one_writer_only() {
    let directory = tempfile::tempdir().unwrap();
    let (store, at) = store(directory.path());
    let puts = (0..16).map(|writer| {
        let (store, location) = (store.clone(), at("t/_delta_log/1.json"));
        tokio::spawn(async move { store.put_opts(&location, format!("writer {writer}").into(), PutMode::Create.into()).await })
    });
    let mut won = 0;
    for put in puts.collect::<Vec<_>>() {
        match put.await.unwrap() {
            Ok(_) => won += 1,
            Err(error) => assert!(matches!(error, Error::AlreadyExists { .. }), "{error}"),
        }
    }
    assert_eq!(won, 1);
    assert_eq!(fs::read_dir(directory.path().join("t/_delta_log")).unwrap().count(), 1, "nothing unfinished stays");
}

#[tokio::test]
async fn nothing_outside_the_root_is_touched() {
    let directory = tempfile::tempdir().unwrap();
    let (inside, outside) = (directory.path().join("in"), directory.path().join("secret"));
    fs::create_dir(&inside).unwrap();
    fs::write(&outside, b"not yours").unwrap();
    let (store, _) = store(&inside);
    let secret = Location::from_absolute_path(fs::canonicalize(&outside).unwrap()).unwrap();
    assert!(matches!(store.get(&secret).await, Err(Error::PermissionDenied { .. })));
    assert!(store.put(&secret, "mine".into()).await.is_err() && store.delete(&secret).await.is_err());
    assert_eq!(fs::read(&outside).unwrap(), b"not yours");
}

#[tokio::test]
async fn an_upload_in_parts_appears_when_it_is_complete() {
    let directory = tempfile::tempdir().unwrap();
    let (store, at) = store(directory.path());
    let mut upload = store.put_multipart(&at("checkpoint")).await.unwrap();
    upload.put_part("first ".into()).await.unwrap();
    upload.put_part("second".into()).await.unwrap();
    assert!(store.head(&at("checkpoint")).await.is_err());
    upload.complete().await.unwrap();
    assert_eq!(store.get(&at("checkpoint")).await.unwrap().bytes().await.unwrap(), "first second");
}

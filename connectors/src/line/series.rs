//! Whom a line is about: its measurement and tags read against the rules of the measurement. Done once per series of a body.
//!
//! In: the bytes before the first space. Out: the asset's name and, for one we do not know, what it would be registered as.
//! Not here: whether the asset is known.

use super::fault::Fault;
use super::plan::Entry;
use super::plan::LinePlan;
use super::scan;
use engine::domain::Asset;
use engine::domain::AssetId;
use engine::domain::AssetKind;
use std::borrow::Cow;

/// Measurement and tags that are well formed.
#[derive(Debug)]
pub(super) struct Named<'p, 'b> {
    pub(super) measurement: &'b [u8],
    pub(super) entry: &'p Entry,
    /// The text of the asset's tag, escapes included.
    asset: &'b [u8],
    kind: Option<&'b [u8]>,
    parent: Option<&'b [u8]>,
}

impl<'p, 'b> Named<'p, 'b> {
    /// Reads `measurement,tag=value,…`.
    pub(super) fn read(plan: &'p LinePlan, bytes: &'b [u8]) -> Result<Self, Fault<'b>> {
        let end = scan::unescaped(bytes, b',', 0).unwrap_or(bytes.len());
        if end == 0 {
            return Err(Fault::NoMeasurement);
        }
        let measurement = &bytes[..end];
        let entry = plan.entry(&scan::key(measurement));
        let is = |name: &Option<String>, tag: &[u8]| name.as_ref().is_some_and(|name| name.as_bytes() == tag);
        let (mut asset, mut kind, mut parent) = (None, None, None);
        let mut rank = usize::MAX;
        let mut at = end;
        while at < bytes.len() {
            let part = &bytes[at + 1..];
            let equals = scan::delimiter(part, 0).filter(|&equals| equals > 0 && part[equals] == b'=').ok_or(Fault::Tags(part))?;
            let stop = scan::delimiter(part, equals + 1).unwrap_or(part.len());
            let value = &part[equals + 1..stop];
            if value.is_empty() || part.get(stop).is_some_and(|&byte| byte != b',') {
                return Err(Fault::Tags(part));
            }
            let tag = scan::key(&part[..equals]);
            if let Some(place) = entry.asset_tags.iter().position(|name| name.as_bytes() == &*tag)
                && place < rank
            {
                (asset, rank) = (Some(value), place);
            }
            if is(&entry.kind_tag, &tag) {
                kind = Some(value);
            }
            if is(&entry.parent_tag, &tag) {
                parent = Some(value);
            }
            at += 1 + stop;
        }
        Ok(Self { measurement, entry, asset: asset.ok_or(Fault::NoAsset)?, kind, parent })
    }

    /// The asset's name; it may have characters no id of ours has.
    pub(super) fn asset(&self) -> Result<Cow<'b, str>, Fault<'b>> {
        let bad = Fault::BadAsset(self.asset);
        match scan::key(self.asset) {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| bad),
            Cow::Owned(bytes) => String::from_utf8(bytes).map(Cow::Owned).map_err(|_| bad),
        }
    }

    /// The checked id.
    pub(super) fn id(&self) -> Result<AssetId, Fault<'b>> {
        AssetId::parse(&self.asset()?).map_err(|_| Fault::BadAsset(self.asset))
    }

    /// What to add for an asset we do not know.
    pub(super) fn registration(&self) -> Result<Asset, Fault<'b>> {
        if !self.entry.register {
            return Err(Fault::UnknownAsset(self.asset));
        }
        let kind = match self.kind {
            None => self.entry.kind.ok_or(Fault::UnknownKind(self.asset))?,
            Some(raw) => {
                let text = scan::key(raw);
                let word = std::str::from_utf8(&text).map_err(|_| Fault::UnknownKind(raw))?;
                let named = self.entry.kinds.get(word).copied();
                named.or_else(|| AssetKind::parse(word).ok()).ok_or(Fault::UnknownKind(raw))?
            }
        };
        let mut asset = Asset::new(self.id()?, kind);
        asset.parent_id = match self.parent {
            None => None,
            Some(raw) => {
                let text = scan::key(raw);
                let word = std::str::from_utf8(&text).ok().and_then(|word| AssetId::parse(word).ok());
                Some(word.ok_or(Fault::BadAsset(raw))?)
            }
        };
        Ok(asset)
    }
}

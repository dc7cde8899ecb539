//! Which asset a row speaks of: vendor names to our ids and kinds, looked up once per name.
//!
//! In: the mapping's names and the site's assets. Out: a small number per asset, and the assets met for the first time.

use crate::mapping::Mapping;
use engine::domain::Asset;
use engine::domain::AssetId;
use engine::domain::AssetKind;
use engine::domain::nearest;
use engine::source::SourceError;
use std::collections::HashMap;

/// The assets of a file.
#[derive(Debug)]
pub(crate) struct FileAssets {
    pub(crate) ids: Vec<AssetId>,
    kinds: Vec<AssetKind>,
    passed_over: Vec<bool>,
    keep: Vec<AssetId>,
    by_text: HashMap<String, u32>,
    last: Option<(String, u32)>,
    /// The site's assets; empty: any id is taken.
    site: HashMap<AssetId, AssetKind>,
    described: HashMap<AssetId, AssetKind>,
    default: Option<AssetKind>,
    attributes: [(String, String); 2],
}

/// Why a name is no asset.
#[derive(Debug)]
pub(crate) struct AssetFault {
    pub(crate) reason: &'static str,
    pub(crate) detail: String,
}

impl FileAssets {
    pub(crate) fn new(mapping: &Mapping, site: &[Asset], keep: &[AssetId]) -> Result<Self, SourceError> {
        let default = mapping.lanes.iter().find(|lane| lane.asset.is_none()).and_then(|lane| lane.kind);
        if site.is_empty() && mapping.lanes.iter().any(|lane| lane.kind.is_none()) {
            let problem = "kind is missing: say which kind of asset the rows speak of, for example kind = \"meter\"";
            return Err(SourceError::Mapping { place: mapping.place.clone(), problem: problem.into() });
        }
        Ok(Self {
            ids: Vec::new(),
            kinds: Vec::new(),
            passed_over: Vec::new(),
            keep: keep.to_vec(),
            by_text: HashMap::new(),
            last: None,
            site: site.iter().map(|asset| (asset.id.clone(), asset.kind)).collect(),
            described: mapping.assets.iter().map(|asset| (asset.id.clone(), asset.kind)).collect(),
            default,
            attributes: [
                ("resolution".into(), mapping.resolution.to_string()),
                ("interval_label".into(), mapping.label.name().into()),
            ],
        })
    }

    /// True when rows go to the table of the kind the site gives.
    pub(crate) fn by_site(&self) -> bool {
        !self.site.is_empty()
    }

    pub(crate) fn kind(&self, index: u32) -> Option<AssetKind> {
        self.kinds.get(index as usize).copied()
    }

    /// True when nobody wants this asset's rows.
    pub(crate) fn passed_over(&self, index: u32) -> bool {
        self.passed_over.get(index as usize).copied().unwrap_or(false)
    }

    pub(crate) fn name(&self, index: u32) -> &str {
        self.ids.get(index as usize).map_or("", AssetId::as_str)
    }

    /// The asset of a text of the asset column; a new one is also given back whole.
    pub(crate) fn find(&mut self, text: &str, mapping: &Mapping) -> Result<(u32, Option<Asset>), AssetFault> {
        if let Some((last, index)) = &self.last
            && last == text
        {
            return Ok((*index, None));
        }
        if let Some(&index) = self.by_text.get(text) {
            match &mut self.last {
                Some((last, held)) => {
                    last.clear();
                    last.push_str(text);
                    *held = index;
                }
                None => self.last = Some((text.to_owned(), index)),
            }
            return Ok((index, None));
        }
        let name = text.trim();
        if name.is_empty() {
            return Err(AssetFault { reason: "no_asset", detail: "the asset cell is empty".into() });
        }
        let id = match mapping.rename.get(name) {
            Some(id) => id.clone(),
            None => AssetId::parse(name).map_err(|error| AssetFault {
                reason: "bad_asset",
                detail: format!("{error}; rename it in the mapping: asset.rename"),
            })?,
        };
        let (index, fresh) = self.enter(id, self.default)?;
        self.by_text.insert(text.to_owned(), index);
        Ok((index, fresh))
    }

    /// The number of an id; the site's or the mapping's kind comes before `kind`.
    pub(crate) fn enter(&mut self, id: AssetId, kind: Option<AssetKind>) -> Result<(u32, Option<Asset>), AssetFault> {
        if let Some(index) = self.ids.iter().position(|held| *held == id) {
            return Ok((index as u32, None));
        }
        let kind = match (self.site.get(&id), self.described.get(&id), kind) {
            (Some(&kind), ..) => kind,
            _ if self.by_site() => {
                let near = nearest(id.as_str(), self.site.keys().map(AssetId::as_str)).map(|near| format!(", nearest is {near:?}"));
                let detail = format!("asset {id} is not known{}; add it to the assets", near.unwrap_or_default());
                return Err(AssetFault { reason: "unknown_asset", detail });
            }
            (_, Some(&kind), _) | (_, _, Some(kind)) => kind,
            _ => return Err(AssetFault { reason: "unknown_asset", detail: format!("the kind of asset {id} is not known") }),
        };
        let fresh = (!self.by_site() && !self.described.contains_key(&id)).then(|| {
            let mut asset = Asset::new(id.clone(), kind);
            asset.attributes.extend(self.attributes.clone());
            asset
        });
        self.passed_over.push(!self.keep.is_empty() && !self.keep.contains(&id));
        self.ids.push(id);
        self.kinds.push(kind);
        Ok((self.ids.len() as u32 - 1, fresh))
    }
}

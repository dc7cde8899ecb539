//! Public sets we know how to read: where they come from, under which licence, and the mapping for the vendor's file.
//!
//! In: nothing; the mappings are embedded. Out: a short list. Not here: downloading; fetch the file from its address and
//! compare the digest.

/// One public set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicSet {
    /// Short name, also the mapping's.
    pub name: &'static str,
    /// One line for people.
    pub title: &'static str,
    /// Where the vendor publishes it.
    pub address: &'static str,
    /// Terms of the data.
    pub licence: &'static str,
    /// Name of the vendor's file.
    pub file: &'static str,
    /// Digest of the unpacked file, lower-case hex.
    pub sha256: &'static str,
    /// The mapping, TOML.
    pub mapping: &'static str,
    /// What to know before use.
    pub note: &'static str,
}

/// The sets, by name.
pub const PUBLIC_SETS: &[PublicSet] = &[
    PublicSet {
        name: "etth1",
        title: "ETTh1: transformer loads and oil temperature, hourly, 2016-07 to 2018-06",
        address: "https://github.com/zhouhaoyi/ETDataset",
        licence: "CC BY-ND 4.0",
        file: "ETTh1.csv",
        sha256: "f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066",
        mapping: include_str!("../mappings/etth1.toml"),
        note: "no derivatives: read it in place and ship nothing made from it; zone and units of the loads are not stated",
    },
    PublicSet {
        name: "la_haute_borne",
        title: "La Haute Borne wind farm, SCADA, 10 minutes, 2014-2015",
        address: "https://opendata-renewables.engie.com",
        licence: "Licence Ouverte / Open Licence 2.0 (Etalab)",
        file: "la-haute-borne-data-2014-2015.csv",
        sha256: "9be32aabe7e6b911f58ad3a9f292aed1e5b48cdc603b35d3feccb94f4c043cf4",
        mapping: include_str!("../mappings/la_haute_borne.toml"),
        note: "the offsets in the file are wrong, the wall clock is UTC; 48 twin rows are told apart by the least jump",
    },
    PublicSet {
        name: "tetouan",
        title: "Tetouan city, load of three zones and weather, 10 minutes, 2017",
        address: "https://doi.org/10.24432/C5B034",
        licence: "CC BY 4.0",
        file: "Tetuan City power consumption.csv",
        sha256: "d5f8e1062bbc30c0f4855d61d33103f5185ad4e70ed0e5a42393975d536dcb55",
        mapping: include_str!("../mappings/tetouan.toml"),
        note: "the clock is a fixed UTC+01:00, not Moroccan civil time; the last day of the year is absent",
    },
];

/// The set of that name.
pub fn public_set(name: &str) -> Option<&'static PublicSet> {
    PUBLIC_SETS.iter().find(|set| set.name == name)
}

#[cfg(test)]
mod tests {
    use super::PUBLIC_SETS;
    use connectors::mapping::Mapping;
    use engine::domain::Quantities;

    #[test]
    fn every_mapping_reads_and_names_are_sorted() {
        for set in PUBLIC_SETS {
            let mapping = Mapping::parse(set.mapping, set.name, &Quantities::standard()).unwrap();
            assert_eq!(mapping.name(), set.name);
            assert_eq!(set.sha256.len(), 64);
        }
        assert!(PUBLIC_SETS.is_sorted_by_key(|set| set.name));
    }
}

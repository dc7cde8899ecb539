//! GRIB2 files: the fields we have a use for, at the points where the assets stand.
//!
//! In: a stream of messages, one in memory at a time. Out: cells; totals and means of radiation go to [`Fluxes`], which needs those of all
//! files. Framing, products and regular grids are read here after the WMO Manual on Codes (No. 306, vol. I.2, FM 92); unpacking of
//! values (but for images) and the other grids are those of the crate `grib`.

mod decode;
mod flux;
mod grid;
mod image;
mod message;
mod octets;
mod product;

pub(super) use flux::Fluxes;

use super::Settings;
use super::WeatherSummary;
use super::cells::Cells;
use super::cells::Run;
use engine::domain::from_micros;
use engine::source::Reject;
use engine::source::SourceError;
use flux::Total;
use grid::Located;
use message::Field;
use message::Messages;
use product::Product;
use product::Statistic;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io::BufRead;
use std::sync::Arc;

/// Different grids remembered at a time; a file has one or a few.
const GRIDS: usize = 8;

/// One file being read.
#[derive(Debug)]
pub(super) struct GribFile {
    place: String,
    messages: Messages,
    grids: BTreeMap<Vec<u8>, Arc<Located>>,
    /// Assets that were told to be outside a grid.
    told: BTreeSet<String>,
    /// Whether any field had a point for any asset, and whether any was wanted.
    placed: bool,
    wanted: bool,
}

impl GribFile {
    pub(super) fn new(input: Box<dyn BufRead + Send>, place: &str) -> Self {
        let (grids, told) = (BTreeMap::new(), BTreeSet::new());
        Self { place: place.into(), messages: Messages::new(input, place), grids, told, placed: false, wanted: false }
    }

    /// Reads one message; false at the end of the file.
    pub(super) fn next(
        &mut self,
        settings: &Settings,
        fluxes: &mut Fluxes,
        summary: &mut WeatherSummary,
        cells: &mut Cells,
        rejects: &mut Vec<Reject>,
    ) -> Result<bool, SourceError> {
        let Some(message) = self.messages.next()? else {
            return self.ended().map(|()| false);
        };
        let at = format!("{}: message {} at byte {}", self.place, message.number, message.position);
        let refuse = |problem: String| SourceError::Format { place: at.clone(), problem };
        for field in message.fields().map_err(refuse)? {
            let product = match Product::read(&field).map_err(refuse)? {
                Ok(product) => product,
                Err(other) => {
                    summary.pass_over(&other);
                    continue;
                }
            };
            self.wanted = true;
            self.take(&field, &product, settings, fluxes, cells, rejects).map_err(refuse)?;
        }
        Ok(true)
    }

    fn ended(&self) -> Result<(), SourceError> {
        let refuse = |problem: &str| Err(SourceError::Format { place: self.place.clone(), problem: problem.into() });
        match (self.wanted, self.placed) {
            (false, _) => refuse(
                "no field of it is known: wanted are 2t, 2d, 2r, 10u/v, 100u/v, sp, msl, tcc (instants) and ssrd or dswrf; choose those when downloading",
            ),
            (true, false) => refuse("no asset lies in its grid; download the area where the assets stand"),
            (true, true) => Ok(()),
        }
    }

    fn take(
        &mut self,
        field: &Field<'_>,
        product: &Product,
        settings: &Settings,
        fluxes: &mut Fluxes,
        cells: &mut Cells,
        rejects: &mut Vec<Reject>,
    ) -> Result<(), String> {
        let located = self.located(field, settings)?;
        if product.is_wind() && located.turned_winds {
            let detail = format!(
                "{}: {} is relative to a {} grid; turn winds to east and north first",
                self.place, product.quantity, located.kind
            );
            rejects.push(Reject { line: None, reason: "grid_winds", detail, raw: String::new() });
            return Ok(());
        }
        let indices: Vec<usize> = located.spots.iter().flatten().flatten().map(|(index, _)| *index).collect();
        let values = if indices.is_empty() { BTreeMap::new() } else { decode::values(field, located.points, &indices)? };
        let source = settings.options.source.clone().unwrap_or_else(|| product.centre.clone());
        let source = product.member.map_or(source.clone(), |member| format!("{source}_member{member:02}"));
        let delay = i64::try_from(settings.delay.as_micros()).unwrap_or(i64::MAX / 4);
        let run = Run { source, init: product.init, known: product.init.saturating_add(delay) };
        for (asset, spot) in settings.places.iter().zip(&located.spots) {
            let Some(spot) = spot else {
                if self.told.insert(asset.id.to_string()) {
                    let detail = format!(
                        "{}: asset {} at {:.3} N {:.3} E lies outside the {} grid {}; download a larger area",
                        self.place, asset.id, asset.location.latitude, asset.location.longitude, located.kind, located.extent
                    );
                    rejects.push(Reject { line: None, reason: "outside_grid", detail, raw: String::new() });
                }
                continue;
            };
            self.placed = true;
            // Points without a value (the sea of a land model) leave their weight to the others.
            let known = spot.iter().filter_map(|(index, weight)| Some((values.get(index).filter(|v| v.is_finite())?, weight)));
            let (sum, weight) = known.fold((0.0, 0.0), |(sum, all), (value, weight)| (sum + weight * value, all + weight));
            if weight <= 0.0 {
                continue;
            }
            let value = sum / weight;
            let seconds = (product.to - product.from) as f64 / 1e6;
            let energy = match product.statistic {
                Statistic::Instant => {
                    let value = product.scale * value + product.shift;
                    cells.check_and_put(
                        (&run, product.to, &asset.id),
                        (product.quantity, value),
                        &settings.options.quantities,
                        rejects,
                    );
                    continue;
                }
                Statistic::Mean => value * seconds,
                Statistic::Sum => value,
            };
            fluxes.put(&run, &asset.id, Total { quantity: product.quantity, from: product.from, to: product.to, energy });
        }
        Ok(())
    }

    fn located(&mut self, field: &Field<'_>, settings: &Settings) -> Result<Arc<Located>, String> {
        if let Some(found) = self.grids.get(field.grid) {
            return Ok(Arc::clone(found));
        }
        let found = Arc::new(Located::new(field.grid, &settings.places)?);
        if self.grids.len() >= GRIDS {
            self.grids.clear();
        }
        self.grids.insert(field.grid.to_vec(), Arc::clone(&found));
        Ok(found)
    }
}

/// A time for people.
fn shown(micros: i64) -> String {
    from_micros(micros).to_string()
}

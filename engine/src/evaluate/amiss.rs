//! What is amiss with the inputs of a forecast: telemetry that stopped, weather that is late or absent, little history.
//!
//! In: a prepared target and an issue time. Out: notes; none when all is as usual. What is then done about it is in `fallback`.

use crate::domain::{Note, NoteCode, Timestamp, from_micros};
use crate::features::{Context, TargetKind, View};

/// Telemetry is stale when its newest row is older than this beyond its usual delay, hours, and than so many rows.
const STALE: (usize, usize) = (3, 4);
/// Age of the newest weather run from which on it is late, hours: three of the four runs a day of the great centres did not come.
const LATE_HOURS: i64 = 18;
/// Hours by which the weather may reach less far than it did a day before.
const SHORTER_HOURS: i64 = 6;
/// Days of history below which models had little to learn from.
const LITTLE_DAYS: usize = 28;
const HOUR: i64 = 3_600_000_000;

/// Notes on the inputs of a forecast issued at `time`, a time of the context's grid.
pub fn amiss(context: &Context, time: Timestamp) -> Vec<Note> {
    let Some(origin) = context.index(time) else { return Vec::new() };
    let view = context.view(origin);
    [telemetry(&view), weather(&view), history(&view)].into_iter().flatten().collect()
}

fn telemetry(view: &View<'_>) -> Option<Note> {
    let context = view.context;
    let newest = view.series().last_before(view.origin)?;
    let age = (view.origin - newest).saturating_sub(1 + view.delay);
    let patience = (STALE.0 * context.hour).max(STALE.1);
    (age > patience).then(|| {
        let since = context.time(newest + 1);
        // The first day is forecast from there as long as such a forecast reaches into it.
        let reaches = view.origin - newest - 1 < context.horizon;
        let step = reaches.then(|| context.time(view.origin + context.day.min(context.horizon - (view.origin - newest - 1))));
        Note { code: NoteCode::TelemetryStale, since: Some(since), step }
    })
}

fn weather(view: &View<'_>) -> Option<Note> {
    let context = view.context;
    let matters = context.kind != TargetKind::Load || !context.weather.is_empty();
    if !matters {
        return None;
    }
    let issue = context.micros(view.origin);
    let last = context.micros(view.origin + context.horizon - 1);
    let Some((init, end)) = context.weather.reach(issue).filter(|(_, end)| *end >= issue) else {
        return Some(Note::new(NoteCode::WeatherMissing));
    };
    let before = context.weather.reach(issue - 24 * HOUR).map_or(0, |(_, end)| (last - 24 * HOUR - end).max(0));
    let shorter = (last - end).max(0) > before + SHORTER_HOURS * HOUR;
    let old = issue - init > LATE_HOURS * HOUR;
    (old || shorter).then(|| {
        let uncovered = (0..context.horizon).map(|k| context.micros(view.origin + k)).find(|time| *time > end);
        Note { code: NoteCode::WeatherLate, since: Some(from_micros(init)), step: uncovered.map(from_micros) }
    })
}

fn history(view: &View<'_>) -> Option<Note> {
    let context = view.context;
    let first = view.past(0).iter().position(|value| value.is_finite());
    (view.known() < LITTLE_DAYS * context.day).then(|| {
        let since = first.map(|row| context.time(row));
        Note { code: NoteCode::LittleHistory, since, step: None }
    })
}

#[cfg(test)]
mod tests {
    use super::amiss;
    use crate::domain::{Note, NoteCode};
    use crate::features::{Context, Target, TargetKind, sample};

    fn notes(target: &Target, at: usize) -> Vec<Note> {
        amiss(&Context::new(target, 48, &[sample::at(at)]).unwrap(), sample::at(at))
    }

    fn note(code: NoteCode, since: Option<usize>, step: Option<usize>) -> Note {
        Note { code, since: since.map(sample::at), step: step.map(sample::at) }
    }

    #[test]
    fn nothing_is_amiss_while_rows_and_runs_come() {
        assert_eq!(notes(&sample::wind(40), 40 * 24), []);
        assert_eq!(notes(&sample::load(40), 40 * 24 - 3), []);
    }

    #[test]
    fn telemetry_that_stopped_is_told_with_its_end() {
        let target = sample::load(40);
        assert_eq!(notes(&target, 40 * 24 + 4), []);
        assert_eq!(notes(&target, 40 * 24 + 5), [note(NoteCode::TelemetryStale, Some(40 * 24), Some(41 * 24 + 5))]);
        assert_eq!(notes(&target, 41 * 24 + 6), [note(NoteCode::TelemetryStale, Some(40 * 24), Some(41 * 24 + 24))]);
        assert_eq!(notes(&target, 42 * 24), [note(NoteCode::TelemetryStale, Some(40 * 24), None)]);
        // What usually comes ten hours late is not stale then.
        let mut late = sample::load(40);
        late.frame.available_at.iter_mut().for_each(|known| *known += 10 * 3_600_000_000);
        assert_eq!(notes(&late, 40 * 24 + 10), []);
        assert_eq!(notes(&late, 40 * 24 + 15).len(), 1);
    }

    #[test]
    fn weather_that_is_late_or_absent_is_told() {
        let mut target = sample::wind(40);
        let last = 38 * 24;
        target.weather.rows.retain(|row| row.init_time <= sample::at(last));
        assert_eq!(notes(&target, last + 6), [] as [Note; 0]);
        assert_eq!(notes(&target, last + 20), [note(NoteCode::WeatherLate, Some(last), Some(last + 50))]);
        let gone = notes(&target, 40 * 24 + 3);
        assert_eq!(gone, [note(NoteCode::WeatherMissing, None, None)]);
        let never = sample::target(TargetKind::Wind, 40, |i| 50.0 + 10.0 * sample::noise(i));
        assert_eq!(notes(&never, 40 * 24), [Note::new(NoteCode::WeatherMissing)]);
    }

    #[test]
    fn a_short_history_is_told() {
        let mut target = sample::load(27);
        assert_eq!(notes(&target, 27 * 24), [note(NoteCode::LittleHistory, Some(0), None)]);
        target.frame.available_at.fill(i64::MAX);
        assert_eq!(notes(&target, 27 * 24), [note(NoteCode::LittleHistory, None, None)]);
    }
}

//! Which inputs a context has: a list of names to store beside a model. In: a context. Out: names, the same for the same inputs.

use super::Context;

impl Context {
    /// Names of the inputs: the quantity itself, the calendar, others that hold it, stations, measured wind, weather runs.
    pub fn inputs(&self) -> Vec<String> {
        let mut names = vec![self.quantity.name().to_owned(), "calendar".to_owned()];
        let counted = [("relatives", self.siblings.len()), ("stations", self.station.len()), ("anemometers", self.winds.len())];
        names.extend(counted.iter().filter(|(_, count)| *count > 0).map(|(name, count)| format!("{name}:{count}")));
        names.extend(self.weather.layout().quantities().iter().map(|quantity| format!("weather.{}", quantity.name())));
        names
    }
}

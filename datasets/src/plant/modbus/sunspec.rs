//! Register images of SunSpec devices: inverters (models 1, 103, 120), meters (1, 203), the weather station (1, 302, 303, 307).
//!
//! In: a device. Out: its holding registers from 40000 at any moment. Layouts after the SunSpec model definitions; what a device does not
//! have, and what its sensors cannot say now, is "not implemented" as the SunSpec Information Model Specification (section 6.4.2) writes
//! it. A test reads the images with the SunSpec Alliance's own client.

use super::super::board::Reading;
use super::super::board::State;
use super::super::fleet::Device;
use super::super::fleet::Fleet;
use super::Place;
use engine::domain::AssetKind;

/// `SunS`.
const MARKER: [u16; 2] = [0x5375, 0x6e53];
const END: [u16; 2] = [0xffff, 0];

/// Points of each model after its id and length: name and type (`u` uint16, `i` int16, `f` scale factor, `a` acc32, `e` enum16,
/// `b` bitfield32, `p` pad).
const MODEL_103: &str = "A:u AphA:u AphB:u AphC:u A_SF:f PPVphAB:u PPVphBC:u PPVphCA:u PhVphA:u PhVphB:u PhVphC:u V_SF:f W:i W_SF:f \
     Hz:u Hz_SF:f VA:i VA_SF:f VAr:i VAr_SF:f PF:i PF_SF:f WH:a WH_SF:f DCA:u DCA_SF:f DCV:u DCV_SF:f DCW:i DCW_SF:f TmpCab:i TmpSnk:i \
     TmpTrns:i TmpOt:i Tmp_SF:f St:e StVnd:e Evt1:b Evt2:b EvtVnd1:b EvtVnd2:b EvtVnd3:b EvtVnd4:b";
const MODEL_120: &str = "DERTyp:e WRtg:u WRtg_SF:f VARtg:u VARtg_SF:f VArRtgQ1:i VArRtgQ2:i VArRtgQ3:i VArRtgQ4:i VArRtg_SF:f ARtg:u \
     ARtg_SF:f PFRtgQ1:i PFRtgQ2:i PFRtgQ3:i PFRtgQ4:i PFRtg_SF:f WHRtg:u WHRtg_SF:f AhrRtg:u AhrRtg_SF:f MaxChaRte:u MaxChaRte_SF:f \
     MaxDisChaRte:u MaxDisChaRte_SF:f Pad:p";
const MODEL_203: &str = "A:i AphA:i AphB:i AphC:i A_SF:f PhV:i PhVphA:i PhVphB:i PhVphC:i PPV:i PhVphAB:i PhVphBC:i PhVphCA:i V_SF:f \
     Hz:i Hz_SF:f W:i WphA:i WphB:i WphC:i W_SF:f VA:i VAphA:i VAphB:i VAphC:i VA_SF:f VAR:i VARphA:i VARphB:i VARphC:i VAR_SF:f PF:i \
     PFphA:i PFphB:i PFphC:i PF_SF:f TotWhExp:a TotWhExpPhA:a TotWhExpPhB:a TotWhExpPhC:a TotWhImp:a TotWhImpPhA:a TotWhImpPhB:a \
     TotWhImpPhC:a TotWh_SF:f TotVAhExp:a TotVAhExpPhA:a TotVAhExpPhB:a TotVAhExpPhC:a TotVAhImp:a TotVAhImpPhA:a TotVAhImpPhB:a \
     TotVAhImpPhC:a TotVAh_SF:f TotVArhImpQ1:a TotVArhImpQ1PhA:a TotVArhImpQ1PhB:a TotVArhImpQ1PhC:a TotVArhImpQ2:a TotVArhImpQ2PhA:a \
     TotVArhImpQ2PhB:a TotVArhImpQ2PhC:a TotVArhExpQ3:a TotVArhExpQ3PhA:a TotVArhExpQ3PhB:a TotVArhExpQ3PhC:a TotVArhExpQ4:a \
     TotVArhExpQ4PhA:a TotVArhExpQ4PhB:a TotVArhExpQ4PhC:a TotVArh_SF:f Evt:b";
const MODEL_302: &str = "GHI:u POAI:u DFI:u DNI:u OTI:u";
const MODEL_303: &str = "TmpBOM:i";
const MODEL_307: &str = "TmpAmb:i RH:i Pres:i WndSpd:i WndDir:i Rain:i Snw:i PPT:i ElecFld:i SurWet:i SoilWet:i";

/// Volts between phases and to neutral on the grid side of an inverter and of a feeder; 50 Hz in hundredths.
const INVERTER_VOLTS: (f64, i32) = (690.0, 398);
const FEEDER_VOLTS: (f64, i32) = (22_000.0, 12_702);
const HERTZ: i32 = 5000;

/// What is written at a register.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Writes {
    /// The value times this factor, as an unsigned or signed word or two words.
    Word(f64),
    Signed(f64),
    Long(f64),
    /// Operating state of model 103 from the power: 4 MPPT, 2 sleeping.
    State,
    /// Bit 2 (AC_DISCONNECT) of Evt1 while the alarm is raised.
    Event,
}

#[derive(Debug)]
struct Fill {
    signal: usize,
    register: usize,
    writes: Writes,
    /// Address and unit for points files; without it the register repeats a signal that is elsewhere.
    place: Option<(String, Option<&'static str>)>,
}

/// Holding registers of one device.
#[derive(Debug)]
pub(super) struct Image {
    template: Vec<u16>,
    fills: Vec<Fill>,
    signals: std::ops::Range<usize>,
}

impl Image {
    /// First register, counted from 0.
    pub(super) const BASE: u16 = 40_000;

    /// The image of a device that speaks SunSpec.
    pub(super) fn new(fleet: &Fleet, device: &Device) -> Option<Self> {
        let mut image = Self { template: MARKER.to_vec(), fills: Vec::new(), signals: device.signals.clone() };
        let model = match device.asset.kind {
            AssetKind::PvInverter => "PV inverter 2500",
            AssetKind::Meter => "Feeder meter",
            AssetKind::WeatherStation => "Weather station",
            _ => return None,
        };
        image.identity(model, &device.name);
        let mut builder = Builder { image, fleet, device };
        match device.asset.kind {
            AssetKind::PvInverter => builder.inverter(),
            AssetKind::Meter => builder.meter(),
            _ => builder.station(),
        }
        builder.image.template.extend(END);
        Some(builder.image)
    }

    /// The registers at that moment; `None` while the device is silent.
    pub(super) fn read(&self, now: &[Reading]) -> Option<Vec<u16>> {
        if now.get(self.signals.clone())?.iter().all(|reading| reading.state == State::CommsLost) {
            return None;
        }
        let mut registers = self.template.clone();
        for fill in &self.fills {
            let Some(value) = now.get(fill.signal).and_then(Reading::good) else { continue };
            let mut put = |at: usize, word: u16| {
                if let Some(register) = registers.get_mut(at) {
                    *register = word;
                }
            };
            match fill.writes {
                // Never the word that means "not implemented".
                Writes::Word(factor) => put(fill.register, (value * factor).round().clamp(0.0, 65_534.0) as u16),
                Writes::Signed(factor) => {
                    put(fill.register, ((value * factor).round().clamp(-32_767.0, 32_767.0) as i16).cast_unsigned());
                }
                Writes::Long(factor) => {
                    let long = (value * factor).round().clamp(0.0, f64::from(u32::MAX)) as u32;
                    put(fill.register, (long >> 16) as u16);
                    put(fill.register + 1, long as u16);
                }
                Writes::State => put(fill.register, if value > 0.0 { 4 } else { 2 }),
                Writes::Event => put(fill.register + 1, if value > 0.0 { 1 << 2 } else { 0 }),
            }
        }
        Some(registers)
    }

    pub(super) fn places(&self) -> impl Iterator<Item = Place> {
        self.fills.iter().filter_map(|fill| {
            let (address, unit) = fill.place.clone()?;
            Some(Place { signal: fill.signal, address, unit, kind: None })
        })
    }

    /// Model 1: manufacturer, model, options, version, serial number, address.
    fn identity(&mut self, model: &str, serial: &str) {
        self.template.extend([1, 66]);
        for (text, words) in [("Chergui", 16), (model, 16), ("", 8), (env!("CARGO_PKG_VERSION"), 8), (serial, 16)] {
            let mut bytes = text.bytes().take(2 * words).collect::<Vec<u8>>();
            bytes.resize(2 * words, 0);
            self.template.extend(bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])));
        }
        self.template.extend([0xffff, 0x8000]);
    }
}

/// Appends models.
struct Builder<'a> {
    image: Image,
    fleet: &'a Fleet,
    device: &'a Device,
}

/// One model being filled in.
struct Model {
    id: u16,
    points: Vec<(&'static str, usize)>,
}

impl Model {
    fn at(&self, point: &str) -> Option<usize> {
        self.points.iter().find(|(name, _)| *name == point).map(|(_, register)| *register)
    }
}

impl Builder<'_> {
    fn inverter(&mut self) {
        let model = self.model(103, MODEL_103);
        let scales =
            [("A_SF", 0), ("V_SF", 0), ("W_SF", 2), ("Hz_SF", -2), ("WH_SF", 2), ("DCA_SF", -1), ("DCV_SF", -1), ("Tmp_SF", -1)];
        let (between, neutral) = INVERTER_VOLTS;
        let volts = ["PhVphA", "PhVphB", "PhVphC"].map(|point| (point, neutral));
        self.constants(&model, &scales);
        self.constants(&model, &volts);
        self.constants(&model, &[("Hz", HERTZ), ("Evt1", 0), ("Evt2", 0)]);
        let phase = 1000.0 / (3.0_f64.sqrt() * between);
        self.fill(&model, "W", "active_power", Writes::Signed(10.0), Some("W"));
        self.repeat(&model, "A", Writes::Word(3.0 * phase));
        for point in ["AphA", "AphB", "AphC"] {
            self.repeat(&model, point, Writes::Word(phase));
        }
        self.repeat(&model, "St", Writes::State);
        self.fill(&model, "WH", "active_energy", Writes::Long(10.0), Some("Wh"));
        self.fill(&model, "DCA", "current", Writes::Word(10.0), None);
        self.fill(&model, "DCV", "voltage", Writes::Word(10.0), None);
        self.fill(&model, "TmpOt", "temp_cell", Writes::Signed(10.0), None);
        self.fill(&model, "Evt1", "stopped", Writes::Event, None);
        let plate = self.model(120, MODEL_120);
        let rated = self.device.asset.capacity_kw.unwrap_or(0.0);
        let words = (rated * 10.0) as i32;
        let amps = (rated * 3.0 * phase) as i32;
        // 4: PV. The rating of reactive power is a third of the active one's, power factor 0.95.
        self.constants(
            &plate,
            &[("DERTyp", 4), ("WRtg", words), ("WRtg_SF", 2), ("VARtg", words), ("VARtg_SF", 2), ("ARtg", amps)],
        );
        self.constants(&plate, &[("ARtg_SF", 0), ("VArRtg_SF", 2), ("VArRtgQ1", words / 3), ("VArRtgQ4", -words / 3)]);
        self.constants(&plate, &[("PFRtg_SF", -2), ("PFRtgQ1", 95), ("PFRtgQ4", -95)]);
    }

    fn meter(&mut self) {
        let model = self.model(203, MODEL_203);
        let (between, neutral) = FEEDER_VOLTS;
        self.constants(
            &model,
            &[("A_SF", -1), ("V_SF", 0), ("Hz_SF", -2), ("W_SF", 3), ("TotWh_SF", 3), ("Hz", HERTZ), ("Evt", 0)],
        );
        let neutrals = ["PhV", "PhVphA", "PhVphB", "PhVphC"].map(|point| (point, neutral));
        let pairs = ["PPV", "PhVphAB", "PhVphBC", "PhVphCA"].map(|point| (point, between as i32));
        self.constants(&model, &neutrals);
        self.constants(&model, &pairs);
        let phase = 10_000.0 / (3.0_f64.sqrt() * between);
        self.fill(&model, "W", "load", Writes::Signed(1.0), Some("W"));
        self.repeat(&model, "A", Writes::Signed(3.0 * phase));
        for point in ["AphA", "AphB", "AphC"] {
            self.repeat(&model, point, Writes::Signed(phase));
        }
        self.fill(&model, "TotWhImp", "active_energy", Writes::Long(1.0), Some("Wh"));
    }

    fn station(&mut self) {
        let model = self.model(302, MODEL_302);
        for (point, key) in [("GHI", "ghi"), ("POAI", "poa_global"), ("DFI", "dhi"), ("DNI", "dni")] {
            self.fill(&model, point, key, Writes::Word(1.0), None);
        }
        let model = self.model(303, MODEL_303);
        self.fill(&model, "TmpBOM", "temp_module", Writes::Signed(10.0), None);
        let model = self.model(307, MODEL_307);
        self.fill(&model, "TmpAmb", "temp_air", Writes::Signed(10.0), None);
        self.fill(&model, "RH", "relative_humidity", Writes::Signed(1.0), None);
        self.fill(&model, "WndSpd", "wind_speed", Writes::Signed(1.0), None);
        self.fill(&model, "Rain", "precipitation", Writes::Signed(1.0), None);
    }

    /// A model's header and its points, all not implemented.
    fn model(&mut self, id: u16, layout: &'static str) -> Model {
        let registers = &mut self.image.template;
        let head = registers.len();
        registers.extend([id, 0]);
        let mut points = Vec::new();
        for (name, kind) in layout.split_whitespace().filter_map(|point| point.split_once(':')) {
            points.push((name, registers.len()));
            match kind {
                "i" | "f" | "p" => registers.push(0x8000),
                "a" => registers.extend([0, 0]),
                "b" => registers.extend([0xffff, 0xffff]),
                _ => registers.push(0xffff),
            }
        }
        let length = registers.len() - head - 2;
        if let Some(register) = registers.get_mut(head + 1) {
            *register = u16::try_from(length).unwrap_or(0);
        }
        Model { id, points }
    }

    /// Writes what never changes. A bit field is two words, and both get the word of 0.
    fn constants(&mut self, model: &Model, values: &[(&str, i32)]) {
        for (point, value) in values {
            let Some(at) = model.at(point) else { continue };
            let words = if point.starts_with("Evt") { 2 } else { 1 };
            for register in self.image.template.iter_mut().skip(at).take(words) {
                *register = (*value as u32 & 0xffff) as u16;
            }
        }
    }

    /// Writes a signal; its unit there if it is not the stored one.
    fn fill(&mut self, model: &Model, point: &str, key: &str, writes: Writes, unit: Option<&'static str>) {
        if let (Some(register), Some(signal)) = (model.at(point), self.fleet.find(self.device, key)) {
            // Points of these models repeat, one block for each sensor.
            let block = if matches!(model.id, 302 | 303) { "[1]" } else { "" };
            let place = Some((format!("sunspec:{}/{point}{block}", model.id), unit));
            self.image.fills.push(Fill { signal, register, writes, place });
        }
    }

    /// Writes what follows from the power or load.
    fn repeat(&mut self, model: &Model, point: &str, writes: Writes) {
        let power = self.fleet.find(self.device, "active_power").or_else(|| self.fleet.find(self.device, "load"));
        if let (Some(register), Some(signal)) = (model.at(point), power) {
            self.image.fills.push(Fill { signal, register, writes, place: None });
        }
    }
}

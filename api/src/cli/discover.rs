//! `chergui discover`: what a plant offers becomes a points file with our quantities guessed, for a person to confirm.
//!
//! In: a protocol and its settings, or a connection of the configuration. Out: a file, or standard output. Nothing is written to the plant.

use super::{args, failure::Failure, progress, serve, serve::say};
use crate::config::ConfigError;
use clap::Args;
use connectors::connection::Connection;
use connectors::live::{Link, Points, points_file};
use engine::domain::{Quantities, Timestamp, nearest};
use std::path::{Path, PathBuf};

/// What a connection shows of a secret.
const VEIL: &str = "…";

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    chergui discover modbus host=192.168.1.20 -o inverters.toml\n  \
    chergui discover opcua url=opc.tcp://scada:4840 -o plant.toml\n  \
    chergui discover iec104 'links=[\"10.0.0.7:2404\"]' -o station.toml\n  \
    chergui discover mqtt host=broker -o plant.toml\n  \
    chergui discover --connection tarfaya -o tarfaya.toml\n\
    Then read the file, correct it, name it as `points` of a [[connection]] and try it: chergui check-config --connect")]
pub(super) struct Discover {
    /// Protocol: modbus, opcua, iec104, mqtt, mms, files, http, nats or kafka.
    #[arg(required_unless_present = "connection")]
    protocol: Option<String>,
    /// Its settings, as [connection.from.PROTOCOL] has them: host=192.168.1.20 port=502 (docs/connectors/PROTOCOL.md).
    #[arg(value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// A connection of the configuration instead; keeps passwords off the command line.
    #[arg(long, value_name = "NAME", conflicts_with = "protocol")]
    connection: Option<String>,
    /// File to write; it must not be there yet (default: standard output).
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) async fn run(place: &args::Place, options: Discover) -> Result<(), Failure> {
    if let Some(path) = options.output.as_deref().filter(|path| path.exists()) {
        return Err(Failure::usage(format!(
            "{} is there already; choose another name, so that nothing you wrote is lost",
            path.display()
        )));
    }
    let (connection, given) = match &options.connection {
        Some(name) => {
            let wrong = |error: ConfigError| Failure::usage(error.to_string());
            (serve::config(place)?.connection(name).map_err(wrong)?.from.clone(), None)
        }
        None => {
            let (connection, given) =
                from_words(options.protocol.as_deref().unwrap_or_default(), &options.settings).map_err(Failure::usage)?;
            (connection, Some(given))
        }
    };
    let protocol = connection.protocol();
    let bar = progress::waiting(&format!("looking at {}", protocol.peer()));
    let told = bar.clone();
    let found = protocol.discover(&Link::new("discover", Timestamp::now), &move |line| told.set_message(line.to_owned())).await;
    bar.finish_and_clear();
    let found = found.map_err(|error| Failure::Work(error.to_string()))?;
    if found.is_empty() {
        return Err(Failure::Work(format!("{} answered, but offers nothing that can be read", protocol.peer())));
    }
    let text = points_file(&protocol.peer(), &found);
    match &options.output {
        Some(path) => write(path, &text, found.len(), given),
        None => {
            say(text.trim_end());
            Ok(())
        }
    }
}

/// `given`: the settings of the command line; none: the connection stands in the configuration.
fn write(path: &Path, text: &str, found: usize, given: Option<toml::Table>) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|cause| Failure::io(path, &cause))?;
    let points = Points::parse(text, &path.display().to_string(), &Quantities::standard()).map(|points| points.points().len());
    let guessed = points.unwrap_or(0);
    say(&format!("{}: {found} found, {guessed} with a quantity or as an event; the others are there as comments", path.display()));
    say(&match given {
        Some(given) => advice(&entry(path, given)),
        None => "Read and correct it, and try it: chergui check-config --connect, with the same configuration".to_owned(),
    });
    Ok(())
}

/// What to do with the points file and the entry.
fn advice(entry: &str) -> String {
    let secret = if entry.contains(VEIL) { ", with the secret in place of …," } else { "" };
    let entry = entry.trim_end();
    format!(
        "Read and correct it, add this{secret} to chergui.toml, and try it: chergui --config chergui.toml check-config --connect\n\n{entry}"
    )
}

/// The connection for the configuration, as a person would write it.
fn entry(points: &Path, from: toml::Table) -> String {
    let mut entry = toml::Table::new();
    let stem = points.file_stem().unwrap_or_default().to_string_lossy();
    let name = stem.replace(|c: char| !c.is_ascii_alphanumeric() && c != '-', "_");
    entry.insert("name".into(), name.into());
    entry.insert("points".into(), points.display().to_string().into());
    entry.insert("from".into(), toml::Value::Table(from));
    let whole = toml::Table::from_iter([("connection".to_owned(), toml::Value::Array(vec![toml::Value::Table(entry)]))]);
    whole.to_string()
}

/// What the connection shows only as [`VEIL`] is not shown in the words either.
fn veiled(words: &mut toml::Table, shown: &toml::Table) {
    for (key, value) in words {
        match (value, shown.get(key)) {
            (toml::Value::Table(words), Some(toml::Value::Table(shown))) => veiled(words, shown),
            (value, Some(toml::Value::String(text))) if text == VEIL => *value = toml::Value::String(VEIL.into()),
            _ => {}
        }
    }
}

/// Settings from words `key=value`; `a.b=c` is a table. A value is read as TOML where that is possible, else as text. Also the words as the
/// table they make, without secrets.
fn from_words(protocol: &str, words: &[String]) -> Result<(Connection, toml::Table), String> {
    if !Connection::NAMES.contains(&protocol) {
        let known = Connection::NAMES.join(", ");
        let near = nearest(protocol, Connection::NAMES.iter().copied()).map(|near| format!(", nearest is {near}"));
        return Err(format!("there is no protocol {protocol:?}{}; there are {known}", near.unwrap_or_default()));
    }
    let mut settings = toml::Table::new();
    for word in words {
        let Some((key, text)) = word.split_once('=') else {
            return Err(format!("{word:?}: write a setting as key=value, for example host=192.168.1.20"));
        };
        let value = toml::from_str::<toml::Table>(&format!("value = {text}")).ok().and_then(|mut table| table.remove("value"));
        let value = value.unwrap_or_else(|| toml::Value::String(text.into()));
        let mut table = &mut settings;
        let mut path: Vec<&str> = key.split('.').collect();
        let Some(last) = path.pop() else { continue };
        for part in path {
            let inner = table.entry(part).or_insert_with(|| toml::Value::Table(toml::Table::new()));
            table = inner.as_table_mut().ok_or_else(|| format!("{word:?}: {part} is a value already, not a table"))?;
        }
        table.insert(last.into(), value);
    }
    let mut whole = toml::Table::from_iter([(protocol.to_owned(), toml::Value::Table(settings))]);
    let page = if matches!(protocol, "nats" | "kafka") { "bus" } else { protocol };
    let connection: Connection = whole.clone().try_into().map_err(|error: toml::de::Error| {
        let is_text = error.message().contains("expected a string") || error.message().contains("expected string");
        let hint = if is_text { "; a text of digits is written key='\"4711\"'" } else { "" };
        format!("{protocol}: {}{hint}; the settings stand in docs/connectors/{page}.md", error.message())
    })?;
    let shown = toml::Table::try_from(&connection).map_err(|error| error.to_string())?;
    veiled(&mut whole, &shown);
    Ok((connection, whole))
}

#[cfg(test)]
mod tests {
    use super::{advice, entry, from_words};
    use std::path::Path;

    fn read(protocol: &str, words: &[&str]) -> Result<String, String> {
        let words: Vec<String> = words.iter().map(|word| (*word).into()).collect();
        from_words(protocol, &words).map(|(connection, _)| connection.protocol().peer())
    }

    #[test]
    fn the_words_become_an_entry_of_the_configuration_without_secrets() {
        let words = ["host=broker", "port=8883", "username=ana", "password=hunter2", "tls.ca=plant.pem"].map(str::to_owned);
        let (_, given) = from_words("mqtt", &words).unwrap();
        let text = entry(Path::new("plant.toml"), given);
        assert_eq!(
            text,
            "[[connection]]\nname = \"plant\"\npoints = \"plant.toml\"\n\n[connection.from.mqtt]\nhost = \"broker\"\npassword = \"…\"\n\
             port = 8883\nusername = \"ana\"\n\n[connection.from.mqtt.tls]\nca = \"plant.pem\"\n"
        );
        assert!(
            advice(&text).starts_with("Read and correct it, add this, with the secret in place of …, to chergui.toml, and"),
            "{text}"
        );
        let (_, given) = from_words("mqtt", &words[..2]).unwrap();
        assert!(entry(Path::new("etc/wind 2.toml"), given.clone()).contains("name = \"wind_2\"\npoints = \"etc/wind 2.toml\"\n"));
        assert!(
            advice(&entry(Path::new("plant.toml"), given)).starts_with("Read and correct it, add this to chergui.toml, and try it")
        );
    }

    #[test]
    fn words_become_settings() {
        let peer = read("modbus", &["host=127.0.0.1", "port=5020"]).unwrap();
        assert!(peer.contains("127.0.0.1:5020"), "{peer}");
        assert!(read("modbuss", &[]).unwrap_err().contains("nearest is modbus"));
        assert!(read("modbus", &["host"]).unwrap_err().contains("key=value"));
        assert!(read("modbus", &["hots=x"]).unwrap_err().contains("docs/connectors/modbus.md"));
    }
}

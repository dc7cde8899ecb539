//! `chergui simulate --serve`: starts the simulated plant, says what it is and how to connect to it, and waits.
//!
//! In: arguments. Out: lines for the person who started it, points files. Not here: the servers (`datasets::plant`).

use super::options::{Broker, Simulate};
use crate::cli::failure::Failure;
use crate::cli::serve::say;
use datasets::plant::{PlannedFault, Plant, PlantError, PlantOptions};
use datasets::simulate::FleetOptions;
use engine::domain::Timestamp;
use std::path::Path;
use std::time::Duration;

/// Faults to come that are listed.
const LISTED: usize = 12;

pub(super) async fn run(fleet: FleetOptions, options: Simulate) -> Result<(), Failure> {
    let wish = options.plant;
    let plant = PlantOptions {
        start: options.start,
        speed: wish.speed,
        rate: wish.rate,
        simulated_time: wish.simulated_time,
        drill_every_s: wish.drill,
        modbus: wish.modbus.0,
        opcua: wish.opcua.0,
        iec104: wish.iec104.0,
        mqtt: wish.mqtt.map(|Broker(host, port)| (host, port)),
        pki: wish.pki,
        ..PlantOptions::loopback(fleet)
    };
    say("simulating the weeks before now …");
    let (speed, rate, drill) = (plant.speed, plant.rate, plant.drill_every_s);
    let plant = Plant::start(plant, Timestamp::now).await.map_err(|error| match error {
        PlantError::Interrupted { .. } => Failure::work(error),
        _ => Failure::usage(error.to_string()),
    })?;
    welcome(&plant, speed, rate);
    faults(plant.faults(), drill);
    if let Some(directory) = &wish.points {
        write(&plant, directory)?;
    }
    say("\nCtrl-C stops.");
    let time_is_up = async {
        match wish.seconds {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = time_is_up => {}
        told = tokio::signal::ctrl_c() => told.map_err(Failure::work)?,
    }
    plant.stop().await;
    Ok(())
}

fn welcome(plant: &Plant, speed: f64, rate: f64) {
    let (devices, points) = plant.size();
    say(&format!(
        "\nA simulated plant: {devices} devices, {points} points, {rate} change(s) of each per second, played at {speed} s per second."
    ));
    say("It is a simulation, and nothing can be written to it. Look at it with:\n");
    let addresses = plant.addresses();
    if let Some(address) = addresses.modbus {
        let on = devices - plant.not_on_modbus();
        let (host, port) = (address.ip(), address.port());
        say(&format!("  Modbus TCP  {address}  units 1 to {on}; inverters, meters and the weather station speak SunSpec"));
        say(&format!("    chergui discover modbus host={host} port={port} -o modbus.toml"));
        if plant.not_on_modbus() > 0 {
            say(&format!("    {} devices have no unit id left and are not on Modbus", plant.not_on_modbus()));
        }
    }
    if let Some(address) = addresses.opcua {
        say(&format!("  OPC UA      opc.tcp://{address}/  Objects/Plant"));
        say(&format!("    chergui discover opcua url=opc.tcp://{address}/ -o opcua.toml"));
    }
    if let Some(address) = addresses.iec104 {
        say(&format!("  IEC 104     {address}  common addresses 1 to {devices}"));
        say(&format!("    chergui discover iec104 'links=[\"{address}\"]' -o iec104.toml"));
    }
    if let Some((host, port)) = &addresses.mqtt {
        say(&format!("  MQTT        {host}:{port}  publishes plant/DEVICE"));
        say(&format!("    chergui discover mqtt host={host} port={port} -o mqtt.toml"));
    }
}

fn faults(faults: &[PlannedFault], drill: f64) {
    let now = Timestamp::now();
    say("\nFaults, by the time of the values:");
    for fault in faults.iter().take(LISTED) {
        let (label, when) = (&fault.label, if fault.begins <= now { "since" } else { "from " });
        say(&format!(
            "  {:<10} {} {} {when} {:.0} until {:.0}",
            fault.device, label.component, label.mode, fault.begins, fault.ends
        ));
    }
    if faults.len() > LISTED {
        say(&format!("  and {} later ones", faults.len() - LISTED));
    } else if faults.is_empty() {
        say("  none");
    }
    if drill > 0.0 {
        say(&format!("  every {drill} s a temperature sensor of another machine breaks for some seconds"));
    }
}

fn write(plant: &Plant, directory: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(directory).map_err(|cause| Failure::io(directory, &cause))?;
    say("\nPoints files for exactly this plant:");
    for (name, text) in plant.points_files() {
        let path = directory.join(name);
        std::fs::write(&path, text).map_err(|cause| Failure::io(&path, &cause))?;
        say(&format!("  {}", path.display()));
    }
    Ok(())
}

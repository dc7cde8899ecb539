//! A disk that refuses for a while: full, read-only, or with I/O errors. Writes are refused with the remedy, reads go on, and when the
//! disk works again the store does too, without being opened anew; nothing acknowledged is lost, also not by a power cut after it.

use super::super::simulated::Fault;
use super::history::scan;
use super::power::Run;
use super::power::on_all_cores;
use super::power::open;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// Writes refused in all runs.
static REFUSALS: AtomicU64 = AtomicU64::new(0);

async fn refused_for_a_while(seed: u64) {
    let mut run = Run::new(seed);
    let store = open(&run.disk).await.unwrap();
    let (fault, remedy) = match seed % 3 {
        0 => (Fault::Full, "the disk is full: free some space"),
        1 => (Fault::ReadOnly, "read-only: remount it"),
        _ => (Fault::Eio, "Input/output error"),
    };
    let (mut refusals, mut given_up) = (0, 0);
    for step in 0..24 {
        if step % 6 == 3 {
            let from = run.chance.below(10);
            run.disk.fail(from..from + 1 + run.chance.below(30), fault);
        }
        let write = run.history.draw(&mut run.chance, 0);
        let (mut tries, mut taken) = (0, true);
        let import = run.chance.one_in(4);
        let patient = given_up >= 8 || run.chance.one_in(2);
        loop {
            let sent = if import { store.import(write.readings()).await } else { store.append(write.readings()).await };
            let Err(error) = sent else { break };
            let said = error.to_string();
            assert!(said.contains(remedy) || said.contains("busy"), "seed {seed}: {said}");
            (tries, refusals) = (tries + 1, refusals + 1);
            assert!(tries < 200, "seed {seed}: still refused after the disk healed: {said}");
            if !patient {
                // The sender turns to newer rows; these may be there or not, but never over newer ones.
                (given_up, taken) = (given_up + 1, false);
                break;
            }
            if fault != Fault::Eio {
                let held = scan(&store).await;
                assert!(run.history.acknowledged().keys().all(|key| held.contains_key(key)), "seed {seed}: reads stopped");
            }
        }
        run.history.note(write, taken);
        if run.chance.one_in(3)
            && let Err(error) = store.flush().await
        {
            assert!(error.to_string().contains(remedy), "seed {seed}: {error}");
        }
    }
    run.disk.heal();
    store.flush().await.unwrap_or_else(|error| panic!("seed {seed}: the disk is well, the store is not: {error}"));
    run.check(&store, false).await;
    let write = run.history.draw(&mut run.chance, 0);
    store.append(write.readings()).await.unwrap();
    run.history.note(write, true);
    drop(store);
    run.recover().await;
    REFUSALS.fetch_add(refusals, Ordering::Relaxed);
}

#[test]
fn a_disk_that_refuses_for_a_while_costs_no_row() {
    on_all_cores("a disk that refuses", 0..60, refused_for_a_while);
    assert!(REFUSALS.load(Ordering::Relaxed) > 100, "{REFUSALS:?} refusals are too few to have tested anything");
}

//! Plans worked by hand, plans compared with every plan there is, and the promises that hold for all of them.

use super::Cost;
use super::Crew;
use super::Effort;
use super::Expected;
use super::Job;
use super::Obstacle;
use super::Problem;
use super::Schedule;
use super::Shift;
use super::TRAVEL_SLOTS;
use super::Wind;
use super::baseline::Roster;
use super::baseline::as_soon_as_possible;
use super::exchange::Board;
use super::exchange::exchange;
use super::plan;
use super::price::CAUTION;
use super::schedule::schedule;
use super::solve::total;
use super::starts::Task;
use super::starts::tasks;
use crate::domain::AssetId;
use proptest::prelude::*;

fn asset(name: &str) -> AssetId {
    AssetId::parse(name).unwrap()
}

/// Work of two hours, one of them access, on an asset of the plant before the slash; it loses nothing while it waits.
fn job(name: &str) -> Job {
    Job {
        alert_id: format!("alert {name}"),
        asset_id: asset(name),
        plant: name.split('/').next().unwrap().into(),
        hours: 2,
        people: 2,
        stops: true,
        climbs: true,
        loss_share: 0.0,
        failure: vec![0.0],
        failure_kwh: 0.0,
    }
}

fn expected(mean: &[f64]) -> Expected {
    let n = mean.len();
    Expected { mean: mean.to_vec(), high: mean.to_vec(), wind: vec![5.0; n], usual: vec![false; n], outage: vec![false; n] }
}

fn crew(shifts: &[(usize, usize)]) -> Crew {
    Crew { name: "A".into(), people: 2, shifts: shifts.iter().map(|&(from, to)| Shift { from, to }).collect() }
}

fn problem(work: &[(Job, Expected)], crews: &[Crew]) -> Problem {
    let slots = work[0].1.mean.len();
    let mut expected: Vec<(AssetId, Expected)> = Vec::new();
    for (job, of) in work {
        if expected.iter().all(|(held, _)| *held != job.asset_id) {
            expected.push((job.asset_id.clone(), of.clone()));
        }
    }
    Problem { slots, jobs: work.iter().map(|(job, _)| job.clone()).collect(), expected, crews: crews.to_vec(), wind_limit: 12.0 }
}

/// Start and end of each visit, in the order of the jobs.
fn times(schedule: &Schedule) -> Vec<(usize, usize, usize)> {
    let mut times: Vec<_> = schedule.visits.iter().map(|visit| (visit.jobs[0], visit.start, visit.end)).collect();
    times.sort_unstable();
    times
}

#[test]
fn a_visit_waits_for_the_calm_hours_when_waiting_costs_nothing() {
    let found = plan(
        &problem(&[(job("P/T1"), expected(&[900.0, 800.0, 500.0, 100.0, 200.0, 700.0]))], &[crew(&[(0, 6)])]),
        Effort::default(),
    );
    assert_eq!((times(&found.best), times(&found.as_soon_as_possible)), (vec![(0, 3, 5)], vec![(0, 0, 2)]));
    let visit = &found.best.visits[0];
    assert_eq!((visit.cost.production, visit.cost.waiting, visit.first.1.production), (300.0, 0.0, 1700.0));
    assert_eq!((found.solver.optimal, found.solver.gap, visit.wind), (true, 0.0, Wind::Within { most: 5.0, unknown: 0 }));
}

#[test]
fn a_loss_while_waiting_and_a_risk_bring_it_forward() {
    // Waiting three hours for the calm saves 700 + 300 - 200 = 800 kWh of standing still.
    let mean = [700.0, 300.0, 600.0, 100.0, 100.0];
    let at = |loss_share: f64, failure_kwh: f64| {
        let one = Job { loss_share, failure_kwh, failure: vec![0.0, 0.1, 0.2, 0.3, 0.4, 0.5], ..job("P/T1") };
        let found = plan(&problem(&[(one, expected(&mean))], &[crew(&[(0, 5)])]), Effort::default());
        (found.best.visits[0].start, found.best.visits[0].cost)
    };
    // Half of 700 + 300 + 600 is 800: just not worth it any more at 0.51, just worth it at 0.49.
    assert_eq!((at(0.49, 0.0).0, at(0.51, 0.0).0), (3, 0));
    let (start, cost) = at(0.49, 0.0);
    assert!(start == 3 && (cost.waiting - 0.49 * 1600.0).abs() < 1e-9 && cost.production == 200.0, "{cost:?}");
    // A chance of 0.3 to lose 2600 kWh is 780, of 2700 it is 810.
    assert_eq!((at(0.0, 2600.0).0, at(0.0, 2700.0).0), (3, 0));
    assert!((at(0.0, 2600.0).1.risk - 780.003).abs() < 1e-9);
}

#[test]
fn work_on_one_machine_is_one_visit_with_access_once() {
    let mean = [10.0; 8];
    let second = Job { alert_id: "b".into(), people: 3, hours: 3, ..job("P/T1") };
    let large = Crew { people: 3, ..crew(&[(0, 8)]) };
    let found = plan(&problem(&[(job("P/T1"), expected(&mean)), (second, expected(&mean))], &[large]), Effort::default());
    let visit = &found.best.visits[0];
    assert_eq!((found.best.visits.len(), visit.jobs.as_slice(), visit.end - visit.start, visit.people), (1, &[0, 1][..], 4, 3));
}

#[test]
fn crews_need_time_between_sites_but_not_within_one() {
    let mean = [10.0; 5];
    let of = |names: &[&str]| {
        let work: Vec<_> = names.iter().map(|name| (job(name), expected(&mean))).collect();
        plan(&problem(&work, &[crew(&[(0, 5)])]), Effort::default()).best
    };
    assert_eq!(times(&of(&["P/T1", "P/T2"])), [(0, 0, 2), (1, 2, 4)]);
    let two = times(&of(&["P/T1", "Q/T1"]));
    assert!(two == [(0, 0, 2), (1, 3, 5)] || two == [(0, 3, 5), (1, 0, 2)], "{two:?}");
}

#[test]
fn nobody_climbs_above_the_limit_and_work_too_long_for_a_day_takes_two() {
    let windy = Expected { wind: vec![13.0, 12.5, 12.0, 11.0, 14.0, 3.0], ..expected(&[1.0; 6]) };
    let found = plan(&problem(&[(job("P/T1"), windy.clone())], &[crew(&[(0, 6)])]), Effort::default());
    assert_eq!(times(&found.best), [(0, 2, 4)]);
    let never = Expected { wind: vec![13.0; 6], ..windy.clone() };
    let found = plan(&problem(&[(job("P/T1"), never.clone())], &[crew(&[(0, 6)])]), Effort::default());
    assert_eq!((found.best.visits.len(), found.best.left_out[0].why), (0, Obstacle::Wind));
    let ground = Job { climbs: false, ..job("P/T1") };
    let found = plan(&problem(&[(ground, never)], &[crew(&[(0, 6)])]), Effort::default());
    assert_eq!(found.best.visits[0].wind, Wind::NotAsked);
    let blind = Expected { wind: vec![f64::NAN; 6], ..windy };
    let found = plan(&problem(&[(job("P/T1"), blind)], &[crew(&[(0, 6)])]), Effort::default());
    assert_eq!(found.best.visits[0].wind, Wind::Unknown);

    let long = Job { hours: 7, ..job("P/T1") };
    let days = [crew(&[(2, 6), (26, 30), (50, 54)])];
    let found = plan(&problem(&[(long.clone(), expected(&[100.0; 60]))], &days), Effort::default());
    let visit = &found.best.visits[0];
    assert_eq!((visit.start, visit.end, visit.work.as_slice()), (2, 29, &[2, 3, 4, 5, 26, 27, 28][..]));
    assert_eq!(visit.cost.production, 2700.0, "it stands over the night too");
    let found = plan(&problem(&[(Job { hours: 13, ..long }, expected(&[100.0; 60]))], &days), Effort::default());
    assert_eq!(found.best.left_out[0].why, Obstacle::Hours { needed: 13 });
    let many = Job { people: 3, ..job("P/T1") };
    let found = plan(&problem(&[(many, expected(&[1.0; 60]))], &days), Effort::default());
    assert_eq!(found.best.left_out[0].why, Obstacle::People { needed: 3, largest: 2 });
}

#[test]
fn a_planned_outage_is_the_cheapest_hour_and_the_dearer_work_is_not_left_out() {
    let mut down = expected(&[500.0, 500.0, 0.0, 0.0, 500.0, 500.0]);
    down.outage = vec![false, false, true, true, false, false];
    let found = plan(&problem(&[(job("P/T1"), down)], &[crew(&[(0, 6)])]), Effort::default());
    assert_eq!((times(&found.best), found.best.visits[0].outage_hours), (vec![(0, 2, 4)], 2));
    // Room for one of two: what waits dearly is done, and the other is said to be left out.
    let dear = Job { loss_share: 0.5, ..job("P/T2") };
    let work = [(job("P/T1"), expected(&[10.0; 3])), (dear, expected(&[500.0; 3]))];
    let found = plan(&problem(&work, &[crew(&[(0, 3)])]), Effort::default());
    assert_eq!((times(&found.best), times(&found.as_soon_as_possible)), (vec![(1, 0, 2)], vec![(0, 0, 2)]));
    assert_eq!((found.best.left_out[0].job, found.best.left_out[0].why), (0, Obstacle::Crews));
    assert!(found.best.cost.total() < found.as_soon_as_possible.cost.total());
}

#[test]
fn nothing_to_do_and_nobody_to_do_it() {
    let empty = Problem { slots: 24, jobs: vec![], expected: vec![], crews: vec![], wind_limit: 12.0 };
    let found = plan(&empty, Effort::default());
    assert!(found.best.visits.is_empty() && found.solver.optimal && found.best.cost == Cost::default());
    let nobody = problem(&[(job("P/T1"), expected(&[5.0; 4]))], &[]);
    let found = plan(&nobody, Effort::default());
    assert_eq!(found.best.left_out[0].why, Obstacle::People { needed: 2, largest: 0 });
    let free_week = plan(&problem(&[(job("P/T1"), expected(&[5.0; 4]))], &[crew(&[])]), Effort::default());
    assert_eq!(free_week.best.left_out[0].why, Obstacle::Hours { needed: 2 });
    assert!(found.solver.gap == 0.0);
}

/// Exchanges from the start that each task says, by the slot it begins at; what comes out as slots again, with what it costs.
fn exchanged(problem: &Problem, begin: &[Option<usize>]) -> (Vec<Option<usize>>, f64) {
    let tasks = tasks(problem);
    let at = |(task, slot): (&Task<'_>, &Option<usize>)| {
        slot.map(|slot| task.starts.iter().position(|start| start.from() == slot).unwrap())
    };
    let mut chosen: Vec<Option<usize>> = tasks.iter().zip(begin).map(at).collect();
    exchange(&tasks, problem.crews.len(), problem.slots, &mut chosen);
    let slots = tasks.iter().zip(&chosen).map(|(task, start)| start.map(|start| task.starts[start].from())).collect();
    (slots, total(&tasks, &chosen))
}

#[test]
fn an_exchange_gives_the_calm_hours_to_those_who_need_them_most() {
    // T1 holds the calm hours, where T2 would save 800 kWh more than it does.
    let (small, large) = (expected(&[100.0, 100.0, 0.0, 0.0]), expected(&[500.0, 500.0, 0.0, 0.0]));
    let two = |other: &str| problem(&[(job("P/T1"), small.clone()), (job(other), large.clone())], &[crew(&[(0, 4)])]);
    let (slots, cost) = exchanged(&two("P/T2"), &[Some(2), Some(0)]);
    assert_eq!((slots, cost.round()), (vec![Some(0), Some(2)], 200.0));
    // On another site there is no time to get there: one of the two stays where it is, and it is the one that loses less.
    let (slots, _) = exchanged(&two("Q/T2"), &[Some(2), None]);
    assert_eq!(slots, [None, Some(2)]);
    // An hour more and both are done, the way between them free.
    let hour = |of: &Expected| Expected {
        mean: [&of.mean[..2], &[50.0], &of.mean[2..]].concat(),
        high: vec![0.0; 5],
        wind: vec![5.0; 5],
        ..of.clone()
    };
    let far = problem(&[(job("P/T1"), hour(&small)), (job("Q/T2"), hour(&large))], &[crew(&[(0, 5)])]);
    assert_eq!(exchanged(&far, &[Some(3), None]).0, [Some(0), Some(3)]);
    // What is best already stays.
    assert_eq!(exchanged(&two("P/T2"), &[Some(0), Some(2)]).0, [Some(0), Some(2)]);
}

/// What a schedule costs, reckoned from the definitions and the problem alone.
fn bill(problem: &Problem, schedule: &Schedule) -> f64 {
    let of = |job: usize| &problem.expected.iter().find(|(asset, _)| *asset == problem.jobs[job].asset_id).unwrap().1;
    let share = |jobs: &[usize]| jobs.iter().map(|&job| problem.jobs[job].loss_share).sum::<f64>().min(1.0);
    let failures = |jobs: &[usize], slot: usize| {
        jobs.iter().map(|&job| problem.jobs[job].failure[slot] * problem.jobs[job].failure_kwh).sum::<f64>() + 0.001 * slot as f64
    };
    let standing = |jobs: &[usize], start: usize, end: usize| {
        let (mean, high) = (&of(jobs[0]).mean[start..end], &of(jobs[0]).high[start..end]);
        let stops = f64::from(u8::from(jobs.iter().any(|&job| problem.jobs[job].stops)));
        let mean = mean.iter().sum::<f64>();
        (stops * mean, stops * CAUTION * (high.iter().sum::<f64>() - mean))
    };
    let mut sum = 0.0;
    for visit in &schedule.visits {
        let stops = visit.jobs.iter().any(|&job| problem.jobs[job].stops);
        let waits = if stops { visit.start } else { visit.end };
        let (production, caution) = standing(&visit.jobs, visit.start, visit.end);
        let waiting = share(&visit.jobs) * of(visit.jobs[0]).mean[..waits].iter().sum::<f64>();
        sum += production + caution + waiting + failures(&visit.jobs, visit.start);
    }
    // Work on one machine is left out together, and made later at the dearest hour that some crew could have come.
    for task in tasks(problem).iter().filter(|task| schedule.left_out.iter().any(|left| left.job == task.jobs[0])) {
        let dearest = task.starts.iter().map(|start| standing(&task.jobs, start.from(), start.to()).0).fold(0.0, f64::max);
        let waiting = share(&task.jobs) * of(task.jobs[0]).mean.iter().sum::<f64>();
        sum += waiting + failures(&task.jobs, problem.slots) + dearest + 1.0;
    }
    sum
}

/// The cheapest of all choices of starts, tried one by one.
fn by_trying(tasks: &[Task<'_>], crews: usize, slots: usize) -> f64 {
    fn deeper(tasks: &[Task<'_>], chosen: &mut Vec<Option<usize>>, crews: usize, slots: usize, best: &mut f64) {
        if chosen.len() == tasks.len() {
            *best = best.min(total(tasks, chosen));
            return;
        }
        let mut roster = Roster::new(crews, slots);
        for (task, start) in tasks.iter().zip(chosen.iter()) {
            start.iter().for_each(|&start| roster.take(&task.starts[start], task.plant));
        }
        let task = &tasks[chosen.len()];
        let fitting = (0..task.starts.len()).filter(|&start| roster.fits(&task.starts[start], task.plant)).map(Some);
        for start in fitting.chain([None]).collect::<Vec<_>>() {
            chosen.push(start);
            deeper(tasks, chosen, crews, slots, best);
            chosen.pop();
        }
    }
    let mut best = f64::INFINITY;
    deeper(tasks, &mut Vec::new(), crews, slots, &mut best);
    best
}

/// Everything that must hold of a schedule, checked from the problem alone.
fn broken(problem: &Problem, schedule: &Schedule) -> Option<String> {
    let mut at = vec![vec![None; problem.slots]; problem.crews.len()];
    for visit in &schedule.visits {
        let (crew, jobs) = (&problem.crews[visit.crew], &visit.jobs);
        let own: Vec<&Job> = jobs.iter().map(|&job| &problem.jobs[job]).collect();
        let of = &problem.expected.iter().find(|(asset, _)| *asset == own[0].asset_id).unwrap().1;
        let hours = own.iter().map(|job| job.hours - 1).sum::<usize>() + 1;
        if visit.work.len() != hours || own.iter().any(|job| job.people > crew.people || job.asset_id != own[0].asset_id) {
            return Some(format!("hours, people or machine of {visit:?}"));
        }
        for &slot in &visit.work {
            if !crew.shifts.iter().any(|shift| (shift.from..shift.to).contains(&slot)) {
                return Some(format!("outside working hours: {visit:?}"));
            }
            if own.iter().any(|job| job.climbs) && of.wind[slot] > problem.wind_limit {
                return Some(format!("too windy: {visit:?}"));
            }
            if at[visit.crew][slot].replace(own[0].plant.clone()).is_some() {
                return Some(format!("in two places: {visit:?}"));
            }
        }
    }
    for crew in &at {
        for (slot, here) in crew.iter().enumerate() {
            let soon = &crew[slot + 1..crew.len().min(slot + 1 + TRAVEL_SLOTS)];
            if here.is_some() && soon.iter().any(|there| there.is_some() && there != here) {
                return Some(format!("no time to get there at slot {slot}"));
            }
        }
    }
    let mut told: Vec<usize> = schedule.visits.iter().flat_map(|visit| visit.jobs.clone()).collect();
    told.extend(schedule.left_out.iter().map(|left| left.job));
    told.sort_unstable();
    (told != (0..problem.jobs.len()).collect::<Vec<_>>()).then(|| format!("jobs told of: {told:?}"))
}

prop_compose! {
    fn any_work(slots: usize)(
        place in 0_usize..6,
        (hours, people) in (1_usize..5, 1_u32..4),
        (stops, climbs) in (any::<bool>(), any::<bool>()),
        (loss_share, failure_kwh, daily) in (0.0..0.6_f64, 0.0..5000.0_f64, 0.0..0.3_f64),
        mean in prop::collection::vec(0.0..1500.0_f64, slots),
        wind in prop::collection::vec(2.0..16.0_f64, slots),
    ) -> (Job, Expected) {
        let name = format!("{}/T{place}", ["P", "Q"][place % 2]);
        let failure = (0..=slots).map(|slot| 1.0 - (1.0 - daily).powf(slot as f64 / 24.0)).collect();
        let job = Job { hours, people, stops, climbs, loss_share, failure, failure_kwh, ..job(&name) };
        let high = mean.iter().map(|kw| kw * 1.3).collect();
        (job, Expected { high, wind, ..expected(&mean) })
    }
}

fn any_problem(slots: usize, jobs: usize, crews: usize) -> impl Strategy<Value = Problem> {
    let crew = (1_u32..4, 0_usize..4, 3_usize..9).prop_map(move |(people, from, hours)| {
        let days = (0..slots).step_by(12).map(|day| (day + from, (day + from + hours).min(slots)));
        Crew { people, ..crew(&days.filter(|(from, to)| from < to).collect::<Vec<_>>()) }
    });
    let work = prop::collection::vec(any_work(slots), 1..=jobs);
    (work, prop::collection::vec(crew, 1..=crews)).prop_map(|(work, crews)| problem(&work, &crews))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_plan_breaks_a_rule_or_costs_more_than_as_soon_as_possible(problem in any_problem(48, 14, 3)) {
        let found = plan(&problem, Effort { nodes: 40, ..Effort::default() });
        prop_assert_eq!(broken(&problem, &found.best), None);
        prop_assert_eq!(broken(&problem, &found.as_soon_as_possible), None);
        let (best, soon) = (found.best.cost.total(), found.as_soon_as_possible.cost.total());
        prop_assert!(best <= soon + 1e-6, "{} against {}", best, soon);
        prop_assert!((0.0..=1.0).contains(&found.solver.gap) && found.solver.optimal <= (found.solver.gap == 0.0));
        prop_assert_eq!(plan(&problem, Effort { nodes: 40, ..Effort::default() }), found, "the same problem, the same plan");
    }

    #[test]
    fn both_schedules_are_billed_alike_and_as_their_parts_say(problem in any_problem(48, 14, 3)) {
        let found = plan(&problem, Effort { nodes: 10, ..Effort::default() });
        for schedule in [&found.best, &found.as_soon_as_possible] {
            let (said, own) = (schedule.cost.total(), bill(&problem, schedule));
            prop_assert!((said - own).abs() <= 1e-6 * own.max(1.0), "{} against {}", said, own);
        }
    }

    #[test]
    fn an_exchange_is_never_dearer_and_breaks_no_rule(problem in any_problem(48, 24, 3), late in any::<bool>()) {
        let tasks = tasks(&problem);
        let (crews, slots) = (problem.crews.len(), problem.slots);
        // From a schedule, and from nobody going anywhere.
        let begin = if late { vec![None; tasks.len()] } else { as_soon_as_possible(&tasks, crews, slots) };
        let mut chosen = begin.clone();
        let mut board = Board::new(&tasks, crews, slots, &mut chosen);
        board.settle();
        let at = board.at;
        prop_assert_eq!(&at, &Board::new(&tasks, crews, slots, &mut chosen.clone()).at, "the board shows the choice and nothing else");
        prop_assert_eq!(broken(&problem, &schedule(&tasks, &chosen)), None);
        prop_assert!(total(&tasks, &chosen) <= total(&tasks, &begin) + 1e-6);
        // What is left: no task finds a free start that is better than its own.
        for (index, task) in tasks.iter().enumerate() {
            let mut roster = Roster::new(crews, slots);
            for (other, start) in chosen.iter().enumerate().filter(|(other, _)| *other != index) {
                start.iter().for_each(|&start| roster.take(&tasks[other].starts[start], tasks[other].plant));
            }
            let own = chosen[index].map_or_else(|| task.postponed(), |start| task.starts[start].cost.total());
            let free = task.starts.iter().filter(|start| roster.fits(start, task.plant));
            prop_assert!(free.map(|start| start.cost.total()).all(|cost| cost >= own - 1e-6));
        }
        let mut again = chosen.clone();
        exchange(&tasks, crews, slots, &mut again);
        prop_assert_eq!(again, chosen, "nothing is left to gain");
    }

    #[test]
    fn small_plans_are_the_best_of_all_there_are(problem in any_problem(12, 3, 2)) {
        let found = plan(&problem, Effort { nodes: 10_000, ..Effort::default() });
        let tasks = tasks(&problem);
        let best = by_trying(&tasks, problem.crews.len(), problem.slots);
        let cost = found.best.cost.total();
        prop_assert!((cost - best).abs() <= 1e-6 * best.max(1.0), "{} against {}", cost, best);
        prop_assert!(found.solver.optimal);
    }
}

//! Why a visit is when it is, and why work is left out: for people, in English, French and Arabic.
//!
//! In: a visit and what stands behind its figures. Out: sentences. Times are those of the crew's clock.

use super::expectation::Known;
use super::expectation::LEAST_PAIRS;
use crate::alert::InThreeLanguages;
use crate::domain::Timestamp;
use crate::planning::LeftOut;
use crate::planning::Obstacle;
use crate::planning::Problem;
use crate::planning::Visit;
use crate::planning::Wind;
use jiff::tz::TimeZone;

/// Sentences gathered in three languages.
#[derive(Default)]
struct Said([Vec<String>; 3]);

impl Said {
    fn say(&mut self, en: String, fr: String, ar: String) {
        for (list, text) in self.0.iter_mut().zip([en, fr, ar]) {
            list.push(text);
        }
    }

    fn done(self) -> InThreeLanguages {
        let [en, fr, ar] = self.0.map(|sentences| sentences.join(" "));
        InThreeLanguages { en, fr, ar }
    }
}

/// Why a visit is when it is.
pub(super) fn visit(visit: &Visit, problem: &Problem, known: &Known, from: Timestamp, zone: &TimeZone) -> InThreeLanguages {
    let mut said = Said::default();
    when(&mut said, visit, from, zone);
    if visit.jobs.len() > 1 {
        let n = visit.jobs.len();
        said.say(
            format!("{n} alerts of this machine in one visit."),
            format!("{n} alertes de cette machine en une seule visite."),
            format!("زيارة واحدة لعدد {n} من تنبيهات هذه الآلة."),
        );
    }
    if visit.outage_hours > 0 {
        let n = visit.outage_hours;
        said.say(
            format!("{n} h of it fall into a planned outage."),
            format!("{n} h tombent dans un arrêt planifié."),
            format!("{n} ساعة منها تقع ضمن توقّف مبرمج."),
        );
    }
    wind(&mut said, visit, problem.wind_limit, known);
    let hours = visit.end - visit.start;
    if !known.produces {
        said.say(
            "Nothing is known of its production: it counts as nought.".into(),
            "Sa production n'est pas connue : elle compte pour zéro.".into(),
            "إنتاجها غير معروف: يُحتسب صفرًا.".into(),
        );
    } else if visit.stops && visit.usual_hours > 0 {
        let n = visit.usual_hours;
        said.say(
            format!("No forecast for {n} of {hours} h: the usual production of the hour over the last 30 days stands in."),
            format!("Pas de prévision pour {n} h sur {hours} : la production habituelle de l'heure sur 30 jours la remplace."),
            format!("لا توقّع لعدد {n} من {hours} ساعة: يحلّ محلّه الإنتاج المعتاد للساعة خلال آخر 30 يومًا."),
        );
    }
    said.done()
}

fn when(said: &mut Said, visit: &Visit, from: Timestamp, zone: &TimeZone) {
    let (first, then) = visit.first;
    let gain = then.total() - visit.cost.total();
    let clock = super::hours_after(from, first).to_zoned(zone.clone()).strftime("%d/%m %H:%M").to_string();
    if visit.start <= first {
        said.say(
            "At the first possible hour: waiting would cost more.".into(),
            "À la première heure possible : attendre coûterait plus.".into(),
            "في أول ساعة ممكنة: الانتظار أعلى كلفة.".into(),
        );
    } else if gain > 0.5 {
        let less = then.production - visit.cost.production;
        let (gain, less) = (gain.round(), less.round());
        said.say(
            format!("Costs {gain} kWh less than at the first possible hour, {clock} ({less} kWh less standing still)."),
            format!("Coûte {gain} kWh de moins qu'à la première heure possible, {clock} ({less} kWh d'arrêt en moins)."),
            format!("أقل كلفة بمقدار {gain} ك.و.س من أول ساعة ممكنة، {clock} (توقّف أقل بمقدار {less} ك.و.س)."),
        );
    } else {
        said.say(
            format!("Not at the first possible hour, {clock}: the crews are worth more elsewhere then."),
            format!("Pas à la première heure possible, {clock} : les équipes sont alors plus utiles ailleurs."),
            format!("ليس في أول ساعة ممكنة، {clock}: الفرق أنفع حينها في مكان آخر."),
        );
    }
}

fn wind(said: &mut Said, visit: &Visit, limit: f64, known: &Known) {
    match visit.wind {
        Wind::NotAsked => {}
        Wind::Unknown => said.say(
            format!("No wind forecast: measure before climbing, the limit is {limit} m/s."),
            format!("Pas de prévision de vent : mesurer avant de monter, la limite est de {limit} m/s."),
            format!("لا توقّع للرياح: قيسوا قبل الصعود، الحدّ {limit} م/ث."),
        ),
        Wind::Within { most, unknown } => {
            if known.wind_pairs >= LEAST_PAIRS {
                said.say(
                    format!("Wind up to {most:.1} m/s in nine of ten cases, limit {limit} m/s."),
                    format!("Vent jusqu'à {most:.1} m/s neuf fois sur dix, limite {limit} m/s."),
                    format!("رياح حتى {most:.1} م/ث في تسع حالات من عشر، الحدّ {limit} م/ث."),
                );
            } else {
                said.say(
                    format!("Wind up to {most:.1} m/s as forecast, too few measurements to say how sure; limit {limit} m/s."),
                    format!("Vent prévu jusqu'à {most:.1} m/s, trop peu de mesures pour dire la marge ; limite {limit} m/s."),
                    format!("رياح متوقّعة حتى {most:.1} م/ث، والقياسات أقل من أن تحدّد الهامش؛ الحدّ {limit} م/ث."),
                );
            }
            if unknown > 0 {
                said.say(
                    format!("No wind forecast for {unknown} h of it: measure before climbing."),
                    format!("Pas de prévision de vent pour {unknown} h : mesurer avant de monter."),
                    format!("لا توقّع للرياح لعدد {unknown} ساعة منها: قيسوا قبل الصعود."),
                );
            }
        }
    }
}

/// Why work is left out.
pub(super) fn left_out(left: &LeftOut, wind_limit: f64) -> InThreeLanguages {
    let (en, fr, ar) = match left.why {
        Obstacle::People { needed, largest } => (
            format!("It takes {needed} people, the largest crew has {largest}."),
            format!("Il faut {needed} personnes, la plus grande équipe en a {largest}."),
            format!("تحتاج {needed} أشخاص، وأكبر فريق فيه {largest}."),
        ),
        Obstacle::Wind => (
            format!("Within these days the wind is above {wind_limit} m/s whenever a crew could climb."),
            format!("Durant ces jours le vent dépasse {wind_limit} m/s chaque fois qu'une équipe pourrait monter."),
            format!("خلال هذه الأيام تتجاوز الرياح {wind_limit} م/ث كلما أمكن لفريق أن يصعد."),
        ),
        Obstacle::Hours { needed } => (
            format!("It takes {needed} h of work, the crews have fewer within these days."),
            format!("Il faut {needed} h de travail, les équipes en ont moins durant ces jours."),
            format!("تحتاج {needed} ساعة عمل، ولدى الفرق أقل من ذلك خلال هذه الأيام."),
        ),
        Obstacle::Crews => (
            "The crews are needed elsewhere, where more is at stake; plan more days or another crew.".into(),
            "Les équipes sont attendues ailleurs, où l'enjeu est plus grand ; prévoir plus de jours ou une équipe de plus.".into(),
            "الفرق مطلوبة في أماكن أهم؛ خطّطوا لأيام أكثر أو لفريق إضافي.".into(),
        ),
    };
    InThreeLanguages { en, fr, ar }
}

/// The playbook sends nobody.
pub(super) fn no_visit() -> InThreeLanguages {
    InThreeLanguages {
        en: "Nobody has to go there, says the playbook.".into(),
        fr: "Le playbook ne demande aucun déplacement.".into(),
        ar: "لا حاجة إلى زيارة بحسب دليل العمل.".into(),
    }
}

/// There is more to do than one plan takes.
pub(super) fn less_urgent(most: usize) -> InThreeLanguages {
    InThreeLanguages {
        en: format!("There are {most} more urgent alerts, and one plan takes no more; ask again when they are dealt with."),
        fr: format!("Il y a {most} alertes plus urgentes, un plan n'en prend pas davantage ; redemander une fois traitées."),
        ar: format!("هناك {most} تنبيه أكثر إلحاحًا، ولا تتسع الخطة لأكثر منها؛ اطلبوا خطة جديدة بعد معالجتها."),
    }
}

/// Nobody knows the asset.
pub(super) fn unknown_asset() -> InThreeLanguages {
    InThreeLanguages {
        en: "Its asset is not in the registry: add it there, or resolve the alert.".into(),
        fr: "Son équipement n'est pas au registre : l'y ajouter, ou clore l'alerte.".into(),
        ar: "الأصل غير موجود في السجلّ: أضيفوه أو أغلقوا التنبيه.".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::parse_time;
    use crate::domain::time_zone;
    use crate::planning::Cost;

    fn cost(production: f64, waiting: f64) -> Cost {
        Cost { production, waiting, risk: 0.0 }
    }

    fn later() -> Visit {
        Visit {
            jobs: vec![0, 1],
            crew: 0,
            start: 9,
            end: 12,
            work: vec![9, 10, 11],
            people: 2,
            stops: true,
            cost: cost(100.0, 50.0),
            first: (3, cost(700.0, 0.0)),
            wind: Wind::Within { most: 8.25, unknown: 1 },
            outage_hours: 1,
            usual_hours: 2,
        }
    }

    #[test]
    fn a_reason_says_the_gain_the_wind_and_what_stands_in_on_the_crews_clock() {
        let problem = Problem { slots: 24, jobs: vec![], expected: vec![], crews: vec![], wind_limit: 12.0 };
        let known = Known { wind_pairs: 100, produces: true, ..Known::default() };
        let from = parse_time("2026-09-18T04:00:00Z").unwrap();
        let zone = time_zone("Africa/Casablanca").unwrap();
        let said = |visit: &Visit, known: &Known| super::visit(visit, &problem, known, from, &zone);
        let text = said(&later(), &known);
        // Two days before the clocks of Morocco changed for good, 07:00 UTC was 08:00.
        let words = [
            "550 kWh less",
            "18/09 08:00",
            "600 kWh less standing",
            "2 alerts",
            "1 h of it fall",
            "8.2 m/s in nine",
            "No forecast for 2 of 3 h",
            "No wind forecast for 1 h",
        ];
        words.iter().for_each(|word| assert!(text.en.contains(word), "{word}: {}", text.en));
        assert!(text.fr.contains("550 kWh") && text.ar.contains("550") && text.ar.contains("رياح"), "{text:?}");
        let first = Visit { start: 3, wind: Wind::Unknown, ..later() };
        let text = said(&first, &Known::default());
        assert!(
            text.en.contains("first possible hour:")
                && text.en.contains("No wind forecast: measure")
                && text.en.contains("counts as nought")
        );
        let busy = Visit { cost: cost(700.0, 30.0), ..later() };
        assert!(said(&busy, &known).en.contains("worth more elsewhere"));
        for text in [no_visit(), less_urgent(300), unknown_asset()] {
            assert!(text.en != text.fr && text.ar.chars().any(|c| ('\u{0600}'..='\u{06ff}').contains(&c)), "{text:?}");
        }
        for why in [Obstacle::People { needed: 4, largest: 2 }, Obstacle::Wind, Obstacle::Hours { needed: 80 }, Obstacle::Crews] {
            let text = left_out(&LeftOut { job: 0, why }, 12.0);
            assert!(!text.en.is_empty() && !text.fr.is_empty() && text.ar.chars().any(|c| ('\u{0600}'..='\u{06ff}').contains(&c)));
        }
    }
}

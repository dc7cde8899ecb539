//! What an alert says to people: title and advice per component and mode, in English, French and Arabic. One table.
//!
//! A mode without a line of its own gets the generic one, which names component and mode as they are. No numbers here: score,
//! energy and times stand beside the text.

use serde::{Deserialize, Serialize};

/// One text in the three languages of the house.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InThreeLanguages {
    /// English.
    pub en: String,
    /// French.
    pub fr: String,
    /// Arabic.
    pub ar: String,
}

/// Mode, title and advice; the mode names its component well enough, except for the last, generic line.
type Line = (&'static str, [&'static str; 3], [&'static str; 3]);

const LINES: &[Line] = &[
    (
        "bearing_overheat",
        ["Gearbox bearing too hot", "Palier du multiplicateur trop chaud", "ارتفاع حرارة محمل علبة التروس"],
        [
            "Check oil level, oil cooler and filter; look for metal in the oil. Plan a bearing inspection, and reduce power if the temperature keeps rising.",
            "Vérifier le niveau d'huile, le refroidisseur et le filtre ; chercher des particules métalliques dans l'huile. Prévoir une inspection du palier et réduire la puissance si la température continue de monter.",
            "افحصوا مستوى الزيت ومبرّد الزيت والمرشّح، وابحثوا عن جسيمات معدنية في الزيت. خطّطوا لمعاينة المحمل وخفّضوا القدرة إذا استمرت الحرارة في الارتفاع.",
        ],
    ),
    (
        "winding_overheat",
        ["Generator winding too hot", "Bobinage de la génératrice trop chaud", "ارتفاع حرارة ملفات المولّد"],
        [
            "Check the generator cooling: fans, filters and coolant flow. Measure phase currents for imbalance before the next run at full power.",
            "Vérifier le refroidissement de la génératrice : ventilateurs, filtres et débit. Mesurer l'équilibre des courants de phase avant de revenir à pleine puissance.",
            "افحصوا تبريد المولّد: المراوح والمرشّحات وتدفّق سائل التبريد. قيسوا توازن تيارات الأطوار قبل العودة إلى القدرة الكاملة.",
        ],
    ),
    (
        "pitch_offset",
        ["Blade pitch is off", "Calage des pales décalé", "انحراف في زاوية ميل الشفرات"],
        [
            "Compare the three blade angles with the zero marks and calibrate the pitch encoders; check for a slipped sensor.",
            "Comparer les angles des trois pales aux repères zéro et étalonner les codeurs de calage ; vérifier qu'aucun capteur n'a glissé.",
            "قارنوا زوايا الشفرات الثلاث بعلامات الصفر وأعيدوا معايرة حسّاسات الميل، وتحقّقوا من عدم انزلاق أي حسّاس.",
        ],
    ),
    (
        "yaw_misalignment",
        ["Turbine does not face the wind", "Éolienne mal orientée face au vent", "التوربين غير موجّه نحو الريح"],
        [
            "Check the wind vane alignment and the yaw offset in the controller; recalibrate the north reference.",
            "Vérifier l'alignement de la girouette et le décalage de lacet dans l'automate ; réétalonner la référence nord.",
            "تحقّقوا من محاذاة دوّارة الريح ومن إزاحة التوجيه في وحدة التحكم، وأعيدوا معايرة اتجاه الشمال.",
        ],
    ),
    (
        "icing",
        ["Ice on the blades", "Givre sur les pales", "جليد على الشفرات"],
        [
            "Keep people away from under the rotor: ice may fall. Start de-icing where fitted, otherwise wait for a thaw and restart after a look at the blades.",
            "Éloigner toute personne du dessous du rotor : risque de chute de glace. Lancer le dégivrage s'il existe, sinon attendre le dégel et redémarrer après contrôle visuel des pales.",
            "أبعدوا الأشخاص عن أسفل الدوّار لخطر سقوط الجليد. شغّلوا إزالة الجليد إن وُجدت، وإلا فانتظروا الذوبان ثم أعيدوا التشغيل بعد معاينة الشفرات.",
        ],
    ),
    (
        "power_derate",
        ["Power capped without an order", "Puissance plafonnée sans consigne", "قدرة محدودة دون أمر تشغيل"],
        [
            "Read the converter's fault log and temperatures; check the controller for a forgotten limit or a failed converter module.",
            "Lire le journal de défauts et les températures du convertisseur ; chercher dans l'automate une limite oubliée ou un module de convertisseur en défaut.",
            "اقرؤوا سجلّ أعطال محوّل القدرة ودرجات حرارته، وابحثوا في وحدة التحكم عن حدّ منسي أو وحدة تحويل معطّلة.",
        ],
    ),
    (
        "wind_speed_drift",
        ["Anemometer reads too low", "L'anémomètre mesure trop bas", "مقياس سرعة الرياح يقرأ أقل من الواقع"],
        [
            "No energy is lost. Compare with neighbouring turbines, clean or replace the anemometer at the next visit.",
            "Aucune énergie perdue. Comparer aux éoliennes voisines ; nettoyer ou remplacer l'anémomètre à la prochaine visite.",
            "لا توجد خسارة في الطاقة. قارنوا مع التوربينات المجاورة، ونظّفوا المقياس أو استبدلوه في الزيارة المقبلة.",
        ],
    ),
    (
        "frozen_value",
        ["Sensor repeats one value", "Capteur figé sur une valeur", "حسّاس متوقّف عند قيمة واحدة"],
        [
            "The protection that relies on this sensor is blind. Check wiring and input card, and restart the data acquisition of this signal.",
            "La protection qui dépend de ce capteur est aveugle. Vérifier le câblage et la carte d'entrée, puis relancer l'acquisition de ce signal.",
            "الحماية المعتمدة على هذا الحسّاس لا ترى شيئًا. افحصوا الأسلاك وبطاقة الدخل وأعيدوا تشغيل جمع بيانات هذه الإشارة.",
        ],
    ),
    (
        "soiling",
        ["Modules are dirty", "Modules encrassés", "اتّساخ الألواح"],
        [
            "Compare the loss with the cost of a wash; clean when it pays, after the dust has settled.",
            "Comparer la perte au coût d'un nettoyage ; nettoyer dès que c'est rentable, une fois la poussière retombée.",
            "قارنوا الخسارة بكلفة الغسل، ونظّفوا الألواح عندما يكون ذلك مجديًا وبعد هدوء الغبار.",
        ],
    ),
    (
        "tracker_stuck",
        ["Tracker does not move", "Suiveur solaire bloqué", "المتتبّع الشمسي متوقّف عن الحركة"],
        [
            "Check motor, limit switches and communication of the tracker; secure it before strong wind.",
            "Vérifier le moteur, les fins de course et la communication du suiveur ; le mettre en sécurité avant un vent fort.",
            "افحصوا محرّك المتتبّع ومفاتيح نهاية الشوط والاتصال، وثبّتوه قبل هبوب رياح قوية.",
        ],
    ),
    (
        "inverter_trip",
        ["Inverter has tripped", "Onduleur déclenché", "فصل العاكس عن العمل"],
        [
            "Read the inverter's fault code, check insulation and grid voltage, then restart it.",
            "Lire le code de défaut de l'onduleur, contrôler l'isolement et la tension du réseau, puis le redémarrer.",
            "اقرؤوا رمز العطل في العاكس، وافحصوا العزل وجهد الشبكة، ثم أعيدوا تشغيله.",
        ],
    ),
    (
        "string_outage",
        ["PV string delivers nothing", "Chaîne photovoltaïque à l'arrêt", "سلسلة ألواح لا تنتج"],
        [
            "Check the string's fuse, connectors and combiner box; measure the open-circuit voltage.",
            "Vérifier le fusible, les connecteurs et le coffret de la chaîne ; mesurer la tension à vide.",
            "افحصوا مصهر السلسلة والموصّلات وصندوق التجميع، وقيسوا جهد الدارة المفتوحة.",
        ],
    ),
    (
        "thermal_derate",
        ["Inverter too hot to give all its power", "Onduleur bridé par la chaleur", "عاكس يخفض قدرته بسبب الحرارة"],
        [
            "Clean the filters, check fans and heat sink; the loss comes back every hot afternoon until then.",
            "Nettoyer les filtres, contrôler ventilateurs et dissipateur ; la perte revient chaque après-midi chaud d'ici là.",
            "نظّفوا المرشّحات وافحصوا المراوح والمشتّت الحراري؛ تتكرّر الخسارة كل ظهيرة حارّة حتى ذلك الحين.",
        ],
    ),
    (
        "clock_shift",
        ["Logger's clock is wrong", "L'horloge de l'enregistreur est décalée", "ساعة مسجّل البيانات غير صحيحة"],
        [
            "No energy is lost. Set the logger's clock and its zone, check its time server; mark the rows of that time.",
            "Aucune énergie perdue. Remettre l'heure et le fuseau de l'enregistreur, vérifier son serveur de temps ; marquer les lignes de cette période.",
            "لا توجد خسارة في الطاقة. اضبطوا ساعة المسجّل ومنطقته الزمنية وافحصوا خادم الوقت، وعلّموا صفوف تلك الفترة.",
        ],
    ),
    (
        "pyranometer_drift",
        ["Light sensor reads wrong", "Le pyranomètre dérive", "مقياس الإشعاع ينحرف"],
        [
            "No energy is lost. Clean and level the sensor, compare with the other one; recalibrate or replace it.",
            "Aucune énergie perdue. Nettoyer et mettre de niveau le capteur, le comparer à l'autre ; le réétalonner ou le remplacer.",
            "لا توجد خسارة في الطاقة. نظّفوا الحسّاس وسوّوه وقارنوه بالآخر، ثم أعيدوا معايرته أو استبدلوه.",
        ],
    ),
    (
        "transformer_overheat",
        ["Transformer too hot", "Transformateur trop chaud", "ارتفاع حرارة المحوّل"],
        [
            "Check fans, pumps and oil level; shift load where possible and take an oil sample for gas analysis.",
            "Vérifier les ventilateurs, les pompes et le niveau d'huile ; délester si possible et prélever de l'huile pour l'analyse des gaz dissous.",
            "افحصوا المراوح والمضخّات ومستوى الزيت، وانقلوا جزءًا من الحمل إن أمكن، وخذوا عيّنة زيت لتحليل الغازات.",
        ],
    ),
    (
        "transformer_overload",
        ["Transformer loaded beyond its limit", "Transformateur chargé au-delà de sa limite", "تحميل المحوّل فوق حدّه"],
        [
            "Shift load to a neighbour or shed some before the time below; start all fans. Note the life lost in the asset file.",
            "Reporter ou délester de la charge avant l'heure indiquée ; enclencher tous les ventilateurs. Noter la durée de vie perdue au dossier.",
            "انقلوا جزءًا من الحمل أو افصلوه قبل الوقت المبيّن، وشغّلوا جميع المراوح. سجّلوا العمر المفقود في ملفّ المحوّل.",
        ],
    ),
    (
        "frequency_excursion",
        ["Frequency outside the normal band", "Fréquence hors de la plage normale", "التردّد خارج النطاق العادي"],
        [
            "Compare with other measuring points; if they agree, follow the defence plan. Plants may disconnect once the minutes of the band are used up.",
            "Comparer aux autres points de mesure ; s'ils concordent, appliquer le plan de défense. Les centrales peuvent se découpler une fois la durée de la plage écoulée.",
            "قارنوا مع نقاط القياس الأخرى؛ فإن اتّفقت فطبّقوا خطة الدفاع. قد تنفصل المحطات بعد انقضاء دقائق النطاق.",
        ],
    ),
    (
        "voltage_excursion",
        ["Voltage outside the normal band", "Tension hors de la plage normale", "الجهد خارج النطاق العادي"],
        [
            "Check tap changers, reactors and capacitors nearby, and the reactive power of the plants; check the measuring transformer if neighbours disagree.",
            "Contrôler régleurs en charge, réactances et condensateurs proches ainsi que le réactif des centrales ; contrôler le transformateur de mesure si les voisins ne concordent pas.",
            "افحصوا مبدّلات التفريع والمفاعلات والمكثّفات القريبة والقدرة غير الفعّالة للمحطات، وافحصوا محوّل القياس إذا اختلفت القيم المجاورة.",
        ],
    ),
    (
        "rate_of_change",
        ["Frequency changes too fast", "La fréquence varie trop vite", "التردّد يتغيّر بسرعة مفرطة"],
        [
            "A large unit or line was lost, or the area is islanded. Check which, and that loss-of-mains protections did not trip healthy plants.",
            "Perte d'un grand groupe ou d'une ligne, ou îlotage. Déterminer lequel et vérifier que les protections de découplage n'ont pas déclenché des centrales saines.",
            "فُقدت وحدة كبيرة أو خط، أو انعزلت المنطقة. حدّدوا السبب وتأكّدوا أن حمايات فقد الشبكة لم تفصل محطات سليمة.",
        ],
    ),
    (
        "unusual_value",
        ["Unusual values", "Valeurs inhabituelles", "قيم غير معتادة"],
        [
            "For information: the series does not go on as it did. Look at what happened at that time; no model says what it means.",
            "Pour information : la série ne se poursuit pas comme avant. Regarder ce qui s'est passé à ce moment ; aucun modèle n'en dit le sens.",
            "للعلم: السلسلة لا تستمرّ كما كانت. انظروا ما حدث في ذلك الوقت؛ لا يوجد نموذج يفسّر معناها.",
        ],
    ),
    (
        "curtailment",
        ["Output limited by the operator", "Production limitée par le gestionnaire", "إنتاج محدود بأمر من المشغّل"],
        [
            "For information: the plant follows a set-point.",
            "Pour information : la centrale suit une consigne.",
            "للعلم: المحطة تتبع أمر تشغيل.",
        ],
    ),
    (
        "maintenance",
        ["Under maintenance", "En maintenance", "قيد الصيانة"],
        [
            "For information: a service is under way.",
            "Pour information : une intervention est en cours.",
            "للعلم: هناك أعمال صيانة جارية.",
        ],
    ),
    (
        "comms_loss",
        ["No data are arriving", "Aucune donnée reçue", "انقطاع وصول البيانات"],
        [
            "Check the link to the site, the gateway and the SCADA export; data sent later are still taken in.",
            "Vérifier la liaison avec le site, la passerelle et l'export SCADA ; les données envoyées plus tard seront prises en compte.",
            "افحصوا الاتصال بالموقع والبوّابة وتصدير بيانات SCADA؛ البيانات المرسلة لاحقًا ستُقبل.",
        ],
    ),
    (
        "link_silent",
        ["A connection brings nothing", "Une connexion ne transmet plus rien", "اتصال لا ينقل أي بيانات"],
        [
            "See the page Connections for the last error; check the network, the gateway and the peer. What it keeps is fetched when it is back.",
            "Voir la dernière erreur sur la page Connexions ; vérifier le réseau, la passerelle et l'équipement. Ce qu'il conserve sera repris au retour.",
            "راجعوا آخر خطأ في صفحة الاتصالات، وافحصوا الشبكة والبوّابة والجهاز المقابل. ما يحتفظ به سيُستعاد عند عودته.",
        ],
    ),
    (
        "downtime",
        ["Stopped though it could run", "À l'arrêt alors que la ressource est là", "توقّف رغم توفّر ظروف الإنتاج"],
        [
            "Read the fault log of the controller and restart, or record the reason of the stop.",
            "Lire le journal de défauts de l'automate et redémarrer, ou noter la raison de l'arrêt.",
            "اقرؤوا سجلّ أعطال وحدة التحكم وأعيدوا التشغيل، أو سجّلوا سبب التوقّف.",
        ],
    ),
    (
        "plant_outage",
        [
            "Much of the plant stopped at once",
            "Une grande partie de la centrale s'est arrêtée d'un coup",
            "توقّف جزء كبير من المحطة دفعة واحدة",
        ],
        [
            "Look for one cause: grid, breaker, transformer, an order. The alerts of the machines are folded under this one.",
            "Chercher une cause unique : réseau, disjoncteur, transformateur, consigne. Les alertes des machines sont regroupées sous celle-ci.",
            "ابحثوا عن سبب واحد: الشبكة أو القاطع أو المحوّل أو أمر تشغيل. تنبيهات الوحدات مجموعة تحت هذا التنبيه.",
        ],
    ),
    (
        "controller_stop",
        ["The controller stopped the machine", "L'automate a arrêté la machine", "أوقفت وحدة التحكم الآلة"],
        [
            "Read the controller log under this alert from its first line on, then restart or send a crew.",
            "Lire le journal de l'automate sous cette alerte depuis sa première ligne, puis redémarrer ou envoyer une équipe.",
            "اقرؤوا سجلّ وحدة التحكم تحت هذا التنبيه من سطره الأول، ثم أعيدوا التشغيل أو أرسلوا فريقًا.",
        ],
    ),
    (
        "controller_warning",
        ["The controller reports something rare", "L'automate signale un événement rare", "وحدة التحكم تبلّغ عن أمر نادر"],
        [
            "The machine runs. Read the log under this alert and take it along at the next visit.",
            "La machine tourne. Lire le journal sous cette alerte et s'en occuper à la prochaine visite.",
            "الآلة تعمل. اقرؤوا السجلّ تحت هذا التنبيه وعالجوه في الزيارة المقبلة.",
        ],
    ),
    (
        "northing_step",
        ["North reference has jumped", "Saut de la référence nord", "قفزة في مرجع اتجاه الشمال"],
        [
            "No energy is lost. Recalibrate the nacelle heading; sector-wise analyses are wrong until then.",
            "Aucune énergie perdue. Réétalonner le cap de la nacelle ; d'ici là les analyses par secteur sont fausses.",
            "لا توجد خسارة في الطاقة. أعيدوا معايرة اتجاه حجرة التوربين؛ تحليلات القطاعات غير صحيحة إلى ذلك الحين.",
        ],
    ),
];

/// One line for people.
pub fn title(component: &str, mode: &str) -> InThreeLanguages {
    line(component, mode).map_or_else(
        || {
            three([
                &format!("Unusual behaviour: {}", named(component, mode)),
                &format!("Comportement inhabituel : {}", named(component, mode)),
                &format!("سلوك غير معتاد: {}", named(component, mode)),
            ])
        },
        |line| match mode {
            // The part is the connection, which people named.
            "link_silent" => three(line.1.map(|title| format!("{title}: {component}")).each_ref().map(String::as_str)),
            _ => three(line.1),
        },
    )
}

/// What to do.
pub fn advice(component: &str, mode: &str) -> InThreeLanguages {
    const GENERIC: [&str; 3] = [
        "Look at the signals named below against their expected values; call a false alarm false, with the reason.",
        "Comparer les signaux cités ci-dessous à leurs valeurs attendues ; si l'alerte est fausse, la signaler comme telle avec la raison.",
        "قارنوا الإشارات المذكورة أدناه بقيمها المتوقّعة؛ وإن كان الإنذار خاطئًا فسجّلوه كذلك مع ذكر السبب.",
    ];
    three(line(component, mode).map_or(GENERIC, |line| line.2))
}

fn line(component: &str, mode: &str) -> Option<&'static Line> {
    let mode = match (component, mode) {
        (
            "transformer" | "cooling",
            "overheat" | "overheating" | "oil_overheat" | "transformer_overheating" | "cooling_failure",
        ) => "transformer_overheat",
        ("transformer", "bearing_overheat" | "winding_overheat") => "transformer_overheat",
        (_, "tracker_stall") => "tracker_stuck",
        (_, "string_out") => "string_outage",
        (_, other) => other,
    };
    LINES.iter().find(|line| line.0 == mode)
}

fn named(component: &str, mode: &str) -> String {
    format!("{} / {}", component.replace('_', " "), mode.replace('_', " "))
}

fn three([en, fr, ar]: [&str; 3]) -> InThreeLanguages {
    InThreeLanguages { en: en.into(), fr: fr.into(), ar: ar.into() }
}

#[cfg(test)]
mod tests {
    use super::{LINES, advice, title};

    #[test]
    fn every_line_is_complete_and_in_its_script() {
        for (mode, titles, advices) in LINES {
            for text in titles.iter().chain(advices) {
                assert!(!text.trim().is_empty(), "{mode}");
            }
            let arabic = |text: &str| text.chars().any(|c| ('\u{0600}'..='\u{06ff}').contains(&c));
            assert!(arabic(titles[2]) && arabic(advices[2]), "{mode}");
            assert!(!arabic(titles[0]) && !arabic(titles[1]), "{mode}");
        }
    }

    #[test]
    fn an_unknown_mode_still_says_what_and_where() {
        assert!(title("main_bearing", "howling").en.contains("main bearing / howling"));
        assert!(!advice("x", "y").ar.is_empty());
        assert_eq!(title("transformer", "overheating").en, "Transformer too hot");
        assert_eq!(title("transformer", "transformer_overheat").en, "Transformer too hot");
        for mode in ["tracker_stall", "string_out", "thermal_derate", "clock_shift", "pyranometer_drift", "inverter_trip"] {
            assert!(!title("inverter", mode).en.contains('/'), "{mode}");
        }
    }
}

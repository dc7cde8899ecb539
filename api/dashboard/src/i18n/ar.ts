// Arabic: every sentence and name the dashboard shows, key by key as in English. Units keep their international symbols.
import type { Dictionary } from "./en";

const text: Dictionary["text"] = {
  fleet: "المنشآت", forecast: "التوقعات", alerts: "التنبيهات", asset: "المعدّة", skip: "انتقل إلى المحتوى", mainMenu: "القائمة الرئيسية",
  language: "اللغة", theme: "المظهر", themeAuto: "مظهر النظام", themeLight: "مظهر فاتح", themeDark: "مظهر داكن", logOut: "تسجيل الخروج",
  zoneUtc: "UTC", zoneSite: "توقيت الموقع", zone: "المنطقة الزمنية للمحاور",
  logInTitle: "تسجيل الدخول", keyLabel: "مفتاح الواجهة البرمجية", keyHelp: "يُطبع مرة واحدة عند أول تشغيل للخادم، ويمكن للمسؤول إصدار مفتاح آخر.",
  logInButton: "دخول", keyRefused: "رُفض هذا المفتاح.", checking: "جارٍ التحقق…",
  loading: "جارٍ التحميل…", retry: "أعد المحاولة", failed: "تعذّر التحميل", unreachable: "الخادم لا يجيب.", notFound: "الصفحة غير موجودة", notFoundHelp: "هذا العنوان لا يؤدي إلى شيء.",
  live: "مباشر", connecting: "جارٍ الاتصال", cut: "انقطع البث المباشر. قد يكون ما تراه قديمًا.", reconnect: "أعد الاتصال الآن", reconnectIn: "المحاولة القادمة بعد {s} ث",
  wind: "الرياح", solar: "الشمس", load: "الحمل", netLoad: "الحمل الصافي", netLoadHelp: "الحمل − الرياح − الشمس", now: "الآن", expected: "المتوقع", actual: "الفعلي", measured: "المقاس",
  ofCapacity: "من {capacity}", last24: "آخر 24 ساعة و24 ساعة قادمة", expectedNow: "المتوقع {value}", noReading: "لا قياس بعد", dataAge: "البيانات {age}", stale: "قديم", capacityFactor: "معامل السعة",
  plants: "المحطات", regionsAndGrid: "الطلب والشبكة", units: "الوحدات", unitsRunning: "تعمل {running} من {all}", noAssets: "لا معدّات بعد", noAssetsHelp: "استورد مجموعة بيانات أو شغّل العرض لتظهر المنشآت هنا.",
  openAlerts: "التنبيهات النشطة", noAlerts: "لا تنبيهات نشطة", legend: "مفتاح الألوان", tileIdle: "متوقفة", tileFull: "قدرة كاملة", tileStale: "لا بيانات حديثة", tileDown: "معطلة أو في الصيانة", otherUnits: "وحدات أخرى",
  withinBand: "ضمن النطاق المتوقع", belowBand: "دون النطاق المتوقع", aboveBand: "فوق النطاق المتوقع", northFirst: "من الشمال إلى الجنوب",
  chooseAsset: "المعدّة", quantity: "الكمية", issueTime: "صدرت", latest: "الأحدث", previousIssue: "الإصدار السابق", nextIssue: "الإصدار التالي", downloadCsv: "تنزيل CSV",
  noForecast: "لا توقعات بعد", noForecastHelp: "لا توجد معدّة لها توقعات. تظهر الأولى بعد قراءة تاريخ كافٍ.", noActuals: "لا قياسات للمقارنة في هذه الفترة.",
  median: "الوسيط", band: "نطاق {level}", error: "الفرق", leadTime: "الأفق", issuedHere: "صدرت", validTime: "الوقت", chartForecast: "مروحة التوقعات مقابل القياسات. استخدم السهمين الأيمن والأيسر لقراءة القيم.",
  verdict: "الحكم", modelServed: "النموذج المعتمد", bestNaive: "أفضل منافس ساذج", skill: "المهارة مقابل الساذج", coverage80: "تغطية نطاق 80%", score: "النتيجة", metric: "المقياس", evaluatedAt: "قُيّم", noVerdict: "لم يُقيّم بعد: لم يُجرَ الاختبار المتدحرج لهذا الهدف.", verdictSum: "مجموع توقعات أخرى سُحبت معًا. سجله السابق يبيّن جودته.",
  modelVersion: "الإصدار", resolution: "الدقة الزمنية", thisWindow: "منذ هذا الإصدار", meanAbsError: "متوسط الخطأ المطلق", inBand: "داخل نطاق 80%", bias: "الانحياز", servedMark: "معتمد", naiveMark: "أفضل ساذج", notEnough: "لم يُقَس شيء منذ صدورها.",
  values: "القيم", readHover: "مرّر فوق الرسم لقراءة القيم",
  inbox: "صندوق التنبيهات", filterState: "الحالة", filterSeverity: "الخطورة", filterAsset: "المعدّة", filterText: "بحث", searchHint: "توربين، مكوّن، نص…", all: "الكل", active: "النشطة", unowned: "بانتظار الإقرار", shelvedTab: "المؤجلة", closed: "المغلقة", allAssets: "كل المعدّات",
  sortUrgency: "الأكثر إلحاحًا أولًا", sortNewest: "الأحدث أولًا", sortLoss: "الأكبر خسارة أولًا", sort: "الترتيب", shownCount: "{shown} من {all}",
  inboxEmpty: "لا شيء ينتظرك", inboxEmptyHelp: "لا تنبيه مطابق. تظهر التنبيهات الجديدة هنا تلقائيًا.", chooseAlert: "اختر تنبيهًا", chooseAlertHelp: "تظهر هنا أدلته والنصيحة وسجله.", newAlert: "تنبيه جديد: {title}", newMark: "جديد",
  since: "منذ", component: "المكوّن", whyTitle: "لماذا نعتقد ذلك", whatToDo: "ما العمل", history: "السجل", energyLost: "الطاقة المفقودة", assignee: "أُسند إلى", nobody: "لا أحد", incidentOngoing: "ما زال مستمرًا", incidentOver: "لم يعد يُلاحظ", anomalyScore: "درجة الشذوذ", overLimit: "{n} × الحد",
  back: "العودة إلى القائمة", openAsset: "افتح المعدّة", noHistory: "لا سجل بعد", noContributors: "لم يحدد الكاشف إشارة بعينها.", shelvedUntil: "مؤجل حتى {time}",
  acknowledge: "إقرار", assign: "إسناد", resolve: "إغلاق", falsePositive: "إنذار كاذب", shelve: "تأجيل", comment: "تعليق", cancel: "إلغاء", save: "حفظ", assignTo: "من يتولاه؟", commentLabel: "تعليق", reasonLabel: "السبب", reasonNeeded: "اذكر السبب: تنخفض أولوية التنبيهات من هذا النوع ويُحسب ذلك على الميزانية.", optional: "اختياري",
  outcome: "النتيجة", outcomeFixed: "أُصلح", outcomeNoAction: "لا حاجة لإجراء", shelveFor: "لمدة", hours: "{n} س", days: "{n} ي", actionRefused: "لم يُنفذ: {detail}", sending: "جارٍ الإرسال…", you: "أنت",
  allAlerts: "كل التنبيهات", facts: "بطاقة", kind: "النوع", capacity: "القدرة المركبة", place: "الموقع", parent: "تابع لـ", timezone: "المنطقة الزمنية", power: "القدرة", powerCurve: "منحنى القدرة", powerCurveHelp: "المنحنى المتوقع ونطاقه، والنقاط الخارجة عنه ملوّنة.", chartPowerCurve: "انتشار القدرة حسب سرعة الرياح مع المنحنى المتوقع",
  normal: "عادي", anomalous: "شاذ", signals: "الإشارات مقابل المتوقع", signalsHelp: "القيمة المقاسة والمتوقعة، وتحتها درجة الفرق والخط الذي تُحسب عنده.", notWatched: "غير مراقب بعد", notWatchedHelp: "التاريخ السليم أقل من أن نعرف ما هو عادي هنا.", fittedUntil: "تعلّم العادي حتى {time}", observed: "المقاس", limit: "الحد", residualScore: "درجة الفرق",
  readings: "القياسات الأخيرة", range: "الفترة", range24: "24 س", range7: "7 ي", range30: "30 ي", noReadings: "لا قياسات في هذه الفترة", assetAlerts: "تنبيهات هذه المعدّة", noAssetAlerts: "لا تنبيه مسجل", partsOf: "الأجزاء", forecastOf: "التوقعات", unknownAsset: "هذه المعدّة ليست في السجل.",
  chartReadings: "سلسلة زمنية للكمية المختارة", keyboardHint: "j / k للتنقل، a للإقرار", lastValue: "آخر قيمة", min: "الأدنى", max: "الأعلى", mean: "المتوسط", dismiss: "إغلاق",
  reason: "لماذا هذا التوقع", reasonHelp: "ما يبعده عن المستوى المعتاد في هذا الوقت من اليوم وهذا الفصل.", reasonMost: "أساسًا {group} {value}", reasonRaises: "يرفعه {group} {value}", reasonLowers: "يخفضه {group} {value}", reasonBoth: "يحركه {group} صعودًا وهبوطًا {value}", reasonUsual: "قريب من المعتاد: لا شيء يبعده عنه بأكثر من {value}.",
  reasonLevel: "المستوى المعتاد", reasonSum: "التوقع", reasonAway: "البعد عن المعتاد", reasonMean: "المتوسط على كامل التوقع.", reasonCorrection: "يشمل المستوى الأخير ما تصححه أخطاء الأسابيع الماضية.", reasonMissing: "لا سبب يمكن ذكره: استُبدل نموذج هذا التوقع منذ ذلك الحين.", reasonSoon: "لا سبب متاح لهذا التوقع بعد.",
  chartReason: "أعمدة ما يضيفه الطقس والتقويم والمستوى الأخير إلى المستوى المعتاد أو ينقصه. استعمل السهمين الأيمن والأيسر لقراءة القيم.",
  record: "سجل الأداء", recordHelp: "{issues} من التوقعات السابقة من {from} إلى {to}، حسب مداها.", recordSoon: "لا سجل بعد: يظهر عندما تلتقي التوقعات السابقة بقياساتها.",
  recordAhead: "المدى", recordError: "متوسط الخطأ", recordPinball: "خسارة pinball", recordCovered: "داخل نطاق 80 %", recordPersistence: "مقابل الاستمرارية", recordNaive: "مقابل أفضل ساذج", recordAll: "الكل", recordNaiveIs: "أفضل ساذج: {model}.", recordTick: "العلامة عند 80 % التي ينبغي أن يحتويها النطاق، والكسب فوق الصفر يعني توقعًا أفضل من منافسه.", minutes: "{n} د",
  notes: "عن هذا التوقع", noteSince: "منذ {time}",
  plan: "الصيانة", raisedHere: "رُفع", neighbours: "المجاورات", incidentSpan: "الحادثة", difference: "الفرق", alarmLine: "خط الإنذار", dailyMeans: "المتوسطات اليومية", chartEvidence: "المقاس مقابل المتوقع مع المجاورات. استعمل السهمين الأيمن والأيسر لقراءة القيم.",
  noEvidence: "لا إشارة لرسمها لهذا التنبيه، بدأ {time}.", plainHelp: "لا نموذج لهذه الإشارة: هذه هي القراءة نفسها.", contributions: "الحصة من الحكم",
  trend: "إلى أين يتجه", noTrend: "لا شيء يتجه نحو حدّ حاليًا.", trendSays: "{quantity}: {level} الآن، وتتجه نحو حدّها {limit}. تبلغه:", trendReached: "{quantity}: {level}، وقد بلغت حدّها {limit}.", earliest: "الأبكر", earliestHelp: "9 من 10: ليس قبله", medianWhen: "احتمال متساوٍ", medianHelp: "قبله أو بعده سواء", latestWhen: "الأبعد", latestHelp: "9 من 10: ليس بعده", beyond90: "بعد أكثر من 90 يومًا", inDays: "بعد {n} ي", inHours: "بعد {n} س", chartTrend: "الإشارة حتى الآن ونطاق المسارات إلى حدّها.",
  next7: "{value} في الأيام السبعة القادمة", moneyLost: "الخسارة المالية", playbook: "الخطوات", onePerson: "شخص واحد", people: "عدد الأشخاص: {n}", planVisit: "خطّط للزيارة",
  priority: "الأولوية", priorityHigh: "عالية", priorityMiddle: "متوسطة", priorityLow: "منخفضة", priorityHelp: "من الخطورة والطاقة والاتجاه.", patternFalse: "تنبيهات من هذا النوع حتى الآن: {raised}، منها كاذبة: {n}.", patternTrue: "تنبيهات من هذا النوع حتى الآن: {raised}، لم يُعدّ أيّ منها كاذبًا.", patternLowered: "وهذا يخفض أولويتها إلى {share}.", budgetLine: "التنبيهات منذ {since}: {raised}، منها كاذبة: {n} (المسموح به سنويًا: {allowed})", budgetHelp: "الميزانية: {n} تنبيه كاذب لكل معدّة سنويًا، لعدد {assets} معدّة.",
  foldedUnder: "مضموم تحت", foldedHere: "مضمومة تحت هذا التنبيه: {n}", foldedCount: "{n} مضمومة", showAll: "اعرض الكل ({n})", controllerLog: "سجل وحدة التحكم", logFolded: "{lines} سطرًا في {episodes} نوبة، مضمومة تحت هذا التنبيه.", logMessage: "الرسالة", logReset: "أُلغي", logStands: "ما زال قائمًا", logEmpty: "لا أسطر محفوظة لهذا التنبيه.", logShow: "اعرض الأسطر", logMore: "اعرض المزيد ({n} من {all})", unknownAlert: "هذا التنبيه غير معروف هنا.",
  planTitle: "خطة الصيانة", planCalendar: "التقويم", planVisitKey: "زيارة مخططة", asSoonAsPossible: "في أقرب وقت", showEarly: "قارن بأقرب وقت", planProduction: "الإنتاج المتوقع، حتى {most}", planStorm: "رياح فوق الحد {limit} في أحد المواقع", asConfiguredIs: "حسب الإعداد: {value}", planWindy: "رياح قريبة من الحد {limit}",
  planSaving: "ما يوفّره انتظار الساعات المناسبة", planSavingHelp: "مقارنة بإرسال كل فريق إلى التنبيه الأكثر إلحاحًا في أقرب وقت.", planRisk: "منها {risk} مخاطرة", thisPlan: "هذه الخطة", solverOptimal: "الأفضل، مع إثبات.", solverFeasible: "ضمن {gap} من الأفضل.",
  visits: "الزيارات بالترتيب", actions: "الإجراءات", alsoSettles: "ويُنهي أيضًا:", occurrencesAre: "عدد المرات: {n}", lostWorking: "المفقود أثناء العمل", lostWaiting: "المفقود حتى ذلك الحين", windMost: "أشد رياح", unknown: "غير معروف", leftOut: "ما لم يُدرج",
  whatIf: "ماذا لو", whatIfHelp: "لهذه المعاينة فقط، ولا يتغير الإعداد.", planDays: "الفترة", windLimit: "حد الرياح للصعود", pricePerMwh: "سعر الميغاواط ساعة", asConfigured: "حسب الإعداد", crews: "الفرق", crew: "الفريق", crewNamed: "الفريق {n}", changeCrews: "غيّر", addCrew: "أضف فريقًا", crewsAsConfigured: "حسب الإعداد", peopleWord: "الأشخاص", hoursFrom: "من", hoursTo: "إلى", weekdays: "أيام العمل", remove: "احذف", planAgain: "أعد التخطيط", planning: "جارٍ التخطيط…", downloadIcs: "ملف التقويم", planEmpty: "لا شيء للتخطيط", planEmptyHelp: "لا تنبيه مفتوح يستدعي زيارة. عندما يوجد، تظهر هنا أرخص الساعات له.",
  connections: "الاتصالات", connection: "الاتصال", connectionsLive: "مباشر: {n} من {all}", noConnections: "لم يُعدّ أي اتصال بمحطة", noConnectionsHelp: "طريقة الإعداد في `docs/connectors.md`، ويسرد الأمر `chergui discover` ما يعرضه الجهاز.", unknownConnection: "لا اتصال بهذا الاسم.",
  lag: "التأخر", clockSkew: "إزاحة الساعة", clockAhead: "متقدمة", clockBehind: "متأخرة", valuesPerSecond: "قيم/ث", notGood: "غير سليمة", rejects: "المرفوضة", failures: "الإخفاقات", lastError: "آخر خطأ", never: "أبدًا", stateFor: "منذ {span}", seconds: "{n} ث", connectionsOld: "تعذّرت القراءة من جديد وقد يكون هذا قديمًا: {detail}",
  connectionsHelp: "العدّادات منذ تشغيل الخادم، والقيم في الثانية على آخر نصف دقيقة. إزاحة الساعة هي ساعة المصدر ناقص ساعتنا، ويُشار إليها فوق {limit}.", points: "النقاط", assetCount: "المعدّات", received: "المستلمة", stored: "المخزّنة", timesConnected: "مرات الاتصال", newestStamp: "أحدث طابع زمني", silentAfter: "يُعدّ صامتًا بعد",
  tail: "المتابعة المباشرة", tailOf: "المتابعة المباشرة: {name}", tailPause: "إيقاف مؤقت", tailResume: "استئناف", tailClear: "مسح", tailPaused: "متوقف مؤقتًا", tailHeld: "أسطر منتظرة: {n}", tailEmpty: "لا شيء بعد. يظهر سطر مع القيمة التالية أو تغيّر الحالة أو الخطأ.", tailLagged: "تنقص أسطر هنا: وصلت أسرع مما يمكن إرساله.", tailGap: "تنقص أسطر هنا: انقطع البث.", tailCut: "انقطع",
};

const kinds = {
  wind_turbine: "توربين رياح", wind_plant: "محطة رياح", pv_inverter: "عاكس كهروضوئي", pv_tracker: "متتبع شمسي", pv_plant: "محطة كهروضوئية", weather_station: "محطة أرصاد",
  meter: "عداد", region: "منطقة طلب", transformer: "محوّل", bus: "قضيب توزيع",
};

const quantities = {
  active_power: "القدرة الفعالة", reactive_power: "القدرة غير الفعالة", load: "الحمل", net_load: "الحمل الصافي", wind_power: "قدرة الرياح", solar_power: "القدرة الشمسية", available_power: "القدرة المتاحة", active_power_limit: "حد القدرة", active_energy: "الطاقة",
  voltage: "الجهد", current: "التيار", frequency: "التردد", wind_speed: "سرعة الرياح", wind_direction: "اتجاه الرياح", nacelle_direction: "اتجاه القمرة", rotor_speed: "سرعة الدوّار",
  generator_speed: "سرعة المولّد", blade_pitch_angle: "زاوية الشفرات", turbine_status: "الحالة", ghi: "الإشعاع الكلي", dni: "الإشعاع المباشر", dhi: "الإشعاع المنتشر", poa_global: "الإشعاع على الألواح",
  temp_air: "حرارة الهواء", temp_module: "حرارة الألواح", temp_cell: "حرارة الخلايا", gearbox_bearing_temp: "حرارة محمل علبة التروس", gearbox_oil_temp: "حرارة زيت علبة التروس",
  generator_winding_temp: "حرارة ملفات المولّد", generator_bearing_temp: "حرارة محمل المولّد", top_oil_temp: "حرارة زيت المحوّل", pressure: "ضغط الهواء", relative_humidity: "الرطوبة النسبية",
  precipitation: "الأمطار", tracker_angle: "زاوية المتتبع", soiling_ratio: "نسبة الاتساخ", ambient_temp: "الحرارة المحيطة",
};

const components = {
  gearbox: "علبة التروس", generator: "المولّد", rotor: "الدوّار", blades: "الشفرات", pitch: "نظام الميل", yaw: "نظام التوجيه", inverter: "العاكس", strings: "السلاسل", tracker: "المتتبع", modules: "الألواح",
  transformer: "المحوّل", sensor: "المستشعر", anemometer: "مقياس الرياح", data: "وصلة البيانات", plant: "المحطة", turbine: "التوربين", production: "الإنتاج",
  main_bearing: "المحمل الرئيسي", cooling: "التبريد", sensors: "المستشعرات", string: "السلسلة", converter: "محوّل القدرة", nacelle: "القمرة", controller: "وحدة التحكم", pyranometer: "مقياس الإشعاع", clock: "الساعة",
};

const modes = {
  overheating: "سخونة زائدة", underperformance: "أداء ضعيف", soiling: "اتساخ", stuck: "عالق", stale: "إشارة جامدة", misalignment: "انحراف", icing: "تجمد", curtailment: "تقييد", outage: "توقف", drift: "انجراف",
  bearing_overheat: "سخونة المحمل", winding_overheat: "سخونة الملفات", oil_overheat: "سخونة الزيت", cooling_failure: "عطل التبريد", pitch_offset: "انحراف الميل", yaw_misalignment: "انحراف التوجيه", power_derate: "قدرة محدودة", wind_speed_drift: "انجراف قياس الرياح", frozen_value: "قيمة جامدة", tracker_stuck: "متتبع عالق", inverter_trip: "فصل العاكس", string_outage: "توقف سلسلة", transformer_overheat: "سخونة زائدة", maintenance: "صيانة", downtime: "متوقف", comms_loss: "لا بيانات", link_silent: "اتصال صامت", northing_step: "قفزة مرجع الشمال",
  clipping: "تشبّع العاكس", rain: "نظّفه المطر", dust_storm: "عاصفة غبار", washing: "غسل", controller_stop: "أوقفته وحدة التحكم", controller_warning: "تحذير من وحدة التحكم", plant_outage: "توقف المحطة", clock_shift: "إزاحة الساعة", pyranometer_drift: "انجراف مقياس الإشعاع", string_out: "توقف سلسلة", thermal_derate: "خفض حراري للقدرة", tracker_stall: "توقف المتتبع",
};

const states = { open: "مفتوح", acknowledged: "تم الإقرار", assigned: "مُسند", resolved: "مغلق", false_positive: "إنذار كاذب", shelved: "مؤجل" };
const phases = { live: "مباشر", silent: "صامت", connecting: "جارٍ الاتصال", backfilling: "استدراك ما فات", waiting: "بانتظار إعادة المحاولة", idle: "لم يبدأ", closed: "مغلق", stopped: "متوقف" };
const severities = { info: "معلومة", warning: "تحذير", critical: "حرج" };
const events = {
  incident_closed: "لم يعد يُلاحظ", opened: "فُتح", open: "فُتح", acknowledged: "تم الإقرار", acknowledge: "تم الإقرار", assigned: "أُسند", assign: "أُسند", resolved: "أُغلق", resolve: "أُغلق", false_positive: "عُدّ إنذارًا كاذبًا",
  shelved: "أُجّل", shelve: "أُجّل", unshelved: "انتهى التأجيل", commented: "تعليق", comment: "تعليق", recurred: "لوحظ مجددًا", reopened: "فُتح مجددًا", updated: "حُدّث", escalated: "ازداد خطورة", incident_ended: "لم يعد يُلاحظ", notified: "أُرسل إشعار", folded: "ضُمّ إلى تنبيه آخر", unfolded: "عاد مستقلًا",
};
const models = {
  persistence: "الاستمرارية", seasonal_naive: "الساذج الموسمي", blend: "مزيج اليوم والأسبوع", climatology: "المناخي", clear_sky: "استمرارية السماء الصافية", clear_sky_persistence: "استمرارية السماء الصافية", ets: "ETS", mstl: "MSTL", ridge: "Ridge", smart_persistence: "الاستمرارية الذكية", power_curve: "منحنى القدرة", damped: "الاستمرارية المخمدة", calendar_blend: "المزيج التقويمي", boosting: "تعزيز التدرج",
  aggregate: "تجميع كل النماذج", mixture: "مزيج", mixture_recent: "مزيج الأسابيع الأخيرة", boosted: "أشجار معززة", waves: "موجات عشوائية", sum: "مجموع", ridge_recent: "Ridge، الأشهر الأخيرة", physics: "فيزيائي", analogue: "أيام مماثلة", daily: "الساعة نفسها أمس", weekly: "الساعة نفسها قبل أسبوع", recent30: "آخر 30 يومًا",
};
const groups = { usual: "المستوى المعتاد", recent: "المستوى الأخير", weather: "الطقس", calendar: "التقويم" };
const groupHeads = { usual: "المستوى المعتاد", recent: "المستوى الأخير", weather: "الطقس", calendar: "التقويم" };
const notes = {
  telemetry_stale: "القياسات متأخرة: تستند الساعات الأولى إلى قيم قديمة.", weather_late: "آخر تنبؤ بالطقس متأخر: يُستعمل تنبؤ أقدم.", weather_missing: "لا تنبؤ بالطقس: يُقدَّم نموذج بلا طقس.",
  little_history: "التاريخ قصير: النطاقات واسعة والتوقع سيتحسن.", model_unavailable: "النموذج المعتاد غير متاح: تُقدَّم قاعدة بسيطة.",
};

export const ar: Dictionary = { text, kinds, quantities, components, modes, states, phases, severities, events, models, groups, groupHeads, notes };

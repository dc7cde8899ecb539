// French: every sentence and name the dashboard shows, key by key as in English.
import type { Dictionary } from "./en";

const text: Dictionary["text"] = {
  fleet: "Parc", forecast: "Prévision", alerts: "Alertes", asset: "Équipement", skip: "Aller au contenu", mainMenu: "Menu principal",
  language: "Langue", theme: "Thème", themeAuto: "Thème du système", themeLight: "Thème clair", themeDark: "Thème sombre", logOut: "Se déconnecter",
  zoneUtc: "UTC", zoneSite: "Heure du site", zone: "Fuseau des axes",
  logInTitle: "Connexion", keyLabel: "Clé d’API", keyHelp: "Affichée une seule fois au premier démarrage du serveur ; un administrateur peut en créer une autre.",
  logInButton: "Se connecter", keyRefused: "Cette clé a été refusée.", checking: "Vérification…",
  loading: "Chargement…", retry: "Réessayer", failed: "Chargement impossible", unreachable: "Le serveur ne répond pas.", notFound: "Page introuvable", notFoundHelp: "Cette adresse ne mène nulle part.",
  live: "En direct", connecting: "Connexion", cut: "Le direct est interrompu. Ce que vous voyez peut être ancien.", reconnect: "Reconnecter", reconnectIn: "prochain essai dans {s} s",
  wind: "Éolien", solar: "Solaire", load: "Consommation", netLoad: "Charge nette", netLoadHelp: "consommation − éolien − solaire", now: "maintenant", expected: "Attendu", actual: "Réel", measured: "Mesuré",
  ofCapacity: "sur {capacity}", last24: "24 h passées et 24 h à venir", expectedNow: "attendu {value}", noReading: "Aucune mesure", dataAge: "Données {age}", stale: "Périmé", capacityFactor: "Facteur de charge",
  plants: "Centrales", regionsAndGrid: "Demande et réseau", units: "Unités", unitsRunning: "{running} sur {all} en marche", noAssets: "Aucun équipement", noAssetsHelp: "Importez un jeu de données ou lancez la démo : le parc apparaîtra ici.",
  openAlerts: "Alertes actives", noAlerts: "Aucune alerte active", legend: "Légende", tileIdle: "au repos", tileFull: "pleine puissance", tileStale: "pas de donnée récente", tileDown: "à l’arrêt ou en entretien", otherUnits: "Autres unités",
  withinBand: "Dans la bande attendue", belowBand: "sous la bande attendue", aboveBand: "au-dessus de la bande attendue", northFirst: "Du nord au sud",
  chooseAsset: "Équipement", quantity: "Grandeur", issueTime: "Émise", latest: "Dernière", previousIssue: "Émission précédente", nextIssue: "Émission suivante", downloadCsv: "Télécharger en CSV",
  noForecast: "Pas encore de prévision", noForecastHelp: "Aucun équipement n’a de prévision. Les premières arrivent dès que l’historique suffit.", noActuals: "Aucune mesure à comparer dans cette fenêtre.",
  median: "Médiane", band: "Bande {level}", error: "Écart", leadTime: "Échéance", issuedHere: "émise", validTime: "Heure", chartForecast: "Éventail de la prévision face aux mesures. Flèches gauche et droite pour lire les valeurs.",
  verdict: "Verdict", modelServed: "Modèle servi", bestNaive: "Meilleur rival naïf", skill: "Gain sur le naïf", coverage80: "La bande 80 % couvre", score: "Score", metric: "Métrique", evaluatedAt: "Jugé", noVerdict: "Pas encore jugé : l’évaluation glissante n’a pas tourné pour cette cible.", verdictSum: "La somme d’autres prévisions, tirées ensemble. Son historique dit ce qu’elle valait.",
  modelVersion: "Version", resolution: "Résolution", thisWindow: "Depuis cette émission", meanAbsError: "Erreur absolue moyenne", inBand: "Dans la bande 80 %", bias: "Biais", servedMark: "servi", naiveMark: "meilleur naïf", notEnough: "Rien de mesuré depuis l’émission.",
  values: "Valeurs", readHover: "Survolez le graphique pour lire les valeurs",
  inbox: "Boîte d’alertes", filterState: "État", filterSeverity: "Gravité", filterAsset: "Équipement", filterText: "Chercher", searchHint: "Éolienne, composant, texte…", all: "Toutes", active: "Actives", unowned: "À acquitter", shelvedTab: "En attente", closed: "Closes", allAssets: "Tous les équipements",
  sortUrgency: "Les plus urgentes d’abord", sortNewest: "Les plus récentes d’abord", sortLoss: "Les plus coûteuses d’abord", sort: "Ordre", shownCount: "{shown} sur {all}",
  inboxEmpty: "Rien ne vous attend", inboxEmptyHelp: "Aucune alerte ne correspond. Les nouvelles apparaissent d’elles-mêmes.", chooseAlert: "Choisissez une alerte", chooseAlertHelp: "Ses preuves, le conseil et l’historique s’affichent ici.", newAlert: "Nouvelle alerte : {title}", newMark: "nouvelle",
  since: "Depuis", component: "Composant", whyTitle: "Pourquoi nous le pensons", whatToDo: "Que faire", history: "Historique", energyLost: "Énergie perdue", assignee: "Confiée à", nobody: "personne", incidentOngoing: "toujours en cours", incidentOver: "n’est plus observé", anomalyScore: "Score d’anomalie", overLimit: "{n} × la limite",
  back: "Retour à la liste", openAsset: "Ouvrir l’équipement", noHistory: "Pas encore d’historique", noContributors: "Le détecteur ne désigne aucun signal en particulier.", shelvedUntil: "En attente jusqu’au {time}",
  acknowledge: "Acquitter", assign: "Confier", resolve: "Clore", falsePositive: "Fausse alerte", shelve: "Mettre en attente", comment: "Commenter", cancel: "Annuler", save: "Enregistrer", assignTo: "Qui s’en charge ?", commentLabel: "Commentaire", reasonLabel: "Motif", reasonNeeded: "Dites pourquoi : la priorité des alertes de ce type baisse, et le budget en tient compte.", optional: "facultatif",
  outcome: "Issue", outcomeFixed: "Réparé", outcomeNoAction: "Rien à faire", shelveFor: "Pendant", hours: "{n} h", days: "{n} j", actionRefused: "Non effectué : {detail}", sending: "Envoi…", you: "vous",
  allAlerts: "Toutes les alertes", facts: "Fiche", kind: "Type", capacity: "Puissance installée", place: "Lieu", parent: "Fait partie de", timezone: "Fuseau", power: "Puissance", powerCurve: "Courbe de puissance", powerCurveHelp: "Courbe attendue et sa bande ; les points qui en sortent sont en couleur.", chartPowerCurve: "Nuage de la puissance selon le vent avec la courbe attendue",
  normal: "normal", anomalous: "anormal", signals: "Signaux face à l’attendu", signalsHelp: "Valeur observée et attendue ; dessous, le score du résidu et la ligne à partir de laquelle il compte.", notWatched: "Pas encore surveillé", notWatchedHelp: "Trop peu d’historique sain pour savoir ce qui est normal ici.", fittedUntil: "Normale apprise jusqu’au {time}", observed: "Observé", limit: "limite", residualScore: "Score du résidu",
  readings: "Mesures récentes", range: "Période", range24: "24 h", range7: "7 j", range30: "30 j", noReadings: "Aucune mesure dans cette période", assetAlerts: "Alertes de cet équipement", noAssetAlerts: "Aucune alerte enregistrée", partsOf: "Éléments", forecastOf: "Prévision", unknownAsset: "Cet équipement n’est pas au registre.",
  chartReadings: "Série temporelle de la grandeur choisie", keyboardHint: "j / k pour se déplacer, a pour acquitter", lastValue: "Dernière valeur", min: "Minimum", max: "Maximum", mean: "Moyenne", dismiss: "Fermer",
  reason: "Pourquoi cette prévision", reasonHelp: "Ce qui l’éloigne du niveau habituel à cette heure et en cette saison.", reasonMost: "surtout {group} {value}", reasonRaises: "{group} l’élève {value}", reasonLowers: "{group} l’abaisse {value}", reasonBoth: "{group} joue dans les deux sens {value}", reasonUsual: "Proche de l’habituel : rien ne l’en écarte de plus de {value}.",
  reasonLevel: "Niveau habituel", reasonSum: "Prévision", reasonAway: "Écart à l’habituel", reasonMean: "Moyenne sur toute la prévision.", reasonCorrection: "Le niveau récent comprend ce que corrigent les erreurs des dernières semaines.", reasonMissing: "Pas de raison à donner : le modèle de cette prévision a été remplacé depuis.", reasonSoon: "Pas encore de raison pour cette prévision.",
  chartReason: "Barres de ce que la météo, le calendrier et le niveau récent ajoutent au niveau habituel ou en retirent. Flèches gauche et droite pour lire les valeurs.",
  record: "Bilan des prévisions", recordHelp: "{issues} prévisions passées, du {from} au {to}, selon leur échéance.", recordSoon: "Pas encore de bilan : il apparaît quand des prévisions passées ont rencontré leurs mesures.",
  recordAhead: "Échéance", recordError: "Erreur moyenne", recordPinball: "Perte pinball", recordCovered: "Dans la bande 80 %", recordPersistence: "Face à la persistance", recordNaive: "Face au meilleur naïf", recordAll: "Toutes", recordNaiveIs: "Meilleur naïf : {model}.", recordTick: "Le trait marque les 80 % que la bande doit contenir ; un gain positif est une prévision meilleure que sa rivale.", minutes: "{n} min",
  notes: "À propos de cette prévision", noteSince: "depuis {time}",
  plan: "Maintenance", raisedHere: "signalée", neighbours: "Voisines", incidentSpan: "Incident", difference: "Écart", alarmLine: "Seuil d’alarme", dailyMeans: "Moyennes du jour", chartEvidence: "Mesuré face à l’attendu, avec les voisines. Flèches gauche et droite pour lire les valeurs.",
  noEvidence: "Aucun signal à tracer pour cette alerte ; début : {time}.", plainHelp: "Aucun modèle n’est ajusté pour ce signal : voici la mesure elle-même.", contributions: "Part dans le verdict",
  trend: "Où cela mène", noTrend: "Rien ne tend vers une limite pour le moment.", trendSays: "{quantity} : {level} actuellement, en marche vers sa limite de {limit}. Elle y sera :", trendReached: "{quantity} : {level}, la limite de {limit} est atteinte.", earliest: "Au plus tôt", earliestHelp: "9 fois sur 10 : pas avant", medianWhen: "Une chance sur deux", medianHelp: "avant ou après, à égalité", latestWhen: "Au plus tard", latestHelp: "9 fois sur 10 : pas après", beyond90: "au-delà de 90 jours", inDays: "dans {n} j", inHours: "dans {n} h", chartTrend: "Le signal jusqu’ici et l’éventail des chemins vers sa limite.",
  next7: "{value} dans les 7 jours à venir", moneyLost: "Perte en argent", playbook: "Étapes", onePerson: "1 personne", people: "{n} personnes", planVisit: "Planifier la visite",
  priority: "Priorité", priorityHigh: "Haute", priorityMiddle: "Moyenne", priorityLow: "Basse", priorityHelp: "D’après la gravité, l’énergie et la tendance.", patternFalse: "Alertes de ce type jusqu’ici : {raised}, dont fausses : {n}.", patternTrue: "Alertes de ce type jusqu’ici : {raised}, aucune déclarée fausse.", patternLowered: "Leur priorité est ramenée à {share}.", budgetLine: "Alertes depuis le {since} : {raised}, dont fausses : {n} (admises par an : {allowed})", budgetHelp: "Budget : {n} fausses alertes par équipement et par an, pour {assets} équipements.",
  foldedUnder: "Regroupée sous", foldedHere: "Regroupées sous cette alerte : {n}", foldedCount: "{n} regroupées", showAll: "Afficher les {n}", controllerLog: "Journal de l’automate", logFolded: "{lines} lignes en {episodes} épisodes, regroupées sous cette alerte.", logMessage: "Message", logReset: "Levée", logStands: "toujours active", logEmpty: "Aucune ligne conservée pour cette alerte.", logShow: "Afficher les lignes", logMore: "Afficher plus ({n} sur {all})", unknownAlert: "Cette alerte n’est pas connue ici.",
  planTitle: "Plan de maintenance", planCalendar: "Calendrier", planVisitKey: "Visite prévue", asSoonAsPossible: "Au plus tôt possible", showEarly: "Comparer au plus tôt possible", planProduction: "Production attendue, jusqu’à {most}", planStorm: "Vent au-dessus de la limite de {limit} quelque part", asConfiguredIs: "selon la configuration : {value}", planWindy: "Vent proche de la limite de {limit}",
  planSaving: "Économisé en attendant les bonnes heures", planSavingHelp: "Par rapport à l’envoi de chaque équipe à l’alerte la plus urgente dès que possible.", planRisk: "dont {risk} de risque", thisPlan: "Ce plan", solverOptimal: "Optimum prouvé.", solverFeasible: "À {gap} de l’optimum au plus.",
  visits: "Visites dans l’ordre", actions: "Actions", alsoSettles: "Règle aussi :", occurrencesAre: "Occurrences : {n}", lostWorking: "Perdue pendant les travaux", lostWaiting: "Perdue d’ici là", windMost: "Vent le plus fort", unknown: "inconnu", leftOut: "Non retenues",
  whatIf: "Et si", whatIfHelp: "Pour cet essai seulement ; la configuration ne change pas.", planDays: "Période", windLimit: "Limite de vent pour monter", pricePerMwh: "Prix du MWh", asConfigured: "selon la configuration", crews: "Équipes", crew: "Équipe", crewNamed: "Équipe {n}", changeCrews: "Modifier", addCrew: "Ajouter une équipe", crewsAsConfigured: "Selon la configuration", peopleWord: "Personnes", hoursFrom: "De", hoursTo: "À", weekdays: "Jours de travail", remove: "Retirer", planAgain: "Replanifier", planning: "Planification…", downloadIcs: "Fichier calendrier", planEmpty: "Rien à planifier", planEmptyHelp: "Aucune alerte ouverte ne demande de visite. Quand ce sera le cas, les heures les moins coûteuses apparaîtront ici.",
};

const kinds = {
  wind_turbine: "Éolienne", wind_plant: "Parc éolien", pv_inverter: "Onduleur PV", pv_tracker: "Suiveur PV", pv_plant: "Centrale PV", weather_station: "Station météo",
  meter: "Compteur", region: "Région de consommation", transformer: "Transformateur", bus: "Jeu de barres",
};

const quantities = {
  active_power: "Puissance active", reactive_power: "Puissance réactive", load: "Consommation", net_load: "Charge nette", wind_power: "Production éolienne", solar_power: "Production solaire", available_power: "Puissance disponible", active_power_limit: "Consigne de puissance", active_energy: "Énergie",
  voltage: "Tension", current: "Courant", frequency: "Fréquence", wind_speed: "Vitesse du vent", wind_direction: "Direction du vent", nacelle_direction: "Direction de la nacelle", rotor_speed: "Vitesse du rotor",
  generator_speed: "Vitesse de la génératrice", blade_pitch_angle: "Calage des pales", turbine_status: "État", ghi: "Irradiance globale", dni: "Irradiance directe", dhi: "Irradiance diffuse", poa_global: "Irradiance dans le plan",
  temp_air: "Température de l’air", temp_module: "Température des modules", temp_cell: "Température des cellules", gearbox_bearing_temp: "Température palier multiplicateur", gearbox_oil_temp: "Température huile multiplicateur",
  generator_winding_temp: "Température bobinage génératrice", generator_bearing_temp: "Température palier génératrice", top_oil_temp: "Température d’huile", pressure: "Pression", relative_humidity: "Humidité relative",
  precipitation: "Précipitations", tracker_angle: "Angle du suiveur", soiling_ratio: "Taux d’encrassement", ambient_temp: "Température ambiante",
};

const components = {
  gearbox: "Multiplicateur", generator: "Génératrice", rotor: "Rotor", blades: "Pales", pitch: "Calage des pales", yaw: "Orientation", inverter: "Onduleur", strings: "Chaînes", tracker: "Suiveur", modules: "Modules",
  transformer: "Transformateur", sensor: "Capteur", anemometer: "Anémomètre", data: "Liaison de données", plant: "Centrale", turbine: "Éolienne", production: "Production",
  main_bearing: "Palier principal", cooling: "Refroidissement", sensors: "Capteurs", string: "Chaîne", converter: "Convertisseur", nacelle: "Nacelle", controller: "Automate", pyranometer: "Pyranomètre", clock: "Horloge",
};

const modes = {
  overheating: "surchauffe", underperformance: "sous-performance", soiling: "encrassement", stuck: "blocage", stale: "signal figé", misalignment: "désalignement", icing: "givre", curtailment: "écrêtage", outage: "arrêt", drift: "dérive",
  bearing_overheat: "surchauffe du palier", winding_overheat: "surchauffe du bobinage", oil_overheat: "surchauffe de l’huile", cooling_failure: "panne de refroidissement", pitch_offset: "calage décalé", yaw_misalignment: "mauvaise orientation", power_derate: "puissance plafonnée", wind_speed_drift: "dérive de l’anémomètre", frozen_value: "valeur figée", tracker_stuck: "suiveur bloqué", inverter_trip: "déclenchement", string_outage: "chaîne à l’arrêt", transformer_overheat: "surchauffe", maintenance: "entretien", downtime: "à l’arrêt", comms_loss: "plus de données", link_silent: "connexion muette", northing_step: "saut du nord",
  clipping: "écrêtage de l’onduleur", rain: "nettoyé par la pluie", dust_storm: "tempête de poussière", washing: "nettoyage", controller_stop: "arrêt par l’automate", controller_warning: "avertissement de l’automate", plant_outage: "arrêt de la centrale", clock_shift: "décalage d’horloge", pyranometer_drift: "dérive du pyranomètre", string_out: "chaîne à l’arrêt", thermal_derate: "bridage thermique", tracker_stall: "suiveur calé",
};

const states = { open: "Ouverte", acknowledged: "Acquittée", assigned: "Confiée", resolved: "Close", false_positive: "Fausse alerte", shelved: "En attente" };
const severities = { info: "Information", warning: "Avertissement", critical: "Critique" };
const events = {
  incident_closed: "N’est plus observée", opened: "Ouverte", open: "Ouverte", acknowledged: "Acquittée", acknowledge: "Acquittée", assigned: "Confiée", assign: "Confiée", resolved: "Close", resolve: "Close", false_positive: "Déclarée fausse alerte",
  shelved: "Mise en attente", shelve: "Mise en attente", unshelved: "Fin de l’attente", commented: "Commentaire", comment: "Commentaire", recurred: "Observée à nouveau", reopened: "Rouverte", updated: "Mise à jour", escalated: "Aggravée", incident_ended: "N’est plus observée", notified: "Notifiée", folded: "Regroupée sous une autre", unfolded: "De nouveau seule",
};
const models = {
  persistence: "Persistance", seasonal_naive: "Naïf saisonnier", blend: "Mélange jour et semaine", climatology: "Climatologie", clear_sky: "Persistance ciel clair", clear_sky_persistence: "Persistance ciel clair", ets: "ETS", mstl: "MSTL", ridge: "Ridge", smart_persistence: "Persistance éclairée", power_curve: "Courbe de puissance", damped: "Persistance amortie", calendar_blend: "Mélange calendaire", boosting: "Gradient boosting",
  aggregate: "Agrégat de tous les modèles", mixture: "Mélange", mixture_recent: "Mélange, semaines récentes", boosted: "Arbres boostés", waves: "Ondes aléatoires", sum: "Somme", ridge_recent: "Ridge, mois récents", physics: "Physique", analogue: "Jours analogues", daily: "Même heure la veille", weekly: "Même heure il y a une semaine", recent30: "30 derniers jours",
};
const groups = { usual: "le niveau habituel", recent: "le niveau récent", weather: "la météo", calendar: "le calendrier" };
const groupHeads = { usual: "Niveau habituel", recent: "Niveau récent", weather: "Météo", calendar: "Calendrier" };
const notes = {
  telemetry_stale: "Les mesures sont en retard : les premières heures reposent sur d’anciennes valeurs.", weather_late: "La dernière prévision météo tarde : une plus ancienne est utilisée.", weather_missing: "Aucune prévision météo connue : un modèle sans météo est servi.",
  little_history: "Peu d’historique : les bandes sont larges et la prévision s’améliorera.", model_unavailable: "Le modèle habituel n’est pas disponible : une règle simple est servie.",
};

export const fr: Dictionary = { text, kinds, quantities, components, modes, states, severities, events, models, groups, groupHeads, notes };

package sheet

// The words of a sheet in French, Dutch, German and English. Case, accents and punctuation do not count.

// The columns.
const (
	columnRef        = "ref"
	columnKind       = "kind"
	columnGiven      = "given"
	columnFamily     = "family"
	columnNumber     = "number" // As many columns as there are numbers; their order is the order in which they are tried.
	columnLanguage   = "language"
	columnClass      = "class"
	columnCadence    = "cadence"
	columnPerWeek    = "per_week"
	columnDays       = "days"
	columnWindows    = "windows"
	columnLength     = "length"
	columnFrom       = "from"
	columnUntil      = "until"
	columnContinuity = "continuity"
	columnCallerRing = "caller_ring"
	columnRing       = "ring"
	columnReference  = "reference"
	columnDeputy     = "deputy"
	columnConsent    = "consent"
	columnConsentOn  = "consent_on"
	columnConsentHow = "consent_how"
	columnSource     = "source"
	columnPurpose    = "purpose"
	columnSkills     = "skills"
	columnActive     = "active"
	columnZone       = "zone"
	columnMonthDay   = "month_day"
	columnNth        = "nth"
	columnDates      = "dates"
	columnHard       = "hard"
	columnWaits      = "longer_waits"
	columnSimpler    = "simpler"
	columnStraight   = "straight_to_person"
	columnContacts   = "contacts"
	columnMaxTalk    = "max_talk"
	columnMaxCalls   = "max_calls"
	columnMaxHard    = "max_hard"
	columnMaxInRow   = "max_in_a_row"
	columnBreather   = "breather"
)

func headingTerms() []term {
	return []term{
		{columnRef, [4]string{
			"référence|réf|id|identifiant|matricule|dossier|numéro de dossier|n° de dossier|n° dossier",
			"referentie|ref|id|dossier|dossiernummer",
			"Referenz|Ref|ID|Kennung|Aktenzeichen|Aktennummer",
			"ref|reference|id|identifier|file number",
		}},
		{columnKind, [4]string{
			"type|rôle|fonction|profil", "soort|rol|functie|type", "Art|Rolle|Funktion|Typ", "kind|role|type",
		}},
		{columnGiven, [4]string{
			"prénom|prénoms", "voornaam", "Vorname", "given name|first name|forename",
		}},
		{columnFamily, [4]string{
			"nom|nom de famille|nom et prénom|nom prénom", "naam|achternaam|familienaam",
			"Name|Nachname|Familienname", "family name|last name|surname|name|full name",
		}},
		{columnNumber, [4]string{
			"téléphone|tél|numéro de téléphone|n° de téléphone|n° tél|tél fixe|téléphone fixe|fixe|gsm|portable|mobile|" +
				"téléphone mobile|téléphone portable|tél portable|n° gsm",
			"telefoon|tel|telefoonnummer|vaste lijn|vast nummer|gsm|gsm nummer|mobiel|mobiel nummer",
			"Telefon|Tel|Telefonnummer|Festnetz|Handy|Handynummer|Mobil|Mobiltelefon",
			"phone|telephone|phone number|telephone number|landline|mobile|mobile phone|cell|cell phone",
		}},
		{columnLanguage, [4]string{"langue|langues", "taal|talen", "Sprache|Sprachen", "language|languages"}},
		{columnClass, [4]string{
			"classe|priorité|vulnérabilité", "klasse|prioriteit|kwetsbaarheid", "Klasse|Priorität|Verletzlichkeit",
			"class|priority|vulnerability",
		}},
		{columnCadence, [4]string{
			"rythme|cadence|fréquence", "ritme|frequentie", "Rhythmus|Häufigkeit|Frequenz", "cadence|frequency|rhythm",
		}},
		{columnPerWeek, [4]string{
			"fois par semaine|appels par semaine|nombre par semaine", "keer per week|oproepen per week|aantal per week",
			"Mal pro Woche|Anrufe pro Woche|Anzahl pro Woche", "times a week|calls a week|calls per week|per week",
		}},
		{columnDays, [4]string{"jours|jour", "dagen|dag", "Tage|Tag|Wochentage", "days|day|weekdays"}},
		{columnWindows, [4]string{
			"plages|plage|plage horaire|plages horaires|heures|heure|horaire|horaires|créneau|créneaux|moment",
			"uren|uur|tijdvak|tijdvakken|tijdstip|moment", "Zeiten|Zeit|Zeitfenster|Uhrzeit|Uhrzeiten",
			"windows|window|hours|time|times|time window",
		}},
		{columnLength, [4]string{
			"durée|durée min|durée en minutes", "duur|duur in minuten", "Dauer|Dauer in Minuten", "length|duration|minutes",
		}},
		{columnFrom, [4]string{
			"à partir du|début|date de début|du", "vanaf|begin|begindatum|startdatum", "ab|Beginn|Anfang|Startdatum",
			"from|start|start date|valid from",
		}},
		{columnUntil, [4]string{
			"jusqu'au|fin|date de fin|au", "tot en met|tot|einde|einddatum", "bis|Ende|Enddatum",
			"until|end|end date|valid until",
		}},
		{columnContinuity, [4]string{"continuité", "continuïteit", "Kontinuität", "continuity"}},
		{columnCallerRing, [4]string{
			"sonnerie appelant|sonnerie de l'appelant", "beltijd beller", "Klingelzeit Anrufer", "caller ring",
		}},
		{columnRing, [4]string{"sonnerie|sonnerie s", "beltijd", "Klingelzeit", "ring|ring seconds"}},
		{columnReference, [4]string{
			"appelant de référence|appelante de référence|personne de référence|référent|référente|appelant|appelante|" +
				"appelant référent", "vaste beller|referentiebeller|referentiepersoon|beller",
			"Bezugsperson|Stammanrufer|Anrufer|Anruferin", "reference caller|caller",
		}},
		{columnDeputy, [4]string{
			"suppléant|suppléante|remplaçant|remplaçante|binôme", "vervanger|plaatsvervanger|duo",
			"Vertretung|Stellvertretung|Stellvertreter|Stellvertreterin", "deputy|stand in",
		}},
		{columnConsent, [4]string{
			"consentement|accord", "toestemming|instemming", "Einwilligung|Zustimmung", "consent",
		}},
		{columnConsentOn, [4]string{
			"date du consentement|date consentement|consentement le", "datum toestemming|toestemming op",
			"Datum der Einwilligung|Einwilligung am", "consent date|consent on",
		}},
		{columnConsentHow, [4]string{
			"preuve du consentement|consentement par|consentement recueilli par", "bewijs van toestemming|toestemming door",
			"Nachweis der Einwilligung|Einwilligung durch", "consent proof|consent how|consent by",
		}},
		{columnSource, [4]string{
			"source|inscrit par|inscrite par|inscription par|origine", "bron|ingeschreven door|herkomst",
			"Quelle|angemeldet durch|Herkunft", "source|registered by",
		}},
		{columnPurpose, [4]string{
			"registre|finalité|dispositif", "register|doel", "Register|Zweck", "register|purpose",
		}},
		{columnSkills, [4]string{
			"compétences|compétence|spécialités", "vaardigheden|competenties", "Fähigkeiten|Kompetenzen", "skills|skill",
		}},
		{columnActive, [4]string{"actif|active|en service", "actief", "aktiv", "active|enabled"}},
		{columnZone, [4]string{"fuseau horaire|fuseau", "tijdzone", "Zeitzone", "time zone|timezone"}},
		{columnMonthDay, [4]string{"jour du mois", "dag van de maand", "Tag des Monats|Monatstag", "day of the month"}},
		{columnNth, [4]string{
			"quantième dans le mois|rang dans le mois|semaine du mois", "hoeveelste van de maand|week van de maand",
			"Wievielter im Monat|Woche des Monats", "which of the month|week of the month",
		}},
		{columnDates, [4]string{"dates|dates des appels", "data|datums", "Termine|Daten", "dates|dates of calls"}},
		{columnHard, [4]string{
			"appels difficiles|appel difficile|difficile", "moeilijke oproepen|moeilijk", "schwierige Anrufe|schwierig",
			"hard calls|hard call|difficult",
		}},
		{columnWaits, [4]string{
			"plus de temps|plus de temps au téléphone|attentes plus longues", "meer tijd|meer tijd aan de telefoon|langer wachten",
			"mehr Zeit|mehr Zeit am Telefon|längeres Warten", "longer waits|more time",
		}},
		{columnSimpler, [4]string{
			"mots plus simples|plus simple", "eenvoudiger woorden|eenvoudiger", "einfachere Worte|einfacher", "simpler words|simpler",
		}},
		{columnStraight, [4]string{
			"tout de suite une personne|sans menu", "meteen iemand|zonder menu", "sofort ein Mensch|ohne Menü", "straight to a person|no menu",
		}},
		{columnContacts, [4]string{
			"personnes à prévenir|personnes de contact|personne de contact|contacts", "contactpersonen|contactpersoon|te verwittigen",
			"Kontaktpersonen|Kontaktperson|zu verständigen", "contact people|contact person|contacts",
		}},
		{columnMaxTalk, [4]string{
			"minutes par jour|minutes max par jour", "minuten per dag|max minuten per dag", "Minuten pro Tag|max Minuten pro Tag",
			"minutes a day|max minutes a day",
		}},
		{columnMaxCalls, [4]string{
			"appels par jour|appels max par jour", "oproepen per dag|max oproepen per dag", "Anrufe pro Tag|max Anrufe pro Tag",
			"calls a day|max calls a day",
		}},
		{columnMaxHard, [4]string{
			"appels difficiles par jour|appels difficiles max par jour", "moeilijke oproepen per dag|max moeilijke oproepen per dag",
			"schwierige Anrufe pro Tag|max schwierige Anrufe pro Tag", "hard calls a day|max hard calls a day",
		}},
		{columnMaxInRow, [4]string{
			"appels difficiles de suite", "moeilijke oproepen na elkaar", "schwierige Anrufe hintereinander", "hard calls in a row",
		}},
		{columnBreather, [4]string{
			"répit|pause après un appel difficile", "adempauze|pauze na een moeilijke oproep",
			"Atempause|Pause nach einem schwierigen Anruf", "breather|break after a hard call",
		}},
	}
}

func kindTerms() []term {
	return []term{
		{"beneficiary", [4]string{
			"bénéficiaire|bénéficiaires|personne appelée|appelé|appelée", "begunstigde|deelnemer|opgebelde",
			"Begünstigte|Begünstigter|Teilnehmer|Teilnehmerin", "beneficiary",
		}},
		{"caller", [4]string{
			"appelant|appelante|appelant e|bénévole|agent", "beller|oproeper|vrijwilliger", "Anrufer|Anruferin|Freiwillige",
			"caller|volunteer",
		}},
		{"registrar", [4]string{
			"inscriptions|inscription|agent d'inscription|ligne d'inscription|accueil", "inschrijvingen|inschrijving|onthaal",
			"Anmeldung|Anmeldungen|Aufnahme", "registrar|registration",
		}},
		{"coordinator", [4]string{
			"coordination|coordinateur|coordinatrice", "coördinatie|coördinator", "Koordination|Koordinator|Koordinatorin",
			"coordinator",
		}},
	}
}

func languageTerms() []term {
	return []term{
		{"fr", [4]string{"français|f|fra", "Frans", "Französisch", "French"}},
		{"nl", [4]string{"néerlandais|nld", "Nederlands|n|Vlaams", "Niederländisch", "Dutch|Flemish"}},
		{"de", [4]string{"allemand|deu", "Duits", "Deutsch|d", "German"}},
		{"en", [4]string{"anglais|eng", "Engels", "Englisch", "English"}},
	}
}

func cadenceTerms() []term {
	return []term{
		{"daily", [4]string{
			"quotidien|quotidienne|journalier|chaque jour|tous les jours|par jour", "dagelijks|elke dag|iedere dag",
			"täglich|jeden Tag", "daily|every day",
		}},
		{"weekly", [4]string{
			"hebdomadaire|hebdo|chaque semaine|toutes les semaines", "wekelijks|elke week|iedere week",
			"wöchentlich|jede Woche", "weekly|every week",
		}},
		{"fortnightly", [4]string{
			"tous les quinze jours|tous les 15 jours|toutes les deux semaines|toutes les 2 semaines|quinzaine|bimensuel|" +
				"une semaine sur deux|1 semaine sur 2",
			"tweewekelijks|om de twee weken|om de 2 weken|veertiendaags|14 daags|elke twee weken",
			"vierzehntäglich|14 täglich|alle zwei Wochen|alle 2 Wochen|alle 14 Tage|zweiwöchentlich",
			"fortnightly|every two weeks|every 2 weeks|every other week|biweekly",
		}},
		{"monthly", [4]string{
			"mensuel|mensuelle|chaque mois|tous les mois|une fois par mois|1 fois par mois|1x mois|1x par mois",
			"maandelijks|elke maand|een keer per maand|1x per maand|1 keer per maand",
			"monatlich|jeden Monat|einmal im Monat|1x pro Monat|einmal pro Monat",
			"monthly|every month|once a month",
		}},
		{"once", [4]string{
			"une seule fois|une fois|unique|ponctuel|1 fois", "eenmalig|één keer|eenmaal|1 keer", "einmalig|einmal", "once|one time",
		}},
	}
}

func dayTerms() []term {
	return []term{
		{"1", [4]string{"lundi|lundis|lun|lu", "maandag|maandags|maa|ma", "Montag|montags|mon|mo", "Monday|Mondays|mon|mo"}},
		{"2", [4]string{
			"mardi|mardis|mar|ma", "dinsdag|dinsdags|din|di", "Dienstag|dienstags|die|di", "Tuesday|Tuesdays|tue|tues|tu",
		}},
		{"3", [4]string{
			"mercredi|mercredis|mer|me", "woensdag|woensdags|woe|wo", "Mittwoch|mittwochs|mit|mi", "Wednesday|Wednesdays|wed|we",
		}},
		{"4", [4]string{
			"jeudi|jeudis|jeu|je", "donderdag|donderdags|don|do", "Donnerstag|donnerstags|don|do",
			"Thursday|Thursdays|thu|thur|thurs|th",
		}},
		{"5", [4]string{
			"vendredi|vendredis|ven|ve", "vrijdag|vrijdags|vri|vr", "Freitag|freitags|fre|fr", "Friday|Fridays|fri|fr",
		}},
		{"6", [4]string{
			"samedi|samedis|sam|sa", "zaterdag|zaterdags|zat|za", "Samstag|samstags|Sonnabend|sam|sa", "Saturday|Saturdays|sat|sa",
		}},
		{"0", [4]string{
			"dimanche|dimanches|dim|di", "zondag|zondags|zon|zo", "Sonntag|sonntags|son|so", "Sunday|Sundays|sun|su",
		}},
	}
}

func dayRangeTerms() []term {
	return []term{
		{"1-7", [4]string{
			"tous les jours|tous|toute la semaine", "alle dagen|elke dag|hele week", "alle Tage|jeden Tag|ganze Woche",
			"every day|all|all week",
		}},
		{"1-5", [4]string{
			"jours ouvrables|en semaine|semaine", "werkdagen|weekdagen", "werktags|Werktage|wochentags", "weekdays|working days",
		}},
		{"6-7", [4]string{"week-end|weekend", "weekend", "Wochenende", "weekend|weekends"}},
	}
}

func nthTerms() []term {
	return []term{
		{"1", [4]string{"premier|première|1er|1re|1ère", "eerste|1e|1ste", "erster|erste|ersten", "first|1st"}},
		{"2", [4]string{"deuxième|second|seconde|2e|2ème", "tweede|2e|2de", "zweiter|zweite|zweiten", "second|2nd"}},
		{"3", [4]string{"troisième|3e|3ème", "derde|3e|3de", "dritter|dritte|dritten", "third|3rd"}},
		{"4", [4]string{"quatrième|4e|4ème", "vierde|4e|4de", "vierter|vierte|vierten", "fourth|4th"}},
		{"last", [4]string{"dernier|dernière", "laatste", "letzter|letzte|letzten", "last"}},
	}
}

func halfTerms() []term {
	return []term{
		{"morning", [4]string{
			"matin|matinée|le matin|en matinée", "voormiddag|ochtend|s ochtends|in de voormiddag",
			"Vormittag|vormittags|morgens", "morning|mornings|in the morning",
		}},
		{"afternoon", [4]string{
			"après-midi|l'après-midi|aprem", "namiddag|middag|s namiddags|in de namiddag", "Nachmittag|nachmittags",
			"afternoon|afternoons|in the afternoon",
		}},
		{"any", [4]string{
			"toute la journée|journée|indifférent|n'importe quand", "hele dag|om het even", "ganzer Tag|ganztags|egal",
			"all day|any time|any",
		}},
	}
}

func continuityTerms() []term {
	return []term{
		{"strict", [4]string{"strict|stricte|toujours la même personne", "strikt|altijd dezelfde", "streng|strikt", "strict"}},
		{"preferred", [4]string{"préférée|préféré|de préférence", "voorkeur|bij voorkeur", "bevorzugt", "preferred"}},
		{"rotate", [4]string{"tournante|tournant|rotation", "wisselend|afwisselend", "wechselnd", "rotate|rotating"}},
	}
}

func consentTerms() []term {
	return []term{
		{"proposed", [4]string{
			"à demander|proposé|en attente|à confirmer", "te vragen|voorgesteld|in afwachting", "zu erfragen|vorgeschlagen|offen",
			"proposed|to be asked|pending",
		}},
		{"given", [4]string{"donné|oui|accordé|ok|o", "gegeven|ja|akkoord|ok|j", "erteilt|ja|ok|j", "given|yes|ok|y"}},
		{"refused", [4]string{"refusé|non|n", "geweigerd|nee|n", "verweigert|abgelehnt|nein|n", "refused|no|n"}},
		{"withdrawn", [4]string{"retiré|révoqué", "ingetrokken", "widerrufen|zurückgezogen", "withdrawn"}},
	}
}

func sourceTerms() []term {
	return []term{
		{"self", [4]string{
			"elle-même|lui-même|soi-même|la personne|personne|intéressé|intéressée", "zelf|betrokkene", "selbst|Betroffene",
			"self|herself|himself",
		}},
		{"family", [4]string{
			"famille|fille|fils|proche|enfant|conjoint", "familie|dochter|zoon|kind", "Familie|Tochter|Sohn|Angehörige",
			"family|daughter|son|relative",
		}},
		{"neighbour", [4]string{
			"voisin|voisine|voisinage", "buur|buurman|buurvrouw", "Nachbar|Nachbarin", "neighbour|neighbor",
		}},
		{"pharmacist", [4]string{
			"pharmacien|pharmacienne|pharmacie", "apotheker|apotheek", "Apotheker|Apothekerin|Apotheke", "pharmacist|pharmacy",
		}},
		{"nurse", [4]string{
			"infirmier|infirmière|soins à domicile", "verpleegkundige|thuisverpleging", "Pflegekraft|Krankenpfleger|Pfleger",
			"nurse",
		}},
		{"shop", [4]string{"commerçant|commerçante|commerce|magasin", "winkel|winkelier", "Geschäft|Händler", "shop|shopkeeper"}},
		{"service", [4]string{
			"service|ville|commune|cpas|ccas|mairie|service social", "dienst|gemeente|stad|ocmw", "Dienst|Gemeinde|Stadt|öshz",
			"service|town",
		}},
	}
}

func relationTerms() []term {
	return []term{
		{"family", [4]string{
			"famille|fille|fils|proche|sœur|frère|conjoint", "familie|dochter|zoon|zus|broer|partner",
			"Familie|Tochter|Sohn|Schwester|Bruder|Angehörige", "family|daughter|son|sister|brother|relative",
		}},
		{"neighbour", [4]string{"voisin|voisine|voisinage", "buur|buurman|buurvrouw", "Nachbar|Nachbarin", "neighbour|neighbor"}},
		{"friend", [4]string{"ami|amie", "vriend|vriendin", "Freund|Freundin", "friend"}},
		{"doctor", [4]string{"médecin|docteur|médecin traitant", "arts|huisarts|dokter", "Arzt|Ärztin|Hausarzt|Hausärztin", "doctor|GP"}},
		{"nurse", [4]string{
			"infirmier|infirmière|soins à domicile", "verpleegkundige|thuisverpleging", "Pflegekraft|Krankenpfleger|Pfleger", "nurse",
		}},
		{"other", [4]string{"autre", "ander|andere", "andere|sonstige", "other"}},
	}
}

func purposeTerms() []term {
	return []term{
		{"calling_scheme", [4]string{
			"appels réguliers|appels|dispositif d'appels", "regelmatige oproepen|oproepen|belregeling",
			"regelmäßige Anrufe|Anrufe", "calling scheme|calls|regular calls",
		}},
		{"heat_register", [4]string{
			"canicule|registre canicule|plan canicule", "hitte|hitteregister|hitteplan", "Hitze|Hitzeregister|Hitzeplan",
			"heat register|heat|heatwave",
		}},
		{"outreach", [4]string{
			"aller vers|prise de contact|démarche", "eerste contact|contactname|outreach", "Kontaktaufnahme|aufsuchend", "outreach",
		}},
	}
}

func truthTerms() []term {
	return []term{
		{"yes", [4]string{"oui|o|1|vrai|x", "ja|j|1|waar|x", "ja|j|1|wahr|x", "yes|y|1|true|x"}},
		{"no", [4]string{"non|n|0|faux", "nee|n|0|onwaar", "nein|n|0|falsch", "no|n|0|false"}},
	}
}

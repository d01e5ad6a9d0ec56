package sheet

// sentence is what a code says in a language, {given} standing for what the cell holds and {other} for what it is compared
// with.
func sentence(code Code, lang int) string {
	for _, s := range sentences() {
		if s.code == code {
			return s.in[lang]
		}
	}
	return string(code)
}

type saying struct {
	code Code
	in   [4]string // French, Dutch, German, English.
}

func sentences() []saying {
	return []saying{
		{CodeLineTooLong, [4]string{
			"la ligne dépasse un mégaoctet ; un guillemet oublié ?", "de regel is langer dan een megabyte; een aanhalingsteken vergeten?",
			"die Zeile ist länger als ein Megabyte; fehlt ein Anführungszeichen?", "the line is longer than a megabyte; is a quotation mark missing?",
		}},
		{CodeBadText, [4]string{
			"un caractère illisible ; enregistrez le fichier en « CSV UTF-8 »", "een onleesbaar teken; bewaar het bestand als \"CSV UTF-8\"",
			"ein unlesbares Zeichen; speichern Sie die Datei als „CSV UTF-8“", "an unreadable character; save the file as \"CSV UTF-8\"",
		}},
		{CodeOpenQuote, [4]string{
			"un guillemet ouvert n'est jamais fermé ; seule cette ligne est écartée", "een aanhalingsteken wordt nooit gesloten; alleen deze regel valt weg",
			"ein Anführungszeichen wird nie geschlossen; nur diese Zeile entfällt", "a quotation mark is never closed; only this line is left out",
		}},
		{CodeBadQuote, [4]string{
			"du texte suit un guillemet fermant ; doublez les guillemets à l'intérieur d'une cellule", "er staat tekst na een sluitend aanhalingsteken; verdubbel aanhalingstekens in een cel",
			"nach einem schließenden Anführungszeichen folgt Text; verdoppeln Sie Anführungszeichen in einer Zelle", "text follows a closing quotation mark; double the quotation marks inside a cell",
		}},
		{CodeCut, [4]string{
			"le fichier semble coupé ici : {given} cellules au lieu de {other}", "het bestand lijkt hier afgebroken: {given} cellen in plaats van {other}",
			"die Datei scheint hier abgeschnitten: {given} Zellen statt {other}", "the file seems to be cut off here: {given} cells instead of {other}",
		}},
		{CodeTooManyCells, [4]string{
			"{given} cellules pour {other} colonnes ; mettez entre guillemets une cellule qui contient le séparateur", "{given} cellen voor {other} kolommen; zet een cel met het scheidingsteken tussen aanhalingstekens",
			"{given} Zellen für {other} Spalten; setzen Sie eine Zelle mit dem Trennzeichen in Anführungszeichen", "{given} cells for {other} columns; quote a cell that holds the separator",
		}},
		{CodeNoRef, [4]string{
			"pas de référence ; donnez à chaque personne la référence de vos dossiers", "geen referentie; geef elke persoon de referentie van uw dossier",
			"keine Referenz; geben Sie jeder Person die Referenz Ihrer Akte", "no reference; give each person the reference of your own file",
		}},
		{CodeRefEaten, [4]string{
			"le tableur a abîmé la référence ({given}) ; mettez la colonne au format texte et ressaisissez-la", "het rekenblad heeft de referentie verminkt ({given}); zet de kolom op tekst en typ ze opnieuw",
			"die Tabelle hat die Referenz verstümmelt ({given}); stellen Sie die Spalte auf Text und tippen Sie sie neu", "the spreadsheet has spoilt the reference ({given}); set the column to text and type it again",
		}},
		{CodeTooLong, [4]string{
			"plus de {other} caractères", "meer dan {other} tekens", "mehr als {other} Zeichen", "more than {other} characters",
		}},
		{CodeRefTwice, [4]string{
			"la référence {given} est déjà à la ligne {other}", "referentie {given} staat al op regel {other}",
			"die Referenz {given} steht schon in Zeile {other}", "reference {given} stands on line {other} already",
		}},
		{CodeKind, [4]string{
			"« {given} » n'est pas un type de personne ; écrivez : {other}", "\"{given}\" is geen soort persoon; schrijf: {other}",
			"„{given}“ ist keine Art von Person; schreiben Sie: {other}", "\"{given}\" is no kind of person; write: {other}",
		}},
		{CodeKindChanged, [4]string{
			"la référence {given} est celle de quelqu'un d'un autre type ({other}) ; donnez-en une autre", "referentie {given} is van iemand van een andere soort ({other}); geef een andere",
			"die Referenz {given} gehört jemandem anderer Art ({other}); wählen Sie eine andere", "reference {given} is that of somebody of another kind ({other}); choose another one",
		}},
		{CodeContacts, [4]string{
			"écrivez chaque personne ainsi : Marie Dupont, voisine, +33199001234 ; cinq au plus, séparées par des points-virgules ; le lien est {other}",
			"schrijf elke persoon zo: Marie Dupont, buurvrouw, +33199001234; hoogstens vijf, met puntkomma's ertussen; de band is {other}",
			"schreiben Sie jede Person so: Marie Dupont, Nachbarin, +33199001234; höchstens fünf, durch Strichpunkte getrennt; die Beziehung ist {other}",
			"write each person like this: Marie Dupont, neighbour, +33199001234; five at most, with semicolons between them; the relation is {other}",
		}},
		{CodeNotForStaff, [4]string{
			"cette colonne ne vaut que pour les bénéficiaires ; videz la cellule", "deze kolom geldt alleen voor begunstigden; maak de cel leeg",
			"diese Spalte gilt nur für Begünstigte; leeren Sie die Zelle", "this column is for beneficiaries only; empty the cell",
		}},
		{CodeNotForCalled, [4]string{
			"cette colonne ne vaut que pour l'équipe ; videz la cellule", "deze kolom geldt alleen voor het team; maak de cel leeg",
			"diese Spalte gilt nur für das Team; leeren Sie die Zelle", "this column is for staff only; empty the cell",
		}},
		{CodeNoName, [4]string{"pas de nom", "geen naam", "kein Name", "no name"}},
		{CodeNoNumber, [4]string{
			"pas de numéro de téléphone", "geen telefoonnummer", "keine Telefonnummer", "no telephone number",
		}},
		{CodeNumberEaten, [4]string{
			"le tableur a mangé des chiffres du numéro ({given}) : mettez la colonne au format texte, ressaisissez le numéro et enregistrez à nouveau",
			"het rekenblad heeft cijfers van het nummer opgegeten ({given}): zet de kolom op tekst, typ het nummer opnieuw en bewaar opnieuw",
			"die Tabelle hat Ziffern der Nummer verschluckt ({given}): stellen Sie die Spalte auf Text, tippen Sie die Nummer neu und speichern Sie noch einmal",
			"the spreadsheet has eaten digits of the number ({given}): set the column to text, type the number again and save once more",
		}},
		{CodeNotANumber, [4]string{
			"« {given} » n'est pas un numéro de téléphone", "\"{given}\" is geen telefoonnummer",
			"„{given}“ ist keine Telefonnummer", "\"{given}\" is no telephone number",
		}},
		{CodeInvalidNumber, [4]string{
			"le numéro {given} n'existe pas ; vérifiez les chiffres, ou ajoutez l'indicatif du pays (+32, +33…)", "het nummer {given} bestaat niet; controleer de cijfers of voeg het landnummer toe (+32, +33…)",
			"die Nummer {given} gibt es nicht; prüfen Sie die Ziffern oder ergänzen Sie die Landesvorwahl (+32, +33…)", "no number {given} exists; check its digits, or add the country code (+32, +33…)",
		}},
		{CodeNotAllowed, [4]string{
			"le dispositif n'appelle pas {given} (surtaxé, de service ou à l'étranger) ; si c'est voulu, autorisez son préfixe : rappel scheme destinations", "de dienst belt {given} niet (betaalnummer, dienstnummer of buitenland); laat het prefix toe als dat de bedoeling is: rappel scheme destinations",
			"der Dienst ruft {given} nicht an (Mehrwert-, Service- oder Auslandsnummer); erlauben Sie die Vorwahl, wenn es gewollt ist: rappel scheme destinations", "the scheme does not call {given} (premium, service or foreign); allow its prefix if that is meant: rappel scheme destinations",
		}},
		{CodeOneNumber, [4]string{
			"un seul numéro pour un membre de l'équipe", "slechts één nummer voor een teamlid",
			"nur eine Nummer für ein Teammitglied", "only one number for a member of staff",
		}},
		{CodeWord, [4]string{
			"« {given} » n'est pas compris ; écrivez : {other}", "\"{given}\" wordt niet begrepen; schrijf: {other}",
			"„{given}“ wird nicht verstanden; schreiben Sie: {other}", "\"{given}\" is not understood; write: {other}",
		}},
		{CodeOneLanguage, [4]string{
			"une seule langue pour un bénéficiaire", "slechts één taal voor een begunstigde",
			"nur eine Sprache für Begünstigte", "only one language for a beneficiary",
		}},
		{CodeClass, [4]string{
			"« {given} » n'est pas une classe ; écrivez 0, 1, 2 ou 3 (3 : la plus vulnérable)", "\"{given}\" is geen klasse; schrijf 0, 1, 2 of 3 (3: het kwetsbaarst)",
			"„{given}“ ist keine Klasse; schreiben Sie 0, 1, 2 oder 3 (3: am verletzlichsten)", "\"{given}\" is no class; write 0, 1, 2 or 3 (3: the most vulnerable)",
		}},
		{CodeCadence, [4]string{
			"« {given} » n'est pas un rythme ; écrivez : {other}, ou « 2 fois par semaine »", "\"{given}\" is geen ritme; schrijf: {other}, of \"2 keer per week\"",
			"„{given}“ ist kein Rhythmus; schreiben Sie: {other} oder „2 Mal pro Woche“", "\"{given}\" is no cadence; write: {other}, or \"2 times a week\"",
		}},
		{CodeNoCadence, [4]string{
			"des précisions sur les appels, mais pas de rythme", "gegevens over de oproepen, maar geen ritme",
			"Angaben zu den Anrufen, aber kein Rhythmus", "details about the calls, but no cadence",
		}},
		{CodePerWeek, [4]string{
			"« {given} » : écrivez un nombre de 1 à 7", "\"{given}\": schrijf een getal van 1 tot 7",
			"„{given}“: schreiben Sie eine Zahl von 1 bis 7", "\"{given}\": write a number from 1 to 7",
		}},
		{CodePerWeekCadence, [4]string{
			"un nombre d'appels par semaine ne va qu'avec le rythme hebdomadaire", "een aantal per week past alleen bij een wekelijks ritme",
			"eine Anzahl pro Woche passt nur zum wöchentlichen Rhythmus", "a number of calls a week goes with the weekly cadence only",
		}},
		{CodePerWeekDays, [4]string{
			"{given} appels par semaine pour {other} jour(s)", "{given} oproepen per week voor {other} dag(en)",
			"{given} Anrufe pro Woche für {other} Tag(e)", "{given} calls a week for {other} day(s)",
		}},
		{CodeDays, [4]string{
			"« {given} » : écrivez des jours, « lundi, jeudi » ou « lundi-vendredi »", "\"{given}\": schrijf dagen, \"maandag, donderdag\" of \"maandag-vrijdag\"",
			"„{given}“: schreiben Sie Tage, „Montag, Donnerstag“ oder „Montag-Freitag“", "\"{given}\": write days, \"Monday, Thursday\" or \"Monday-Friday\"",
		}},
		{CodeDaysAmbiguous, [4]string{
			"« {given} » désigne des jours différents selon la langue ; écrivez les jours en entier", "\"{given}\" betekent in elke taal iets anders; schrijf de dagen voluit",
			"„{given}“ meint je nach Sprache andere Tage; schreiben Sie die Tage aus", "\"{given}\" means different days in different languages; write the days in full",
		}},
		{CodeWindows, [4]string{
			"« {given} » : écrivez des heures de début et de fin, « 9h30-12h » ou « lundi jeudi 9h30-12h »", "\"{given}\": schrijf begin- en einduur, \"9u30-12u\" of \"maandag donderdag 9u30-12u\"",
			"„{given}“: schreiben Sie Beginn und Ende, „9:30-12:00“ oder „Montag Donnerstag 9:30-12:00“", "\"{given}\": write a beginning and an end, \"09:30-12:00\" or \"Monday Thursday 09:30-12:00\"",
		}},
		{CodeWindowBackward, [4]string{
			"« {given} » : la fin n'est pas après le début", "\"{given}\": het einde ligt niet na het begin",
			"„{given}“: das Ende liegt nicht nach dem Beginn", "\"{given}\": the end is not after the beginning",
		}},
		{CodeWindowsOverlap, [4]string{
			"« {given} » : deux plages se chevauchent", "\"{given}\": twee tijdvakken overlappen",
			"„{given}“: zwei Zeitfenster überschneiden sich", "\"{given}\": two windows overlap",
		}},
		{CodeDate, [4]string{
			"« {given} » n'est pas une date ; écrivez 31/12/2026 ou 2026-12-31", "\"{given}\" is geen datum; schrijf 31/12/2026 of 2026-12-31",
			"„{given}“ ist kein Datum; schreiben Sie 31.12.2026 oder 2026-12-31", "\"{given}\" is no date; write 31/12/2026 (day first) or 2026-12-31",
		}},
		{CodeDatesBackward, [4]string{
			"la fin est avant le début", "het einde ligt voor het begin", "das Ende liegt vor dem Beginn", "the end is before the beginning",
		}},
		{CodeOnceNoDate, [4]string{
			"un appel unique demande des dates, ou une date de début", "een eenmalige oproep vraagt data, of een begindatum",
			"ein einmaliger Anruf braucht Termine oder ein Startdatum", "a single call needs dates, or a start date",
		}},
		{CodeLength, [4]string{
			"« {given} » : écrivez une durée de 1 à 240 minutes", "\"{given}\": schrijf een duur van 1 tot 240 minuten",
			"„{given}“: schreiben Sie eine Dauer von 1 bis 240 Minuten", "\"{given}\": write a length of 1 to 240 minutes",
		}},
		{CodeRing, [4]string{
			"« {given} » : écrivez une durée de 5 à 180 secondes", "\"{given}\": schrijf een duur van 5 tot 180 seconden",
			"„{given}“: schreiben Sie eine Dauer von 5 bis 180 Sekunden", "\"{given}\": write a duration of 5 to 180 seconds",
		}},
		{CodeZone, [4]string{
			"« {given} » n'est pas un fuseau horaire, tel que Europe/Brussels ou Indian/Reunion", "\"{given}\" is geen tijdzone; schrijf bijvoorbeeld Europe/Brussels of Indian/Reunion",
			"„{given}“ ist keine Zeitzone; schreiben Sie zum Beispiel Europe/Brussels oder Indian/Reunion", "\"{given}\" is no time zone; write Europe/Brussels or Indian/Reunion, for example",
		}},
		{CodeMonthDay, [4]string{
			"« {given} » : écrivez un jour du mois de 1 à 31", "\"{given}\": schrijf een dag van de maand van 1 tot 31",
			"„{given}“: schreiben Sie einen Tag des Monats von 1 bis 31", "\"{given}\": write a day of the month from 1 to 31",
		}},
		{CodeMonthly, [4]string{
			"cette colonne ne va qu'avec le rythme mensuel", "deze kolom past alleen bij een maandelijks ritme",
			"diese Spalte passt nur zum monatlichen Rhythmus", "this column goes with the monthly cadence only",
		}},
		{CodeNthDay, [4]string{
			"il faut un seul jour de la semaine, et pas de jour du mois : « mardi », « deuxième »", "er is één dag van de week nodig, en geen dag van de maand: \"dinsdag\", \"tweede\"",
			"nötig ist genau ein Wochentag und kein Tag des Monats: „Dienstag“, „zweiter“", "it needs one day of the week, and no day of the month: \"Tuesday\", \"second\"",
		}},
		{CodeDatesOnce, [4]string{
			"des dates ne vont qu'avec le rythme « une seule fois »", "data passen alleen bij het ritme \"eenmalig\"",
			"Termine passen nur zum Rhythmus „einmalig“", "dates go with the cadence \"once\" only",
		}},
		{CodeCount, [4]string{
			"« {given} » : écrivez un nombre de 1 à 1000, ou rien", "\"{given}\": schrijf een getal van 1 tot 1000, of niets",
			"„{given}“: schreiben Sie eine Zahl von 1 bis 1000 oder nichts", "\"{given}\": write a number from 1 to 1000, or nothing",
		}},
		{CodeMinutes, [4]string{
			"« {given} » : écrivez une durée de 1 à 960 minutes, ou rien", "\"{given}\": schrijf een duur van 1 tot 960 minuten, of niets",
			"„{given}“: schreiben Sie eine Dauer von 1 bis 960 Minuten oder nichts", "\"{given}\": write a length of 1 to 960 minutes, or nothing",
		}},
		{CodeUnknownCaller, [4]string{
			"personne de l'équipe n'a la référence {given} ; importez d'abord les appelants, ou mettez-les en tête du fichier", "niemand van het team heeft referentie {given}; importeer eerst de bellers of zet ze bovenaan",
			"niemand im Team hat die Referenz {given}; importieren Sie zuerst die Anrufer oder stellen Sie sie an den Anfang", "nobody on the staff has the reference {given}; import the callers first, or put them at the top of the file",
		}},
		{CodeNotACaller, [4]string{
			"{given} fait partie de l'équipe mais n'appelle pas", "{given} hoort bij het team maar belt niet",
			"{given} gehört zum Team, ruft aber nicht an", "{given} is on the staff but is no caller",
		}},
		{CodeSameCaller, [4]string{
			"l'appelant de référence ne peut être son propre suppléant", "de vaste beller kan niet de eigen vervanger zijn",
			"die Bezugsperson kann sich nicht selbst vertreten", "the reference caller cannot be the deputy too",
		}},
		{CodeNumberRefused, [4]string{
			"quelqu'un à ce numéro a demandé à ne plus jamais être appelé ; on ne l'inscrit plus",
			"iemand op dit nummer heeft gevraagd nooit meer gebeld te worden; niemand wordt er nog ingeschreven",
			"jemand unter dieser Nummer will nie wieder angerufen werden; dort wird niemand mehr eingetragen",
			"somebody at this number asked never to be called again; nobody is registered there any more",
		}},
		{CodeRefused, [4]string{
			"la base de données refuse cette fiche", "de databank weigert deze fiche",
			"die Datenbank lehnt diesen Eintrag ab", "the database refuses this record",
		}},
		{CodeSameName, [4]string{
			"même nom que {other} ; rien n'a été fusionné", "zelfde naam als {other}; niets is samengevoegd",
			"gleicher Name wie {other}; nichts wurde zusammengelegt", "same name as {other}; nothing was merged",
		}},
		{CodeSameNumber, [4]string{
			"même numéro que {other} ; rien n'a été fusionné", "zelfde nummer als {other}; niets is samengevoegd",
			"gleiche Nummer wie {other}; nichts wurde zusammengelegt", "same number as {other}; nothing was merged",
		}},
		{CodeSameNameNumber, [4]string{
			"même nom et même numéro que {other} : la même personne ? Rien n'a été fusionné", "zelfde naam en nummer als {other}: dezelfde persoon? Niets is samengevoegd",
			"gleicher Name und gleiche Nummer wie {other}: dieselbe Person? Nichts wurde zusammengelegt", "same name and same number as {other}: the same person? Nothing was merged",
		}},
		{CodeUnknownHeading, [4]string{
			"colonne inconnue, laissée de côté", "onbekende kolom, overgeslagen", "unbekannte Spalte, ausgelassen", "unknown column, left out",
		}},
	}
}

package sheet_test

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/roster/numbering"
	"github.com/rappel-tel/rappel/pkg/roster/rostertest"
	"github.com/rappel-tel/rappel/pkg/roster/sheet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// load imports a text into a book and returns the summary and the problems, one per line.
func load(t *testing.T, book roster.Book, text string, change ...func(*sheet.ImportOptions)) (sheet.Summary, []string) {
	t.Helper()
	problems := []string{}
	options := sheet.ImportOptions{Book: book, Region: "FR", Report: func(p sheet.Problem) {
		problems = append(problems, p.Text(roster.English))
	}}
	for _, c := range change {
		c(&options)
	}
	summary, err := sheet.Import(t.Context(), strings.NewReader(text), options)
	require.NoError(t, err)
	require.Equal(t, summary.Rows, summary.Created+summary.Updated+summary.Unchanged+summary.Refused)
	return summary, problems
}

func people(t *testing.T, book roster.Book) (out roster.People) {
	t.Helper()
	for s, err := range book.Staff(t.Context()) {
		require.NoError(t, err)
		out.Staff = append(out.Staff, s)
	}
	for b, err := range book.Beneficiaries(t.Context()) {
		require.NoError(t, err)
		out.Beneficiaries = append(out.Beneficiaries, b)
	}
	return out
}

const frenchSheet = `Référence;Type;Nom;Prénom;Téléphone;GSM;Langue;Classe;Rythme;Jours;Plages;Durée;Appelant de référence;Suppléante;Consentement;Inscrit par
C1;appelante;Peeters;Anna;;;français, néerlandais;;;;;;;;;
C2;appelant;Noël;Luc;01 99 00 01 02;;F;;;;;;;;;
R1;inscriptions;Öz;Elif;;;français;;;;;;;;;
B1;bénéficiaire;d'Hooghe;Léa;01 99 00 00 01;06 39 98 00 02;néerlandais;2;2 fois par semaine;lundi et jeudi;9h30-12h, 14h à 17h;30;C1;C2;oui;pharmacienne
B2;;Müller;Zoé;0199000003;;;;hebdomadaire;;de 13h30 à 16h;;C2;;;`

func TestImportFrench(t *testing.T) {
	book := &rostertest.Memory{}
	summary, problems := load(t, book, frenchSheet)
	require.Empty(t, problems)
	require.Equal(t, 5, summary.Created)
	got := people(t, book)
	require.Len(t, got.Staff, 3)
	require.Equal(t, []roster.Language{roster.French, roster.Dutch}, got.Staff[0].Languages)
	require.Equal(t, []roster.Role{roster.RoleRegistrar}, got.Staff[2].Roles)
	require.Equal(t, roster.Beneficiary{
		Ref: "B1", Given: "Léa", Family: "d'Hooghe", Numbers: []roster.Number{{E164: "+33199000001"}, {E164: "+33639980002"}},
		Language: roster.Dutch, Class: 2, Purpose: roster.PurposeCallingScheme,
		Consent: roster.Consent{State: roster.ConsentGiven}, Source: roster.SourcePharmacist, Reference: "C1", Deputy: "C2",
		Agreement: roster.Agreement{
			Cadence: roster.Weekly, PerWeek: 2, Days: []time.Weekday{time.Monday, time.Thursday},
			Windows: []roster.Window{{Begin: 570, End: 720}, {Begin: 840, End: 1020}}, Length: 30 * time.Minute,
			Continuity: roster.Preferred, CallerRing: 20 * time.Second, Ring: time.Minute,
		},
	}, got.Beneficiaries[0])
	require.Equal(t, roster.ConsentProposed, got.Beneficiaries[1].Consent.State)
	require.Equal(t, []roster.Window{{Begin: 810, End: 960}}, got.Beneficiaries[1].Agreement.Windows)

	// The same file twice changes nothing, whatever its encoding and separator.
	puts := book.Puts()
	win, err := charmap.Windows1252.NewEncoder().String(frenchSheet)
	require.NoError(t, err)
	utf16, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(frenchSheet)
	require.NoError(t, err)
	for name, text := range map[string]string{
		"again": frenchSheet, "byte-order mark": "\ufeff" + frenchSheet, "Windows-1252": win, "UTF-16": utf16,
		"tabs": strings.ReplaceAll(frenchSheet, ";", "\t"), "CR LF": strings.ReplaceAll(frenchSheet, "\n", "\r\n"),
		"CR": strings.ReplaceAll(frenchSheet, "\n", "\r"), "announced separator": "sep=;\n" + frenchSheet,
		"a title above": "Liste des personnes;;;\n;;;\n" + frenchSheet,
		"commas":        `"` + strings.ReplaceAll(strings.ReplaceAll(frenchSheet, "\n", "\"\n\""), ";", `","`) + `"`,
	} {
		again, problems := load(t, book, text)
		require.Empty(t, problems, name)
		require.Equal(t, 5, again.Unchanged, name)
	}
	require.Equal(t, puts, book.Puts())
}

func TestImportOtherLanguages(t *testing.T) {
	want := roster.Agreement{
		Cadence: roster.Weekly, PerWeek: 2, Days: []time.Weekday{time.Tuesday, time.Wednesday, time.Thursday},
		Windows: []roster.Window{{Begin: 570, End: 720}}, ValidFrom: time.Date(2026, 4, 3, 0, 0, 0, 0, time.UTC),
	}
	for name, text := range map[string]string{
		"Dutch":   "Referentie,Achternaam,Voornaam,Telefoon,Ritme,Dagen,Uren,Vanaf\n1,Maes,An,0470/12.34.56,2x per week,di t/m do,\"9u30 - 12u\",3/4/2026\n",
		"German":  "Referenz;Name;Vorname;Handy;Rhythmus;Tage;Zeiten;ab\n1;Maes;An;+32 (0)470 12 34 56;zweimal pro Woche;Di bis Do;9.30-12 Uhr;03.04.2026\n",
		"English": "ref\tlast name\tfirst name\tphone\tcadence\tdays\thours\tfrom\n1\tMaes\tAn\t32470123456\ttwo times a week\ttue-thu\t9:30 am to 12 pm\t2026-04-03\n",
		"French":  "ref;nom;prénom;gsm;fréquence;jours;horaire;début\n1;Maes;An;0032470123456;2x/semaine;ma au je;entre 9h30 et 12 h;03-04-2026\n",
	} {
		book := &rostertest.Memory{}
		_, problems := load(t, book, text, func(o *sheet.ImportOptions) { o.Region = "BE" })
		require.Empty(t, problems, name)
		got := people(t, book).Beneficiaries
		require.Len(t, got, 1, name)
		require.Equal(t, []roster.Number{{E164: "+32470123456"}}, got[0].Numbers, name)
		require.True(t, want.Equal(got[0].Agreement), "%s: %+v", name, got[0].Agreement)
	}
}

func TestBadRowsAreToldAndGoodOnesKept(t *testing.T) {
	const text = "ref;type;nom;tél;classe;rythme;fois par semaine;jours;plages;début;fin;appelant;suppléant;langue;accord;actif;couleur\n" + // 1
		"C1;appelant;Anna;;;;;;;;;;;;;;\n" +
		"R1;inscriptions;Elif;;;;;;;;;;;;;;\n" + // 3
		"1;;Un;3,24E+10;;;;;;;;;;;;;\n" +
		"2;;Deux;0199000001;4;;;;;;;;;;;;\n" + // 5
		"3;;Trois;0199000001;;parfois;;;;;;;;;;;\n" +
		"4;;Quatre;0199000001;;hebdo;3;lundi;;;;;;;;;\n" + // 7
		"5;;Cinq;0199000001;;hebdo;;lundi, bleu;12h-9h;;;;;;;;\n" +
		"6;;Six;0199000001;;;;;9h-12h;;;;;;;;\n" + // 9
		"7;;Sept;;;;;;;;;;;;;;\n" +
		"8;;;0199000001;;;;;;;;;;;;;\n" + // 11
		"9;;Neuf;0199000001;;;;;;;;C9;C1;;;;\n" +
		"10;;Dix;0199000001;;;;;;;;C1;C1;;;;\n" + // 13
		"11;;Onze;0199000001;;;;;;;;R1;;;;;\n" +
		"12;;Douze;0899123456;;;;;;;;;;;;;\n" + // 15
		"13;;Treize;0000;;;;;;31/02/2026;;;;;;;\n" +
		";;Personne;0199000001;;;;;;;;;;;;;\n" + // 17
		"14;;Bon;0199000001;;hebdo;;lu-ve;9h-12h;1/4/2026;30/6/2026;C1;;fr;non;;\n" +
		"14;;Encore;0199000001;;;;;;;;;;;;;\n" + // 19
		"C1;bénéficiaire;Anna;0199000001;;;;;;;;;;;;;\n" +
		"C2;appelant;Luc;;1;;;;;;;;;;;;\n" + // 21
		"15;;Ru\x01se;0199000001;;;;;;;;;;;;;\n" +
		"16;;\"Guillemet;0199000001;;;;;;;;;;;;;\n" + // 23
		"17;;\"Cent\"x;0199000001;;;;;;;;;;;;;\n" +
		"18;;Trop;0199000001;;;;;;;;;;;;;;;x\n" + // 25
		"19;;Dates;0199000001;;unique;;;;2/4/2026;1/4/2026;;;;;;\n" +
		"20;client;Vingt;0199000001;;;;;;;;;;klingon;peut-être;;\n" + // 27
		"21;;Actif;0199000001;;;;;;;;;;;;oui;\n" +
		"22;;Coupé;0199000001;;;;9h"
	book := &rostertest.Memory{}
	summary, problems := load(t, book, text)
	require.Equal(t, []string{
		"line 1, couleur: unknown column, left out",
		"line 4, tél: the spreadsheet has eaten digits of the number (3,24E+10): set the column to text, type the number again and save once more",
		"line 5, classe: \"4\" is no class; write 0, 1, 2 or 3 (3: the most vulnerable)",
		"line 6, rythme: \"parfois\" is no cadence; write: quotidien, hebdomadaire, tous les quinze jours, mensuel, une seule fois, or \"2 times a week\"",
		"line 7, jours: 3 calls a week for 1 day(s)",
		"line 8, jours: \"lundi, bleu\": write days, \"Monday, Thursday\" or \"Monday-Friday\"",
		"line 8, plages: \"12h-9h\": the end is not after the beginning",
		"line 9, plages: details about the calls, but no cadence",
		"line 10: no telephone number",
		"line 11: no name",
		"line 12, appelant: nobody on the staff has the reference C9; import the callers first, or put them at the top of the file",
		"line 13, suppléant: the reference caller cannot be the deputy too",
		"line 14, appelant: R1 is on the staff but is no caller",
		"line 15, tél: the scheme does not call 0899123456 (premium, service or foreign); allow its prefix if that is meant: rappel scheme destinations",
		"line 16, tél: no number 0000 exists; check its digits, or add the country code (+32, +33…)",
		"line 16, début: \"31/02/2026\" is no date; write 31/12/2026 (day first) or 2026-12-31",
		"line 17: no reference; give each person the reference of your own file",
		"line 19, ref: reference 14 stands on line 18 already",
		"line 20, ref: reference C1 stands on line 2 already",
		"line 21, classe: this column is for beneficiaries only; empty the cell",
		"line 22: an unreadable character; save the file as \"CSV UTF-8\"",
		"line 23: a quotation mark is never closed; only this line is left out",
		"line 24: text follows a closing quotation mark; double the quotation marks inside a cell",
		"line 25: 19 cells for 17 columns; quote a cell that holds the separator",
		"line 26, fin: the end is before the beginning",
		"line 27, type: \"client\" is no kind of person; write: bénéficiaire, appelant, inscriptions, coordination",
		"line 27, langue: \"klingon\" is not understood; write: français, néerlandais, allemand, anglais",
		"line 27, accord: \"peut-être\" is not understood; write: à demander, donné, refusé, retiré",
		"line 28, actif: this column is for staff only; empty the cell",
		"line 29: the file seems to be cut off here: 8 cells instead of 17",
	}, problems)
	require.Equal(t, 3, summary.Created)
	require.Equal(t, 25, summary.Refused)
	require.Equal(t, []string{"couleur"}, summary.Left)
	got := people(t, book)
	require.Len(t, got.Staff, 2)
	require.Len(t, got.Beneficiaries, 1)
	require.Equal(t, roster.ConsentRefused, got.Beneficiaries[0].Consent.State)
	require.Equal(t, 5, got.Beneficiaries[0].Agreement.PerWeek)

	again, _ := load(t, book, text)
	require.Equal(t, 3, again.Unchanged)
}

func TestEveryCodeSpeaksFourLanguages(t *testing.T) {
	book := &rostertest.Memory{}
	var seen []sheet.Problem
	_, err := sheet.Import(t.Context(), strings.NewReader("ref;tél\n1;3,24E+10\n"), sheet.ImportOptions{
		Book: book, Region: "FR", Report: func(p sheet.Problem) { seen = append(seen, p) },
	})
	require.NoError(t, err)
	require.Len(t, seen, 1)
	texts := map[string]bool{}
	for _, language := range roster.Languages() {
		text := seen[0].Text(language)
		require.Contains(t, text, "3,24E+10")
		require.NotContains(t, text, "{")
		texts[text] = true
	}
	require.Len(t, texts, 4)
	require.True(t, strings.HasPrefix(seen[0].Text(roster.French), "ligne 2, tél : le tableur a mangé"))
}

func TestUpdateKeepsWhatTheFileDoesNotSay(t *testing.T) {
	book := &rostertest.Memory{}
	load(t, book, frenchSheet)
	before := people(t, book).Beneficiaries[0]
	summary, problems := load(t, book, "ref;nom;classe\nB1;Dhooge;\n")
	require.Empty(t, problems)
	require.Equal(t, 1, summary.Updated)
	want := before
	want.Family, want.Class = "Dhooge", 0 // An empty cell empties; a missing column does not.
	require.Equal(t, want, people(t, book).Beneficiaries[0])

	_, problems = load(t, book, "ref;rythme;jours\nB1;mensuel;\n")
	require.Empty(t, problems)
	got := people(t, book).Beneficiaries[0].Agreement
	require.Equal(t, roster.Monthly, got.Cadence)
	require.Zero(t, got.PerWeek)
	require.Equal(t, before.Agreement.Windows, got.Windows)

	_, problems = load(t, book, "ref;actif\nC1;non\n")
	require.Empty(t, problems)
	require.True(t, people(t, book).Staff[0].Disabled)
	_, problems = load(t, book, "ref;type;nom;tél\nC1;bénéficiaire;X;0199000009\n")
	require.Equal(t, []string{
		"line 2, type: reference C1 is that of somebody of another kind (appelant); choose another one",
	}, problems)
}

func TestHints(t *testing.T) {
	const text = "ref;nom;prénom;tél\n" +
		"1;Dupont;Marie;0199000001\n" +
		"2;Dupont;Jean;01 99 00 00 01\n" +
		"3;DUPONT;marie;0199000003\n" +
		"4;Marie Dupont;;0199000001\n" +
		"5;Autre;Paul;0199000005\n"
	want := []string{
		"line 3: same number as 1; nothing was merged",
		"line 4: same name as 1; nothing was merged",
		"line 5: same name and same number as 1: the same person? Nothing was merged",
		"line 5: same number as 2; nothing was merged",
		"line 5: same name as 3; nothing was merged",
	}
	for _, rows := range []int{1, 2, 500} {
		for _, dry := range []bool{true, false} {
			book := &rostertest.Memory{}
			summary, problems := load(t, book, text, func(o *sheet.ImportOptions) { o.BatchRows, o.DryRun = rows, dry })
			require.Equal(t, want, problems, "%d rows a batch, dry %v", rows, dry)
			require.Equal(t, 5, summary.Created)
			require.Equal(t, 5, summary.Hints)
			if dry {
				require.Zero(t, people(t, book).Len())
				continue
			}
			summary, problems = load(t, book, text)
			require.Empty(t, problems, "an unchanged row hints no more")
			require.Equal(t, 5, summary.Unchanged)
		}
	}
}

func TestFileWithoutHeadings(t *testing.T) {
	for _, text := range []string{"", "\n\n", "1;Dupont;0199000001\n", "nom;prénom\nDupont;Marie\n"} {
		_, err := sheet.Import(t.Context(), strings.NewReader(text), sheet.ImportOptions{Book: &rostertest.Memory{}, Region: "FR"})
		require.ErrorIs(t, err, sheet.ErrNoHeadings, "%q", text)
	}
	_, err := sheet.Import(t.Context(), strings.NewReader("ref;nom;naam\n"), sheet.ImportOptions{Book: &rostertest.Memory{}, Region: "FR"})
	require.ErrorContains(t, err, "naam")
	_, err = sheet.Import(t.Context(), strings.NewReader("ref\n"), sheet.ImportOptions{Book: &rostertest.Memory{}, Region: "Frankreich"})
	require.ErrorContains(t, err, "Frankreich")
}

func TestFormulaCells(t *testing.T) {
	book := &rostertest.Memory{}
	load(t, book, "ref;nom;tél\n=1+1;'=cmd;+33199000001\n-2;@x;'+33199000002\n''=3;''-x;0199000003\n")
	got := people(t, book).Beneficiaries
	require.Equal(t, []string{"'=3", "-2", "=1+1"}, []string{got[0].Ref, got[1].Ref, got[2].Ref})
	require.Equal(t, []string{"'-x", "@x", "=cmd"}, []string{got[0].Family, got[1].Family, got[2].Family})
	var out bytes.Buffer
	_, err := sheet.Export(t.Context(), &out, sheet.ExportOptions{Book: book})
	require.NoError(t, err)
	for line := range strings.SplitSeq(out.String(), "\r\n") {
		for cell := range strings.SplitSeq(line, ";") {
			require.False(t, cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r"), "%q", cell)
		}
	}
	again, problems := load(t, book, out.String())
	require.Empty(t, problems)
	require.Equal(t, 3, again.Unchanged)
}

// The example that the manual shows imports cleanly, and names nobody who exists.
func TestExampleFile(t *testing.T) {
	text, err := os.ReadFile("../../../deploy/example/personnes.csv")
	require.NoError(t, err)
	book := &rostertest.Memory{}
	summary, problems := load(t, book, string(text))
	require.Equal(t, []string{"line 12: same number as B002; nothing was merged"}, problems)
	require.Equal(t, 22, summary.Created)
	got := people(t, book)
	require.Len(t, got.Staff, 8)
	require.Len(t, got.Beneficiaries, 14)
	for _, b := range got.Beneficiaries {
		for _, number := range b.Numbers {
			require.True(t, numbering.Fictional(number.E164), number.E164)
		}
	}
	for _, s := range got.Staff {
		require.True(t, s.Number.E164 == "" || numbering.Fictional(s.Number.E164))
	}
	again, _ := load(t, book, string(text))
	require.Equal(t, 22, again.Unchanged)
}

// TestAgreementsInFull reads what else can be agreed, as people write it.
func TestAgreementsInFull(t *testing.T) {
	const text = "réf;type;nom;tél;rythme;jours;plages;fuseau horaire;jour du mois;quantième dans le mois;dates;appels difficiles;compétences\n" +
		"1;;Un;0199000001;hebdo;;lun et jeu 9h-11h, mardi matin;Indian/Reunion;;;;oui;Deuil, langue des signes\n" +
		"2;;Deux;0199000002;mensuel;mardi;;;;deuxième;;;\n" +
		"3;;Trois;0199000003;mensuel;;14h-16h;;31;;;non;\n" +
		"4;;Quatre;0199000004;une seule fois;;;;;;2026-12-24, 31/12/2026;;\n" +
		"5;;Cinq;0199000005;hebdo;;lun, mer 9h-11h, ven 10h-12h;;;;;;\n" +
		"6;;Six;0199000006;hebdo;;9h-11h, lundi 10h-12h;;;;;;\n" +
		"7;;Sept;0199000007;hebdo;;9h-11h, lundi;;;;;;\n" +
		"8;;Huit;0199000008;hebdo;;;;;deuxième;;;\n" +
		"9;;Neuf;0199000009;mensuel;mardi;;;4;premier;;;\n" +
		"10;;Dix;0199000010;hebdo;;;;;;2026-12-24;;\n" +
		"11;;Onze;0199000011;hebdo;;;Mars;;;;;\n" +
		"12;;Douze;0199000012;;;;;;;;;deuil\n" +
		"13;appelant;Treize;;;;;;;;;;deuil\n"
	book := &rostertest.Memory{}
	got := map[int]sheet.Code{}
	_, err := sheet.Import(t.Context(), strings.NewReader(text), sheet.ImportOptions{Book: book, Region: "FR", Report: func(p sheet.Problem) {
		if !p.Hint {
			got[p.Line] = p.Code
		}
	}})
	require.NoError(t, err)
	require.Equal(t, map[int]sheet.Code{
		7: sheet.CodeWindowsOverlap, 8: sheet.CodeWindows, 9: sheet.CodeMonthly, 10: sheet.CodeNthDay, 11: sheet.CodeDatesOnce,
		12: sheet.CodeZone, 13: sheet.CodeNoCadence,
	}, got)
	people := map[string]roster.Beneficiary{}
	for b, err := range book.Beneficiaries(t.Context()) {
		require.NoError(t, err)
		people[b.Ref] = b
	}
	one := people["1"]
	require.Equal(t, "Indian/Reunion", one.Zone)
	require.Equal(t, []roster.Window{
		{Begin: 540, End: 660, Days: roster.WeekdaysOf(time.Monday, time.Thursday)}, {Begin: 570, End: 720, Days: roster.WeekdaysOf(time.Tuesday)},
	}, one.Agreement.Windows)
	require.Equal(t, []string{"deuil", "langue des signes"}, one.Agreement.Skills)
	require.True(t, one.Agreement.Hard)
	require.Equal(t, 2, people["2"].Agreement.Nth)
	require.Equal(t, 31, people["3"].Agreement.MonthDay)
	require.Len(t, people["4"].Agreement.Dates, 2)
	require.Equal(t, []roster.Window{
		{Begin: 540, End: 660, Days: roster.WeekdaysOf(time.Monday, time.Wednesday)}, {Begin: 600, End: 720, Days: roster.WeekdaysOf(time.Friday)},
	}, people["5"].Agreement.Windows)
}

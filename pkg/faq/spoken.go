package faq

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// Spoken puts a text into the words that are said: telephone numbers in braces as people of the language say them, other digits
// as numbers. The error says what cannot be spoken.
func Spoken(lang roster.Language, text string) (string, error) {
	var out strings.Builder
	for rest := text; ; {
		before, after, found := strings.Cut(rest, "{")
		plain, err := numbers(lang, before)
		if err != nil {
			return "", err
		}
		out.WriteString(plain)
		if !found {
			break
		}
		number, behind, closed := strings.Cut(after, "}")
		if !closed {
			return "", errors.New("a brace is never closed")
		}
		if strings.Trim(number, "0123456789 .+") != "" || strings.Map(onlyDigits, number) == "" {
			return "", fmt.Errorf("{%s} is no telephone number; write it as {0800 12 345}", number)
		}
		out.WriteString(dialled(lang, number))
		rest = behind
	}
	return strings.Join(strings.Fields(out.String()), " "), nil
}

// numbers makes words of the digits of a text.
func numbers(lang roster.Language, text string) (string, error) {
	var out strings.Builder
	last := ' '
	for rest := text; rest != ""; {
		r, size := utf8.DecodeRuneInString(rest)
		switch {
		case r == '}':
			return "", errors.New("a brace is closed that was never opened")
		case unicode.IsControl(r) && !unicode.IsSpace(r):
			return "", errors.New("it holds a character that nobody sees")
		case r < '0' || r > '9':
			out.WriteRune(r)
			rest, last = rest[size:], r
			continue
		}
		digits := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))]
		rest = rest[len(digits):]
		if len(digits) > 4 || digits[0] == '0' && digits != "0" {
			return "", fmt.Errorf("%s is no number to be read out; write a telephone number in braces, as {0800 12 345}", digits)
		}
		if unicode.IsLetter(last) {
			out.WriteByte(' ')
		}
		n, _ := strconv.Atoi(digits) // Digits, four at most.
		out.WriteString(ivr.Number(lang, n))
		if next, _ := utf8.DecodeRuneInString(rest); unicode.IsLetter(next) {
			out.WriteByte(' ')
		}
		last = ' '
	}
	return out.String(), nil
}

// dialled is a telephone number as people say it: in French and Dutch group by group, in German and English digit by digit.
func dialled(lang roster.Language, number string) string {
	number = strings.NewReplacer("+", "00", ".", " ").Replace(number)
	var words []string
	for group := range strings.FieldsSeq(number) {
		words = append(words, grouped(lang, group)...)
	}
	return strings.Join(words, ", ")
}

func grouped(lang roster.Language, group string) []string {
	if lang == roster.German || lang == roster.English {
		return []string{ivr.Digits(lang, group)}
	}
	zero := 0
	for zero < len(group)-1 && group[zero] == '0' {
		zero++
	}
	words := make([]string, 0, len(group))
	for range zero {
		words = append(words, ivr.Number(lang, 0))
	}
	for rest := group[zero:]; rest != ""; {
		// Two by two, the first three together where they are odd.
		take := 2
		if len(rest)%2 == 1 {
			take = min(3, len(rest))
		}
		head := rest[:take]
		if head[0] == '0' && take > 1 {
			words = append(words, ivr.Number(lang, 0))
			head = strings.TrimLeft(head[:take-1], "0") + head[take-1:]
		}
		n, _ := strconv.Atoi(head) // Digits.
		words = append(words, ivr.Number(lang, n))
		rest = rest[take:]
	}
	return []string{strings.Join(words, " ")}
}

// Parts cuts an answer into what is said at one go, about twelve seconds at most: as many whole sentences as fit. The error
// says what cannot be spoken, a sentence that is longer for example.
func Parts(lang roster.Language, text string) ([]string, error) {
	said, err := Spoken(lang, text)
	if err != nil {
		return nil, err
	}
	var parts []string
	for _, sentence := range sentences(said) {
		if n := utf8.RuneCountInString(sentence); n > longest {
			return nil, fmt.Errorf("the sentence that begins %q takes longer than twelve seconds: make two of it", beginning(sentence))
		}
		last := len(parts) - 1
		if last >= 0 && utf8.RuneCountInString(parts[last])+1+utf8.RuneCountInString(sentence) <= longest {
			parts[last] += " " + sentence
			continue
		}
		parts = append(parts, sentence)
	}
	return parts, nil
}

// sentences cuts a text behind each mark that ends one and is followed by a space.
func sentences(text string) []string {
	var out []string
	begin := 0
	for i, r := range text {
		if strings.ContainsRune(".!?…", r) && strings.HasPrefix(text[i+utf8.RuneLen(r):], " ") {
			end := i + utf8.RuneLen(r)
			out = append(out, strings.TrimSpace(text[begin:end]))
			begin = end
		}
	}
	if rest := strings.TrimSpace(text[begin:]); rest != "" {
		out = append(out, rest)
	}
	return out
}

func beginning(s string) string {
	words := strings.Fields(s)
	return strings.Join(words[:min(len(words), 5)], " ") + " …"
}

// Asker is somebody on the line.
type Asker struct {
	Language roster.Language
	First    roster.Language // The scheme's.
}

// TopicsFor are the topics as a dialogue picks from them: topic, title, language.
func (t Tree) TopicsFor(a Asker) []ivr.Vars {
	out := make([]ivr.Vars, 0, len(t.Topics))
	for _, topic := range t.Topics {
		out = append(out, choice("topic", topic.Name, topic.Title.in(a.Language, a.First)))
	}
	return out
}

// QuestionsFor are the questions on a topic as a dialogue picks from them: question, title, language.
func (t Tree) QuestionsFor(topic string, a Asker) []ivr.Vars {
	of := t.Topic(topic)
	if of == nil {
		return nil
	}
	out := make([]ivr.Vars, 0, len(of.Questions))
	for _, q := range of.Questions {
		lang := q.told(a.Language, a.First)
		out = append(out, choice("question", q.Name, Said{lang, q.Title[lang]}))
	}
	return out
}

func choice(kind, name string, title Said) ivr.Vars {
	said, err := Spoken(title.Language, title.Text)
	if err != nil {
		said = title.Text // What Check has let through can be spoken.
	}
	return ivr.Vars{kind: name, "title": said, "language": string(title.Language)}
}

// PartsFor are the parts of an answer as a dialogue says them: part, language. Foreign is set when it is not the party's
// language.
func (q *Question) PartsFor(a Asker) (parts []ivr.Vars, foreign bool) {
	lang := q.told(a.Language, a.First)
	texts, err := Parts(lang, q.Answer[lang])
	if err != nil {
		texts = []string{q.Answer[lang]} // As above.
	}
	for _, text := range texts {
		parts = append(parts, ivr.Vars{"part": text, "language": string(lang)})
	}
	return parts, lang != a.Language
}

// Service is the number of the service behind the answer that is told to somebody, as it is said; "" when the answer in that
// language does not name it: nobody is connected with a service that they have not heard of, or that speaks another language.
func (q *Question) Service(a Asker) string {
	lang := q.told(a.Language, a.First)
	if q.Transfer == "" || !names(q.Answer[lang], q.Transfer) {
		return ""
	}
	return dialled(lang, strings.Map(grouping, q.Transfer))
}

// grouping keeps what dialled reads.
func grouping(r rune) rune {
	if strings.ContainsRune("0123456789+ ", r) {
		return r
	}
	return ' '
}

// names reports whether a text holds a telephone number in braces.
func names(text, number string) bool {
	wanted := strings.Map(onlyDigits, number)
	for rest := text; ; {
		_, after, found := strings.Cut(rest, "{")
		if !found {
			return false
		}
		var inside string
		inside, rest, _ = strings.Cut(after, "}")
		if strings.Map(onlyDigits, inside) == wanted {
			return true
		}
	}
}

// Texts is everything that may be said of a tree, in the order in which it is worth preparing: what menus say first, and the
// first language before the others.
func (t Tree) Texts(prompts *ivr.Catalogue, first roster.Language) []Said {
	var titles, answers []Said
	for _, lang := range append([]roster.Language{first}, roster.Languages()...) {
		a := Asker{Language: lang, First: first}
		menus := t.TopicsFor(a)
		for _, topic := range t.Topics {
			menus = append(menus, t.QuestionsFor(topic.Name, a)...)
			for _, q := range topic.Questions {
				parts, _ := q.PartsFor(a)
				answers = append(answers, said(prompts, "faq.part", parts)...)
				if service := q.Service(a); service != "" {
					answers = append(answers, Said{lang, prompts.Text(lang, "faq.transfer", ivr.Vars{"service": service})})
				}
			}
		}
		titles = append(titles, said(prompts, "faq.choice", menus)...)
	}
	return append(titles, answers...)
}

func said(prompts *ivr.Catalogue, key string, list []ivr.Vars) []Said {
	out := make([]Said, 0, len(list))
	for _, vars := range list {
		name, _ := vars["language"].(string)
		lang := roster.Language(name)
		out = append(out, Said{lang, prompts.Text(lang, key, vars)})
	}
	return out
}

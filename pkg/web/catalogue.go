package web

import (
	"embed"
	"fmt"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"

	"github.com/rappel-tel/rappel/pkg/roster"
)

//go:embed catalogue/*.yaml
var catalogueFiles embed.FS

// catalogue holds the words of the pages in every language.
type catalogue struct {
	localizers map[roster.Language]*i18n.Localizer
	matcher    language.Matcher
}

func newCatalogue() (*catalogue, error) {
	bundle := i18n.NewBundle(language.French)
	bundle.RegisterUnmarshalFunc("yaml", yaml.Unmarshal)
	c := &catalogue{localizers: map[roster.Language]*i18n.Localizer{}}
	var tags []language.Tag
	for _, l := range roster.Languages() {
		name := "catalogue/" + string(l) + ".yaml"
		if _, err := bundle.LoadMessageFileFS(catalogueFiles, name); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		tags = append(tags, language.Make(string(l)))
		c.localizers[l] = i18n.NewLocalizer(bundle, string(l), string(roster.French), string(roster.English))
	}
	c.matcher = language.NewMatcher(tags)
	return c, nil
}

// choose returns the first language of ours among what was asked for explicitly, the account's own, and the browser's
// Accept-Language header (RFC 9110, section 12.5.4).
func (c *catalogue) choose(asked string, own roster.Language, accept string) roster.Language {
	for _, l := range []roster.Language{roster.Language(asked), own} {
		if _, ok := c.localizers[l]; ok {
			return l
		}
	}
	_, index := language.MatchStrings(c.matcher, accept)
	return roster.Languages()[index]
}

// words speaks one language.
type words struct {
	language  roster.Language
	localizer *i18n.Localizer
}

func (c *catalogue) words(l roster.Language) words {
	return words{language: l, localizer: c.localizers[l]}
}

// text returns the message; a message that is missing everywhere shows its own key, which a test forbids.
func (w words) text(key string, data map[string]any) string {
	s, err := w.localizer.Localize(&i18n.LocalizeConfig{MessageID: key, TemplateData: data})
	if err != nil && s == "" {
		return key
	}
	return s
}

// count returns the message in the plural form of n, which the message names {{.Count}}.
func (w words) count(key string, n int) string {
	s, err := w.localizer.Localize(&i18n.LocalizeConfig{
		MessageID: key, PluralCount: n, TemplateData: map[string]any{"Count": n},
	})
	if err != nil && s == "" {
		return key
	}
	return s
}

// known returns the message, or nothing when there is none.
func (w words) known(key string) string {
	s, err := w.localizer.Localize(&i18n.LocalizeConfig{MessageID: key})
	if err != nil && s == "" {
		return ""
	}
	return s
}

// elapsed writes a duration as people read it on a wall: 42 s, 7 min, 2 h 05.
func (w words) elapsed(d time.Duration) string {
	d = max(0, d)
	switch s := int(d / time.Second); {
	case s < 60:
		return fmt.Sprintf("%d %s", s, w.text("unit.second", nil))
	case s < 3600:
		return fmt.Sprintf("%d %s", s/60, w.text("unit.minute", nil))
	case s < 24*3600:
		return fmt.Sprintf("%d %s %02d", s/3600, w.text("unit.hour", nil), s%3600/60)
	case s < 48*3600:
		return fmt.Sprintf("%d %s", s/3600, w.text("unit.hour", nil))
	default:
		return fmt.Sprintf("%d %s", s/(24*3600), w.text("unit.days", nil))
	}
}

// talk writes the length of a conversation: 4:09, 1:02:30; a dash when there was none.
func talk(d time.Duration) string {
	s := int(d.Round(time.Second) / time.Second)
	switch {
	case s <= 0:
		return "–"
	case s < 3600:
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	default:
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s%3600/60, s%60)
	}
}

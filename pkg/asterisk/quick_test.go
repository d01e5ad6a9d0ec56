package asterisk

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is added through ARI for a new caller is what her entry in the files inherits.
func TestAddedAsTheTemplatesSay(t *testing.T) {
	text, err := os.ReadFile("../../asterisk/pjsip_templates.conf")
	require.NoError(t, err)
	section := func(name string) map[string]string {
		_, rest, found := strings.Cut(string(text), "["+name+"](!)\n")
		require.True(t, found, name)
		out := map[string]string{}
		for line := range strings.Lines(rest) {
			key, value, found := strings.Cut(line, " = ")
			if !found {
				break
			}
			out[key] = strings.TrimSpace(value)
		}
		return out
	}
	aor := section("caller-aor")
	require.Equal(t, "aor", aor["type"])
	delete(aor, "type")
	require.Equal(t, aor, addressRecord())
	auth := section("caller-auth")
	require.Equal(t, "auth", auth["type"])
	delete(auth, "type")
	require.Equal(t, auth, secretRecord())
}

func TestCompare(t *testing.T) {
	account := func(i int) Account {
		return Account{Endpoint: fmt.Sprintf("c-%d", i), Secret: "a-secret-of-the-lab-0", Enabled: true}
	}
	before := byName([]Account{account(1), account(2), account(3), account(4), {Endpoint: "c-off"}})
	require.Len(t, before, 4)
	renewed, moved, disabled := account(2), account(3), account(4)
	renewed.Secret, moved.Codecs, disabled.Enabled = "another-secret-of-the-lab", []string{"opus"}, false
	d := compare(before, []Account{account(1), renewed, moved, disabled, account(5)})
	require.Equal(t, []Account{renewed, account(5)}, d.fresh)
	require.Equal(t, []Account{moved}, d.changed)
	require.Equal(t, []string{"c-4"}, d.gone)
	require.NotEqual(t, authName(account(2)), authName(renewed))
	require.Equal(t, delta{}, compare(before, []Account{account(1), account(2), account(3), account(4)}))
}

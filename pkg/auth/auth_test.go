package auth_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/rappel-tel/rappel/pkg/auth"
	"github.com/rappel-tel/rappel/pkg/auth/authtest"
	"github.com/rappel-tel/rappel/pkg/roster"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestALinkOpensOneSession(t *testing.T) {
	ctx, now := t.Context(), time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	store := authtest.New(1, "0198a2f0-0000-7000-8000-000000000001")
	door := auth.NewDoor(store)
	account, err := store.EnsureAccount(ctx, "", "Anne", roster.RoleCoordinator, now)
	require.NoError(t, err)

	late, err := door.Link(ctx, account, now)
	require.NoError(t, err)
	_, _, err = door.SignIn(ctx, late, now.Add(auth.LinkLife))
	require.ErrorIs(t, err, auth.ErrNoLink, "a link of 30 minutes is too old")

	link, err := door.Link(ctx, account, now)
	require.NoError(t, err)
	token, s, err := door.SignIn(ctx, link, now.Add(auth.LinkLife-time.Second))
	require.NoError(t, err)
	require.Equal(t, account, s.Account)
	require.NotEqual(t, link, token)
	_, _, err = door.SignIn(ctx, link, now)
	require.ErrorIs(t, err, auth.ErrNoLink, "a link opens once")

	got, err := door.Check(ctx, token, now.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, s, got)
	_, err = door.Check(ctx, token, s.Expires)
	require.ErrorIs(t, err, auth.ErrNoSession)
	for _, bad := range []string{"", "x", link, token + "=", token[:42] + "\n"} {
		_, err = door.Check(ctx, bad, now)
		require.ErrorIs(t, err, auth.ErrNoSession, bad)
	}
	require.NoError(t, door.SignOut(ctx, token, now))
	_, err = door.Check(ctx, token, now)
	require.ErrorIs(t, err, auth.ErrNoSession)
}

func TestDisablingEndsSessions(t *testing.T) {
	ctx, now := t.Context(), time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	store := authtest.New(1, "0198a2f0-0000-7000-8000-000000000001")
	door := auth.NewDoor(store)
	account, err := store.EnsureAccount(ctx, "", "Anne", roster.RoleCoordinator, now)
	require.NoError(t, err)
	link, err := door.Link(ctx, account, now)
	require.NoError(t, err)
	second, err := door.Link(ctx, account, now)
	require.NoError(t, err)
	token, _, err := door.SignIn(ctx, link, now)
	require.NoError(t, err)
	store.Disable(account.Key)
	_, err = door.Check(ctx, token, now)
	require.ErrorIs(t, err, auth.ErrNoSession)
	_, _, err = door.SignIn(ctx, second, now)
	require.ErrorIs(t, err, auth.ErrNoLink)
}

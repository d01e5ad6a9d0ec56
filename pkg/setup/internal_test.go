package setup

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestCryptScrypt compares with what crypt(3) of libxcrypt printed.
func TestCryptScrypt(t *testing.T) {
	got, err := cryptScrypt(strings.Repeat("x", 32), "saltsaltsaltsalt")
	require.NoError(t, err)
	require.Equal(t, "$7$2/..../....saltsaltsaltsalt$ZCc6UdoX0znaqGSueT2FL6vdqDJuSfYSEo.1i1rtIAC", got)
}

// TestLeases takes ports many times at once and never twice.
func TestLeases(t *testing.T) {
	taken := map[int]bool{}
	for range 30 {
		lease, err := leasePorts(25)
		require.NoError(t, err)
		t.Cleanup(lease.release)
		require.Equal(t, 40, lease.count, "whole units")
		for i := range lease.count {
			port := int(lease.port(i))
			require.False(t, taken[port])
			require.True(t, portFree(port))
			taken[port] = true
		}
	}
	_, err := leasePorts(portsEnd)
	require.ErrorIs(t, err, errNoPorts)
}

// TestCertificateRenewal makes a new certificate a month before the end.
func TestCertificateRenewal(t *testing.T) {
	dir := t.TempDir()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	cert, key, err := loadCertificate(dir, now)
	require.NoError(t, err)
	require.True(t, certificateGood(cert, key, now.Add(certificateLife-certificateMargin-time.Hour)))
	require.False(t, certificateGood(cert, key, now.Add(certificateLife-certificateMargin+time.Hour)))
	require.False(t, certificateGood(cert, key, now.Add(-2*time.Hour)), "the clock went back")
}

// TestVersions reads what programs call themselves.
func TestVersions(t *testing.T) {
	for version, want := range map[string]bool{
		"22.10.1": true, "22.10": true, "22.9.3": false, "20.15.0": false, "23.0.0": true, "18": false, "": false, "x.y": false,
	} {
		require.Equal(t, want, newEnough(version), version)
	}
	name, state, ok := parseStat("12 (odd) name) S 1 2 3")
	require.True(t, ok)
	require.Equal(t, "odd) name", name)
	require.Equal(t, "S", state)
	_, _, ok = parseStat("12")
	require.False(t, ok)
}

package setup

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
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

// TestNormalise brings tones of any level between pauses to one level.
func TestNormalise(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		level := rapid.Float64Range(100, 30_000).Draw(t, "level")
		frames := rapid.IntRange(1, 50).Draw(t, "frames")
		pause := rapid.IntRange(0, 50).Draw(t, "pause")
		samples := make([]int16, (frames+pause)*frameSamples)
		for i := range frames * frameSamples {
			samples[i] = int16(level * math.Sin(float64(i)*2*math.Pi*400/8000))
		}
		wav, err := Normalise(writeWAV(samples))
		require.NoError(t, err)
		require.Len(t, wav, 44+2*len(samples))
		// The peak of a sine is 3 dB above its level: -17 dB of full scale.
		var peak float64
		for i := 44; i < len(wav); i += 2 {
			peak = max(peak, math.Abs(float64(int16(uint16(wav[i])|uint16(wav[i+1])<<8))))
		}
		require.InDelta(t, -17.0, 20*math.Log10(peak/(1<<15)), 0.3)
	})
	silent, err := Normalise(writeWAV(make([]int16, 800)))
	require.NoError(t, err)
	require.Equal(t, writeWAV(make([]int16, 800)), silent)
	for _, bad := range []string{"", "RIFF", "RIFF\x00\x00\x00\x00WAVE", "RIFF\x00\x00\x00\x00WAVEdata\x02\x00\x00\x00xx"} {
		_, err := Normalise([]byte(bad))
		require.Error(t, err)
	}
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

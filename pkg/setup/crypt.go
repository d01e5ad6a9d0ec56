package setup

import (
	"crypto/sha256"
	"fmt"
	"strings"
)

// cryptRounds is the least crypt(3) allows. Asterisk checks the password on
// every request, so each round costs; and a password of 192 random bits needs
// no stretching.
const cryptRounds = 1000

const cryptAlphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// cryptSHA256 is crypt(3) with SHA-256, as glibc and libxcrypt check it
// (Ulrich Drepper, "Unix crypt using SHA-256 and SHA-512"). The salt must be
// 1 to 16 characters of the crypt alphabet.
func cryptSHA256(password, salt string, rounds int) string {
	pw, s := []byte(password), []byte(salt)
	b := sha256.New()
	b.Write(pw)
	b.Write(s)
	b.Write(pw)
	alternate := b.Sum(nil)

	a := sha256.New()
	a.Write(pw)
	a.Write(s)
	a.Write(stretch(alternate, len(pw)))
	for n := len(pw); n > 0; n >>= 1 {
		if n&1 == 1 {
			a.Write(alternate)
		} else {
			a.Write(pw)
		}
	}
	sum := a.Sum(nil)

	dp := sha256.New()
	for range pw {
		dp.Write(pw)
	}
	p := stretch(dp.Sum(nil), len(pw))
	ds := sha256.New()
	for range 16 + int(sum[0]) {
		ds.Write(s)
	}
	salted := stretch(ds.Sum(nil), len(s))

	for i := range rounds {
		c := sha256.New()
		if i%2 == 1 {
			c.Write(p)
		} else {
			c.Write(sum)
		}
		if i%3 != 0 {
			c.Write(salted)
		}
		if i%7 != 0 {
			c.Write(p)
		}
		if i%2 == 1 {
			c.Write(sum)
		} else {
			c.Write(p)
		}
		sum = c.Sum(nil)
	}

	var out strings.Builder
	fmt.Fprintf(&out, "$5$rounds=%d$%s$", rounds, salt)
	// The order of the bytes is part of the format.
	first, second, third := 0, 10, 20
	for range 10 {
		cryptDigits(&out, sum[first], sum[second], sum[third], 4)
		first, second, third = (third+1)%30, (first+1)%30, (second+1)%30
	}
	cryptDigits(&out, 0, sum[31], sum[30], 3)
	return out.String()
}

// stretch repeats a digest to a length.
func stretch(digest []byte, length int) []byte {
	out := make([]byte, 0, length+len(digest))
	for len(out) < length {
		out = append(out, digest...)
	}
	return out[:length]
}

// cryptDigits writes 24 bits as n digits, the least significant first.
func cryptDigits(out *strings.Builder, high, middle, low byte, n int) {
	bits := uint(high)<<16 | uint(middle)<<8 | uint(low)
	for range n {
		out.WriteByte(cryptAlphabet[bits&0x3f])
		bits >>= 6
	}
}

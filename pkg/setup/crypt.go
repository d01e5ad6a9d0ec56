package setup

import (
	"fmt"
	"strings"

	"golang.org/x/crypto/scrypt"
)

const cryptAlphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// HashPassword is what ari.conf holds of a password with password_format=crypt,
// with a salt of its own. The password must be random: it is not stretched.
func HashPassword(password string) (string, error) {
	// The salt only has to differ; base64url's "_" and "-" are not of crypt's
	// alphabet.
	salt := strings.NewReplacer("_", ".", "-", "/").Replace(randomText())
	return cryptScrypt(password, salt)
}

// cryptScrypt is crypt(3) with scrypt, format "$7$" (libxcrypt, crypt(5)). The
// salt must be characters of the crypt alphabet.
//
// The cost is the least that is sensible, N=16: Asterisk checks the password
// on every request, and a password of 192 random bits needs no stretching.
// Measured per request: 0.5 ms of Asterisk's time with SHA-256-crypt at its
// least cost, under 0.1 ms with this.
func cryptScrypt(password, salt string) (string, error) {
	const logN, r, p = 4, 1, 1
	sum, err := scrypt.Key([]byte(password), []byte(salt), 1<<logN, r, p, 32)
	if err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	var out strings.Builder
	out.WriteString("$7$")
	cryptDigits(&out, logN, 1)
	cryptDigits(&out, r, 5)
	cryptDigits(&out, p, 5)
	out.WriteString(salt)
	out.WriteByte('$')
	for len(sum) > 0 {
		n := min(3, len(sum))
		var bits uint
		for i := range n {
			bits |= uint(sum[i]) << (8 * i)
		}
		cryptDigits(&out, bits, n+1)
		sum = sum[n:]
	}
	return out.String(), nil
}

// cryptDigits writes the lowest 6n bits as n digits, the least significant
// first.
func cryptDigits(out *strings.Builder, bits uint, n int) {
	for range n {
		out.WriteByte(cryptAlphabet[bits&0x3f])
		bits >>= 6
	}
}

// Package brasil checks Brazilian taxpayer numbers: CPF for persons, CNPJ for
// companies.
package brasil

import (
	"errors"
	"strings"
)

// CPF returns the eleven digits of a CPF without punctuation, or an error that
// says what was expected.
func CPF(text string) (string, error) {
	n := unmask(text)
	switch {
	case len(n) != 11 || strings.Trim(n, "0123456789") != "":
		return "", errors.New("is not a CPF (expected 11 digits, such as 529.982.247-25)")
	case uniform(n):
		return "", errors.New("is not a CPF: all its digits are equal (expected a number that was issued)")
	case cpfDigit(n[:9]) != n[9] || cpfDigit(n[:10]) != n[10]:
		return "", errors.New("is not a CPF: its check digits do not match (expected a number without a typing error)")
	}
	return n, nil
}

// CNPJ returns the fourteen characters of a CNPJ without punctuation and in
// upper case, or an error that says what was expected. Since July 2026 the
// first twelve may be letters; the two check digits remain digits. (Receita
// Federal, Instrução Normativa RFB 2.229/2024.)
func CNPJ(text string) (string, error) {
	n := unmask(text)
	switch {
	case len(n) != 14 || strings.Trim(n, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" || strings.Trim(n[12:], "0123456789") != "":
		return "", errors.New("is not a CNPJ (expected 12 digits or letters and 2 digits, such as 11.222.333/0001-81)")
	case uniform(n):
		return "", errors.New("is not a CNPJ: all its digits are equal (expected a number that was issued)")
	case cnpjDigit(n[:12]) != n[12] || cnpjDigit(n[:13]) != n[13]:
		return "", errors.New("is not a CNPJ: its check digits do not match (expected a number without a typing error)")
	}
	return n, nil
}

// unmask removes punctuation and converts ASCII letters to upper case.
func unmask(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '.' || r == '/' || r == '-' || r == ' ' || r == '\t':
			return -1
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		}
		return r
	}, text)
}

func uniform(n string) bool { return strings.Count(n, n[:1]) == len(n) }

// cpfDigit returns the check digit of n, with the weights 2, 3, 4 and so on
// from the right.
func cpfDigit(n string) byte {
	sum := 0
	for i := range len(n) {
		sum += int(n[i]-'0') * (len(n) + 1 - i)
	}
	return checkDigit(sum)
}

// cnpjDigit returns the check digit of n, with the weights 2 to 9 repeated from
// the right. The value of a character is its ASCII code minus 48.
func cnpjDigit(n string) byte {
	sum := 0
	for i := range len(n) {
		sum += int(n[i]-'0') * (2 + (len(n)-1-i)%8)
	}
	return checkDigit(sum)
}

func checkDigit(sum int) byte {
	if rest := sum % 11; rest >= 2 {
		return byte('0' + 11 - rest)
	}
	return '0'
}

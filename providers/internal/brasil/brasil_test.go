package brasil

import "testing"

// reads checks what a number is made of each text; empty means that it is refused.
func reads(t *testing.T, number func(string) (string, error), texts map[string]string) {
	t.Helper()
	for text, want := range texts {
		got, err := number(text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v, want %q", text, got, err, want)
		}
	}
}

func TestCNPJ(t *testing.T) {
	reads(t, CNPJ, map[string]string{
		"53113791000122":         "53113791000122",
		"53.113.791/0001-22":     "53113791000122",
		" 11.222.333/0001-81 ":   "11222333000181",
		"00.000.000/0001-91":     "00000000000191", // Banco do Brasil
		"33.000.167/0001-01":     "33000167000101", // Petrobras
		"12.ABC.345/01DE-35":     "12ABC34501DE35", // the example of the Receita Federal
		"12abc34501de35":         "12ABC34501DE35",
		"00000009000100":         "00000009000100", // remainder 1 gives digit 0, as the first digit
		"00000004000170":         "00000004000170", // and as the second
		"53113791000106":         "",               // the second digit matches a wrong first one
		"12.ABC.345/01DE-36":     "",
		"12.ABC.346/01DE-35":     "",
		"12.ABC.345/01DE-3A":     "",
		"53113791000123":         "",
		"53113791000132":         "",
		"35113791000122":         "",
		"5311379100012":          "",
		"531137910001222":        "",
		"":                       "",
		"00000000000000":         "",
		"11.111.111/1111-11":     "",
		"AAAAAAAAAAAAAA":         "",
		"53113791000122x":        "",
		"5311379100O122":         "",
		"٥٣١١٣٧٩١٠٠٠١٢٢":         "",
		"529.982.247-25":         "",
		"53_113_791/0001-22":     "",
		"53.113.791/0001-22\x00": "",
	})
}

func TestCPF(t *testing.T) {
	reads(t, CPF, map[string]string{
		"529.982.247-25": "52998224725",
		"52998224725":    "52998224725",
		"111.444.777-35": "11144477735",
		"00000000191":    "00000000191",
		"00000000604":    "00000000604", // remainder 1 gives digit 0, as the first digit
		"00000001830":    "00000001830", // and as the second
		"52998224709":    "",            // the second digit matches a wrong first one
		"52998224726":    "",
		"52998224715":    "",
		"25998224725":    "",
		"11111111111":    "",
		"00000000000":    "",
		"5299822472":     "",
		"529982247250":   "",
		"52998224A25":    "",
		"":               "",
	})
}

// TestEveryTypingErrorIsFound changes each digit to every other: the two check
// digits together detect all of these.
func TestEveryTypingErrorIsFound(t *testing.T) {
	const cnpj, cpf = "12ABC34501DE35", "52998224725"
	for i := range len(cnpj) {
		for _, d := range "0123456789" {
			wrong := cnpj[:i] + string(d) + cnpj[i+1:]
			if _, err := CNPJ(wrong); err == nil && wrong != cnpj && cnpj[i] >= '0' && cnpj[i] <= '9' {
				t.Errorf("CNPJ accepts %q", wrong)
			}
		}
	}
	for i := range len(cpf) {
		for _, d := range "0123456789" {
			wrong := cpf[:i] + string(d) + cpf[i+1:]
			if _, err := CPF(wrong); err == nil && wrong != cpf {
				t.Errorf("CPF accepts %q", wrong)
			}
		}
	}
}

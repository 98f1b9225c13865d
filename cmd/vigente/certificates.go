package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"software.sslmate.com/src/go-pkcs12"

	integracontador "github.com/vigented/vigente/providers/integracontador/emulator"
)

// makeCertificates creates a test e-CNPJ and e-CPF from an untrusted authority in
// a folder, each with its password in a file next to it. Existing files are kept.
// It returns the lines to print about them.
func makeCertificates(dir string) (lines []string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the certificates: %w", err)
	}
	authority, err := integracontador.NewAuthority()
	if err != nil {
		return nil, err
	}
	for _, c := range []struct{ key, file, number, name string }{
		{"certificate", "contratante", "12345678000195", "ESCRITÓRIO CONTÁBIL LTDA"},
		{"author", "cliente", "52998224725", "FULANO DE TAL"},
	} {
		store, password := filepath.Join(dir, c.file+".p12"), filepath.Join(dir, c.file+"-password")
		lines = append(lines, fmt.Sprintf("%-16s %s of %s, its password in %s", c.key, store, c.number, password))
		if _, err := os.Lstat(store); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		id, err := authority.Issue(integracontador.Issue{Name: c.name, Number: c.number})
		if err != nil {
			return nil, err
		}
		data, err := pkcs12.Modern.Encode(id.Key, id.Certificate, nil, emulatedSecret)
		if err == nil {
			err = writeNew(password, []byte(emulatedSecret+"\n"))
		}
		if err == nil {
			err = writeNew(store, data)
		}
		if err != nil {
			return nil, fmt.Errorf("write %s: %w", store, err)
		}
	}
	return lines, nil
}

// writeNew writes a file that only its owner can read.
func writeNew(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

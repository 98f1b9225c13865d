package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// bareWorkers is how many calls the plain program makes at once: as many as the
// daemon's configuration allows.
const bareWorkers = 8

// bare runs the plain program. Its arguments are URL, CA file, folder and
// number of tokens.
func bare(args []string) error {
	authority, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(args[3])
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, MaxIdleConnsPerHost: bareWorkers,
	}}
	var all sync.WaitGroup
	faults := make([]error, bareWorkers)
	for w := range bareWorkers {
		all.Go(func() {
			for i := w; i < n && faults[w] == nil; i += bareWorkers {
				faults[w] = fetch(client, args[0], targetOf(args[2], bareOut, i))
			}
		})
	}
	all.Wait()
	return errors.Join(faults...)
}

func fetch(client *http.Client, url, path string) error {
	resp, err := client.Post(url, "application/x-www-form-urlencoded", strings.NewReader("grant_type=client_credentials")) //nolint:noctx // a program of a few lines
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return err
	}
	return replace(path, answer.AccessToken)
}

// replace does the minimum to replace a file durably.
func replace(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), "bare")
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close(), os.Rename(f.Name(), path)); err != nil {
		return fmt.Errorf("replace %s: %w", path, err)
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

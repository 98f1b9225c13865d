package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"
)

const noAssertion = "NOASSERTION"

// The parts of an SPDX 2.3 document that are used here, named as there.
type document struct {
	Version           string         `json:"spdxVersion"`
	DataLicense       string         `json:"dataLicense"`
	ID                string         `json:"SPDXID"`
	Name              string         `json:"name"`
	DocumentNamespace string         `json:"documentNamespace"`
	CreationInfo      creation       `json:"creationInfo"`
	Packages          []component    `json:"packages"`
	Relationships     []relationship `json:"relationships"`
}

type creation struct {
	Created  string   `json:"created"`
	Creators []string `json:"creators"`
}

type component struct {
	ID               string      `json:"SPDXID"`
	Name             string      `json:"name"`
	VersionInfo      string      `json:"versionInfo"`
	PackageFileName  string      `json:"packageFileName,omitempty"`
	Supplier         string      `json:"supplier"`
	DownloadLocation string      `json:"downloadLocation"`
	FilesAnalyzed    bool        `json:"filesAnalyzed"`
	Checksums        []checksum  `json:"checksums,omitempty"`
	LicenseConcluded string      `json:"licenseConcluded"`
	LicenseDeclared  string      `json:"licenseDeclared"`
	CopyrightText    string      `json:"copyrightText"`
	Comment          string      `json:"comment,omitempty"`
	ExternalRefs     []reference `json:"externalRefs,omitempty"`
	PrimaryPurpose   string      `json:"primaryPackagePurpose"`
}

type checksum struct {
	Algorithm string `json:"algorithm"`
	Value     string `json:"checksumValue"`
}

type reference struct {
	Category string `json:"referenceCategory"`
	Type     string `json:"referenceType"`
	Locator  string `json:"referenceLocator"`
}

type relationship struct {
	From string `json:"spdxElementId"`
	Type string `json:"relationshipType"`
	To   string `json:"relatedSpdxElement"`
}

const (
	documentID = "SPDXRef-DOCUMENT"
	binaryID   = "SPDXRef-Binary"
)

// spdx returns the bill of materials.
func (b *bill) spdx(created time.Time) ([]byte, error) {
	binary := component{
		ID: binaryID, Name: b.main, VersionInfo: b.version, PackageFileName: "vigente",
		Supplier: noAssertion, DownloadLocation: "https://" + b.main,
		Checksums:        []checksum{{"SHA256", b.digest}},
		LicenseConcluded: noAssertion, LicenseDeclared: noAssertion, CopyrightText: noAssertion,
		Comment:        fmt.Sprintf("built for %s/%s with CGO_ENABLED=%s", b.settings["GOOS"], b.settings["GOARCH"], b.settings["CGO_ENABLED"]),
		PrimaryPurpose: "APPLICATION",
	}
	d := document{
		Version: "SPDX-2.3", DataLicense: "CC0-1.0", ID: documentID, Name: "vigente",
		DocumentNamespace: "https://" + b.main + "/spdx/" + b.digest,
		CreationInfo:      creation{created.Format(time.RFC3339), []string{"Tool: vigente-bill"}},
		Packages:          []component{binary},
		Relationships:     []relationship{{documentID, "DESCRIBES", binaryID}},
	}
	for _, p := range b.parts {
		c := p.component()
		d.Packages = append(d.Packages, c)
		d.Relationships = append(d.Relationships, relationship{binaryID, "STATIC_LINK", c.ID})
	}
	text, err := json.MarshalIndent(d, "", " ")
	return append(text, '\n'), err
}

var notInID = regexp.MustCompile(`[^A-Za-z0-9.]+`)

func (p part) component() component {
	c := component{
		ID: "SPDXRef-" + notInID.ReplaceAllString(p.module, "-"), Name: p.module, VersionInfo: p.version,
		Supplier: noAssertion, DownloadLocation: noAssertion,
		LicenseConcluded: noAssertion, LicenseDeclared: p.licence, CopyrightText: noAssertion,
		ExternalRefs:   []reference{{"PACKAGE-MANAGER", "purl", "pkg:golang/" + strings.ToLower(p.module) + "@" + p.version}},
		PrimaryPurpose: "LIBRARY",
	}
	if p.sum != "" {
		c.Comment = "go.sum " + p.sum
	}
	return c
}

// notices returns the texts that the licences want to see with the binary.
func (b *bill) notices() []byte {
	var out bytes.Buffer
	out.WriteString("Vigente: https://" + b.main + "\n" +
		"The source of Vigente itself carries no statement of a licence.\n\n" +
		"The binary contains the modules below. Their notices are repeated as their\nlicences ask.\n")
	for _, p := range b.parts {
		fmt.Fprintf(&out, "\n%s\n%s %s (%s)\n%s\n\n%s\n", strings.Repeat("=", 72), p.module, p.version, p.licence, strings.Repeat("=", 72), p.notice)
	}
	return out.Bytes()
}

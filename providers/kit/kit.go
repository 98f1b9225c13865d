// Package kit is what a kind of provider is handed: the shape of a kind, one
// bounded HTTP exchange that tells its failures apart, TLS and URLs as the
// configuration states them, the check digits of CPF and CNPJ, and lenient
// readers of what backends write about lives and dates.
//
// It decides nothing about a backend: what an answer means is each kind's own.
// It never repeats a body, a header, a query or the text of a peer in a
// message. It keeps no state between calls.
package kit

// Package env keeps variables in a file of assignments.
package env

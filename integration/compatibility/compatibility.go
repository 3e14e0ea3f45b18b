// Package compatibility holds the test that keeps docs/compatibility.md true: what
// it names as proof exists. It has no code of its own.
package compatibility

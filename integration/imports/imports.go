// Package imports holds the test that keeps packages from importing what comes
// after them on the way of the data. It has no code of its own.
package imports

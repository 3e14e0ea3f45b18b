package main

import (
	"os"
	"runtime/debug"
)

// gcPercent is how much garbage the collector lets pile up on what is in use. A
// host has other uses for its memory than an agent's garbage: half of Go's
// default costs little, since most of what is made at the start stays.
const gcPercent = 50

// limitGarbage sets it, unless GOGC says otherwise.
func limitGarbage() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}

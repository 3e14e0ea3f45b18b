//go:build !race

package integration

// Race says that the tests are built with the race detector.
const Race = false

// The agent under test is built as it is shipped.
var (
	buildArgs = []string{"-trimpath"}
	buildEnv  = "CGO_ENABLED=0"
)

//go:build race

package integration

// Race says that the tests are built with the race detector.
const Race = true

// When the tests are built with the race detector, so is the agent they run.
var (
	buildArgs = []string{"-race"}
	buildEnv  = "CGO_ENABLED=1"
)

//go:build race

package integration

// When the tests are built with the race detector, so is the agent they run.
var (
	buildArgs = []string{"-race"}
	buildEnv  = "CGO_ENABLED=1"
)

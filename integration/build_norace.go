//go:build !race

package integration

// The agent under test is built as it is shipped.
var (
	buildArgs = []string{"-trimpath"}
	buildEnv  = "CGO_ENABLED=0"
)

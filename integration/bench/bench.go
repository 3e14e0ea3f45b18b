// Command bench runs the reference ovn-controller and ours on the same southbound
// databases and compares what they take: a start from nothing, small changes, rest,
// and a restart.
//
// The databases come from package workload and are kept between runs. The two
// agents take turns, each time with a fresh switch (dummy datapath) and a fresh
// copy of the database, and of each figure the median of several runs counts.
package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
	"github.com/ovn-chassis/ovn-chassis/integration/workload"
)

func main() {
	scales := flag.String("scales", "5000,50000", "comma-separated sizes in logical flows")
	runs := flag.Int("runs", 3, "runs of each agent on each size")
	agents := flag.String("agents", "reference,ours", "agents to run; the first is the measure of the others")
	doc := flag.String("write", "", "Markdown file to put the table into, between its bench markers")
	section := flag.String("section", "bench", "bench: costs; responsive: answers under load; shrink: memory after most is gone; warm: restarts beside a clustered southbound server")
	only := flag.String("only", "", "regular expression for the names of the small changes to make")
	samples := flag.Bool("samples", false, "print how long each small change took, in order of time")
	svg := flag.String("plot", "", "SVG file to draw how costs grow with scale into")
	timeout := flag.Duration("timeout", 5*time.Minute, "for an agent to settle")
	repeat := flag.Int("changes", 100, "times each small change is made at most, in a minute; 0 leaves them out")
	flag.Parse()
	var table string
	o := options{repeat: *repeat, timeout: *timeout, only: regexp.MustCompile(*only), samples: *samples}
	err := integration.Run("bench", os.Stderr, func(t integration.T) {
		switch *section {
		case "responsive":
			table = responsive(t, parseScales(t, *scales), strings.Split(*agents, ","), o)
			return
		case "warm":
			table = warm(t, parseScales(t, *scales), strings.Split(*agents, ","), *runs, o)
			return
		case "shrink":
			table = shrink(t, parseScales(t, *scales), strings.Split(*agents, ","), o)
			return
		}
		r := run(t, parseScales(t, *scales), strings.Split(*agents, ","), *runs, o)
		table = r.markdown()
		if *svg != "" {
			if err := os.WriteFile(*svg, r.plot(), 0o644); err != nil {
				t.Errorf("%v", err)
			}
		}
	})
	integration.Sweep()
	fmt.Print(table)
	if err == nil && *doc != "" {
		err = writeDoc(*doc, *section, table)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parseScales(t integration.T, list string) []int {
	var scales []int
	for s := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatalf("scale %q: %v", s, err)
		}
		if _, ok := workload.Scales[n]; !ok {
			t.Fatalf("no workload of %d logical flows", n)
		}
		scales = append(scales, n)
	}
	return scales
}

func agentKind(t integration.T, name string) integration.AgentKind {
	switch name {
	case "reference":
		return integration.Reference
	case "ours":
		return integration.Ours
	}
	t.Fatalf("unknown agent %q", name)
	return 0
}

// machine describes what the figures were taken on.
func machine() string {
	model := "unknown processor"
	cores := 0
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			model = strings.TrimSpace(value)
			cores++
		}
	}
	return fmt.Sprintf("%d × %s, %s.", cores, model, time.Now().Format("January 2006"))
}

// writeDoc replaces what is between the marks of a section in a document.
func writeDoc(path, section, table string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	begin, end := fmt.Sprintf("<!-- %s: begin -->", section), fmt.Sprintf("<!-- %s: end -->", section)
	before, rest, ok := strings.Cut(string(text), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no %s … %s", path, begin, end)
	}
	return os.WriteFile(path, []byte(before+begin+"\n"+table+end+after), 0o644)
}

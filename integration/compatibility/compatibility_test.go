package compatibility

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// rows is how many rows each group of the inventory has, group 1 first.
var rows = []int{13, 11, 8, 11, 15, 8, 14, 17, 9, 16, 3, 7, 8}

var (
	rowLine  = regexp.MustCompile(`^\| (\d+\.\d+) \| [^|]+ \| (\w+) \| (.*) \|$`)
	goTest   = regexp.MustCompile("`([a-z][a-z0-9/-]*)\\.(Test[A-Za-z0-9_]+)`")
	topology = regexp.MustCompile("`parity:([a-z0-9-]+)`")
)

// problems lists what is wrong with the page. exists tells whether a folder has a
// test; hasTopology whether there is one.
func problems(page string, exists func(folder, test string) bool, hasTopology func(string) bool) []string {
	var out []string
	found := map[string]int{}
	for line := range strings.Lines(page) {
		m := rowLine.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		row, state, text := m[1], m[2], m[3]
		found[row]++
		tests, topologies := goTest.FindAllStringSubmatch(text, -1), topology.FindAllStringSubmatch(text, -1)
		for _, t := range tests {
			if !exists(t[1], t[2]) {
				out = append(out, row+": there is no "+t[1]+"."+t[2])
			}
		}
		for _, t := range topologies {
			if !hasTopology(t[1]) {
				out = append(out, row+": there is no topology "+t[1])
			}
		}
		switch state {
		case "done":
			if len(tests)+len(topologies) == 0 {
				out = append(out, row+": done, and no test shows it")
			}
		case "partly", "not":
			if strings.TrimSpace(text) == "" {
				out = append(out, row+": "+state+", and no reason")
			}
		default:
			out = append(out, row+": state "+state)
		}
	}
	for g, n := range rows {
		for i := range n {
			row := strconv.Itoa(g+1) + "." + strconv.Itoa(i+1)
			if found[row] != 1 {
				out = append(out, row+": "+strconv.Itoa(found[row])+" rows")
			}
			delete(found, row)
		}
	}
	for row := range found {
		out = append(out, row+": no such row in the inventory")
	}
	return out
}

const root = "../.."

func hasTest(folder, test string) bool {
	files, _ := filepath.Glob(filepath.Join(root, folder, "*_test.go"))
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err == nil && strings.Contains(string(text), "\nfunc "+test+"(t *testing.T)") {
			return true
		}
	}
	return false
}

func hasTopology(name string) bool {
	_, err := os.Stat(filepath.Join(root, "integration/parity/topologies", name+".txt"))
	return err == nil
}

func TestCompatibilityPage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs/compatibility.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems(string(page), hasTest, hasTopology) {
		t.Error(p)
	}
}

// TestProblemsAreFound: each kind of mistake is reported.
func TestProblemsAreFound(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs/compatibility.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ from, to, want string }{
		{"`integration.TestExit`", "`integration.TestEntry`", "there is no integration.TestEntry"},
		{"`parity:dhcp`", "`parity:nothing`", "there is no topology nothing"},
		{"| 4.1 |", "| 4.99 |", "4.99: no such row"},
		{"| 4.1 |", "| 4.2 |", "4.2: 2 rows"},
		{"`integration.TestDHCPRelay`", "believe me", "10.6: done, and no test shows it"},
	} {
		spoilt := strings.Replace(string(page), c.from, c.to, 1)
		if spoilt == string(page) {
			t.Errorf("the page has no %s", c.from)
		}
		if got := strings.Join(problems(spoilt, hasTest, hasTopology), "\n"); !strings.Contains(got, c.want) {
			t.Errorf("%s for %s: not reported in\n%s", c.to, c.from, got)
		}
	}
}

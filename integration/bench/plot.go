package main

import (
	"bytes"
	"fmt"
	"math"
	"strings"
)

// Sizes of the plot in pixels: panels in rows, each with room for its axes.
const (
	panelWidth, panelHeight = 250, 170
	marginLeft, marginTop   = 52, 34
	marginRight             = 12
	marginBottom            = 30
	panelsInRow             = 3
	plotFont                = "font-family='sans-serif' font-size='11'"
)

// plotColours are those of the agents, in their order.
var plotColours = []string{"#888888", "#0b6fb8", "#c0392b"}

// plot draws how each cost grows with scale: a panel for each, a line for each
// agent, both axes logarithmic, so that what grows with scale is a slope.
func (r *result) plot() []byte {
	var panels []figure
	for _, f := range whole[:4] {
		f.name = "start: " + f.name
		panels = append(panels, f)
	}
	for _, k := range kinds {
		f := changeFigures(k.name)[0]
		f.name = k.name
		panels = append(panels, f)
	}
	rows := (len(panels) + panelsInRow - 1) / panelsInRow
	var b bytes.Buffer
	w, h := panelsInRow*panelWidth, rows*panelHeight+24
	fmt.Fprintf(&b, "<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' viewBox='0 0 %[1]d %[2]d' %s>\n", w, h, plotFont)
	fmt.Fprintf(&b, "<rect width='%d' height='%d' fill='white'/>\n", w, h)
	for i, agent := range r.agents {
		x := marginLeft + i*110
		fmt.Fprintf(&b, "<line x1='%d' y1='14' x2='%d' y2='14' stroke='%s' stroke-width='2'/><text x='%d' y='18'>%s</text>\n",
			x, x+24, plotColours[i%len(plotColours)], x+30, agent)
	}
	for i, f := range panels {
		r.panel(&b, f, i%panelsInRow*panelWidth, i/panelsInRow*panelHeight+24)
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// panel draws one cost with its top left corner at x0, y0.
func (r *result) panel(b *bytes.Buffer, f figure, x0, y0 int) {
	low, high := math.Inf(1), math.Inf(-1)
	first, last := math.Inf(1), math.Inf(-1)
	for _, db := range r.dbs {
		n := float64(db.LogicalFlows)
		first, last = min(first, n), max(last, n)
		for _, agent := range r.agents {
			if v, ok := r.median(agent, db.LogicalFlows, f); ok && v > 0 {
				low, high = min(low, v), max(high, v)
			}
		}
	}
	if math.IsInf(low, 1) {
		return
	}
	// Whole powers of ten, so that slopes of different panels compare.
	low, high = math.Pow(10, math.Floor(math.Log10(low))), math.Pow(10, math.Ceil(math.Log10(high)))
	if low == high {
		high *= 10
	}
	left, right := float64(x0+marginLeft), float64(x0+panelWidth-marginRight)
	top, bottom := float64(y0+marginTop), float64(y0+panelHeight-marginBottom)
	at := func(v, from, to, a, z float64) float64 {
		if from == to {
			return (a + z) / 2
		}
		return a + (z-a)*math.Log(v/from)/math.Log(to/from)
	}
	fmt.Fprintf(b, "<text x='%.0f' y='%.0f' font-weight='bold'>%s, %s</text>\n", left, top-8, f.name, f.unit)
	fmt.Fprintf(b, "<rect x='%.0f' y='%.0f' width='%.0f' height='%.0f' fill='none' stroke='#cccccc'/>\n", left, top, right-left, bottom-top)
	for v := low; v <= high*1.001; v *= 10 {
		y := at(v, low, high, bottom, top)
		fmt.Fprintf(b, "<line x1='%.0f' y1='%.1f' x2='%.0f' y2='%.1f' stroke='#eeeeee'/><text x='%.0f' y='%.1f' text-anchor='end'>%g</text>\n",
			left, y, right, y, left-4, y+4, v)
	}
	for _, db := range r.dbs {
		n := float64(db.LogicalFlows)
		fmt.Fprintf(b, "<text x='%.1f' y='%.0f' text-anchor='middle'>%.0fk</text>\n", at(n, first, last, left, right), bottom+14, n/1000)
	}
	for i, agent := range r.agents {
		var points []string
		for _, db := range r.dbs {
			if v, ok := r.median(agent, db.LogicalFlows, f); ok && v > 0 {
				points = append(points, fmt.Sprintf("%.1f,%.1f", at(float64(db.LogicalFlows), first, last, left, right), at(v, low, high, bottom, top)))
			}
		}
		colour := plotColours[i%len(plotColours)]
		fmt.Fprintf(b, "<polyline points='%s' fill='none' stroke='%s' stroke-width='2'/>\n", strings.Join(points, " "), colour)
		for _, p := range points {
			x, y, _ := strings.Cut(p, ",")
			fmt.Fprintf(b, "<circle cx='%s' cy='%s' r='2.5' fill='%s'/>\n", x, y, colour)
		}
	}
}

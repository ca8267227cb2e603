package main

import (
	"image/color"
	"path/filepath"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// bar is one bar of a plot.
type bar struct {
	name  string
	value float64
}

var (
	oursColor  = color.RGBA{R: 0x1f, G: 0x6f, B: 0xb2, A: 0xff}
	otherColor = color.RGBA{R: 0xb0, G: 0xb7, B: 0xbf, A: 0xff}
)

// drawBars writes an SVG with one horizontal bar for each server, the first on
// top. Its name and value stand above it and begin at its left end: a viewer
// with another font than this program measures with cuts nothing off.
func drawBars(path, title, unit string, bars []bar) error {
	p := plot.New()
	p.Title.Text, p.X.Label.Text = title, unit
	p.Title.Padding = vg.Points(8)
	p.HideY()
	p.X.Min, p.Y.Min, p.Y.Max = 0, -0.5, float64(len(bars))-0.2
	p.X.Tick.Marker = grouped{}
	texts := plotter.XYLabels{}
	for i := range bars {
		b := bars[len(bars)-1-i]
		chart, err := plotter.NewBarChart(plotter.Values{b.value}, vg.Points(11))
		if err != nil {
			return err
		}
		chart.Horizontal, chart.XMin, chart.LineStyle.Width = true, float64(i), 0
		chart.Color = otherColor
		if strings.HasPrefix(b.name, nameOurs) {
			chart.Color = oursColor
		}
		p.Add(chart)
		texts.XYs = append(texts.XYs, plotter.XY{X: 0, Y: float64(i) + 0.25})
		texts.Labels = append(texts.Labels, b.name+": "+number(b.value))
	}
	labels, err := plotter.NewLabels(texts)
	if err != nil {
		return err
	}
	p.Add(labels)
	return p.Save(vg.Points(640), vg.Points(float64(80+34*len(bars))), path)
}

// grouped writes large numbers on the axis as the tables do.
type grouped struct{}

// Ticks implements plot.Ticker.
func (grouped) Ticks(low, high float64) []plot.Tick {
	ticks := plot.DefaultTicks{}.Ticks(low, high)
	for i, t := range ticks {
		if t.Label != "" {
			ticks[i].Label = thousands(int(t.Value))
		}
	}
	return ticks
}

func drawContest(dir, file, title string, table []*measures) error {
	var bars []bar
	for _, m := range table {
		bars = append(bars, bar{m.name, median(m.perSecond)})
	}
	return drawBars(filepath.Join(dir, file), title, "requests per second, one core", bars)
}

func drawStreams(dir, file string, table []*idle) error {
	var bars []bar
	for _, r := range table {
		bars = append(bars, bar{r.name, r.perStream})
	}
	return drawBars(filepath.Join(dir, file), "An idle event stream", "KiB of resident memory", bars)
}

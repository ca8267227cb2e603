package main

import (
	"image/color"
	"path/filepath"

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
// top, and the value behind the name.
func drawBars(path, title, unit string, bars []bar) error {
	p := plot.New()
	p.Title.Text, p.X.Label.Text = title, unit
	p.X.Min = 0
	var names []string
	for i := range bars {
		b := bars[len(bars)-1-i]
		chart, err := plotter.NewBarChart(plotter.Values{b.value}, vg.Points(14))
		if err != nil {
			return err
		}
		chart.Horizontal, chart.XMin, chart.LineStyle.Width = true, float64(i), 0
		chart.Color = otherColor
		if len(b.name) >= len(nameOurs) && b.name[:len(nameOurs)] == nameOurs {
			chart.Color = oursColor
		}
		p.Add(chart)
		names = append(names, b.name+"  "+number(b.value))
	}
	p.NominalY(names...)
	height := vg.Points(float64(90 + 24*len(bars)))
	return p.Save(vg.Points(720), height, path)
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

// Command mcp-oauth-server/bench/peers measures the server side by side with
// others that do the same work, and says whether it keeps its promises.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"time"
)

func main() {
	if len(os.Args) == 5 && os.Args[1] == "serve" {
		fmt.Fprintln(os.Stderr, serve(os.Args[2], os.Args[3], os.Args[4]))
		os.Exit(1)
	}
	l := &lab{source: ".", rounds: 3, conns: 16, time: 3 * time.Second, settle: time.Second, idleTime: 15 * time.Second, serverCPU: 0, loadCPU: 1}
	given := flag.String("server", "", "binary")
	what := flag.String("what", "token", "")
	quick := flag.Bool("quick", false, "")
	flag.Parse()
	if *quick {
		l.time = 500 * time.Millisecond
		l.rounds = 1
	}
	runtime.GOMAXPROCS(2)
	l.source, _ = os.Getwd()
	dir, err := os.MkdirTemp("", "peers-")
	if err != nil {
		panic(err)
	}
	l.dir = dir
	if err := l.build(*given); err != nil {
		panic(err)
	}
	if err := l.pin(); err != nil {
		panic(err)
	}
	var m []*measures
	if *what == "streams" {
		_, err := l.streams(2000)
		fmt.Println(err)
		return
	}
	if *what == "token" {
		m, err = l.tokens()
	} else {
		m, err = l.calls()
	}
	l.stopAll()
	fmt.Println(err)
	for _, r := range m {
		fmt.Printf("%-30s %9.0f %7.1f us busy %.2f p50 %.2f p99 %.2f %5.1f MB\n", r.name, median(r.perSecond), median(r.micros), median(r.busy), median(r.p50), median(r.p99), r.memory)
	}
}

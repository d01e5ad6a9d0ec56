// Command rappel is the whole program: the service, its demonstration, and what an operator needs.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(run(os.Args[1:])) }

// run runs one command and returns the exit status: 0 done, 1 failed, 2 wrongly typed.
func run(args []string) int {
	soon, now, release := stopSignals()
	defer release()
	p := &program{out: os.Stdout, err: os.Stderr, abort: now}
	root := p.root()
	root.SetArgs(args)
	root.SetOut(p.out)
	root.SetErr(p.err)
	command, err := root.ExecuteContextC(soon)
	if err == nil {
		return 0
	}
	return p.explain(command, err)
}

// stopSignals returns a context that ends with the first SIGTERM or SIGINT, and one that ends with the second.
func stopSignals() (soon, now context.Context, release func()) {
	soon, stopSoon := context.WithCancel(context.Background())
	now, stopNow := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2) // Two signals matter; neither may be lost.
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for _, stop := range []context.CancelFunc{stopSoon, stopNow} {
			select {
			case s := <-signals:
				stop()
				if s == syscall.SIGINT {
					fmt.Fprintln(os.Stderr) // The terminal has printed ^C.
				}
			case <-quit:
				return
			}
		}
	}()
	return soon, now, func() {
		signal.Stop(signals)
		close(quit)
		<-done
		stopSoon()
		stopNow()
	}
}

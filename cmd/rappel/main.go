// Command rappel is the whole program: the service, its demonstration, and what an operator needs.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(run(os.Args[1:])) }

// run runs one command and returns the exit status: 0 done, 1 failed, 2 wrongly typed.
func run(args []string) int {
	soon, now, release := stopSignals()
	defer release()
	out := &faithful{to: os.Stdout}
	p := &program{out: out, err: os.Stderr, abort: now}
	root := p.root()
	root.SetArgs(args)
	root.SetOut(p.out)
	root.SetErr(p.err)
	command, err := root.ExecuteContextC(soon)
	if err == nil {
		err = out.failed
	}
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

// faithful remembers that something was not written, to a full disk or a closed pipe, so that no command ends as if it had
// been: not every one looks at each line it prints.
type faithful struct {
	to     io.Writer
	failed error
}

// Write implements io.Writer.
func (f *faithful) Write(b []byte) (int, error) {
	n, err := f.to.Write(b)
	if err != nil && f.failed == nil {
		f.failed = fmt.Errorf("write output: %w", err)
	}
	return n, err
}

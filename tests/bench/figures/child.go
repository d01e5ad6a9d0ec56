package figures

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// ChildVariable names the environment variable whose value is what this program is to do as the child of a figure: to be
// killed, to be weighed, or to listen. Whoever runs figures calls Child when it is set.
const ChildVariable = "RAPPEL_BENCH_CHILD"

// childOrder says what a child does.
type childOrder struct {
	Role     string // "hold", "node", "subscribers".
	URL      string // Of the database.
	Scheme   int64
	SchemeID string
	Horizon  time.Duration
	Held     int // So many occurrences are held in the end.

	// The service's clock: it shows At when the real one shows Anchor.
	Anchor, At time.Time

	NATS  string // Of the server; empty for a child that has none.
	Dir   string // For what it keeps.
	Node  string
	PBX   string // Socket of the exchange; empty: phones of its own.
	Count int    // Of subscribers.

	Standby bool // A node that waits until it may lead.
}

func (o *childOrder) now() time.Time { return o.At.Add(time.Since(o.Anchor)) }

// Child does what an order says, until it has done it, SIGTERM, or the end of its parent.
func Child(text string) error {
	var o childOrder
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return fmt.Errorf("read order: %w", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	say := &reporter{to: json.NewEncoder(os.Stdout)}
	switch o.Role {
	case "hold":
		return o.hold(ctx, say)
	case "node":
		return o.serve(ctx, say)
	case "subscribers":
		return o.subscribe(ctx, say)
	default:
		return fmt.Errorf("no role %q", o.Role)
	}
}

// reporter writes what a child tells, one object per line.
type reporter struct {
	mu sync.Mutex
	to *json.Encoder
}

// said is one line: what it is about, and numbers or a word.
type said struct {
	About   string             `json:"about"`
	Text    string             `json:"text,omitempty"`
	Numbers map[string]float64 `json:"numbers,omitempty"`
}

func (r *reporter) say(s said) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = r.to.Encode(s) // Nobody listens any more: the parent has gone, and this process goes with it.
}

// child is a process that does a figure's dangerous work.
type child struct {
	cmd   *exec.Cmd
	lines chan said // Closed when it has ended; it holds more lines than any child says.
	in    io.WriteCloser
	err   error  // Valid once lines is closed.
	other []said // Said while something else was waited for; the waiter's.
	log   *tail
}

// mostLines is more than a child says while nobody reads.
const mostLines = 4096

// errChild means that a child ended before it said what was waited for.
var errChild = errors.New("the child process ended")

func (r *rig) start(ctx context.Context, o childOrder) (*child, error) {
	text, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("write order: %w", err)
	}
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	c := &child{cmd: exec.CommandContext(context.WithoutCancel(ctx), program), lines: make(chan said, mostLines), log: &tail{}}
	c.cmd.Env = append(os.Environ(), ChildVariable+"="+string(text))
	c.cmd.Stderr = c.log
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start child: %w", err)
	}
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start child: %w", err)
	}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start child: %w", err)
	}
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			var s said
			if json.Unmarshal(lines.Bytes(), &s) == nil {
				c.lines <- s
			}
		}
		c.err = c.cmd.Wait()
		close(c.lines)
	}()
	return c, nil
}

// await returns the next line about something. One goroutine waits at a time.
func (c *child) await(ctx context.Context, about string, limit time.Duration) (said, error) {
	for i, s := range c.other {
		if s.About == about {
			c.other = slices.Delete(c.other, i, i+1)
			return s, nil
		}
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		select {
		case s, ok := <-c.lines:
			if !ok {
				return said{}, fmt.Errorf("%w: %w: %s", errChild, errors.Join(c.err, ctx.Err()), c.log)
			}
			if s.About == about {
				return s, nil
			}
			c.other = append(c.other, s)
		case <-timer.C:
			return said{}, fmt.Errorf("wait for the child to say %q: not within %s: %s", about, limit, c.log)
		case <-ctx.Done():
			return said{}, ctx.Err()
		}
	}
}

func (c *child) signal(s syscall.Signal) { _ = c.cmd.Process.Signal(s) } // It may have ended.

// kill ends the child, whatever it does, and waits for its end.
func (c *child) kill() {
	c.signal(syscall.SIGKILL)
	for range c.lines { // Until it has ended.
		continue
	}
}

// tail keeps the end of what a child says on standard error.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-2000):]
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.text))
}

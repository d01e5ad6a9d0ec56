package measure

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Tick is the unit of processor times in /proc (USER_HZ), 100 on every Linux that Go runs on.
const Tick = time.Second / 100

// times reads fields of /proc/PID/stat, counted as proc(5) does, in ticks.
func times(pid int, fields ...int) (time.Duration, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, fmt.Errorf("read processor time: %w", err)
	}
	after := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	sum := time.Duration(0)
	for _, f := range fields {
		n, err := strconv.ParseInt(after[f-3], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read processor time: %w", err)
		}
		sum += time.Duration(n) * Tick
	}
	return sum, nil
}

// Fields of /proc/PID/stat.
const (
	fieldUser, fieldSystem                 = 14, 15
	fieldChildrenUser, fieldChildrenSystem = 16, 17
)

// OfProcess is what one process has used.
func OfProcess(pid int) (time.Duration, error) { return times(pid, fieldUser, fieldSystem) }

// OfFamily is what a process and its children have used, those included that it has waited for.
func OfFamily(pid int) (time.Duration, error) {
	sum, err := times(pid, fieldUser, fieldSystem, fieldChildrenUser, fieldChildrenSystem)
	if err != nil {
		return 0, err
	}
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return 0, fmt.Errorf("list children: %w", err)
	}
	for _, file := range tasks {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // The thread has ended.
		}
		for child := range strings.FieldsSeq(string(text)) {
			n, err := strconv.Atoi(child)
			if err != nil {
				return 0, fmt.Errorf("list children: %w", err)
			}
			if used, err := OfProcess(n); err == nil { // It may have ended meanwhile.
				sum += used
			}
		}
	}
	return sum, nil
}

// OfMachine is what all processors have spent, and how much of it not idly.
func OfMachine() (busy, all time.Duration, err error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0, fmt.Errorf("read processor time: %w", err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	for i, field := range strings.Fields(line) {
		n, err := strconv.ParseInt(field, 10, 64)
		if i == 0 || i > 8 { // The name; guests are counted as users already.
			continue
		}
		if err != nil {
			return 0, 0, fmt.Errorf("read processor time: %w", err)
		}
		all += time.Duration(n) * Tick
		if i != 4 && i != 5 { // Idle, waiting for the disk.
			busy += time.Duration(n) * Tick
		}
	}
	return busy, all, nil
}

// LoadAverage is the machine's over one minute.
func LoadAverage() float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return -1
	}
	first, _, _ := strings.Cut(string(text), " ")
	load, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return -1
	}
	return load
}

// OpenFiles counts the descriptors of a process, without its TCP connections: those come and go with the clients' pools.
func OpenFiles(pid int) (int, error) {
	tcp := map[string]bool{}
	for _, table := range []string{"tcp", "tcp6"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, table))
		if err != nil {
			return 0, fmt.Errorf("count descriptors: %w", err)
		}
		for line := range strings.SplitSeq(string(text), "\n") {
			if fields := strings.Fields(line); len(fields) > 9 {
				tcp["socket:["+fields[9]+"]"] = true
			}
		}
	}
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	files, err := os.ReadDir(dir)
	if err != nil {
		return 0, fmt.Errorf("count descriptors: %w", err)
	}
	n := 0
	for _, f := range files {
		target, err := os.Readlink(filepath.Join(dir, f.Name()))
		if err == nil && !tcp[target] {
			n++
		}
	}
	return n, nil
}

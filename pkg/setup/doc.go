// Package setup installs what a machine lacks and starts the real parts that
// Rappel stands on: a private PostgreSQL cluster and a private Asterisk.
//
// Prepare makes one installation directory ready (usually .rappel beside
// go.mod): it finds the machine's own PostgreSQL and Asterisk where they are
// good enough, and otherwise builds a root file system of its own for them, so
// that the machine's package sources and services stay as they were.
// StartPostgres and StartAsterisk run instances of those parts. Every instance
// has its own run directory, its own ports, an unprivileged user and, when we
// are root, a private mount namespace: nothing that is mounted here is visible
// to the rest of the machine, so removing the directory is always harmless.
//
// The package needs Linux. Building a root file system and starting Asterisk
// inside it need root; PostgreSQL also runs for an ordinary user.
package setup

// Package app builds the service in one straight line from its configuration, starts it, and stops it in reverse by named,
// bounded steps. It is the only package, besides cmd, that reads configuration, and the only one that knows them all.
package app

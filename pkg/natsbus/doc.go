// Package natsbus carries committed events over NATS JetStream: from an embedded server by default, or from a cluster by
// URL. Postgres is the truth; the bus is the wake-up and the broadcast. So nothing here can stop or delay a call: Publish
// never blocks, a full queue is counted and its gap filled again from Postgres, and a stream that was wiped is made anew.
//
// It also lets the nodes that share a cluster agree on who leads what ([Leases]); the epoch in Postgres is what fences.
package natsbus

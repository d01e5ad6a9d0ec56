// Package natsbus carries committed events over NATS JetStream: from an embedded server by default, or from a cluster by
// URL. Postgres is the truth; the bus is the wake-up and the broadcast. So nothing here can stop or delay a call: Publish
// never blocks, a full queue is counted and its gap filled again from Postgres, and a stream that was wiped is made anew.
//
// # What is published
//
// Every committed transaction of a scheme is one message on rappel.v2.<id of the scheme>, or a few when it has more than a
// thousand events. Its body is a JSON array of events, each as [call.Event] says, in order. The headers Rappel-First and
// Rappel-Last are the numbers of the first and the last of them, which a scheme counts without gaps: something was missed
// when Rappel-First is not one more than the last number before, and what is missing is in the records. What is not above
// that number comes a second time. Rappel-Last also tells whoever wants nothing else how far the scheme is. A body that is
// worth it is compressed, and says "Content-Encoding: zstd". [Numbers] and [Events] read a message.
//
// # In order
//
// The messages of a scheme are in the stream in the order of their numbers, each once. Only who leads the scheme publishes
// ([Bus.Lead]), whoever has committed; what somebody else has committed in between is read from the records first; no
// message is sent before the stream has the one before it; and each names that one, so that the server refuses what a process
// sends that was overtaken and does not know it. Such a process then looks where the stream is.
//
// A message's Nats-Msg-Id is made of its first event's number and instant and of its length, and a transaction is always cut
// at the same places: so the stream keeps one of each, however often it is published. Before, each event was a message of
// its own on rappel.v1.<scheme>.<entity>.<kind>. Those that the stream still holds are read when a scheme is taken up, and
// drop out of it with their age; nobody publishes there any more.
//
// While the disk of the embedded server is full, events wait, in memory and in the records; once there is room its files are opened
// again, and what is missing follows.
//
// It also lets the nodes that share a cluster agree on who leads what ([Leases]); the epoch in Postgres is what fences.
package natsbus

/* How one person's phone is rung by one call at a time: the protocol of an attempt, from the claim in Postgres to the phone,
 * while answers are lost, services die or are paused, and another node takes the lead.
 *
 *   claim committed (one live attempt per number in all schemes, under the leader's epoch, with an instant to dial by)
 *   -> command to the PBX -> the caller's phone rings -> she accepts -> the PBX checks the instant to dial by
 *   -> the beneficiary's phone rings -> outcome committed; or declined -> a further offer is committed -> ...
 *   nobody knows what became of it -> unknown: closed only after the instant to dial by plus the ring time.
 *
 * There is one number. Two nodes lead one scheme in turn, or (TWO_SCHEMES) each a scheme of its own that knows the same
 * person. A node that is paused is one whose next step comes late; one that dies takes the lead anew and has forgotten
 * everything. A call may be at a PBX of its own that only another node reaches (ELSEWHERE): then what that node says is all that
 * is heard of it, or nothing. A leg is one offer: an order to the PBX with its own instant to dial by. Legs are numbered as they are
 * committed, and their instants to dial by come in that order. No time is counted: the instants of the first "late" legs
 * have passed, and for the first "quiet" of them the ring time after it has, too. A phone that began to ring in time has
 * stopped by then; one that began too late has not.
 *
 * What must hold: never two phones ringing for the person, no leg rings twice, and only whoever leads decides. Each guard can be left out, and then it
 * does not hold; model_test.go checks both: NO_EPOCH, NO_DIALBY, NO_UNIQUE, NO_WAIT, NO_OFFER, REPOST.
 *
 * Not modelled: clocks of PBX and service that differ by more than the margin, and a PBX that forgets a living channel.
 */

#define LEGS  4 /* Most legs committed. */
#ifndef LEADS
#define LEADS 3 /* Most changes of the lead in a scheme. */
#endif
#define NONE  15

#ifdef NO_EPOCH
#define LEADING true
#else
#define LEADING (mine == epoch[s])
#endif
#ifdef NO_UNIQUE
#define NUMBER_FREE (live[s] == NONE)
#else
#define NUMBER_FREE (live[0] == NONE && live[1] == NONE)
#endif
#ifdef NO_WAIT
#define MAY_CLOSE true
#else
#define MAY_CLOSE (n < quiet)
#endif
#ifdef NO_OFFER
#define CURRENT true
#else
#define CURRENT (live[s] == n) /* The outcome names the attempt's last offer. */
#endif
#ifdef ELSEWHERE
#define THERE(l) false /* It is at a PBX which whoever leads cannot ask: that of a node that died, or is cut off. */
#else
#define THERE(l) (leg[l] == offering || leg[l] == ringing) /* The PBX knows it. */
#endif

/* Postgres. Every step on it is one transaction. */
byte epoch[2];
byte live[2] = NONE;     /* The last leg of the live attempt on the number, by scheme. */
byte first[2] = NONE;    /* The first leg of that attempt: it names the attempt. */
byte made;               /* Legs committed so far. */

/* The PBX and its clock. */
mtype = { nothing, under_way, offering, ringing, over, declined };
mtype leg[LEGS] = nothing;
bool began[LEGS];        /* It rings, and began in time. */
byte rings;              /* Phones of the person that ring now. */
byte rung[LEGS];         /* How often each leg rang. */
byte late, quiet;

/* One leg on the PBX: the command arrives sooner or later, or never. */
#define ON_PBX(l) \
	:: atomic { leg[l] == under_way -> leg[l] = offering } \
	:: atomic { leg[l] == under_way -> leg[l] = over } \
	:: atomic { leg[l] == offering -> leg[l] = declined } \
	:: atomic { leg[l] == offering && MAY_RING(l) -> \
		leg[l] = ringing; began[l] = (l >= late); rings++; rung[l]++; \
		assert(rings <= 1);  /* Never two phones ringing for one person. */ \
		assert(rung[l] <= 1) /* No leg is posted twice. */ } \
	:: atomic { leg[l] == offering && !MAY_RING(l) -> leg[l] = over } \
	:: atomic { leg[l] == ringing -> leg[l] = over; began[l] = false; rings-- }
#ifdef NO_DIALBY
#define MAY_RING(l) true
#else
#define MAY_RING(l) (l >= late)
#endif

active proctype pbx()
{
end:
	do
	ON_PBX(0)
	ON_PBX(1)
	ON_PBX(2)
	ON_PBX(3)
	:: atomic { late < made -> late++ }
	:: atomic { quiet < late && !began[quiet] -> quiet++ }
	od
}

/* A node that leads scheme s, loses the lead, and takes it again. */
proctype node(byte s)
{
	byte mine;            /* The epoch under which it leads. */
	byte n = NONE;        /* The leg it knows of. */
	byte a = NONE;        /* The attempt it belongs to. */
	bool fresh;           /* Its commit is known, the command not yet sent. */
end:
	do
	/* It starts, or dies and starts again: everything is forgotten, what is live is loaded. */
	:: atomic {
		epoch[s] < LEADS -> epoch[s]++;
		mine = epoch[s]; n = live[s]; a = first[s]; fresh = false
	}

	/* Claim. */
	:: atomic {
		mine > 0 && n == NONE && made < LEGS && LEADING && NUMBER_FREE ->
		n = made; a = n; made++; live[s] = n; first[s] = n; fresh = true;
		assert(mine == epoch[s]) /* Whoever was overtaken decides nothing. */
	}

	/* The command goes out, once, maybe much later. Its answer may be lost; nothing depends on it. */
	:: atomic { n != NONE && fresh -> leg[n] = under_way; fresh = false }

	/* It is heard that the caller did not take it: another is offered it. */
	:: atomic {
		n != NONE && !fresh && leg[n] == declined && made < LEGS && LEADING && live[s] == n ->
		n = made; made++; live[s] = n; fresh = true;
		assert(mine == epoch[s])
	}

	/* It is heard that the leg has ended; or the PBX is asked, knows no such channel, and nothing of it can ring any
	 * more. (A living one is adopted: its end is waited for.) The outcome is a fact, whoever leads, and the first
	 * writer wins. */
	:: atomic {
		n != NONE && !fresh && !THERE(n) && (leg[n] == over || leg[n] == declined || MAY_CLOSE) ->
		if
		:: first[s] == a && CURRENT -> live[s] = NONE; first[s] = NONE
		:: else -> skip
		fi;
		n = NONE; a = NONE
	}
#ifdef REPOST
	/* The PBX knows no such channel, so the command is sent again. */
	:: atomic { n != NONE && !fresh && !THERE(n) -> leg[n] = under_way }
#endif
	od
}

init
{
	atomic {
		run node(0);
#ifdef TWO_SCHEMES
		run node(1)
#else
		run node(0)
#endif
	}
}

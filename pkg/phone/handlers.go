package phone

import (
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

// route tells sipgo what to call for each method.
func (a *agent) route(s *sipgo.Server) {
	s.OnInvite(a.within(a.onInvite))
	s.OnAck(a.within(a.onACK))
	s.OnBye(a.within(a.onBye))
	s.OnCancel(a.within(a.onCancel))
	s.OnOptions(a.within(a.onOptions))
	s.OnInfo(a.within(a.onOther))
	s.OnUpdate(a.within(a.onOther))
	s.OnNotify(a.within(a.onOther))
	s.OnNoRoute(func(req *sip.Request, tx sip.ServerTransaction) {
		res := sip.NewResponseFromRequest(req, 405, "Method Not Allowed", nil)
		res.AppendHeader(sip.NewHeader("Allow", allowed))
		a.respond(tx, res)
	})
}

// within lets a handler run only while the agent is open.
func (a *agent) within(h sipgo.RequestHandler) sipgo.RequestHandler {
	return func(req *sip.Request, tx sip.ServerTransaction) {
		if !a.enter() {
			return
		}
		defer a.leave()
		h(req, tx)
	}
}

// respond sends a response; a failure is the network's, and the request repeats.
func (a *agent) respond(tx sip.ServerTransaction, res *sip.Response) {
	_ = tx.Respond(res)
}

func (a *agent) onInvite(req *sip.Request, tx sip.ServerTransaction) {
	at := time.Now()
	if req.To() == nil || req.From() == nil || req.CallID() == nil || req.CSeq() == nil {
		a.respond(tx, sip.NewResponseFromRequest(req, 400, "Bad Request", nil))
		return
	}
	if req.To().Params.Has("tag") {
		a.onReinvite(req, tx)
		return
	}
	// sipgo would send this by a timer after 200 ms, and that timer reads the
	// request whose To we are about to tag.
	a.respond(tx, sip.NewResponseFromRequest(req, 100, "Trying", nil))
	req.To().Params.Add("tag", newTag())

	if required := req.GetHeader("Require"); required != nil {
		res := sip.NewResponseFromRequest(req, 420, "Bad Extension", nil)
		res.AppendHeader(sip.NewHeader("Unsupported", required.Value()))
		a.respond(tx, res)
		return
	}
	in := &Incoming{
		From:    req.From().Address.User,
		Display: req.From().DisplayName,
		To:      req.Recipient.User,
		At:      at,
		agent:   a,
		req:     req,
		tx:      tx,
		done:    make(chan struct{}),
	}
	if len(req.Body()) > 0 {
		offer, err := parseSDP(req.Body())
		if err == nil {
			_, err = offer.choose(a.codecs)
		}
		if err != nil {
			in.final(488, "Not Acceptable Here")
			return
		}
		in.offer = &offer
	}
	if !tx.OnCancel(func(*sip.Request) { in.cancelled() }) {
		in.cancelled()
	}
	defer in.conclude()
	a.answer(a.ctx, in)
}

// onReinvite answers a new offer within a call: audio moves, nothing else changes.
func (a *agent) onReinvite(req *sip.Request, tx sip.ServerTransaction) {
	c := a.find(req)
	switch {
	case c == nil:
		a.respond(tx, sip.NewResponseFromRequest(req, 481, "Call/Transaction Does Not Exist", nil))
		return
	case c.gone():
		return
	}
	res, err := c.renegotiate(req)
	if err != nil {
		a.respond(tx, sip.NewResponseFromRequest(req, 488, "Not Acceptable Here", nil))
		return
	}
	acked := c.expectACK(req.CSeq().SeqNo, len(req.Body()) == 0)
	a.respond(tx, res)
	c.keepAnswering(tx, res, acked)
}

// renegotiate applies the offer of a re-INVITE or UPDATE and builds the 200.
func (c *Call) renegotiate(req *sip.Request) (*sip.Response, error) {
	codecs, keys := c.agent.codecs, c.keys.payload()
	if len(req.Body()) > 0 {
		s, err := parseSDP(req.Body())
		if err != nil {
			return nil, err
		}
		if err := c.start(s, c.agent.codecs); err != nil {
			return nil, err
		}
		codec, k := c.agreed()
		codecs, keys = []Codec{codec}, k
	}
	if contact := req.Contact(); contact != nil { // target refresh, RFC 3261, 12.2.2
		c.mu.Lock()
		c.target = contact.Address
		c.mu.Unlock()
	}
	res := sip.NewResponseFromRequest(req, 200, "OK", nil)
	res.AppendHeader(c.agent.contact())
	if req.IsInvite() || len(req.Body()) > 0 {
		res.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
		res.SetBody(buildSDP(c.local, codecs, keys))
	}
	return res, nil
}

func (a *agent) onACK(req *sip.Request, _ sip.ServerTransaction) {
	if c := a.find(req); c != nil && !c.gone() {
		c.ack(req.CSeq().SeqNo, req.Body())
	}
}

func (a *agent) onBye(req *sip.Request, tx sip.ServerTransaction) {
	c := a.find(req)
	switch {
	case c == nil:
		a.respond(tx, sip.NewResponseFromRequest(req, 481, "Call/Transaction Does Not Exist", nil))
	case c.gone():
	default:
		c.remoteBye(req)
		a.respond(tx, sip.NewResponseFromRequest(req, 200, "OK", nil))
	}
}

// onCancel sees only a CANCEL that matches no transaction; sipgo handles the rest.
func (a *agent) onCancel(req *sip.Request, tx sip.ServerTransaction) {
	a.respond(tx, sip.NewResponseFromRequest(req, 481, "Call/Transaction Does Not Exist", nil))
}

func (a *agent) onOptions(req *sip.Request, tx sip.ServerTransaction) {
	res := sip.NewResponseFromRequest(req, 200, "OK", nil)
	res.AppendHeader(a.contact())
	res.AppendHeader(sip.NewHeader("Allow", allowed))
	res.AppendHeader(sip.NewHeader("Accept", "application/sdp"))
	a.respond(tx, res)
}

// onOther accepts what a PBX sends besides calls; within a call that vanished, nobody answers.
func (a *agent) onOther(req *sip.Request, tx sip.ServerTransaction) {
	if to := req.To(); to == nil || !to.Params.Has("tag") {
		a.respond(tx, sip.NewResponseFromRequest(req, 200, "OK", nil))
		return
	}
	c := a.find(req)
	switch {
	case c == nil:
		a.respond(tx, sip.NewResponseFromRequest(req, 481, "Call/Transaction Does Not Exist", nil))
	case c.gone():
	default:
		res, err := c.renegotiate(req)
		if err != nil {
			res = sip.NewResponseFromRequest(req, 488, "Not Acceptable Here", nil)
		}
		a.respond(tx, res)
	}
}

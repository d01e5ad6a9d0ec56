// Keeps the wall live. Sections come ready-made from the server; this file puts them in place, counts the time since, says
// when the stream has fallen silent, and never moves the focus.
"use strict";
(() => {
  const body = document.body, text = body.dataset;
  const chip = document.getElementById("chip"), chipText = document.getElementById("chip-text");
  const clock = document.getElementById("clock"), status = document.getElementById("status");
  const pauseButton = document.getElementById("pause");
  const staleAfter = 5000, sayEvery = 15000;

  let serviceNow = Number(text.now); // Service clock, Unix seconds, of the last beat.
  let lastFresh = performance.now(); // When the last beat with fresh figures came.
  let lastClock = clock.textContent.slice(0, 5);
  let stale = false, paused = false;
  let source = null, reopenAt = 0;
  const waiting = new Map(); // Sections that came while paused.
  let sayNext = "", saidAt = -Infinity;

  function elapsed(seconds) {
    const s = Math.max(0, Math.floor(seconds));
    if (s < 60) return `${s} ${text.second}`;
    if (s < 3600) return `${Math.floor(s / 60)} ${text.minute}`;
    if (s >= 172800) return `${Math.floor(s / 86400)} ${text.days}`;
    if (s >= 86400) return `${Math.floor(s / 3600)} ${text.hour}`;
    return `${Math.floor(s / 3600)} ${text.hour} ${String(Math.floor(s % 3600 / 60)).padStart(2, "0")}`;
  }

  function count(root) {
    for (const e of root.querySelectorAll("[data-since]")) {
      const t = elapsed(serviceNow - Number(e.dataset.since));
      if (e.textContent !== t) e.textContent = t;
    }
  }

  function put(id, html) {
    const e = document.getElementById(id);
    if (!e) return;
    const held = e.contains(document.activeElement) ? document.activeElement.id : "";
    e.innerHTML = html;
    if (held) document.getElementById(held)?.focus({ preventScroll: true });
    count(e);
  }

  function show(state, label) {
    if (chip.dataset.state !== state) chip.dataset.state = state;
    if (chipText.textContent !== label) chipText.textContent = label;
    body.classList.toggle("is-stale", state === "stale");
  }

  // At most one sentence per 15 seconds, the newest; falling stale is said at once.
  function say(sentence, now) {
    sayNext = now ? "" : sentence;
    if (now) { status.textContent = sentence; saidAt = performance.now(); }
  }

  function open() {
    source = new EventSource(text.stream);
    source.addEventListener("beat", (e) => {
      const b = JSON.parse(e.data);
      serviceNow = b.now;
      if (b.fresh) {
        lastFresh = performance.now();
        lastClock = b.clock.slice(0, 5);
        if (stale) { stale = false; say(text.sayFresh, true); }
      }
      if (paused) return;
      clock.textContent = b.clock;
      count(document);
    });
    source.addEventListener("part", (e) => {
      const p = JSON.parse(e.data);
      if (paused) waiting.set(p.id, p.html); else put(p.id, p.html);
    });
    source.addEventListener("say", (e) => say(JSON.parse(e.data), false));
    source.addEventListener("error", () => {
      // The browser tries again by itself unless the server refused: then the session may have ended.
      if (source.readyState === EventSource.CLOSED) reopenAt = performance.now() + 5000;
    });
  }

  async function reopen() {
    reopenAt = 0;
    try {
      const r = await fetch(location.href, { method: "HEAD", redirect: "manual", cache: "no-store" });
      if (r.type === "opaqueredirect" || r.status === 404 || r.status === 403) { location.reload(); return; }
    } catch { reopenAt = performance.now() + 5000; return; }
    open();
  }

  function tick() {
    const now = performance.now();
    if (reopenAt && now >= reopenAt) reopen();
    if (!stale && now - lastFresh > staleAfter) {
      stale = true;
      say(text.sayStale.replace("{time}", lastClock), true);
    }
    if (stale) show("stale", text.stale.replace("{time}", lastClock));
    else if (!paused) show("live", text.live);
    if (sayNext && !paused && now - saidAt >= sayEvery) {
      status.textContent = sayNext; sayNext = ""; saidAt = now;
    }
  }

  pauseButton.hidden = false;
  pauseButton.addEventListener("click", () => {
    paused = !paused;
    pauseButton.textContent = paused ? text.resume : text.pause;
    if (paused) { show("paused", text.paused.replace("{time}", clock.textContent.slice(0, 5))); return; }
    for (const [id, html] of waiting) put(id, html);
    waiting.clear();
    count(document);
    tick();
  });

  saidAt = performance.now();
  open();
  setInterval(tick, 500);
})();

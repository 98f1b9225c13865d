// Looks again every few seconds and shows what has changed, without losing the
// place where the reader is. Without scripts the page reloads itself.
"use strict";
(() => {
  const every = 5000;
  const parts = ["header", "main", "footer"];
  const lost = document.getElementById("lost");

  // What is typed into the search stays where it is while the rest is shown anew.
  let asked = location.search;

  const show = (next) => {
    const field = document.querySelector("input[name=q]"), busy = field === document.activeElement;
    const typed = field?.value, at = field?.selectionStart;
    for (const part of parts) {
      const here = document.querySelector(part), there = next.querySelector(part);
      if (!there || here.innerHTML === there.innerHTML) continue;
      const scrolled = [...here.querySelectorAll(".scroll")].map((box) => box.scrollLeft);
      here.innerHTML = there.innerHTML;
      here.querySelectorAll(".scroll").forEach((box, i) => { box.scrollLeft = scrolled[i] ?? 0; });
    }
    document.title = next.title;
    const now = document.querySelector("input[name=q]");
    if (busy && now && now !== field) {
      now.value = typed;
      now.focus();
      now.setSelectionRange(at, at);
    }
  };

  const look = async () => {
    if (document.hidden || !getSelection().isCollapsed) return;
    const asking = asked;
    try {
      const answer = await fetch(location.pathname + asking, { cache: "no-store" });
      const next = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (!next.getElementById("lost")) throw new Error("another page");
      if (asking !== asked) return; // the reader wants something else by now
      show(next);
      lost.hidden = true;
    } catch {
      lost.hidden = false;
    }
  };

  // Shows what matches while it is typed, and keeps the address in step.
  let typing;
  document.addEventListener("input", (event) => {
    if (event.target.name !== "q") return;
    clearTimeout(typing);
    typing = setTimeout(() => {
      const text = event.target.value.trim();
      asked = text === "" ? "" : "?" + new URLSearchParams({ q: text });
      history.replaceState(null, "", location.pathname + asked);
      look();
    }, 250);
  });

  setInterval(look, every);
  document.addEventListener("visibilitychange", look);
})();

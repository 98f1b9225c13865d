// Looks again every few seconds and shows what has changed, without losing the
// place where the reader is. Without scripts the page reloads itself.
"use strict";
(() => {
  const every = 5000;
  const parts = ["header", "main", "footer"];
  const lost = document.getElementById("lost");

  const show = (next) => {
    for (const part of parts) {
      const here = document.querySelector(part), there = next.querySelector(part);
      if (!there || here.innerHTML === there.innerHTML) continue;
      const scrolled = [...here.querySelectorAll(".scroll")].map((box) => box.scrollLeft);
      here.innerHTML = there.innerHTML;
      here.querySelectorAll(".scroll").forEach((box, i) => { box.scrollLeft = scrolled[i] ?? 0; });
    }
    document.title = next.title;
  };

  const look = async () => {
    if (document.hidden || !getSelection().isCollapsed) return;
    try {
      const answer = await fetch(location.pathname, { cache: "no-store" });
      const next = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (!next.getElementById("lost")) throw new Error("another page");
      show(next);
      lost.hidden = true;
    } catch {
      lost.hidden = false;
    }
  };

  setInterval(look, every);
  document.addEventListener("visibilitychange", look);
})();

// Swaps in a fresh page every few seconds; says so when there is none to be had.
"use strict";
const EVERY_MS = 3000;

async function refresh() {
  try {
    const reply = await fetch(location.pathname, {cache: "no-store", signal: AbortSignal.timeout(EVERY_MS * 2)});
    if (!reply.ok) throw new Error(reply.statusText);
    const fresh = new DOMParser().parseFromString(await reply.text(), "text/html");
    document.title = fresh.title;
    document.querySelector("main").replaceWith(document.adoptNode(fresh.querySelector("main")));
    document.body.classList.remove("lost");
  } catch {
    document.body.classList.add("lost");
    document.getElementById("lost").hidden = false;
  }
  setTimeout(refresh, EVERY_MS);
}

setTimeout(refresh, EVERY_MS);

// Looks again every two seconds while a run or a verification is under way; everything works by reloading, too.
"use strict";

(() => {
    const live = document.getElementById("live");
    const EVERY = 2000;

    const moves = () => live.firstElementChild?.dataset.moves === "yes";

    async function look() {
        if (document.hidden || live.contains(document.activeElement)) return true;
        const answer = await fetch(live.dataset.url, { headers: { "X-Requested-With": "fetch" }, redirect: "error" });
        if (!answer.ok) return false;
        live.innerHTML = await answer.text();
        if (moves()) return true;
        location.reload(); // it has ended: the figures below are of before
        return false;
    }

    async function again() {
        let more = true;
        try {
            more = await look();
        } catch {
            // The server restarts, or the network is away: it is tried again.
        }
        if (more) setTimeout(again, EVERY);
    }

    if (live && moves()) setTimeout(again, EVERY);
})();

// The board follows what others do, and the menu is searched while one types. Both pages work without this.
"use strict";

// Parts marked data-live="SECONDS" are fetched again and put in place, unless somebody is in the middle of something there.
for (const part of document.querySelectorAll("[data-live]")) {
    const address = new URL(location.href);
    address.searchParams.delete("undo");
    address.searchParams.delete("was");

    const refresh = async () => {
        if (document.hidden) return;
        const answer = await fetch(address, { headers: { Accept: "text/html" } }).catch(() => null);
        if (!answer || !answer.ok || answer.redirected) return;
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-live]");
        if (!fresh || part.contains(document.activeElement)) return;
        part.replaceChildren(...fresh.childNodes);
    };
    setInterval(refresh, Number(part.dataset.live) * 1000);
    document.addEventListener("visibilitychange", refresh);
}

// The field marked data-filter shows the rows whose data-name has what is typed, whatever its accents.
const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
for (const field of document.querySelectorAll("[data-filter]")) {
    const input = field.querySelector("input");
    const rows = [...document.querySelectorAll("[data-name]")];
    field.hidden = false;
    input.addEventListener("input", () => {
        const asked = plain(input.value.trim());
        for (const row of rows) row.hidden = !plain(row.dataset.name).includes(asked);
        for (const section of document.querySelectorAll(".order-section")) {
            section.hidden = !section.querySelector("[data-name]:not([hidden])");
        }
        field.querySelector("[data-none]").hidden = rows.some((row) => !row.hidden);
    });
    input.addEventListener("keydown", (event) => {
        if (event.key !== "Enter") return;
        event.preventDefault();
        const shown = rows.filter((row) => !row.hidden);
        if (shown.length === 1) shown[0].querySelector("button").click();
    });
}

"use strict";
// What the desk does better with a script: it stays fresh, fills in times, and listens to keys. It works without.

const EVERY = 20000;

/** Whether somebody is just about to do something in BOX. */
const inUse = (box) => box.contains(document.activeElement) && document.activeElement.matches("input, select, textarea");

/** Take in what has changed on the server since, unless somebody types just now or nobody looks. */
async function refresh() {
    const box = document.querySelector("[data-fresh]");
    if (document.hidden || inUse(box)) return;
    let answer;
    try {
        answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    } catch {
        return; // No network for a moment.
    }
    if (!answer.ok || answer.redirected) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-fresh]");
    const pattern = /name="csrfmiddlewaretoken" value="[^"]*"/g;
    const text = (element) => element.innerHTML.replace(pattern, "");
    if (!fresh || inUse(box) || text(fresh) === text(box)) return;
    const held = document.activeElement && document.activeElement.closest("li[id]");
    box.replaceChildren(...fresh.childNodes);
    if (held) document.getElementById(held.id)?.querySelector("a, button")?.focus();
}

/** Press what has the key, unless somebody types. */
function press(event) {
    if (event.target.matches("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
    const found = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (!found) return;
    event.preventDefault();
    if (found.matches("input")) found.focus();
    else found.click();
}

if (document.querySelector("[data-fresh]")) setInterval(refresh, EVERY);
document.addEventListener("keydown", press);
document.addEventListener("change", (event) => event.target.matches("[data-sends]") && event.target.form.submit());
document.addEventListener("click", (event) => {
    const picked = event.target.closest("[data-time]");
    const field = document.getElementById("id_time");
    if (picked && field) field.value = picked.dataset.time;
});

// The admin's frame has things that only a mouse can press, and icons whose names are read out as words. Here they get
// a place in the order of the keyboard, Enter and Space, and a name.
"use strict";

(() => {
    const NAMES = { dock_to_right: "Menu", close: "Close", arrow_back: "Back", apps: "All lists" };
    const PRESSED = "[x-on\\:click]:not([x-on\\:click=''])";
    const OWN = "a[href], button, input, select, textarea, label, summary, form, [x-data='{}']";

    const nameIcons = (within) => {
        for (const icon of within.querySelectorAll(".material-symbols-outlined:not([aria-hidden])")) {
            icon.setAttribute("aria-hidden", "true");
            const owner = icon.closest("a, button, [role=button]");
            const words = owner && owner.innerText.replace(icon.innerText, "").trim();
            if (owner && !words && !owner.title && !owner.ariaLabel)
                owner.ariaLabel = NAMES[icon.innerText.trim()] || icon.innerText.trim().replaceAll("_", " ");
        }
    };

    const press = (event) => {
        if (event.target !== event.currentTarget || !["Enter", " "].includes(event.key)) return;
        event.preventDefault();
        event.currentTarget.click();
    };

    const reach = (within) => {
        for (const element of within.querySelectorAll(PRESSED)) {
            if (element.matches(OWN) || element.querySelector(OWN)) continue;
            element.tabIndex = 0;
            if (!element.hasAttribute("role")) element.setAttribute("role", "button");
            element.addEventListener("keydown", press);
        }
    };

    document.addEventListener("DOMContentLoaded", () => {
        reach(document);
        nameIcons(document);
        // The whole list of a phone's menu comes after the page; who opens it wants to be in it.
        document.addEventListener("keydown", (event) => {
            if (event.key === "Escape" && window.Alpine) window.Alpine.$data(document.body).sidebarMobileOpen = false;
        });
    });
})();

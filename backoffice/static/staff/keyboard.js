// The admin's frame has things that only a mouse can press, and icons whose names are read out as words. Here they get
// a place in the order of the keyboard, Enter and Space, and a name.
"use strict";

(() => {
    const NAMES = { dock_to_right: "Menu", close: "Close", arrow_back: "Back", apps: "All lists" };
    const PRESSED = "[x-on\\:click]:not([x-on\\:click=''])";
    const OWN = "a[href], button, input, select, textarea, label, summary, form, [x-data='{}']";

    const nameOf = (icon) => NAMES[icon] || icon.replaceAll("_", " ");

    const nameIcons = (within) => {
        for (const icon of within.querySelectorAll(".material-symbols-outlined:not([aria-hidden])")) {
            const name = icon.innerText.trim();
            const owner = icon.closest("a, button, [role=button]");
            const words = owner && owner.innerText.replace(name, "").trim();
            if (owner && !words && !owner.title && !owner.ariaLabel) owner.ariaLabel = nameOf(name);
            if (owner !== icon) icon.ariaHidden = "true";
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
        // A phone's menu lies over the page.
        document.addEventListener("keydown", (event) => {
            if (event.key === "Escape" && window.Alpine) window.Alpine.$data(document.body).sidebarMobileOpen = false;
        });
    });
})();

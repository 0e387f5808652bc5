// Dragging in the menu builder: sends the whole order, as the page's form "order". The buttons do the same without it.
"use strict";

window.menuMoved = (list, item) => {
    const numbers = (within, name) => [...within.querySelectorAll(`[data-${name}]`)].map((each) => Number(each.dataset[name]));
    const form = document.getElementById("order");
    const layout = [...document.querySelectorAll("[data-section]")].map((each) => [Number(each.dataset.section), numbers(each, "item")]);
    form.elements.layout.value = JSON.stringify(layout);
    form.elements.do.value = `order ${item}`;
    form.submit();
};

document.documentElement.classList.add("can-drag");

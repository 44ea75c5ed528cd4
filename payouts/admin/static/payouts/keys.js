"use strict";

// Keys: <a data-key="a"> is followed by “a”, and “?” shows them all. Nothing while somebody types.
function types(element) {
    return element.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(element.tagName);
}

document.addEventListener("keydown", (event) => {
    const dialog = document.querySelector("[data-keys]");
    if (event.defaultPrevented || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    if (dialog.open || types(event.target)) return;
    const link = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (event.key !== "?" && !link) return;
    event.preventDefault();
    if (link) link.click();
    else dialog.showModal();
});

// Where Enter goes on, without hiding what stands above it.
document.querySelector("[data-focus]")?.focus({ preventScroll: true });

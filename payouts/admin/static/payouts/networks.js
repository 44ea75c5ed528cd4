"use strict";

// The networks that an address can belong to, while it is typed; the form works without it.
document.addEventListener("DOMContentLoaded", () => {
    const box = document.querySelector("[data-networks]");
    if (!box) return;
    const form = document.querySelector("#wallet_form");
    const [note, buttons] = box.children;
    let asked = 0;
    let timer;

    function show(answer) {
        note.textContent = answer.note;
        buttons.replaceChildren(...answer.networks.map((network) => {
            const button = document.createElement("button");
            button.type = "button";
            button.className = "desk-button small";
            button.textContent = network.name;
            button.addEventListener("click", () => { form.elements.network.value = network.code; });
            return button;
        }));
        box.hidden = !answer.note;
    }

    async function ask() {
        const question = ++asked;
        const query = new URLSearchParams({ address: form.elements.address.value });
        const answer = await fetch(`${box.dataset.networks}?${query}`);
        if (answer.ok && question === asked) show(await answer.json());
    }

    form.elements.address.addEventListener("input", () => {
        clearTimeout(timer);
        timer = setTimeout(ask, 200);
    });
    ask();
});

"use strict";

// Copy buttons: <button data-copy="text" data-copied="Copied">Copy</button>
document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(button.dataset.copy);
    const before = button.textContent;
    button.textContent = button.dataset.copied;
    setTimeout(() => { button.textContent = before; }, 1500);
});

// The estimate beside the form of a payout; the form works without it.
document.addEventListener("DOMContentLoaded", () => {
    const box = document.querySelector("[data-estimate]");
    if (!box) return;
    const form = document.querySelector("#payout-form");
    const currency = form.elements.currency;
    let asked = 0;
    let timer;

    function show(estimate) {
        for (const name of ["arrives", "fee", "debit", "balance"]) {
            const shown = box.querySelector(`[data-${name}]`);
            if (shown) shown.textContent = estimate[name] || "—";
        }
        const note = box.querySelector("[data-note]");
        note.textContent = estimate.note || "";
        note.hidden = !estimate.note;
        note.classList.toggle("warn", Boolean(estimate.fee));
        for (const option of currency.options) {
            const isPaid = !option.value || !estimate.currencies.length || estimate.currencies.includes(option.value);
            option.hidden = option.disabled = !isPaid;
        }
        const only = estimate.currencies.length === 1 ? estimate.currencies[0] : "";
        if (currency.selectedOptions[0]?.disabled || (only && !currency.value)) {
            currency.value = only;
            ask();
        }
    }

    async function ask() {
        const question = ++asked;
        const query = new URLSearchParams({
            wallet: form.elements.wallet?.value || "",
            currency: currency.value,
            amount: form.elements.amount.value,
        });
        const answer = await fetch(`${box.dataset.estimate}?${query}`);
        if (answer.ok && question === asked) show(await answer.json());
    }

    form.addEventListener("input", () => {
        clearTimeout(timer);
        timer = setTimeout(ask, 200);
    });
    ask();
});

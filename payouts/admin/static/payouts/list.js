"use strict";

// What is ticked in the list is added up, each coin by itself, exactly: amounts are whole numbers of
// the smallest unit here, never floats.
document.addEventListener("DOMContentLoaded", () => {
    const DECIMALS = 8;
    const list = document.querySelector("#result_list");
    const counter = document.querySelector("#changelist-actions .action-counter");
    if (list && counter) {
        const sum = document.createElement("output");
        sum.className = "desk-ticked";
        sum.setAttribute("translate", "no");
        counter.after(sum);
        const across = document.querySelector("#changelist-actions .select-across");
        const show = () => {
            const isWhole = across?.value === "1"; // more is chosen than this page knows of
            sum.textContent = isWhole ? "" : sums(list.querySelectorAll("input.action-select:checked"));
        };
        list.addEventListener("change", show);
        document.querySelector("#changelist-actions").addEventListener("click", show);
        window.addEventListener("pageshow", show);
    }

    function units(amount) {
        const [whole, fraction = ""] = amount.split(".");
        return BigInt(whole + fraction.padEnd(DECIMALS, "0"));
    }

    function written(sum) {
        const digits = sum.toString().padStart(DECIMALS + 1, "0");
        const whole = digits.slice(0, -DECIMALS).replace(/\B(?=(\d{3})+$)/g, ",");
        const fraction = digits.slice(-DECIMALS).replace(/0+$/, "");
        return fraction ? `${whole}.${fraction}` : whole;
    }

    function sums(boxes) {
        const coins = new Map();
        for (const { dataset } of boxes) {
            coins.set(dataset.coin, (coins.get(dataset.coin) || 0n) + units(dataset.amount));
        }
        return [...coins].sort().map(([coin, sum]) => `${written(sum)} ${coin}`).join(" · ");
    }

    // An address without the filters that nobody filled in is one to read and to send to others.
    for (const form of document.querySelectorAll("#filter-form, #changelist-search")) {
        form.addEventListener("formdata", ({ formData }) => {
            for (const [name, text] of [...formData]) if (!text) formData.delete(name);
        });
    }
});

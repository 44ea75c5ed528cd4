"use strict";

// A page that stays fresh: <p data-live="address" data-state="…" data-again="5">. While somebody
// looks at it, it asks whether what it shows still is so. What changed is put in place of what was
// there, for each element with `data-live-part` and an id; what somebody fills in stays.
document.addEventListener("DOMContentLoaded", () => {
    const box = document.querySelector("[data-live]");
    if (!box) return;
    const fresh = box.querySelector("[data-fresh]");
    const news = box.querySelector("[data-news]");
    let { state } = box.dataset;
    let again = Number(box.dataset.again);
    let failures = 0;
    let timer;

    function isFilledIn(part) {
        return part.contains(document.activeElement) && document.activeElement !== document.body
            || [...part.querySelectorAll("textarea, input:not([type=hidden])")].some(
                (field) => field.type === "checkbox" || field.type === "radio"
                    ? field.checked !== field.defaultChecked : field.value !== field.defaultValue);
    }

    async function get(address, accept) {
        const answer = await fetch(address, { headers: { Accept: accept }, redirect: "manual" });
        if (!answer.ok) throw new Error(answer.status);
        return answer;
    }

    async function renew() {
        const page = await get(window.location.href, "text/html");
        const renewed = new DOMParser().parseFromString(await page.text(), "text/html");
        for (const part of document.querySelectorAll("[data-live-part]")) {
            const now = renewed.getElementById(part.id);
            if (!now || part.outerHTML === now.outerHTML) continue;
            if (isFilledIn(part)) news.hidden = false;
            else part.replaceWith(document.adoptNode(now));
        }
        if (box.dataset.live.endsWith("/payout/live/")) news.hidden = false;
    }

    async function look() {
        clearTimeout(timer);
        if (document.hidden) return;
        try {
            const now = await (await get(box.dataset.live, "application/json")).json();
            if (now.state !== state) await renew();
            ({ state, again } = now);
            fresh.textContent = now.fresh;
            box.classList.remove("stale");
            failures = 0;
        } catch {
            failures += 1;
            box.classList.add("stale");
            fresh.title = box.dataset.stale;
        }
        plan();
    }

    function plan() {
        clearTimeout(timer);
        if (again && !document.hidden) timer = setTimeout(look, 1000 * again * Math.min(2 ** failures, 12));
    }

    document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : look()));
    plan();
});

// Moves a job's bar without reloading the page. Without JavaScript the page reloads itself instead.
"use strict";

(function () {
  const wait = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

  async function follow() {
    let pause = 1;
    while (document.querySelector("#tco-job[data-live]")) {
      await wait(pause);
      try {
        const answer = await fetch(window.location.href, { credentials: "same-origin", redirect: "error" });
        if (!answer.ok) throw new Error(answer.status);
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        update(page);
        pause = 1;
      } catch {
        pause = Math.min(pause * 2, 30);
      }
    }
  }

  function update(page) {
    const fresh = page.querySelector("#tco-job");
    const shown = document.querySelector("#tco-job");
    // Element by element, so that a screen reader hears only what has changed, and the focus stays.
    const focused = shown.contains(document.activeElement);
    const words = shown.querySelector("[role=status]");
    words.innerHTML = fresh.querySelector("[role=status]").innerHTML;
    const bar = shown.querySelector("progress");
    bar.value = fresh.querySelector("progress").value;
    bar.className = fresh.querySelector("progress").className;
    if (!fresh.hasAttribute("data-live") || !focused) {
      fresh.replaceChild(words, fresh.querySelector("[role=status]"));
      shown.replaceWith(fresh);
    }
    if (!fresh.hasAttribute("data-live")) {
      const buttons = page.querySelector("#tco-job-buttons");
      document.querySelector("#tco-job-buttons")?.replaceWith(...(buttons ? [buttons] : []));
    }
  }

  follow();
})();

(() => {
  const filter = document.getElementById("filter");
  const reveal = () => {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    if (!target) return;
    for (let node = target; node; node = node.parentElement) {
      if (node.tagName === "DETAILS") {
        node.open = true;
        node.hidden = false;
      }
    }
    target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  // A long answer scrolls in its box: to the offending bytes.
  const show = (card) => {
    const mark = card.open && card.querySelector("mark");
    const box = mark && mark.closest("pre");
    if (box) box.scrollTop = mark.offsetTop - box.offsetTop - box.clientHeight / 3;
  };
  for (const card of document.querySelectorAll(".result")) {
    card.addEventListener("toggle", () => show(card));
    show(card);
  }
  if (filter) {
    const cards = [...document.querySelectorAll(".result")];
    const groups = [...document.querySelectorAll(".group")];
    const switches = [...filter.querySelectorAll(".switch")];
    const requirement = document.getElementById("requirement");
    const text = document.getElementById("text");
    const none = document.getElementById("none");
    const words = new Map();
    const apply = () => {
      const on = new Set(switches
        .filter((one) => one.getAttribute("aria-pressed") === "true")
        .map((one) => one.dataset.outcome));
      const wanted = text.value.trim().toLowerCase();
      let any = false;
      for (const card of cards) {
        if (wanted && !words.has(card)) words.set(card, card.textContent.toLowerCase());
        const fits = on.has(card.dataset.outcome)
          && (!requirement.value || card.dataset.requirements.split(" ").includes(requirement.value))
          && (!wanted || words.get(card).includes(wanted));
        card.hidden = !fits;
        any ||= fits;
      }
      for (const group of groups) {
        const left = group.querySelectorAll(".result:not([hidden])").length;
        group.hidden = left === 0;
        group.querySelector(".n").textContent = left;
        if (left > 0 && (wanted || requirement.value)) group.open = true;
      }
      none.hidden = any;
    };
    for (const one of switches) {
      one.addEventListener("click", () => {
        one.setAttribute("aria-pressed", String(one.getAttribute("aria-pressed") !== "true"));
        apply();
      });
    }
    requirement.addEventListener("change", apply);
    text.addEventListener("input", apply);
    filter.hidden = false;
  }
  reveal();
})();

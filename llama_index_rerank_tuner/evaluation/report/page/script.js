"use strict";
(() => {
  const find = document.querySelector(".find");
  if (!find) return;
  const text = find.querySelector("input");
  const status = find.querySelector("select");
  const count = find.querySelector("output");
  const cases = [...document.querySelectorAll("details.case")].map((element) => ({
    element,
    status: element.dataset.status,
    text: element.textContent.toLowerCase(),
  }));
  const show = () => {
    const wanted = text.value.trim().toLowerCase();
    let shown = 0;
    for (const each of cases) {
      const fits = each.text.includes(wanted) && (status.value === "" || status.value === each.status);
      each.element.hidden = !fits;
      if (fits) shown += 1;
    }
    count.textContent = `${shown} of ${cases.length}`;
  };
  text.addEventListener("input", show);
  status.addEventListener("change", show);
  find.hidden = false;
  show();
})();

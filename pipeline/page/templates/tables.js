// Lets a reader sort tables by their columns and search in them; without it they are plain tables.
(() => {
  "use strict";

  const keyOf = (row, column) => row.cells[column].dataset.sort ?? row.cells[column].textContent.trim();

  // Cells that hold nothing come last, whichever way the others go.
  const sort = (table, column, direction) => {
    const rows = [...table.tBodies[0].rows];
    const keys = new Map(rows.map((row) => [row, keyOf(row, column)]));
    const order = new Intl.Collator("en", { numeric: true }).compare;
    const isNumeric = [...keys.values()].every((key) => !Number.isNaN(Number(key)));
    const compare = isNumeric ? (a, b) => Number(a) - Number(b) : order;
    rows.sort((one, other) => {
      const [a, b] = [keys.get(one), keys.get(other)];
      return a === "" || b === "" ? (a === "") - (b === "") : direction * compare(a, b);
    });
    table.tBodies[0].append(...rows);
  };

  for (const table of document.querySelectorAll("table.sortable")) {
    const headers = [...table.tHead.rows[0].cells];
    headers.forEach((header, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...header.childNodes);
      header.append(button);
      button.addEventListener("click", () => {
        const isNumber = header.classList.contains("number");
        const before = header.getAttribute("aria-sort");
        const descends = before ? before === "ascending" : isNumber;
        headers.forEach((other) => other.removeAttribute("aria-sort"));
        header.setAttribute("aria-sort", descends ? "descending" : "ascending");
        sort(table, column, descends ? -1 : 1);
      });
    });
  }

  for (const filter of document.querySelectorAll(".filter")) {
    const rows = [...document.querySelectorAll(`#${filter.dataset.table} tbody tr, .${filter.dataset.table} tbody tr`)];
    const [input, output] = [filter.querySelector("input"), filter.querySelector("output")];
    filter.hidden = false;
    input.addEventListener("input", () => {
      const wanted = input.value.trim().toLowerCase();
      for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
      const shown = rows.filter((row) => !row.hidden).length;
      output.textContent = wanted ? `${shown} of ${rows.length}` : "";
    });
  }

  // On paper nothing opens: the verdict is told whole, but settings would fill pages.
  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("header details")) details.open = true;
  });
})();

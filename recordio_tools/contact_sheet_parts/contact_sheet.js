"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const about = document.body.dataset;
  const place = `contact-sheet ${about.list}`;
  const cards = [...document.querySelectorAll(".card")].map((element) => ({
    element,
    box: element.querySelector("input"),
    record: Number(element.dataset.record),
    label: Number(element.dataset.label),
    largest: Number(element.dataset.largest),
    ofLabel: Number(element.dataset.ofLabel),
    words: element.dataset.name.toLowerCase(),
  }));
  const ofElement = new Map(cards.map((card) => [card.element, card]));
  const shown = () => cards.filter((card) => !card.element.hidden);

  // What is remembered is of the whole list: other parts of it have pages of their own.
  function remembered() {
    try {
      const state = JSON.parse(localStorage.getItem(place)) || {};
      return { kept: new Set(state.kept || []), sort: state.sort };
    } catch {
      return { kept: new Set() };
    }
  }

  function remember() {
    const state = remembered();
    for (const { record, box } of cards) state.kept[box.checked ? "add" : "delete"](record);
    try {
      const sort = byId("sort").value;
      localStorage.setItem(place, JSON.stringify({ kept: [...state.kept], sort }));
    } catch {
      byId("notice").textContent = "This browser does not remember ticks: save before you leave.";
      byId("notice").hidden = false;
    }
  }

  function show() {
    for (const { element, box } of cards) element.classList.toggle("kept", box.checked);
    const kept = cards.filter((card) => card.box.checked).length;
    const visible = shown().length;
    const part = visible < cards.length ? `, ${visible} shown` : "";
    byId("count").textContent = `${kept} of ${cards.length} ${about.done}${part}`;
    byId("save").disabled = kept === 0;
    byId("empty").hidden = visible > 0;
  }

  let before = null;
  function tick(these, checked) {
    before = cards.map((card) => card.box.checked);
    for (const card of these) card.box.checked = checked;
    byId("undo").disabled = false;
    remember();
    show();
  }

  function undo() {
    cards.forEach((card, i) => { card.box.checked = before[i]; });
    byId("undo").disabled = true;
    remember();
    show();
  }

  function sort() {
    const by = byId("sort").value;
    const order = [...cards].sort((a, b) => a[by] - b[by] || a.record - b.record);
    document.querySelector(".grid")?.append(...order.map((card) => card.element));
  }

  function filter() {
    const text = byId("filter").value.trim().toLowerCase();
    for (const { element, label, words } of cards) {
      element.hidden = !(text === "" || text === String(label) || words.includes(text));
    }
    for (const group of document.querySelectorAll(".group")) {
      group.hidden = !group.querySelector(".card:not([hidden])");
    }
    show();
  }

  function save() {
    const lines = cards.filter((card) => card.box.checked)
      .map((card) => `${card.element.dataset.line}\n`);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(lines, { type: "text/plain" }));
    link.download = about.file;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  }

  // The card that an arrow key leads to: in a row to its neighbour, between rows to the nearest.
  function neighbour(current, key) {
    const visible = [...document.querySelectorAll(".card:not([hidden])")];
    const at = visible.indexOf(current);
    if (at < 0) return visible.find((card) => card.getBoundingClientRect().bottom > 80);
    if (key === "ArrowLeft") return visible[at - 1];
    if (key === "ArrowRight") return visible[at + 1];
    const from = current.getBoundingClientRect();
    const rows = key === "ArrowDown" ? visible.slice(at + 1) : visible.slice(0, at).reverse();
    let best, row;
    for (const card of rows) {
      const { top, left } = card.getBoundingClientRect();
      if (Math.abs(top - from.top) < 1) continue;
      if (row !== undefined && Math.abs(top - row) >= 1) break;
      row = top;
      const distance = Math.abs(left - from.left);
      if (!best || distance < best.distance) best = { card, distance };
    }
    return best?.card;
  }

  function move(event) {
    const active = document.activeElement;
    const current = active.closest(".card");
    const plain = !(event.altKey || event.ctrlKey || event.metaKey || event.shiftKey);
    if (!plain || !/^Arrow/.test(event.key) || !(current || active === document.body)) return;
    const next = neighbour(current, event.key);
    if (!next) return;
    event.preventDefault();
    ofElement.get(next).box.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  }

  for (const again of document.querySelectorAll("img[data-same]")) {
    again.src = byId(again.dataset.same).src;
  }
  const state = remembered();
  for (const { record, box } of cards) box.checked = state.kept.has(record);
  if (state.sort && document.body.classList.contains("flagged")) {
    byId("sort").value = state.sort;
    if (byId("sort").value) sort(); else byId("sort").selectedIndex = 0;
  }
  document.querySelector("main").addEventListener("change", () => {
    byId("undo").disabled = true;
    remember();
    show();
  });
  byId("sort").addEventListener("change", () => { sort(); remember(); });
  byId("filter").addEventListener("input", filter);
  byId("all").addEventListener("click", () => tick(shown(), true));
  byId("none").addEventListener("click", () => tick(shown(), false));
  byId("undo").addEventListener("click", undo);
  byId("save").addEventListener("click", save);
  document.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("keydown", move);
  show();
})();

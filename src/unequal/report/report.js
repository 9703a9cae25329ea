"use strict";
(() => {
  const reading = document.getElementById("reading");
  const drawing = (name) => document.createElementNS("http://www.w3.org/2000/svg", name);

  // Return a function that writes the value at a place from 0 to 1 along an axis.
  function axisOf(text) {
    const [low, high, scale, style] = text.split(" ");
    const [from, to] = scale === "log" ? [Math.log10(low), Math.log10(high)] : [+low, +high];
    const rounded = (number) => String(+number.toPrecision(4));
    const written = {
      percent: (number) => `${rounded(100 * number)} %`,
      logit: (number) => rounded(1 / (1 + Math.exp(-number))),
      number: rounded,
    }[style];
    return (place) => {
      const value = from + place * (to - from);
      return written(scale === "log" ? 10 ** value : value);
    };
  }

  for (const plot of document.querySelectorAll(".plot")) {
    const [left, top, right, bottom] = plot.dataset.box.split(" ").map(Number);
    const [across, up] = [axisOf(plot.dataset.x), axisOf(plot.dataset.y)];
    const lines = [...plot.querySelectorAll("[data-name]")].map((group) => {
      const path = group.querySelector("path");
      const numbers = path.getAttribute("d").match(/-?[\d.]+/g).map(Number);
      const points = numbers.flatMap((x, i) => (i % 2 ? [] : [[x, numbers[i + 1]]]));
      return { name: group.dataset.name, points, bars: path.style.fill !== "none" };
    });
    const cursor = plot.appendChild(drawing("line"));
    cursor.setAttribute("class", "cursor");
    cursor.setAttribute("y1", top);
    cursor.setAttribute("y2", bottom);
    const hide = () => { reading.hidden = true; cursor.style.display = "none"; };
    hide();
    plot.addEventListener("pointerleave", hide);
    plot.addEventListener("pointermove", (event) => {
      const frame = plot.getBoundingClientRect();
      const scale = plot.viewBox.baseVal.width / frame.width;
      const x = scale * (event.clientX - frame.left);
      const y = scale * (event.clientY - frame.top);
      if (x < left || x > right || y < top || y > bottom || !lines.length) { hide(); return; }
      const near = (point) => Math.abs(point[0] - x);
      const found = lines.map(({ points, bars }) => (bars
        ? points.filter((point) => point[0] <= x).pop() || points[0]
        : points.reduce((best, point) => (near(point) < near(best) ? point : best))));
      const place = lines[0].bars ? x : found[0][0];
      reading.textContent = [
        `${plot.dataset.title} ${across((place - left) / (right - left))}`,
        ...found.map((point, i) => `${lines[i].name}: ${up((bottom - point[1]) / (bottom - top))}`),
      ].join("\n");
      for (const end of ["x1", "x2"]) cursor.setAttribute(end, place);
      cursor.style.display = "";
      reading.hidden = false;
      const size = reading.getBoundingClientRect();
      const beside = event.clientX + 14 + size.width > innerWidth
        ? event.clientX - 14 - size.width : event.clientX + 14;
      reading.style.left = `${Math.max(4, beside)}px`;
      reading.style.top = `${Math.max(4, event.clientY - size.height - 10)}px`;
    });
  }

  function hint() {
    for (const box of document.querySelectorAll(".scroll")) {
      box.previousElementSibling.hidden = box.scrollWidth <= box.clientWidth;
    }
  }
  addEventListener("resize", hint);
  hint();

  function choose(element) {
    const range = document.createRange();
    range.selectNodeContents(element);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
  }

  for (const button of document.querySelectorAll(".copy")) {
    const text = button.parentElement.querySelector("pre");
    button.hidden = false;
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(text.textContent);
        button.textContent = "Copied";
      } catch {
        choose(text); // a page of a file may not write there in every browser
        button.textContent = "Selected: press Ctrl+C";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
  }
})();

"use strict";
(() => {
  const reading = document.getElementById("reading");

  // Return a function that writes the value at a place from 0 to 1 along an axis.
  function axisOf(text) {
    const [low, high, scale, style] = text.split(" ");
    const [from, to] = scale === "log" ? [Math.log10(low), Math.log10(high)] : [+low, +high];
    const rounded = (number) => String(+number.toPrecision(4));
    return (place) => {
      const along = from + place * (to - from);
      const value = scale === "log" ? 10 ** along : along;
      if (style === "percent") return `${rounded(100 * value)} %`;
      return rounded(style === "logit" ? 1 / (1 + Math.exp(-value)) : value);
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
    const cursor = document.createElementNS("http://www.w3.org/2000/svg", "path");
    plot.appendChild(cursor).setAttribute("class", "cursor");
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
      cursor.setAttribute("d", `M${place} ${top}V${bottom}`);
      cursor.style.display = "";
      reading.hidden = false;
      const size = reading.getBoundingClientRect();
      const after = event.clientX + 14;
      const beside = after + size.width > innerWidth ? after - 28 - size.width : after;
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

  for (const button of document.querySelectorAll(".copy")) {
    const text = button.parentElement.querySelector("pre");
    button.hidden = false;
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(text.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(text); // not every browser lets a file's page copy
        button.textContent = "Selected: press Ctrl+C";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
  }
})();

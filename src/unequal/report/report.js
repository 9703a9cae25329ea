"use strict";
(() => {
  const reading = document.getElementById("reading");
  const drawing = (name) => document.createElementNS("http://www.w3.org/2000/svg", name);

  // Where along an axis, 0 to 1, lies which value.
  function axisOf(text) {
    const [low, high, scale, style] = text.split(" ");
    const [from, to] = scale === "log" ? [Math.log10(low), Math.log10(high)] : [+low, +high];
    const value = (place) => {
      const plain = from + place * (to - from);
      return scale === "log" ? 10 ** plain : plain;
    };
    const rounded = (number) => String(+number.toPrecision(4));
    const told = {
      percent: (number) => `${rounded(100 * number)} %`,
      logit: (number) => rounded(1 / (1 + Math.exp(-number))),
      number: rounded,
    }[style];
    return (place) => told(value(place));
  }

  function linesOf(plot) {
    return [...plot.querySelectorAll("[data-name]")].map((line) => ({
      name: line.dataset.name,
      steps: line.classList.contains("steps"),
      points: line.getAttribute("points").split(" ").map((pair) => pair.split(",").map(Number)),
    }));
  }

  function pointAt({ points, steps }, x) {
    if (steps) return points.filter((point) => point[0] <= x).pop() || points[0];
    const near = (point) => Math.abs(point[0] - x);
    return points.reduce((best, point) => (near(point) < near(best) ? point : best));
  }

  for (const plot of document.querySelectorAll(".plot")) {
    const lines = linesOf(plot);
    const [across, up] = [axisOf(plot.dataset.x), axisOf(plot.dataset.y)];
    const cursor = plot.appendChild(drawing("line"));
    cursor.setAttribute("class", "cursor");
    cursor.setAttribute("y2", "100%");
    cursor.style.display = "none";

    const hide = () => { reading.hidden = true; cursor.style.display = "none"; };
    plot.addEventListener("pointerleave", hide);
    plot.addEventListener("pointermove", (event) => {
      const box = plot.getBoundingClientRect();
      const x = (event.clientX - box.left) / box.width;
      const y = (event.clientY - box.top) / box.height;
      if (x < 0 || x > 1 || y < 0 || y > 1 || !lines.length) { hide(); return; }
      const found = lines.map((line) => pointAt(line, 1000 * x));
      const place = lines[0].steps ? x : found[0][0] / 1000;
      reading.textContent = [
        `${plot.dataset.title} ${across(place)}`,
        ...lines.map((line, i) => `${line.name}: ${up(1 - found[i][1] / 1000)}`),
      ].join("\n");
      for (const end of ["x1", "x2"]) cursor.setAttribute(end, `${100 * place}%`);
      cursor.style.display = "";
      reading.hidden = false;
      const size = reading.getBoundingClientRect();
      const left = event.clientX + 14 + size.width > innerWidth
        ? event.clientX - 14 - size.width : event.clientX + 14;
      reading.style.left = `${Math.max(4, left)}px`;
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

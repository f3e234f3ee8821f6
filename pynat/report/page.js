"use strict";
// Zoom and look at the plots. A panel's group has one matrix, from its own units to pixels; the
// view is the part of the time axis, and of the first panel's height, that is shown.

const EDGE = 7; // as in plot.py
const plural = (count, what) => `${count} ${what}${count === 1 ? "" : "s"}`;

function ticks(low, high, most = 6) {
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * power).find((size) => size >= rough);
  const found = [];
  for (let at = Math.ceil(low / step); at * step <= high; at += 1) found.push(at * step);
  return found;
}

class Plot {
  constructor(figure) {
    this.svg = figure.querySelector("svg.plot");
    this.told = figure.querySelector(".told");
    this.points = JSON.parse(figure.querySelector("script").textContent);
    this.panels = [...this.svg.querySelectorAll("svg.panel")];
    this.axis = this.svg.querySelector(".time-axis");
    this.width = Number(this.panels[0].getAttribute("width"));
    this.left = Number(this.panels[0].getAttribute("x"));
    this.all = { first: Number(this.svg.dataset.first), last: Number(this.svg.dataset.last),
      low: 0, high: Number(this.panels[0].dataset.high) };
    this.view = { ...this.all };
    this.at = -1;
    this.cursor = this.add("line", "cursor", { y1: 0, y2: this.panels[0].getAttribute("height") });
    this.here = this.add("circle", "here", { r: 7 });
    this.listen();
  }

  add(kind, name, attributes) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", kind);
    made.setAttribute("class", name);
    made.setAttribute("visibility", "hidden");
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    this.panels[0].append(made);
    return made;
  }

  // ---- from values to pixels
  x(ms) { return (ms - this.view.first) / (this.view.last - this.view.first) * this.width; }
  height(panel) { return Number(panel.getAttribute("height")); }
  y(value) {
    const tall = this.height(this.panels[0]);
    return tall - EDGE - (value - this.view.low) / (this.view.high - this.view.low) * (tall - 2 * EDGE);
  }

  draw() {
    const across = this.width / (this.view.last - this.view.first);
    this.panels.forEach((panel, at) => {
      const tall = this.height(panel);
      const [low, high] = at ? [0, Number(panel.dataset.high)] : [this.view.low, this.view.high];
      const up = -(tall - 2 * EDGE) / (high - low);
      panel.querySelector(".drawn").setAttribute("transform",
        `matrix(${across} 0 0 ${up} ${-this.view.first * across} ${tall - EDGE - low * up})`);
    });
    this.axis.replaceChildren(...ticks(this.view.first, this.view.last).map((ms) => {
      const text = document.createElementNS("http://www.w3.org/2000/svg", "text");
      text.setAttribute("x", this.x(ms));
      text.setAttribute("y", 14);
      text.textContent = `${Number((ms / 1000).toPrecision(9))} s`;
      return text;
    }));
    this.svg.dataset.view = [this.view.first, this.view.last].map((ms) => ms.toFixed(3)).join(" ");
    this.mark();
  }

  zoom(by, x = this.width / 2, y = this.height(this.panels[0]) / 2) {
    const { first, last, low, high } = this.view;
    const ms = first + x / this.width * (last - first);
    const value = high - y / this.height(this.panels[0]) * (high - low);
    this.view = { first: ms - (ms - first) * by, last: ms + (last - ms) * by,
      low: value - (value - low) * by, high: value + (high - value) * by };
    this.draw();
  }

  move(right, up) {
    const wide = (this.view.last - this.view.first) * right;
    const tall = (this.view.high - this.view.low) * up;
    this.view = { first: this.view.first + wide, last: this.view.last + wide,
      low: this.view.low + tall, high: this.view.high + tall };
    this.draw();
  }

  // ---- frames
  nearest(x, y) {
    const { ms, low, high } = this.points;
    let best = -1, least = Infinity;
    for (let at = 0; at < ms.length; at += 1) {
      const dx = this.x(ms[at]) - x;
      const top = this.y(high[at]), bottom = this.y(low[at]);
      const dy = y < top ? top - y : y > bottom ? y - bottom : 0;
      const far = dx * dx + dy * dy;
      if (far < least) { least = far; best = at; }
    }
    return best;
  }

  show(at) {
    const { number, ms, low, high, kind, texts } = this.points;
    if (at < 0 || at >= ms.length) return;
    this.at = at;
    const range = high[at] > low[at] ? `${low[at]}:${high[at]} (${plural(high[at] - low[at], "byte")})` : low[at];
    const said = texts[number[at]] || "";
    this.told.textContent = `#${number[at]} ${(ms[at] / 1000).toFixed(6)} s ${KINDS[kind[at]]} ${range} ${said}`;
    this.mark();
  }

  mark() {
    if (this.at < 0) return;
    this.here.setAttribute("cx", this.x(this.points.ms[this.at]));
    this.here.setAttribute("cy", this.y((this.points.low[this.at] + this.points.high[this.at]) / 2));
    this.here.setAttribute("visibility", "visible");
  }

  follow(step) {
    const next = Math.min(Math.max(this.at + step, 0), this.points.ms.length - 1);
    const ms = this.points.ms[next];
    if (ms < this.view.first || ms > this.view.last) this.move((ms - this.view.first) / (this.view.last - this.view.first) - .5, 0);
    this.show(next);
  }

  moment(ms) {
    this.cursor.setAttribute("x1", this.x(ms));
    this.cursor.setAttribute("x2", this.x(ms));
    this.cursor.setAttribute("visibility", "visible");
  }

  // ---- whoever looks
  place(event) {
    const box = this.svg.getBoundingClientRect();
    const scale = this.svg.viewBox.baseVal.width / box.width;
    return [(event.clientX - box.left) * scale - this.left, (event.clientY - box.top) * scale];
  }

  listen() {
    const { svg } = this;
    svg.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(event.deltaY < 0 ? .8 : 1.25, ...this.place(event));
    }, { passive: false });
    svg.addEventListener("pointerdown", (event) => {
      this.held = [event.clientX, event.clientY];
      svg.setPointerCapture(event.pointerId);
    });
    for (const over of ["pointerup", "pointercancel"]) svg.addEventListener(over, () => { this.held = null; });
    svg.addEventListener("pointermove", (event) => {
      if (!this.held) { this.show(this.nearest(...this.place(event))); return; }
      const box = svg.getBoundingClientRect();
      this.move((this.held[0] - event.clientX) / box.width, (event.clientY - this.held[1]) / box.height);
      this.held = [event.clientX, event.clientY];
    });
    svg.addEventListener("dblclick", () => this.keys["0"]());
    svg.addEventListener("keydown", (event) => {
      const act = this.keys[event.key];
      if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      act();
    });
    this.keys = {
      "+": () => this.zoom(.8), "=": () => this.zoom(.8), "-": () => this.zoom(1.25),
      "0": () => { this.view = { ...this.all }; this.draw(); },
      ArrowLeft: () => this.move(-.1, 0), ArrowRight: () => this.move(.1, 0),
      ArrowUp: () => this.move(0, .1), ArrowDown: () => this.move(0, -.1),
      n: () => this.follow(1), p: () => this.follow(-1),
    };
  }
}

const plots = [...document.querySelectorAll("figure.drawing")].map((figure) => new Plot(figure));
for (const line of document.querySelectorAll(".serial li[data-ms]")) {
  const tell = () => plots.forEach((plot) => plot.moment(Number(line.dataset.ms)));
  line.addEventListener("click", tell);
  line.addEventListener("focus", tell);
}
// On paper nobody can open what is folded up.
const folded = [];
addEventListener("beforeprint", () => {
  folded.push(...document.querySelectorAll("details:not([open])"));
  for (const one of folded) one.open = true;
});
addEventListener("afterprint", () => {
  for (const one of folded.splice(0)) one.open = false;
});
document.body.dataset.ready = "yes";

"use strict";
// The timeline: a row a slot, a bar each time that a task held one. It is drawn on a canvas, since there may be
// a hundred thousand bars; what it draws is told in words by `say`, to the pointer and to the keyboard.

class Timeline {
  // `data`: spells [task, slot, start, end], ready [task, time], path [task, …], total seconds.
  // `tell`: colour(task), name(task), say(task, start, end), needs(task), pick(task).
  constructor(canvas, data, tell) {
    Object.assign(this, { canvas, data, tell });
    this.bars = data.spells.slice().sort((one, two) => one[1] - two[1] || one[2] - two[2]);
    this.lanes = 1 + this.bars.reduce((most, bar) => Math.max(most, bar[1]), 0);
    this.total = Math.max(data.total, this.bars.reduce((most, bar) => Math.max(most, bar[3]), 0), 1e-6);
    this.ready = new Map(data.ready);
    this.path = new Set(data.path.map((link) => link[0]));
    this.ofTask = new Map();
    for (let at = 0; at < this.bars.length; at += 1) {
      const of = this.ofTask.get(this.bars[at][0]);
      if (of) of.push(at);
      else this.ofTask.set(this.bars[at][0], [at]);
    }
    this.from = 0;
    this.to = this.total;
    this.at = -1;
    this.lane = this.lanes > 60 ? 6 : this.lanes > 24 ? 12 : 22;
    canvas.style.height = `${this.lanes * this.lane + 26}px`;
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerleave", () => this.hover(-1));
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointerup", (event) => this.up(event));
    canvas.addEventListener("pointercancel", () => { this.drag = null; });
    canvas.addEventListener("dblclick", () => this.zoom("all"));
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("blur", () => this.hover(-1));
  }

  x(time) { return ((time - this.from) / (this.to - this.from)) * this.width; }
  time(x) { return this.from + (x / this.width) * (this.to - this.from); }

  draw() {
    const { canvas } = this;
    const ratio = devicePixelRatio || 1;
    this.width = canvas.clientWidth;
    const height = canvas.clientHeight;
    if (!this.width) return;
    canvas.width = Math.round(this.width * ratio);
    canvas.height = Math.round(height * ratio);
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    const colours = this.tell.colours.map(colour);
    const inks = { paper: colour("paper"), ink: colour("ink"), soft: colour("soft"), line: colour("line"), faint: colour("faint"), wash: colour("wash"), focus: colour("focus") };
    this.rule(pen, inks, height);
    pen.font = `11px ${style.getPropertyValue("--sans")}`;
    pen.textBaseline = "middle";
    const thick = this.lane - (this.lane > 8 ? 4 : 1);
    const drawnTo = new Float64Array(this.lanes).fill(-1);
    const plain = this.path.size === 0;
    for (const [task, slot, start, end] of this.bars) {
      if (end < this.from || start > this.to) continue;
      const left = this.x(start);
      const width = Math.max(this.x(end) - left, 0.6);
      // What falls on a pixel that is painted already is not seen.
      if (left + width <= drawnTo[slot] && !this.path.has(task)) continue;
      drawnTo[slot] = Math.floor((left + width) * ratio) / ratio;
      const top = slot * this.lane + 2;
      pen.globalAlpha = plain || this.path.has(task) ? 1 : 0.48;
      pen.fillStyle = colours[this.tell.colour(task)];
      pen.fillRect(left, top, width > 3 ? width - 1 : width, thick);
      pen.globalAlpha = 1;
      if (this.path.has(task)) {
        pen.fillStyle = inks.ink;
        pen.fillRect(left, top + thick, Math.max(width - 1, 1), 2);
      }
      if (width > 46 && thick >= 14) this.label(pen, this.tell.name(task), Math.max(left, 0), top + thick / 2, Math.min(width - 1, this.width - left), inks, this.path.has(task) || plain);
    }
    if (this.at >= 0) this.mark(pen, inks, thick);
    if (this.drag && this.drag.moved) {
      pen.globalAlpha = 0.15;
      pen.fillStyle = inks.focus;
      pen.fillRect(this.drag.x, 0, this.drag.to - this.drag.x, this.lanes * this.lane);
      pen.globalAlpha = 1;
    }
  }

  label(pen, text, left, middle, width, inks, strong) {
    pen.save();
    pen.beginPath();
    pen.rect(left, middle - 10, width - 4, 20);
    pen.clip();
    pen.fillStyle = strong ? "#fff" : inks.ink;
    pen.fillText(text, left + 6, middle + 0.5);
    pen.restore();
  }

  rule(pen, inks, height) {
    const bottom = this.lanes * this.lane;
    pen.fillStyle = inks.wash;
    for (let lane = 0; lane < this.lanes; lane += 1) pen.fillRect(0, lane * this.lane + 2, this.width, this.lane - (this.lane > 8 ? 4 : 1));
    const step = Timeline.step((this.to - this.from) / Math.max(2, this.width / 110));
    pen.font = `11px ${getComputedStyle(document.documentElement).getPropertyValue("--sans")}`;
    pen.textBaseline = "top";
    pen.fillStyle = inks.soft;
    pen.strokeStyle = inks.line;
    for (let n = Math.ceil(this.from / step); n * step <= this.to + step * 1e-6; n += 1) {
      const x = Math.round(this.x(n * step)) + 0.5;
      pen.beginPath();
      pen.moveTo(x, 0);
      pen.lineTo(x, bottom + 5);
      pen.stroke();
      const text = Timeline.tick(n * step, step);
      const wide = pen.measureText(text).width;
      pen.fillText(text, Math.min(Math.max(x - wide / 2, 0), this.width - wide), height - 14);
    }
  }

  static step(least) {
    const power = 10 ** Math.floor(Math.log10(least));
    return [1, 2, 5, 10].map((n) => n * power).find((step) => step >= least * 0.999) || 10 * power;
  }

  static tick(time, step) {
    if (time === 0) return "0";
    if (step < 0.001) return `${Math.round(time * 1e6) / 1e3} ms`;
    if (step < 1 && time < 1) return `${Math.round(time * 1e3)} ms`;
    if (time < 120) return `${Math.round(time * 1e3) / 1e3} s`;
    if (time < 7200) return `${Math.floor(time / 60)}:${String(Math.round(time % 60)).padStart(2, "0")} min`;
    return `${Math.floor(time / 3600)}:${String(Math.round((time % 3600) / 60)).padStart(2, "0")} h`;
  }

  // Shows of one task: since when it was ready, and which ends it waited for.
  mark(pen, inks, thick) {
    const task = this.bars[this.at][0];
    const spells = this.ofTask.get(task);
    const first = this.bars[spells[0]];
    const ready = this.ready.get(task);
    pen.strokeStyle = inks.focus;
    pen.lineWidth = 2;
    for (const at of spells) {
      const [, slot, start, end] = this.bars[at];
      pen.strokeRect(this.x(start), slot * this.lane + 2, Math.max(this.x(end) - this.x(start) - 1, 2), thick);
    }
    const middle = first[1] * this.lane + 2 + thick / 2;
    if (ready !== undefined && this.x(first[2]) - this.x(ready) > 2) {
      pen.setLineDash([3, 3]);
      pen.beginPath();
      pen.moveTo(this.x(ready), middle);
      pen.lineTo(this.x(first[2]), middle);
      pen.stroke();
      pen.setLineDash([]);
    }
    pen.lineWidth = 1;
    for (const need of this.tell.needs(task).slice(0, 200)) {
      const others = this.ofTask.get(need);
      if (!others) continue;
      const [, slot, , end] = this.bars[others[others.length - 1]];
      const x = this.x(end);
      const to = this.x(Math.max(ready === undefined ? first[2] : ready, end));
      const y = slot * this.lane + 2 + thick / 2;
      pen.beginPath();
      pen.moveTo(x, y);
      pen.bezierCurveTo(x + 14, y, to - 14, middle, to, middle);
      pen.stroke();
    }
  }

  find(event) {
    const box = this.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const [slot, time] = [Math.floor(y / this.lane), this.time(x)];
    const slack = ((this.to - this.from) / this.width) * 2;
    let [low, high] = [0, this.bars.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const bar = this.bars[middle];
      if (bar[1] < slot || (bar[1] === slot && bar[2] <= time + slack)) low = middle + 1;
      else high = middle;
    }
    const bar = this.bars[low - 1];
    return bar && bar[1] === slot && bar[3] >= time - slack ? low - 1 : -1;
  }

  move(event) {
    if (this.drag) {
      this.drag.to = event.clientX - this.canvas.getBoundingClientRect().left;
      this.drag.moved = Math.abs(this.drag.to - this.drag.x) > 4;
      this.draw();
    }
    this.hover(this.drag && this.drag.moved ? -1 : this.find(event));
  }

  down(event) {
    const x = event.clientX - this.canvas.getBoundingClientRect().left;
    if (event.pointerType === "mouse") this.drag = { x, to: x, moved: false };
  }

  up(event) {
    const { drag } = this;
    this.drag = null;
    if (drag && drag.moved) {
      const [one, two] = [this.time(drag.x), this.time(drag.to)];
      return this.show(Math.min(one, two), Math.max(one, two));
    }
    const at = this.find(event);
    if (at >= 0) this.tell.pick(this.bars[at][0]);
    return undefined;
  }

  show(from, to) {
    const span = Math.min(Math.max(to - from, this.total / 1e5, 1e-5), this.total);
    this.from = Math.min(Math.max(from, 0), this.total - span);
    this.to = this.from + span;
    this.hover(-1);
    this.draw();
  }

  zoom(how) {
    const [middle, half] = [(this.from + this.to) / 2, (this.to - this.from) / 2];
    if (how === "in") this.show(middle - half / 2, middle + half / 2);
    else if (how === "out") this.show(middle - half * 2, middle + half * 2);
    else this.show(0, this.total);
  }

  key(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const lane = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) this.go(Math.min(Math.max(this.at + step, 0), this.bars.length - 1));
    else if (lane) this.goLane(lane);
    else if (event.key === "Enter" && this.at >= 0) this.tell.pick(this.bars[this.at][0]);
    else if (event.key === "+" || event.key === "=") this.zoom("in");
    else if (event.key === "-") this.zoom("out");
    else if (event.key === "0" || event.key === "Escape") this.zoom("all");
    else return;
    event.preventDefault();
  }

  goLane(lane) {
    const here = this.bars[Math.max(this.at, 0)];
    let best = -1;
    this.bars.forEach((bar, at) => {
      const nearer = best < 0 || Math.abs(bar[2] - here[2]) < Math.abs(this.bars[best][2] - here[2]);
      if (bar[1] === here[1] + lane && nearer) best = at;
    });
    if (best >= 0) this.go(best);
  }

  go(at) {
    const bar = this.bars[at];
    if (bar[2] < this.from || bar[3] > this.to) {
      const half = (this.to - this.from) / 2;
      this.show(bar[2] - half, bar[2] + half);
    }
    this.hover(at);
  }

  hover(at) {
    if (at === this.at) return;
    this.at = at;
    const bar = this.bars[at];
    const place = bar && { x: Math.min(Math.max(this.x(bar[2]), 0), this.width), y: (bar[1] + 1) * this.lane + 6 };
    this.tell.hover(bar ? bar[0] : -1, place, this.width);
    this.draw();
  }
}

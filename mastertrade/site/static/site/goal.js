// A goal's page: its chart, and what-if. Everything is worked out at the server.
"use strict";
(() => {
  const FACTOR_SHARE = 0.22; // of the chart's height, beneath
  const GAP_SHARE = 0.06;
  const POINT = 4;

  // --- the chart -------------------------------------------------------------

  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const resolved = (name) => {
    // light-dark() is read by the browser alone: through an element that has the colour.
    const probe = document.createElement("span");
    probe.className = `probe ${name}`;
    document.body.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  };
  let ink = {};
  function readColors() {
    ink = {};
    for (const name of ["ink", "ink-3", "line", "line-strong", "accent", "plan", "good", "warn", "bad", "bg"]) {
      ink[name] = resolved(name);
    }
  }
  const faded = (name, share) => ink[name].replace(/^rgba?\(([^)]+)\)$/, (_, parts) => {
    const [r, g, b] = parts.split(",").slice(0, 3);
    return `rgba(${r},${g},${b},${share})`;
  });
  const isHidden = () => document.documentElement.dataset.privacy === "on";

  // As the user writes numbers: the page names the separators of thousands and places.
  function inForm(places, fewest = 0) {
    const form = new Intl.NumberFormat("en-US", { maximumFractionDigits: places, minimumFractionDigits: fewest });
    return {
      format: (value) => {
        const [thousands, point] = document.querySelector("[data-separators]")?.dataset.separators ?? ",.";
        return form.format(value).replace(/[,.]/g, (one) => (one === "," ? thousands : point));
      },
    };
  }
  const numbers = inForm(2), whole = inForm(0), factors = inForm(2, 1);
  function shown(value, of) {
    const sign = value > 0 && of.measure === "%" ? "+" : value < 0 ? "\u2212" : "";
    if (of.measure === "%") return `${sign}${numbers.format(Math.abs(value))} %`;
    const size = Math.abs(value), money = size >= 1000 ? whole : numbers;
    return isHidden() ? "\u2022\u2022\u2022" : `${sign}${money.format(size)}`;
  }

  // Times in the user's zone, as the page writes them: "5 Sep", with its year where asked.
  const timeZone = document.querySelector("[data-zone]")?.dataset.zone;
  const clock = new Intl.DateTimeFormat("en-GB", { timeZone, hour: "2-digit", minute: "2-digit" });
  const calendarIn = (zone) => new Intl.DateTimeFormat("en-US", { timeZone: zone, day: "numeric", month: "short", year: "numeric" });
  const calendarHere = calendarIn(timeZone), calendarOfDates = calendarIn("UTC");
  function dayOf(day, beside, calendar = calendarHere) {
    const of = (at) => Object.fromEntries(calendar.formatToParts(at).map((one) => [one.type, one.value]));
    const its = of(day), words = `${its.day} ${its.month}`;
    return beside && of(beside).year !== its.year ? `${words} ${its.year}` : words;
  }

  // A day once, its year where that is another than before, the hour where a day, of 23
  // to 25 hours, is all. The midnight at which the last day ends is no day of the goal.
  function onDay(at, before, of) {
    const day = new Date(at * 1000), past = new Date(before * 1000);
    if (of.ends - of.begins < 129_600) return clock.format(day);
    if (at >= of.ends) return "";
    if (before === undefined) return dayOf(day, new Date());
    const words = dayOf(day, past);
    return words === dayOf(past) ? "" : words;
  }

  function table(points, places) {
    return [points.map((one) => one[0]), ...places.map((place) => points.map((one) => one[place]))];
  }

  // Several lines on one axis of times: null where a line has no value of its own.
  function join(of, fan) {
    const tables = [
      table(of.line, [1]), table(of.pace, [1]), table(of.hard, [1]), table(of.soft, [1]),
      table(of.factors, [1, 2]),
      table(fan, [1, 2, 3, 4, 5]),
      [[of.begins, of.ends], [of.target, of.target]],
    ];
    return uPlot.join(tables, tables.map((one) => one.slice(1).map(() => 2)));
  }

  function bounds(of, fan) {
    const values = [of.start, of.target];
    for (const line of [of.line, of.hard, of.soft]) for (const one of line) values.push(one[1]);
    for (const one of fan) values.push(one[1], one[5]);
    if (of.live !== null) values.push(of.live);
    const low = Math.min(...values), high = Math.max(...values);
    const room = (high - low || Math.abs(high) || 1) * 0.06;
    return [low - room, high + room];
  }

  // What held last holds until now, and the floor of now until the deadline.
  function goOn(of) {
    const held = (line, at) => (line.length && line[line.length - 1][0] < at ? [...line, [at, ...line[line.length - 1].slice(1)]] : line);
    const now = of.now ?? of.ends;
    return { ...of, factors: held(of.factors, now), hard: held(of.hard, of.ends), soft: held(of.soft, of.ends) };
  }

  function draw(figure, of, fan) {
    const place = figure.querySelector(".plot");
    place.replaceChildren();
    readColors();
    const [low, high] = bounds(of, fan);
    const hasFactors = of.factors.length > 0;
    const beneath = hasFactors ? FACTOR_SHARE + GAP_SHARE : 0;
    const values = of.factors.flatMap((one) => [one[1], one[2]]);
    const least = Math.min(0.5, ...values), most = Math.max(1.3, ...values);
    const stepped = uPlot.paths.stepped({ align: 1 });
    const line = (stroke, more) => ({ stroke: () => ink[stroke], points: { show: false }, spanGaps: true, ...more });
    const band = (dash) => ({ stroke: () => "transparent", width: 0, points: { show: false }, spanGaps: true, ...dash });
    const font = `12px ${getComputedStyle(document.body).fontFamily}`;
    const width = () => Math.max(place.clientWidth, 280);
    const height = () => (width() < 560 ? 360 : 440);
    const options = {
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), timeZone),
      width: width(), height: height(), pxAlign: 0, legend: { show: false },
      cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
      padding: [12, width() < 560 ? 12 : 64, 0, 0],
      scales: {
        x: { time: true, range: () => [of.begins, of.ends] },
        // The values lie above the factors: the scale goes on below them.
        y: { range: () => [low - (high - low) * beneath / (1 - beneath), high] },
        f: { range: () => [least - 0.05, least - 0.05 + (most - least + 0.1) / FACTOR_SHARE] },
      },
      axes: [
        { stroke: () => ink["ink-3"], font, grid: { show: false }, ticks: { show: false }, space: 72, values: (plot, splits) => splits.map((at, place) => onDay(at, splits[place - 1], of)) },
        {
          scale: "y", stroke: () => ink["ink-3"], font, size: of.measure === "%" ? 58 : 72, ticks: { show: false },
          grid: { stroke: () => ink.line, width: 1 },
          splits: (plot, axis, min, max, step) => {
            const found = [];
            for (let at = Math.ceil(low / step) * step; at <= high; at += step) found.push(Math.abs(at) < step / 1e6 ? 0 : at);
            return found;
          },
          values: (plot, splits) => splits.map((one) => shown(one, of)),
        },
        {
          scale: "f", show: hasFactors, side: 3, stroke: () => ink["ink-3"], font, size: 0, gap: 0, ticks: { show: false },
          grid: { stroke: () => ink.line, width: 1 }, splits: () => [least, 1, most], values: () => [],
        },
      ],
      bands: [
        { series: [12, 8], fill: () => faded("accent", 0.13) },
        { series: [11, 9], fill: () => faded("accent", 0.2) },
      ],
      series: [
        {},
        line("ink", { scale: "y", width: 2, paths: stepped }),
        line("plan", { scale: "y", width: 1.5, dash: [2, 4] }),
        line("bad", { scale: "y", width: 2, paths: stepped }),
        line("warn", { scale: "y", width: 1.25, dash: [6, 4], paths: stepped }),
        line("plan", { scale: "f", width: 1.5, dash: [2, 4], paths: stepped }),
        line("ink", { scale: "f", width: 2, paths: stepped }),
        line("plan", { scale: "y", width: 0 }),
        band({ scale: "y" }), band({ scale: "y" }),
        line("accent", { scale: "y", width: 1.5 }),
        band({ scale: "y" }), band({ scale: "y" }),
      ],
      hooks: { draw: [(plot) => mark(plot, of, fan, { font, hasFactors, least, most })], setCursor: [(plot) => tell(figure, plot, of)] },
    };
    const data = join(of, fan);
    // uPlot.join keeps the tables' order: factors, fan, target come after the floors.
    const [x, value, pace, hard, soft, asked, left, p5, p25, p50, p75, p95] = data;
    const target = x.map((at) => (at === of.begins || at === of.ends ? of.target : null));
    const plot = new uPlot(options, [x, value, pace, hard, soft, asked, left, target, p5, p25, p50, p75, p95], place);
    return { plot, resize: () => plot.setSize({ width: width(), height: height() }) };
  }

  // What has no series: trades as marks, now, live, and the names of the lines.
  function mark(plot, of, fan, { font, hasFactors, least, most }) {
    const pen = plot.ctx, ratio = devicePixelRatio;
    const x = (at) => plot.valToPos(at, "x", true), y = (value) => plot.valToPos(value, "y", true);
    const f = (value) => plot.valToPos(value, "f", true);
    pen.save();
    pen.font = font.replace(/^\d+/, (size) => size * ratio);
    pen.lineJoin = "round";
    const { left, top, width, height } = plot.bbox;
    pen.strokeStyle = ink.plan; pen.lineWidth = 1.5 * ratio;
    pen.beginPath(); pen.moveTo(left, y(of.target)); pen.lineTo(left + width, y(of.target)); pen.stroke();
    if (of.now !== null) {
      pen.strokeStyle = ink["line-strong"]; pen.lineWidth = ratio; pen.setLineDash([2 * ratio, 3 * ratio]);
      pen.beginPath(); pen.moveTo(x(of.now), top); pen.lineTo(x(of.now), top + height); pen.stroke(); pen.setLineDash([]);
    }
    for (const [at, value, made] of of.marks) {
      const size = (of.marks.length > 60 && plot.width < 560 ? 2.5 : POINT) * ratio, up = made >= 0, sign = up ? -1 : 1;
      pen.beginPath();
      pen.moveTo(x(at), y(value) + sign * size); pen.lineTo(x(at) - size, y(value) - sign * size); pen.lineTo(x(at) + size, y(value) - sign * size);
      pen.closePath();
      pen.fillStyle = up ? ink.good : ink.bg; pen.fill();
      pen.strokeStyle = up ? ink.bg : ink.bad; pen.lineWidth = (up ? 1 : 1.75) * ratio; pen.stroke();
    }
    if (of.now !== null && of.live !== null) {
      pen.beginPath(); pen.arc(x(of.now), y(of.live), POINT * ratio, 0, 7);
      pen.fillStyle = ink.bg; pen.fill(); pen.strokeStyle = ink.accent; pen.lineWidth = 2 * ratio; pen.stroke();
    }
    const taken = [];
    const say = (text, at, height, tone, align = "left") => {
      // Names that would lie over each other: the later one moves down.
      const wide = pen.measureText(text).width, begin = align === "left" ? at : align === "right" ? at - wide : at - wide / 2;
      let line = height, lies;
      do {
        lies = taken.find(([from, to, other]) => begin < to && begin + wide > from && Math.abs(line - other) < 14 * ratio);
        if (lies) line = lies[2] + 14.5 * ratio;
      } while (lies);
      taken.push([begin, begin + wide, line]);
      pen.textAlign = align; pen.lineWidth = 4 * ratio; pen.strokeStyle = ink.bg; pen.strokeText(text, at, line);
      pen.fillStyle = ink[tone]; pen.fillText(text, at, line);
    };
    const edge = left + 4 * ratio, above = 6 * ratio, below = 14 * ratio;
    say(`Target ${shown(of.target, of)}`, edge, y(of.target) - above, "plan");
    // Beneath their lines, or above them where the factors begin right below.
    const end = hasFactors ? f(most) - above - 16 * ratio : Infinity;
    const aside = of.hard.length && y(of.hard[0][1]) + below > end ? -above : below;
    if (of.hard.length) say("Hard floor", edge, y(of.hard[0][1]) + aside, "bad");
    if (of.soft.length) say("Soft limit", edge, y(of.soft[0][1]) + aside, "warn");
    if (of.now !== null) say("now", x(of.now), top - 2 * ratio, "ink-3", "center");
    if (of.now !== null && of.live !== null && fan.length === 0) {
      const live = `live ${shown(of.live, of)}`, fits = x(of.now) + 12 * ratio + pen.measureText(live).width < left + width;
      say(live, x(of.now) + (fits ? 8 : -8) * ratio, y(of.live) + 18 * ratio, "accent", fits ? "left" : "right");
    }
    const last = fan[fan.length - 1];
    if (last && plot.width >= 560) {
      for (const place of [5, 3, 1]) say(shown(last[place], of), left + width + 6 * ratio, y(last[place]) + 4 * ratio, "accent");
    }
    if (hasFactors) {
      say("Factor", left, f(most) - above, "ink");
      pen.textAlign = "right"; pen.fillStyle = ink["ink-3"];
      for (const value of new Set([least, 1, most])) pen.fillText(factors.format(value), left - 6 * ratio, f(value) + 4 * ratio);
      const [, asked, kept] = of.factors[of.factors.length - 1], beside = x(of.now ?? of.factors[of.factors.length - 1][0]) + 8 * ratio;
      if (beside < left + width - 60 * ratio) {
        if (kept === asked) say(factors.format(kept), beside, f(kept) + 4 * ratio, "ink");
        else {
          say(`asked ${factors.format(asked)}`, beside, f(asked) + 4 * ratio, "plan");
          say(`after guards ${factors.format(kept)}`, beside, f(kept) + 4 * ratio, "ink");
        }
      }
    }
    pen.restore();
  }

  // What lies under the pointer, in words.
  function tell(figure, plot, of) {
    const says = figure.querySelector("[data-says]"), at = plot.cursor.idx;
    if (at === null || at === undefined) { says.hidden = true; return; }
    const before = (series) => {
      for (let place = at; place >= 0; place--) if (plot.data[series][place] != null) return plot.data[series][place];
      return null;
    };
    const time = plot.data[0][at], day = dayOf(new Date((time < of.ends ? time : time - 1) * 1000));
    const parts = [];
    if (of.now === null || time <= of.now) {
      parts.push(`value ${shown(before(1) ?? of.start, of)}`);
      if (before(3) !== null) parts.push(`hard floor ${shown(before(3), of)}`);
      if (before(6) !== null) parts.push(`factor ${factors.format(before(6))}`);
    } else if (plot.data[10][at] != null) {
      parts.push(`middle ${shown(plot.data[10][at], of)}`, `9 in 10 between ${shown(plot.data[8][at], of)} and ${shown(plot.data[12][at], of)}`);
    }
    says.textContent = `${day}: ${parts.join(", ")}`;
    says.hidden = parts.length === 0;
  }

  async function read(address) {
    const answer = await fetch(address, { headers: { Accept: "application/json" }, credentials: "same-origin" });
    if (!answer.ok) throw new Error(`${answer.status}`);
    return answer.json();
  }

  function say(figure, words) {
    const note = figure.querySelector(".wait");
    if (note) note.textContent = words;
  }

  async function show(figure) {
    let of, fan = [], drawn;
    try {
      of = goOn(await read(figure.dataset.chart));
    } catch {
      say(figure, "The chart could not be read. Load the page again; the table gives the same figures.");
      return;
    }
    const again = () => { drawn = draw(figure, of, fan); };
    again();
    // The goal moved while the page is open: its sentence came anew.
    document.body.addEventListener("htmx:afterSwap", async (event) => {
      if (event.target.id !== "goal-head") return;
      try {
        of = goOn(await read(figure.dataset.chart));
        again();
      } catch { /* asked again with the next move */ }
    });
    new ResizeObserver(() => drawn.resize()).observe(figure);
    new MutationObserver(again).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme", "data-privacy"] });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
    if (!figure.dataset.fan) return;
    try {
      const found = await read(figure.dataset.fan);
      if (found.fan.length) { fan = found.fan; again(); }
    } catch {
      const says = figure.querySelector("[data-says]");
      says.textContent = "The ways from here could not be worked out. Load the page again.";
      says.hidden = false;
    }
  }

  // --- what if ---------------------------------------------------------------

  function asWords(slider) {
    const output = slider.form.querySelector(`output[for="${slider.id}"]`);
    if (!output) return;
    let words;
    if (slider.name === "days") {
      const day = new Date(`${output.dataset.unit}T12:00:00Z`);
      day.setUTCDate(day.getUTCDate() + Number(slider.value));
      words = dayOf(day, new Date(), calendarOfDates);
    } else {
      words = `${numbers.format(Number(slider.value))}${output.dataset.unit}`;
    }
    output.replaceChildren();
    if (slider.value !== slider.defaultValue) {
      const was = document.createElement("s");
      was.textContent = output.dataset.was;
      output.append(was);
    } else {
      words = output.dataset.was;
    }
    output.append(words);
  }

  function moved(form) {
    const found = new URLSearchParams();
    for (const field of form.elements) {
      if (!field.name) continue;
      const was = field.tagName === "SELECT" ? [...field.options].find((one) => one.defaultSelected)?.value : field.defaultValue;
      if (field.value !== was) found.set(field.name, field.value);
    }
    return found;
  }

  function listen(place) {
    const form = place.querySelector("form"), target = "#what-if-answer", address = place.dataset.whatIf;
    let running = false, waiting = null;
    // One question at a time; of those that come meanwhile the newest.
    async function ask(rough) {
      if (running) { waiting = waiting === false ? false : rough; return; }
      running = true;
      const asked = moved(form);
      if (rough) asked.set("rough", "1");
      try {
        await htmx.ajax("GET", `${address}?${asked}`, { target, swap: "innerHTML" });
      } finally {
        running = false;
      }
      if (waiting !== null) { const next = waiting; waiting = null; ask(next); }
    }
    // Who is asked whether to save sees what was answered until then.
    place.addEventListener("htmx:beforeSwap", (event) => {
      if (place.querySelector("dialog[open]")) event.detail.shouldSwap = false;
    });
    place.addEventListener("close", () => ask(false), true);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", (event) => { asWords(event.target); ask(true); });
    form.addEventListener("change", () => ask(false));
    place.addEventListener("click", (event) => {
      if (event.target.closest("[data-put-back]")) {
        form.reset();
        for (const slider of form.querySelectorAll("input")) asWords(slider);
        ask(false);
      } else if (event.target.closest("[data-save]")) {
        save(address, moved(form));
      }
    });
  }

  // A form of its own, so that the answer is a page with a message.
  function save(address, asked) {
    const form = document.createElement("form");
    form.method = "post";
    form.action = address;
    const token = JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
    asked.set("csrfmiddlewaretoken", token);
    for (const [name, value] of asked) {
      const field = document.createElement("input");
      field.type = "hidden"; field.name = name; field.value = value;
      form.append(field);
    }
    document.body.append(form);
    form.requestSubmit();
  }

  // --- the form of a goal ----------------------------------------------------

  // A portfolio's worth has a last day and no period.
  function followMeasure(form) {
    const period = form.querySelector("[name$=period]");
    const chosen = form.querySelector("[name$=measure]:checked");
    if (!period || !chosen) return;
    period.closest(".field").hidden = chosen.value === "value";
  }

  document.addEventListener("DOMContentLoaded", () => {
    for (const figure of document.querySelectorAll("[data-chart]")) show(figure);
    for (const place of document.querySelectorAll("[data-what-if]")) listen(place);
    const form = document.querySelector("#goal-form");
    if (form) {
      followMeasure(form);
      form.addEventListener("change", () => followMeasure(form));
    }
    document.body.addEventListener("htmx:responseError", (event) => {
      const part = event.target.closest("[data-part], #what-if-answer, #goal-form");
      if (!part) return;
      const place = part.id === "goal-form" ? document.querySelector("#forecast") : part;
      place.textContent = "This could not be worked out. Load the page again.";
    });
  });
})();

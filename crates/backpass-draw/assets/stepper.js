// Brings a page to life: the pass is walked step by step, and numbers appear when their step is reached.
// Without this script the page shows everything.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const root = document.documentElement;

  const themeButton = byId("theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  const nameTheme = () => { themeButton.textContent = isDark() ? "Light page" : "Dark page"; };
  themeButton.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    nameTheme();
  });
  dark.addEventListener("change", nameTheme);
  nameTheme();
  themeButton.hidden = false;

  const data = JSON.parse(byId("data").textContent);
  const last = data.steps.length;
  if (last === 0) return;

  const slider = byId("slider");
  const play = byId("play");
  const picture = byId("picture");

  // Every number of the picture and the table, with the step at which it appears.
  const numbers = [];
  for (const element of document.querySelectorAll("#picture text, #table .forward, #table .local, #table .backward")) {
    const kind = ["forward", "local", "backward"].find((name) => element.classList.contains(name));
    const owner = element.closest("[data-edge], [data-node]");
    if (!kind || !owner) continue;
    const { edge, node } = owner.dataset;
    const appears = edge === undefined ? data.nodes[node] : data.edges[edge];
    numbers.push({ element, step: appears[kind] });
  }
  const elements = (selector) => [...document.querySelectorAll(selector)];

  const stepOfHash = () => {
    const found = /^#step=(\d+)$/.exec(location.hash);
    return found ? Math.min(Number(found[1]), last) : undefined;
  };

  const mark = (selector) => {
    for (const element of elements(selector)) element.classList.add("current");
  };

  let now;
  const show = (step) => {
    now = Math.max(0, Math.min(step, last));
    for (const number of numbers) number.element.classList.toggle("later", number.step > now);
    for (const element of elements(".current")) element.classList.remove("current");
    for (const element of elements("[aria-current]")) element.removeAttribute("aria-current");
    const current = data.steps[now - 1];
    root.dataset.pass = current ? current.pass : "";
    byId("pass").textContent = current ? current.heading : "Before the first step";
    byId("said").textContent = current ? current.text : "Nothing is computed yet.";
    byId("count").textContent = `${now} of ${last}`;
    if (current) {
      mark(`#picture .node[data-node="${current.node}"]`);
      for (const edge of current.edges) mark(`#picture .edge[data-edge="${edge}"]`);
      mark(`#table tr[data-node="${current.node}"]`);
      for (const element of elements(`#table tr[data-node="${current.node}"], #steps a[href="#step=${now}"]`)) {
        element.setAttribute("aria-current", "step");
      }
      keepInView(picture.querySelector(`.node[data-node="${current.node}"]`));
    }
    slider.value = now;
    slider.setAttribute("aria-valuetext", current ? `Step ${now} of ${last}: ${current.text}` : "Before the first step");
    byId("first").disabled = byId("previous").disabled = now === 0;
    byId("next").disabled = byId("last").disabled = now === last;
    try {
      history.replaceState(null, "", `#step=${now}`);
    } catch {
      // A page inside another may not change its address.
    }
  };

  // Scrolls the picture, not the page.
  const keepInView = (node) => {
    if (!node) return;
    const [inner, outer] = [node.getBoundingClientRect(), picture.getBoundingClientRect()];
    if (inner.left < outer.left || inner.right > outer.right) {
      picture.scrollLeft += (inner.left + inner.right - outer.left - outer.right) / 2;
    }
    if (inner.top < outer.top || inner.bottom > outer.bottom) {
      picture.scrollTop += (inner.top + inner.bottom - outer.top - outer.bottom) / 2;
    }
  };

  let timer;
  const pause = () => {
    clearInterval(timer);
    timer = undefined;
    play.textContent = "Play";
  };
  const start = () => {
    if (now === last) show(0);
    play.textContent = "Pause";
    timer = setInterval(() => {
      show(now + 1);
      if (now === last) pause();
    }, 1500);
  };
  const toggle = () => (timer === undefined ? start() : pause());
  const go = (step) => {
    pause();
    show(step);
  };

  const moves = {
    first: () => go(0),
    previous: () => go(now - 1),
    play: toggle,
    next: () => go(now + 1),
    last: () => go(last),
  };
  for (const [id, move] of Object.entries(moves)) byId(id).addEventListener("click", move);
  slider.max = last;
  slider.addEventListener("input", () => go(Number(slider.value)));

  const keys = {
    ArrowLeft: moves.previous,
    ArrowRight: moves.next,
    Home: moves.first,
    End: moves.last,
    " ": moves.play,
  };
  document.addEventListener("keydown", (event) => {
    const move = keys[event.key];
    // What has the focus has its own use for these keys.
    const taken = event.target.closest(event.key === " " ? "a, button, input, summary, .wide" : "input, .wide");
    if (!move || taken || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    event.preventDefault();
    move();
  });
  addEventListener("hashchange", () => {
    const step = stepOfHash();
    if (step !== undefined && step !== now) go(step);
  });

  byId("stepper").hidden = false;
  show(stepOfHash() ?? last);
})();

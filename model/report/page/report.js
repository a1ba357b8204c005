"use strict";
// The page's own script: themes, charts when they come into view, and controls that choose what is shown.
(() => {
  const root = document.documentElement;
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const drawn = new Set();
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const coarse = matchMedia("(pointer: coarse)").matches;

  const value = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const colours = () => [0, 1, 2, 3, 4, 5, 6].map((number) => value(`--line-${number}`));

  function themed(figure) {
    const palette = colours();
    const axis = { gridcolor: value("--grid"), zerolinecolor: value("--grid"), linecolor: value("--grid") };
    const data = figure.data.map((trace) => {
      if (!trace.meta || trace.meta.colour === undefined) return trace;
      const colour = palette[trace.meta.colour % palette.length];
      const fillcolor = trace.fill ? `${colour}30` : undefined;
      return { ...trace, fillcolor, line: { ...trace.line, color: colour }, marker: { ...trace.marker, color: colour } };
    });
    const layout = {
      ...figure.layout,
      xaxis: { ...axis, ...figure.layout.xaxis },
      yaxis: { ...axis, ...figure.layout.yaxis },
      height: figure.height,
      autosize: true,
      margin: { l: 48, r: 12, t: 8, b: 44 },
      font: { family: value("--font"), size: 13, color: value("--ink") },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
      hovermode: "closest",
      dragmode: coarse ? false : "zoom",
      transition: calm ? undefined : { duration: 0 },
    };
    return { data, layout };
  }

  function draw(place) {
    const { data, layout } = themed(figures[place.dataset.figure]);
    drawn.add(place);
    return Plotly.react(place, data, layout, { responsive: true, displayModeBar: false, displaylogo: false });
  }

  // What is hidden has no size to be drawn in: it is drawn anew when it comes into view.
  function redraw(places) {
    for (const place of [...places]) {
      if (place.offsetParent) draw(place);
      else drawn.delete(place);
    }
  }

  const plots = [...document.querySelectorAll("[data-figure]")];
  const watcher = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        if (entry.isIntersecting && !drawn.has(entry.target)) draw(entry.target);
      }
    },
    { rootMargin: "1500px" },
  );
  for (const plot of plots) watcher.observe(plot);
  for (const button of document.querySelectorAll("[data-save]")) {
    button.addEventListener("click", async () => {
      const place = document.getElementById(button.dataset.save);
      if (!drawn.has(place)) await draw(place);
      const { width, height } = place.getBoundingClientRect();
      Plotly.downloadImage(place, { format: "svg", width, height, filename: button.dataset.save });
    });
  }

  // Themes: the system's until the reader chooses.
  const toggle = document.getElementById("theme");
  const systemDark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : systemDark.matches);
  function applyTheme() {
    toggle.setAttribute("aria-pressed", String(isDark()));
    redraw(drawn);
  }
  toggle.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    applyTheme();
  });
  systemDark.addEventListener("change", applyTheme);

  // Paper is light, and has every chart of what is chosen.
  let themeOnScreen;
  window.addEventListener("beforeprint", () => {
    themeOnScreen = root.dataset.theme;
    root.dataset.theme = "light";
    redraw(plots);
  });
  window.addEventListener("afterprint", () => {
    if (themeOnScreen) root.dataset.theme = themeOnScreen;
    else delete root.dataset.theme;
    applyTheme();
  });
  toggle.setAttribute("aria-pressed", String(isDark()));

  // A chooser shows the element whose id is its value, and hides those of its other options.
  function choose(select) {
    for (const option of select.options) {
      document.getElementById(option.value).hidden = option.value !== select.value;
    }
    redraw([...drawn].filter((place) => document.getElementById(select.value).contains(place)));
    for (const button of document.querySelectorAll(`[data-of="${select.id}"]`)) {
      const next = select.selectedIndex + Number(button.dataset.step);
      button.disabled = next < 0 || next >= select.options.length;
    }
  }
  for (const select of document.querySelectorAll("[data-chooser]")) {
    select.addEventListener("change", () => choose(select));
    choose(select);
  }
  for (const button of document.querySelectorAll("[data-step]")) {
    const select = document.getElementById(button.dataset.of);
    button.addEventListener("click", () => {
      select.selectedIndex += Number(button.dataset.step);
      choose(select);
      if (button.disabled) select.focus();
    });
  }

  const heat = document.getElementById("heat");
  const strength = document.getElementById("heat-strength");
  const skeleton = document.getElementById("heat-skeleton");
  if (strength) {
    const apply = () => {
      heat.style.setProperty("--heat", strength.value / 100);
      heat.classList.toggle("bare", !skeleton.checked);
    };
    strength.addEventListener("input", apply);
    skeleton.addEventListener("change", apply);
    apply();
  }
})();

// What is looked at on a page. It changes nothing that stays.
window.look = (() => {
  const short = (e) => e.outerHTML.replace(/\s+/g, " ").slice(0, 160);
  const hidden = (e) => {
    for (let x = e; x; x = x.parentElement) {
      const s = getComputedStyle(x);
      if (s.clipPath !== "none" || s.visibility === "hidden") {
        return true;
      }
    }
    return !e.checkVisibility();
  };
  const reachable = () => {
    const all = [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]")];
    return all.filter((e) => {
      if (e.disabled || e.tabIndex < 0 || !e.checkVisibility() || e.closest("[inert]")) {
        return false;
      }
      if (e.type === "radio") { // of a group, one is reached
        const group = all.filter((x) => x.type === "radio" && x.name === e.name && x.form === e.form);
        return e === (group.find((x) => x.checked) || group[0]);
      }
      return true;
    });
  };
  let list = [];

  const cut = () => {
    const bad = [];
    if (document.documentElement.scrollWidth > innerWidth) {
      bad.push("the page is " + document.documentElement.scrollWidth + " px wide, the window " + innerWidth);
    }
    for (const e of document.querySelectorAll("body *")) {
      if (e.closest(".scroll, .source, svg, select, input, textarea, template, script") || hidden(e)) {
        continue;
      }
      const box = e.getBoundingClientRect();
      const s = getComputedStyle(e);
      if (box.width && box.right > innerWidth + 1) {
        bad.push("goes over the edge: " + short(e));
      } else if (/hidden|clip/.test(s.overflowX + s.overflowY) && (e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1) && e.textContent.trim()) {
        bad.push("is cut: " + short(e));
      }
    }
    return bad.slice(0, 5);
  };

  return {
    cut,
    weight() {
      const own = performance.getEntriesByType("navigation").concat(performance.getEntriesByType("resource"));
      return {
        octets: own.reduce((n, e) => n + e.encodedBodySize, 0),
        others: own.map((e) => e.name).filter((u) => !u.startsWith("data:") && new URL(u).origin !== location.origin),
      };
    },
    axe() {
      return axe.run(document, {
        resultTypes: ["violations"],
        runOnly: { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] },
        rules: { "target-size": { enabled: true } },
      }).then((r) => r.violations.map((v) => ({ id: v.id, help: v.help, at: v.nodes.map((n) => n.html + " " + n.failureSummary) })));
    },
    begin() {
      this.home();
      list = reachable();
      return list.length;
    },
    home() {
      scrollTo(0, 0);
      document.body.tabIndex = -1;
      document.body.focus();
      document.body.removeAttribute("tabindex");
      if (document.activeElement !== document.body) {
        document.activeElement.blur();
      }
    },
    focus() {
      const e = document.activeElement;
      if (!e || e === document.body || e === document.documentElement) {
        return { n: -1, what: "", bad: "" };
      }
      const n = list.indexOf(e);
      const s = getComputedStyle(e);
      const box = e.getBoundingClientRect();
      const seen = s.outlineStyle !== "none" && parseFloat(s.outlineWidth) > 0 || s.boxShadow !== "none";
      const there = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
      return { n, what: short(e), bad: !seen ? "cannot be seen" : !there ? "is off the screen" : n < 0 ? "is where it should not be" : "" };
    },
    name: (n) => short(list[n]),
    spaced() {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync("* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important } p { margin-block-end: 2em !important }");
      document.adoptedStyleSheets = [sheet];
      const bad = cut();
      document.adoptedStyleSheets = [];
      return bad;
    },
  };
})();
